//! The backtrace of a coroutine that is suspended, taken from outside.

use core::ffi::c_void;
use core::ptr::NonNull;
use std::backtrace::Backtrace;

use super::Coroutine;
use crate::arch::{self, Address, Control};
use crate::stack::Stack;

impl<Input, Yield, Return, S: Stack> Coroutine<Input, Yield, Return, S> {
    /// Where the coroutine is suspended: its frames, from where it waits outwards, and then those of whoever calls this,
    /// as if the coroutine had just been resumed here.
    ///
    /// The coroutine stays as it is: this needs nothing of its stack, and of the caller's as much as any backtrace. The first
    /// frames may be those of the capture itself, up to one named `atop_frame`. The backtrace is captured whatever the
    /// environment says, and its names are looked up when it is printed, which is what takes time: see
    /// [`Backtrace::force_capture`].
    ///
    /// Of a coroutine that has not started, or has finished, there are only the caller's frames.
    ///
    /// # Example
    ///
    /// ```
    /// use mixio::{Coroutine, Yielder};
    ///
    /// #[inline(never)]
    /// fn next_chapter(yielder: &Yielder<(), ()>) {
    ///     yielder.suspend(());
    /// }
    ///
    /// let mut coroutine = Coroutine::new(|yielder, ()| next_chapter(yielder));
    /// coroutine.resume(());
    /// assert!(coroutine.backtrace().to_string().contains("next_chapter"));
    /// ```
    pub fn backtrace(&self) -> Backtrace {
        match self.suspended_at() {
            // SAFETY: it is suspended there, and stays so, since it is borrowed.
            Some((sp, address, control)) => unsafe { backtrace_atop(sp, address, control) },
            None => Backtrace::force_capture(),
        }
    }

    /// Of a coroutine that has started and is suspended: its stack pointer, the address to resume it at, and its control
    /// block. They hold until it is resumed or reset.
    pub(crate) fn suspended_at(&self) -> Option<(NonNull<c_void>, Address, NonNull<Control>)> {
        self.suspended.filter(|_| self.started()).map(|sp| (sp, self.address, self.control()))
    }
}

/// The frames of a suspended coroutine, then those of the caller.
///
/// # Safety
///
/// `sp` and `address` are what the coroutine that `control` belongs to was last suspended with, as
/// [`Coroutine::suspended_at`] gives them; it has been neither resumed nor reset since, we are on its thread, and its stack
/// is still there.
pub(crate) unsafe fn backtrace_atop(sp: NonNull<c_void>, address: Address, control: NonNull<Control>) -> Backtrace {
    /// Puts a backtrace of its callers into an `Option<Backtrace>`.
    // If it panicked the process would end here, as `extern "C"` has it: nothing may unwind the coroutine from outside.
    // Catching would put a dozen frames in front of those that matter.
    unsafe extern "C" fn capture(backtrace: *mut c_void) {
        // SAFETY: `backtrace_atop` gives us the address of its own, and waits.
        let backtrace = unsafe { &mut *backtrace.cast::<Option<Backtrace>>() };
        *backtrace = Some(Backtrace::force_capture());
    }

    let mut backtrace: Option<Backtrace> = None;
    // SAFETY: as the caller says; `capture` takes the address of an `Option<Backtrace>`, and doesn't unwind.
    unsafe { arch::call_atop(sp, address, control, capture, (&raw mut backtrace).cast()) };
    backtrace.expect("`capture` has put one there")
}

#[cfg(test)]
mod tests;
