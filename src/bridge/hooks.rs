//! Hooks: code that runs each time a function is suspended and resumed.
//!
//! What libraries keep in thread-locals for the length of a call, such as the current `tracing` span or a task-local of tokio,
//! is seen by the neighbours too if the function waits within that call. A hook takes it away when the function is suspended,
//! and brings it back when it is resumed.
//!
//! ```
//! use std::cell::Cell;
//! use mixio::hooks::{Hook, with_hook};
//! use mixio::{as_async, wait};
//!
//! thread_local!(static LOCALE: Cell<&'static str> = const { Cell::new("en") });
//!
//! /// The locale of one function.
//! struct Locale {
//!     inside: Cell<&'static str>,
//!     outside: Cell<&'static str>,
//! }
//!
//! impl Hook for Locale {
//!     fn suspend(&self) {
//!         self.inside.set(LOCALE.replace(self.outside.get()));
//!     }
//!     fn resume(&self) {
//!         self.outside.set(LOCALE.replace(self.inside.get()));
//!     }
//! }
//!
//! fn page(locale: &'static str) -> &'static str {
//!     let hook = Locale { inside: Cell::new(locale), outside: Cell::new(LOCALE.get()) };
//!     with_hook(hook, || {
//!         LOCALE.set(locale);
//!         wait(smol::future::yield_now()); // the neighbour runs
//!         LOCALE.get()
//!     })
//! }
//!
//! let both = smol::future::zip(as_async(|| page("fr")), as_async(|| page("de")));
//! assert_eq!(smol::block_on(both), ("fr", "de"));
//! ```
//!
//! [`carry`] makes a hook of a future's wrapper that sets something for each poll, as `LocalKey::scope` of tokio does.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::{PoisonError, RwLock};
use std::thread;

use super::running;
use super::task::{self, TaskSlot};

pub use super::carry::{Inside, carry};

/// What is to be done each time a function is suspended and resumed: see the [module](self).
///
/// Neither method can [`wait`](crate::wait) for what is pending: [`try_wait`](crate::try_wait) gives
/// [`WaitError::InHook`](crate::WaitError::InHook) there.
///
/// A panic in `suspend` comes out of the `wait`, and the function isn't suspended: those hooks that were told that it is, this one
/// included, are told to resume. A panic in `resume` comes out of the `wait` too. Of several it is the first that does. While the
/// function is unwound, one in `suspend` aborts the process, as any panic in a destructor does then, and one in `resume` goes no
/// further than the panic hook.
pub trait Hook {
    /// The function is about to be suspended.
    fn suspend(&self);

    /// The function goes on, or is unwound.
    fn resume(&self);
}

impl<H: Hook + ?Sized> Hook for Rc<H> {
    fn suspend(&self) {
        (**self).suspend();
    }

    fn resume(&self) {
        (**self).resume();
    }
}

/// Calls `function`; each time that it is suspended, by itself or by what it calls, and resumed, `hook` is told.
///
/// Of nested ones the innermost is told first of a suspension, and last of a resumption. Outside of
/// [`as_async`](fn@crate::as_async) nothing is suspended, so the hook is never told. A coroutine of the user's own that
/// suspends itself, by its [`Yielder`](crate::Yielder), doesn't suspend the function that it runs in: hooks that were
/// installed in it are told of that one's suspensions meanwhile.
///
/// To look into the hook later, keep an [`Rc`] of it: that is a hook, too. The [module](self) has an example.
///
/// # Panics
///
/// With the panic of `function`. That of a hook comes out of the `wait` within: see [`Hook`].
pub fn with_hook<R>(hook: impl Hook + 'static, function: impl FnOnce() -> R) -> R {
    let _hooked = running::with_task_slot(|slot| slot.map(|slot| Hooked::new(slot, Rc::new(hook))));
    running::watch();
    function()
}

