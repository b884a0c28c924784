//! The coroutine's own side of a switch.

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use super::on_stack::call_below;
use super::panic::{self, Payload};
use super::word::{decode, encode};
use crate::arch::{self, Control};

/// The coroutine's side of it: suspends the coroutine and passes values out and in.
///
/// A coroutine's function gets a reference to one. It can be lent to everything that the function calls, and to
/// closures and coroutines within it, but not to another thread.
#[repr(transparent)]
pub struct Yielder<Input, Yield> {
    // Not `Sync`, through the cells in `Control`: another thread must not suspend this one's stack.
    control: Control,
    marker: PhantomData<fn(Yield) -> Input>,
}

impl<Input, Yield> Yielder<Input, Yield> {
    /// The yielder of the coroutine with this control block.
    ///
    /// # Safety
    ///
    /// The coroutine is one of `Input` and `Yield`, and stays alive for `'a`.
    pub(super) unsafe fn of<'a>(control: NonNull<Control>) -> &'a Self {
        // SAFETY: a yielder is a control block and nothing else, and the caller vouches for the rest.
        unsafe { control.cast::<Self>().as_ref() }
    }

    /// Suspends the coroutine: the call of [`Coroutine::resume`](super::Coroutine::resume) that it runs in returns
    /// `Yield(value)`, and this call returns with the input of the next.
    ///
    /// A value of at most one machine word crosses in a register. There is no allocation and no system call.
    ///
    /// # Panics
    ///
    /// With whatever [`Coroutine::throw`](super::Coroutine::throw) was given, if that resumes the coroutine; with a
    /// payload of mixio's own if the coroutine is dropped or told to
    /// [`force_unwind`](super::Coroutine::force_unwind) instead. Code that catches such a panic and suspends again
    /// meets it again.
    ///
    /// # Example
    ///
    /// ```
    /// use mixio::{Coroutine, CoroutineResult, Yielder};
    ///
    /// fn countdown(yielder: &Yielder<(), u32>, from: u32) {
    ///     if from > 0 {
    ///         yielder.suspend(from); // from any depth of the call stack
    ///         countdown(yielder, from - 1);
    ///     }
    /// }
    ///
    /// let mut coroutine = Coroutine::new(|yielder, ()| countdown(yielder, 2));
    /// assert_eq!(coroutine.resume(()), CoroutineResult::Yield(2));
    /// assert_eq!(coroutine.resume(()), CoroutineResult::Yield(1));
    /// assert_eq!(coroutine.resume(()), CoroutineResult::Return(()));
    /// ```
    // Inlined so that the return predictor stays right: see `arch::suspend`.
    #[inline(always)]
    pub fn suspend(&self, value: Yield) -> Input {
        #[cfg(feature = "std")]
        if std::thread::panicking() {
            return self.suspend_panicking(value);
        }
        self.switch(value)
    }

    /// Suspends while the thread is panicking. If that isn't known to be somebody else's panic then it is the coroutine's
    /// own, and this a destructor, from which no other panic may come.
    #[cfg(feature = "std")]
    #[cold]
    #[inline(never)]
    fn suspend_panicking(&self, value: Yield) -> Input {
        self.control.unwinding.set(!self.control.others_panic.get());
        let input = self.switch(value);
        self.control.unwinding.set(false);
        input
    }

    /// As `suspend`, for whoever knows by himself whether the thread's panic is the coroutine's own.
    #[inline(always)]
    pub(crate) fn switch(&self, value: Yield) -> Input {
        let mut value = ManuallyDrop::new(value);
        // SAFETY: the value is not used again.
        let word = unsafe { encode(&mut value) };
        // SAFETY: whoever has a yielder runs on top of its coroutine: it can leave neither the thread nor the
        // function that it was given to.
        let (word, throw) = unsafe { arch::suspend(NonNull::from(&self.control), word) };
        if !throw.is_null() {
            // SAFETY: what is thrown is always a payload, which the resumer has given up.
            panic::raise(unsafe { throw.cast::<Payload>().read() });
        }
        // SAFETY: the resumer encoded an Input, and waits until we suspend again.
        unsafe { decode(word) }
    }

    /// Notes whether the coroutine is about to be suspended in the midst of a panic of its own: for who suspends it by
    /// [`switch`](Self::switch), and knows.
    #[cfg(feature = "std")]
    pub(crate) fn set_unwinding(&self, unwinding: bool) {
        self.control.unwinding.set(unwinding);
    }

    /// Runs `function` on the stack of whoever resumed the coroutine, and gives its value.
    ///
    /// For work that needs a lot of stack, in a coroutine that has little. The coroutine isn't suspended meanwhile: it
    /// waits for `function` as for any other call.
    ///
    /// `function` must be `Send`, so that it can't bring the yielder along: the coroutine can't be suspended by a
    /// frame on its resumer's stack. (Don't do so by a wrapper that is `Send` and checks for its thread, like that of the crate
    /// `send_wrapper`: that would be undefined behaviour.)
    ///
    /// # Panics
    ///
    /// With the panic of `function`.
    ///
    /// # Example
    ///
    /// ```
    /// use mixio::{Coroutine, CoroutineResult};
    ///
    /// let mut coroutine = Coroutine::new(|yielder, n: u64| {
    ///     yielder.suspend(0);
    ///     yielder.on_parent_stack(|| (1..=n).product())
    /// });
    /// coroutine.resume(5);
    /// assert_eq!(coroutine.resume(5), CoroutineResult::Return(120u64));
    /// ```
    pub fn on_parent_stack<F, R>(&self, function: F) -> R
    where
        F: FnOnce() -> R + Send,
    {
        // SAFETY: the resumer's stack goes on below its frames; nothing there is used until the coroutine switches back,
        // which it doesn't while it waits for the function.
        let result =
            unsafe { call_below(self.control.resumer(), self.control.tools.switches.for_call_outside(), function) };
        result.unwrap_or_else(|payload| panic::raise(payload))
    }
}

impl<Input, Yield> fmt::Debug for Yielder<Input, Yield> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Yielder").finish_non_exhaustive()
    }
}
