//! Context variables: values that belong to a logical task, and not to the thread that it happens to run on.
//!
//! A `thread_local!` is shared by all that run on the thread, in turns. A [`ContextVar`] has a value for each
//! [`as_async`](fn@crate::as_async): its plain functions see it, and so does the asynchronous code that they wait for.
//!
//! ```
//! use mixio::{as_async, wait, local::ContextVar};
//!
//! static USER: ContextVar<&str> = ContextVar::new();
//!
//! fn greet() -> String {
//!     wait(smol::future::yield_now()); // the neighbours run
//!     format!("hello, {}", USER.get().unwrap_or("stranger"))
//! }
//!
//! fn serve(user: &'static str) -> String {
//!     USER.set(user);
//!     greet()
//! }
//!
//! let both = smol::future::zip(as_async(|| serve("ann")), as_async(|| serve("bob")));
//! assert_eq!(smol::block_on(both), ("hello, ann".into(), "hello, bob".into()));
//! ```
//!
//! # Who sees what
//!
//! - An `as_async` *inherits* the values of the code that creates it, as they are then. What it sets is its own: neither that
//!   code nor its neighbours see it, and it doesn't see what they set later.
//! - Nested: the same. So a function that was spawned, or is waited for, starts with its creator's values.
//! - What a function has left in its context is dropped at its end, in the function: so a value's destructor may `wait`.
//! - Outside of any `as_async` there is one context for each thread.
//! - Asynchronous code that no `as_async` is around runs in the thread's: [`Context::attach`] gives a future one of its own.
//! - A [`Coroutine`](crate::Coroutine) of the user's own has no context: its code runs in that of whoever resumes it. Suspended
//!   inside of [`ContextVar::scope`], [`Context::run`] or an attached future, it leaves that behind where it was suspended, and ends
//!   it where it goes on: each gives back there what it has found at its beginning.
//!
//! Values stay on their thread, so they needn't be `Send`, and a new thread starts with none.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::AtomicU8;
use std::task;

use crate::bridge::{TaskSlot, runs_without_task, with_task_slot};

/// A variable with a value for each logical task: see the [module](self).
///
/// It is a `static`, and can't be a `const`, which has no one place:
///
/// ```compile_fail,E0716
/// use mixio::local::ContextVar;
///
/// const USER: ContextVar<&str> = ContextVar::new();
/// USER.set("ann");
/// ```
pub struct ContextVar<T> {
    /// Its address tells the variable from all others, so it is not to be of size zero. A `const` that could change is no
    /// `'static` one by itself: two of them could be at the same address.
    _address: AtomicU8,
    marker: PhantomData<fn() -> T>,
}

impl<T: 'static> ContextVar<T> {
    /// A variable that has no value yet anywhere.
    #[expect(clippy::new_without_default, reason = "only a `static` is of use, and `default` isn't const")]
    pub const fn new() -> Self {
        ContextVar { _address: AtomicU8::new(0), marker: PhantomData }
    }

    /// A clone of the value here, if there is one.
    ///
    /// ```
    /// use mixio::local::ContextVar;
    ///
    /// static DEPTH: ContextVar<u32> = ContextVar::new();
    /// assert_eq!(DEPTH.get(), None);
    /// DEPTH.set(1);
    /// assert_eq!(DEPTH.get(), Some(1));
    /// ```
    pub fn get(&'static self) -> Option<T>
    where
        T: Clone,
    {
        self.with(|value| value.cloned())
    }

    /// Calls `function` with the value here. It may set the variable, and may wait: what it was given stays as it is.
    pub fn with<R>(&'static self, function: impl FnOnce(Option<&T>) -> R) -> R {
        Context::current().with(self, function)
    }

    /// Gives the variable a value, in the context that this runs in, from here on.
    ///
    /// (While a thread ends, in the destructors of its thread-locals, it has no context: the value is dropped then.)
    pub fn set(&'static self, value: T) {
        drop(Context::current().set(self, value).replace_current());
    }

    /// Takes the value away, here and from here on.
    pub fn unset(&'static self) {
        drop(Context::current().unset(self).replace_current());
    }

    /// Calls `function` with this value. Afterwards, even by a panic, the variable is as it was before; others that
    /// `function` has set stay set.
    ///
    /// ```
    /// use mixio::local::ContextVar;
    ///
    /// static LANGUAGE: ContextVar<&str> = ContextVar::new();
    /// LANGUAGE.set("en");
    /// assert_eq!(LANGUAGE.scope("fr", || LANGUAGE.get()), Some("fr"));
    /// assert_eq!(LANGUAGE.get(), Some("en"));
    /// ```
    pub fn scope<R>(&'static self, value: T, function: impl FnOnce() -> R) -> R {
        /// Gives it the old value back, or none.
        struct Restore<T: 'static>(&'static ContextVar<T>, Option<Rc<dyn Any>>);

        impl<T: 'static> Drop for Restore<T> {
            fn drop(&mut self) {
                let now = Context::current();
                let before = match self.1.take() {
                    Some(value) => now.insert(self.0.key(), value),
                    None => now.unset(self.0),
                };
                drop(before.replace_current());
            }
        }

        let before = Context::current().find(self.key()).cloned();
        self.set(value);
        let _restore = Restore(self, before);
        function()
    }

    fn key(&'static self) -> Key {
        Key(&raw const self._address as usize)
    }
}

impl<T: fmt::Debug + 'static> fmt::Debug for ContextVar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextVar").finish_non_exhaustive()
    }
}

/// The address of a variable.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key(usize);