/// Gives each function that starts from here on, in the whole process, a hook that `make` makes, around all that it runs.
///
/// For libraries that concern every function, such as `mixio_tracing`. It can't be taken back, and what is installed twice is
/// told twice. The hook is first told when the function is suspended for the first time.
///
/// # Panics
///
/// Not by itself. A panic in `make` comes out of the first poll of the function, which doesn't start.
///
/// # Example
///
/// ```standalone_crate
/// use std::{cell::Cell, rc::Rc};
/// use mixio::{as_async, hooks, wait};
///
/// thread_local!(static SUSPENSIONS: Cell<u32> = const { Cell::new(0) });
///
/// struct Count;
///
/// impl hooks::Hook for Count {
///     fn suspend(&self) {
///         SUSPENSIONS.set(SUSPENSIONS.get() + 1);
///     }
///     fn resume(&self) {}
/// }
///
/// hooks::install(|| Rc::new(Count));
/// smol::block_on(as_async(|| wait(smol::future::yield_now())));
/// assert_eq!(SUSPENSIONS.get(), 1);
/// ```
pub fn install(make: fn() -> Rc<dyn Hook>) {
    INSTALLED.write().unwrap_or_else(PoisonError::into_inner).push(make);
    task::set_watcher(task::HOOKS, true);
}

type MakeHook = fn() -> Rc<dyn Hook>;

static INSTALLED: RwLock<Vec<MakeHook>> = RwLock::new(Vec::new());

/// Adds those to the hooks of a function.
pub(super) fn add_installed(hooks: &Hooks) {
    // Copied, since to make one is the user's code.
    let installed = INSTALLED.read().unwrap_or_else(PoisonError::into_inner).clone();
    let made: Vec<_> = installed.into_iter().map(|make| make()).collect();
    hooks.entries.borrow_mut().extend(made);
}

/// The hooks of one function, outermost first.
///
/// It may outlive the function: a coroutine within it, in which there is a hook, can be taken elsewhere.
#[derive(Default)]
pub(crate) struct Hooks {
    entries: RefCell<Vec<Rc<dyn Hook>>>,
}

impl Hooks {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.borrow().is_empty()
    }

    /// Suspends all of them, and resumes them when what it gives is dropped.
    pub(super) fn suspend(&self) -> Suspended {
        let entries = self.entries.borrow().clone();
        // Those that are told so far are to be told of the resumption, whatever happens.
        let mut suspended = Suspended { from: entries.len(), entries };
        while suspended.from > 0 {
            suspended.from -= 1;
            let hook = &suspended.entries[suspended.from];
            running::in_hook(|| hook.suspend());
        }
        suspended
    }
}

/// Hooks that have been told of a suspension: those from a place on.
pub(super) struct Suspended {
    entries: Vec<Rc<dyn Hook>>,
    from: usize,
}

impl Drop for Suspended {
    fn drop(&mut self) {
        // All are kept for now: to drop one is the user's code, too.
        let mut panics = Vec::new();
        for hook in &self.entries[self.from..] {
            let outcome = panic::catch_unwind(AssertUnwindSafe(|| running::in_hook(|| hook.resume())));
            if let Err(payload) = outcome {
                panics.push(payload);
            }
        }
        // A panic under way, be it that of a hook or what unwinds the function, has to go on.
        if let Some(payload) = panics.into_iter().next()
            && !thread::panicking()
        {
            panic::resume_unwind(payload);
        }
    }
}

/// A hook in the list, for as long as this lasts.
struct Hooked {
    hooks: Rc<Hooks>,
    hook: Rc<dyn Hook>,
}

impl Hooked {
    fn new(slot: &TaskSlot, hook: Rc<dyn Hook>) -> Self {
        let hooks = slot.get_or_init().hooks_or_init().clone();
        hooks.entries.borrow_mut().push(hook.clone());
        Hooked { hooks, hook }
    }
}

impl Drop for Hooked {
    fn drop(&mut self) {
        let mut entries = self.hooks.entries.borrow_mut();
        // The last, but for coroutines that are left in another order than they were entered.
        if let Some(own) = entries.iter().rposition(|entry| Rc::ptr_eq(entry, &self.hook)) {
            // We have another, so nothing is dropped while the list is borrowed.
            entries.remove(own);
        }
    }
}
