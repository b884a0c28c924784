//! What there is to be known of a function, besides its stack, if anything: of most there is nothing.

use std::cell::{Cell, OnceCell};
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::as_async::Function;
use super::hooks::{self, Hooks};
use crate::inspect::{self, Record};
use crate::local::{self, Context};
use crate::stack::Stack;

/// Who wants to know of each function that starts: the bits below.
static WATCHERS: AtomicU8 = AtomicU8::new(0);

/// The inspection.
pub(crate) const INSPECT: u8 = 1;
/// The hooks that every function gets.
pub(crate) const HOOKS: u8 = 2;

/// Has a watcher know of the functions that start from here on, or no longer.
pub(crate) fn set_watcher(watcher: u8, watches: bool) {
    // Relaxed: a function that starts at the same time on another thread may be seen or not.
    if watches {
        WATCHERS.fetch_or(watcher, Ordering::Relaxed);
    } else {
        WATCHERS.fetch_and(!watcher, Ordering::Relaxed);
    }
}

/// Whether a watcher was set.
pub(crate) fn watches(watcher: u8) -> bool {
    WATCHERS.load(Ordering::Relaxed) & watcher != 0
}

/// The place for a [`Task`], in the `as_async` that it belongs to.
#[derive(Default)]
pub(crate) struct TaskSlot(OnceCell<Box<Task>>);

/// What belongs to one function under `as_async`.
#[derive(Default)]
pub(crate) struct Task {
    context: Cell<Context>,
    hooks: OnceCell<Rc<Hooks>>,
    name: OnceCell<String>,
    record: OnceCell<Arc<Record>>,
}

impl TaskSlot {
    pub(crate) const fn new() -> Self {
        TaskSlot(OnceCell::new())
    }

    /// For a function that is created here.
    #[inline]
    pub(crate) fn inherited() -> Self {
        let slot = Self::new();
        if let Some(context) = local::inherited() {
            slot.replace_context(context);
        }
        slot
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> Option<&Task> {
        self.0.get().map(Box::as_ref)
    }

    pub(crate) fn get_or_init(&self) -> &Task {
        self.0.get_or_init(Box::default)
    }

    /// Tells the watchers that the function starts, on this stack.
    #[inline(always)]
    pub(super) fn start(&self, created: &'static Location<'static>, stack: &impl Stack) {
        if WATCHERS.load(Ordering::Relaxed) != 0 {
            self.get_or_init().start(created, stack);
        }
    }

    /// Tells who watches that the function is suspended.
    #[inline(always)]
    pub(super) fn note_suspension<T>(&self, function: &Function<T>) {
        let record = self.get().and_then(Task::record);
        if let Some((record, suspended)) = record.zip(function.suspended_at()) {
            record.is_suspended(suspended);
        }
    }

    /// Tells who watches that the function has finished. So does dropping the slot.
    #[inline(always)]
    pub(super) fn finish(&self) {
        if let Some(task) = self.get() {
            task.finish();
        }
    }

    /// Whether anybody wants to know of each suspension.
    #[inline(always)]
    pub(crate) fn is_watched(&self) -> bool {
        self.get().is_some_and(Task::is_watched)
    }

    /// The context of the task, empty if it has none.
    pub(crate) fn context(&self) -> Context {
        self.get().map(Task::context).unwrap_or_default()
    }

    /// Gives the task another context, and gives the one that it had.
    pub(crate) fn replace_context(&self, context: Context) -> Context {
        if context.is_empty() && self.get().is_none() {
            return Context::default();
        }
        self.get_or_init().context.replace(context)
    }
}

impl Task {
    #[cold]
    fn is_watched(&self) -> bool {
        self.record.get().is_some() || self.hooks.get().is_some_and(|hooks| !hooks.is_empty())
    }

    fn context(&self) -> Context {
        let context = self.context.take();
        self.context.set(context.clone());
        context
    }

    pub(crate) fn hooks(&self) -> Option<&Rc<Hooks>> {
        self.hooks.get()
    }

    pub(crate) fn hooks_or_init(&self) -> &Rc<Hooks> {
        self.hooks.get_or_init(Rc::default)
    }

    #[cold]
    fn start(&self, created: &'static Location<'static>, stack: &impl Stack) {
        if watches(INSPECT) {
            let _ = self.record.set(inspect::register(self.name.get().cloned(), created, stack));
        }
        if watches(HOOKS) {
            hooks::add_installed(self.hooks_or_init());
        }
    }

    #[cold]
    fn finish(&self) {
        if let Some(record) = self.record.get() {
            inspect::forget(record);
        }
    }

    /// Without effect on one that has a name.
    pub(crate) fn set_name(&self, name: String) {
        let _ = self.name.set(name);
    }

    pub(crate) fn record(&self) -> Option<&Arc<Record>> {
        self.record.get()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.finish();
    }
}
