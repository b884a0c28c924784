//! Coroutines that borrow.

use core::fmt;
use core::marker::PhantomData;

use super::panic;
use super::{Coroutine, CoroutineResult, Yielder, over_stack};
#[cfg(feature = "std")]
use crate::stack::DefaultStack;
use crate::stack::Stack;

over_stack! {
    /// A [`Coroutine`] whose closure, values and stack may borrow.
    ///
    /// A coroutine that borrows must not be leaked: its stack would go on using what it borrowed, or a guard on it (as
    /// in [`std::thread::scope`]) would never be dropped. So it can be used only within [`scope`](Self::scope), which
    /// owns it and lends out a reference.
    ///
    /// # Example
    ///
    /// ```
    /// use mixio::ScopedCoroutine;
    ///
    /// let mut sum = 0;
    /// ScopedCoroutine::new(|yielder, mut n| {
    ///     while n != 0 {
    ///         sum += n;
    ///         n = yielder.suspend(());
    ///     }
    /// })
    /// .scope(|mut coroutine| {
    ///     for n in [1, 2, 3, 0] {
    ///         coroutine.resume(n);
    ///     }
    /// });
    /// assert_eq!(sum, 6);
    /// ```
    ///
    /// What is borrowed can't be touched while the coroutine lives:
    ///
    /// ```compile_fail,E0505
    /// use mixio::{ScopedCoroutine, Yielder};
    ///
    /// let text = String::from("borrowed");
    /// let coroutine = ScopedCoroutine::new(|_: &Yielder<(), ()>, ()| text.len());
    /// drop(text);
    /// coroutine.scope(|mut coroutine| coroutine.resume(()));
    /// ```
    pub struct ScopedCoroutine<'a, Input, Yield, Return> {
        inner: Coroutine<Input, Yield, Return, S>,
        // What the closure borrows.
        marker: PhantomData<&'a mut ()>,
    }
}

#[cfg(feature = "std")]
impl<'a, Input, Yield, Return> ScopedCoroutine<'a, Input, Yield, Return, DefaultStack> {
    /// A coroutine that will run `function`, on a new [`DefaultStack`].
    ///
    /// # Panics
    ///
    /// As [`Coroutine::new`].
    #[track_caller]
    pub fn new<F>(function: F) -> Self
    where
        F: FnOnce(&Yielder<Input, Yield>, Input) -> Return + 'a,
    {
        Self::with_stack(DefaultStack::default(), function)
    }
}

impl<'a, Input, Yield, Return, S: Stack> ScopedCoroutine<'a, Input, Yield, Return, S> {
    /// A coroutine that will run `function` on `stack`.
    ///
    /// # Panics
    ///
    /// As [`Coroutine::with_stack`].
    #[track_caller]
    pub fn with_stack<F>(stack: S, function: F) -> Self
    where
        F: FnOnce(&Yielder<Input, Yield>, Input) -> Return + 'a,
    {
        // SAFETY: it is resumed only in `scope`, whose frame owns it and drops it before 'a ends. Until then it is
        // fresh, and may be leaked: it never runs then. It is dropped without leaking its stack, or the process ends.
        // (That frame may itself be on the stack of a coroutine that is leaked: then what it holds is never freed
        // either, and what 'a borrows from outside of that stack is borrowed by a closure that must be 'static, or by
        // a scoped one, which can't be leaked.)
        let inner = unsafe { Coroutine::with_stack_unchecked(stack, function) };
        ScopedCoroutine { inner, marker: PhantomData }
    }

    /// Lends the coroutine to `function`, then drops it.
    ///
    /// # Panics
    ///
    /// With the panic of `function`, or of a destructor in the coroutine.
    ///
    /// # Aborts
    ///
    /// If the coroutine is still suspended when `function` returns and can't be unwound, for the reasons that
    /// [`Coroutine::force_unwind`] gives: a plain coroutine's stack would be leaked, but this one borrows.
    pub fn scope<F, T>(mut self, function: F) -> T
    where
        F: FnOnce(ScopedCoroutineRef<'_, Input, Yield, Return, S>) -> T,
    {
        function(ScopedCoroutineRef { inner: &mut self.inner })
    }
}

impl<Input, Yield, Return, S: Stack> Drop for ScopedCoroutine<'_, Input, Yield, Return, S> {
    fn drop(&mut self) {
        /// Looks after the coroutine, even if unwinding it panics.
        struct NotLeaked<'a, Input, Yield, Return, S: Stack>(&'a mut Coroutine<Input, Yield, Return, S>);

        impl<Input, Yield, Return, S: Stack> Drop for NotLeaked<'_, Input, Yield, Return, S> {
            fn drop(&mut self) {
                if !self.0.done() || self.0.leaked() {
                    panic::abort("a scoped coroutine, which borrows, could not be unwound at the end of its scope");
                }
            }
        }

        let this = NotLeaked(&mut self.inner);
        // If it can't be, NotLeaked says so.
        if let Ok(unwound) = this.0.unwind() {
            unwound.settle();
        }
    }
}

impl<Input, Yield, Return, S: Stack> fmt::Debug for ScopedCoroutine<'_, Input, Yield, Return, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedCoroutine").finish_non_exhaustive()
    }
}

/// The [`ScopedCoroutine`] that a [`scope`](ScopedCoroutine::scope) lends out.
///
/// Its methods are those of [`Coroutine`]. It isn't a plain reference, so that the coroutine can't be swapped out of
/// its scope.
pub struct ScopedCoroutineRef<'a, Input, Yield, Return, S: Stack> {
    inner: &'a mut Coroutine<Input, Yield, Return, S>,
}

impl<Input, Yield, Return, S: Stack> ScopedCoroutineRef<'_, Input, Yield, Return, S> {
    /// Lends it on, as a plain `&mut` does by itself.
    pub fn as_mut(&mut self) -> ScopedCoroutineRef<'_, Input, Yield, Return, S> {
        ScopedCoroutineRef { inner: self.inner }
    }

    /// Runs the coroutine until it suspends itself or returns: see [`Coroutine::resume`], also for panics.
    #[inline]
    pub fn resume(&mut self, input: Input) -> CoroutineResult<Yield, Return> {
        self.inner.resume(input)
    }

    /// Resumes the coroutine by a panic: see [`Coroutine::throw`], also for panics.
    #[cfg(feature = "std")]
    pub fn throw(&mut self, payload: super::panic::Payload) -> CoroutineResult<Yield, Return> {
        self.inner.throw(payload)
    }

    /// Whether it has been resumed at least once.
    pub fn started(&self) -> bool {
        self.inner.started()
    }

    /// Whether it has finished: see [`Coroutine::done`].
    pub fn done(&self) -> bool {
        self.inner.done()
    }

    /// Where it is suspended: see [`Coroutine::backtrace`].
    #[cfg(feature = "std")]
    pub fn backtrace(&self) -> std::backtrace::Backtrace {
        self.inner.backtrace()
    }

    /// Unwinds the coroutine and finishes it: see [`Coroutine::force_unwind`], also for panics.
    ///
    /// If it can't be unwound, the process aborts at the end of the scope.
    pub fn force_unwind(&mut self) {
        self.inner.force_unwind();
    }

    /// Marks the coroutine as finished without unwinding it.
    ///
    /// # Safety
    ///
    /// As [`Coroutine::force_reset`].
    pub unsafe fn force_reset(&mut self) {
        // SAFETY: as the caller says.
        unsafe { self.inner.force_reset() }
    }
}

impl<Input, Yield, Return, S: Stack> fmt::Debug for ScopedCoroutineRef<'_, Input, Yield, Return, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.inner, f)
    }
}