/// The values of all variables, at one time in one task.
///
/// A copy is cheap, and independent: to be carried to where a task starts that doesn't inherit.
///
/// ```
/// use mixio::local::{Context, ContextVar};
///
/// static USER: ContextVar<&str> = ContextVar::new();
///
/// let context = Context::current().set(&USER, "ann");
/// assert_eq!(USER.get(), None);
/// assert_eq!(context.clone().run(|| USER.get()), Some("ann"));
/// assert_eq!(smol::block_on(context.attach(async { USER.get() })), Some("ann"));
/// ```
#[derive(Clone, Default)]
pub struct Context(Option<Rc<Values>>);

/// In no order: there are few.
type Values = Vec<(Key, Rc<dyn Any>)>;

impl Context {
    /// That of the code that calls this. Empty while a thread ends, in the destructors of its thread-locals.
    pub fn current() -> Self {
        with_current(TaskSlot::context).unwrap_or_default()
    }

    /// This one, but with another value for one variable.
    #[must_use = "the context that this is called on is gone"]
    pub fn set<T: 'static>(self, variable: &'static ContextVar<T>, value: T) -> Self {
        self.insert(variable.key(), Rc::new(value))
    }

    /// This one, but with no value for one variable.
    #[must_use = "the context that this is called on is gone"]
    pub fn unset<T: 'static>(mut self, variable: &'static ContextVar<T>) -> Self {
        if self.find(variable.key()).is_some() {
            let values = Rc::make_mut(self.0.get_or_insert_default());
            values.retain(|(key, _)| *key != variable.key());
            if values.is_empty() {
                self.0 = None;
            }
        }
        self
    }

    /// Calls `function` with the value of a variable in this context.
    pub fn with<T: 'static, R>(&self, variable: &'static ContextVar<T>, function: impl FnOnce(Option<&T>) -> R) -> R {
        function(self.find(variable.key()).and_then(|value| value.downcast_ref()))
    }

    /// Calls `function` in this context. What it sets is gone afterwards.
    pub fn run<R>(self, function: impl FnOnce() -> R) -> R {
        let own = Cell::new(self);
        let _exchange = Exchange::new(&own);
        function()
    }

    /// A future that is polled in this context, instead of that of whoever polls it. What it sets is its own.
    pub fn attach<F: Future>(self, future: F) -> Attached<F> {
        Attached { context: Cell::new(self), future }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn find(&self, key: Key) -> Option<&Rc<dyn Any>> {
        self.0.iter().flat_map(|values| values.iter()).find(|(other, _)| *other == key).map(|(_, value)| value)
    }

    fn insert(mut self, key: Key, value: Rc<dyn Any>) -> Self {
        let values = Rc::make_mut(self.0.get_or_insert_default());
        match values.iter_mut().find(|(other, _)| *other == key) {
            Some((_, place)) => *place = value,
            None => values.push((key, value)),
        }
        self
    }

    /// Makes this the context of the code that calls this, and gives the one that was.
    fn replace_current(self) -> Self {
        let new = Cell::new(self);
        // What is dropped in the end, be it the new one, is dropped by the caller.
        with_current(|slot| slot.replace_context(new.take())).unwrap_or_else(|| new.take())
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables = self.0.as_ref().map_or(0, |values| values.len());
        f.debug_struct("Context").field("variables", &variables).finish_non_exhaustive()
    }
}

/// Exchanges a context and the current one, now and when it is dropped.
struct Exchange<'a>(&'a Cell<Context>);

impl<'a> Exchange<'a> {
    fn new(context: &'a Cell<Context>) -> Self {
        context.set(context.take().replace_current());
        Exchange(context)
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.take().replace_current());
    }
}

/// Drops what a function has left in its context, when it is dropped: at the end of the function, where destructors can wait.
pub(crate) struct LeaveContext;

impl Drop for LeaveContext {
    #[inline(always)]
    fn drop(&mut self) {
        if !runs_without_task() {
            drop(Context::default().replace_current());
        }
    }
}

thread_local! {
    /// The context outside of any `as_async`.
    static OUTSIDE: TaskSlot = const { TaskSlot::new() };
    /// Whether that one was ever looked at: most threads have none, and then it takes no destructor either.
    static HAS_OUTSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Calls `function`, which runs no code of the user's, with the slot that holds the context here, if the thread isn't ending.
fn with_current<R>(function: impl FnOnce(&TaskSlot) -> R) -> Option<R> {
    with_task_slot(|slot| match slot {
        Some(slot) => Some(function(slot)),
        None => {
            HAS_OUTSIDE.set(true);
            OUTSIDE.try_with(function).ok()
        }
    })
}

/// The context for an `as_async` that is created here, if it isn't empty.
#[inline(always)]
pub(crate) fn inherited() -> Option<Context> {
    if runs_without_task() && !HAS_OUTSIDE.get() {
        return None;
    }
    look_for_inherited()
}

#[cold]
fn look_for_inherited() -> Option<Context> {
    with_task_slot(|slot| match slot {
        Some(slot) => Some(slot.context()),
        None if HAS_OUTSIDE.get() => OUTSIDE.try_with(TaskSlot::context).ok(),
        None => None,
    })
    .filter(|context| !context.is_empty())
}

/// The future that [`Context::attach`] makes.
#[must_use = "a future does nothing unless it is polled"]
pub struct Attached<F> {
    /// Its own, while it isn't polled.
    context: Cell<Context>,
    future: F,
}

impl<F: Future> Future for Attached<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> task::Poll<F::Output> {
        // SAFETY: neither field is moved, and the future is pinned again below.
        let this = unsafe { self.get_unchecked_mut() };
        let _exchange = Exchange::new(&this.context);
        // SAFETY: `this` was pinned.
        unsafe { Pin::new_unchecked(&mut this.future) }.poll(cx)
    }
}

impl<F> fmt::Debug for Attached<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached").finish_non_exhaustive()
    }
}
