//! ThreadSanitizer: a coroutine is a *fibre*, a thread of execution of its own. A switch puts what was done before it, on
//! the one side, before all that is done after it on the other.

use core::cell::Cell;
use core::ffi::{c_uint, c_void};
use core::ops::Range;
use core::ptr::null_mut;

use crate::stack::Stack;

// As in `sanitizer/tsan_interface.h`.
unsafe extern "C" {
    fn __tsan_get_current_fiber() -> *mut c_void;
    fn __tsan_create_fiber(flags: c_uint) -> *mut c_void;
    fn __tsan_destroy_fiber(fiber: *mut c_void);
    fn __tsan_switch_to_fiber(fiber: *mut c_void, flags: c_uint);
}

/// Memory is nothing to it.
pub(super) unsafe fn begin(_room: &Range<usize>) {}

/// As [`begin`].
pub(super) unsafe fn end(_room: &Range<usize>) {}

/// The two sides of a switch.
#[derive(Debug)]
pub(crate) struct Switches {
    /// The coroutine's own fibre. Null for an ordinary call on another stack, which is part of the caller's.
    own: *mut c_void,
    /// What the coroutine was when it was last suspended: another fibre than its own if that was on top of it.
    inside: Cell<*mut c_void>,
    /// Whoever has resumed it.
    outside: Cell<*mut c_void>,
}

impl Switches {
    /// For a stack that there are no switches to.
    pub(crate) const NONE: Switches =
        Switches { own: null_mut(), inside: Cell::new(null_mut()), outside: Cell::new(null_mut()) };

    /// For a coroutine on this stack.
    pub(crate) fn for_coroutine(_stack: &impl Stack) -> Self {
        // SAFETY: it may be called at any time; it ends the process if there are too many.
        let own = unsafe { __tsan_create_fiber(0) };
        Switches { own, inside: Cell::new(own), outside: Cell::new(null_mut()) }
    }

    /// For an ordinary call, on this stack.
    pub(crate) fn for_call(_stack: &impl Stack) -> Self {
        Switches::NONE
    }

    /// For an ordinary call, on the stack of whoever has resumed the running coroutine that these are of.
    pub(crate) fn for_call_outside(&self) -> Self {
        Switches::NONE
    }

    // All of these are inlined: a call that is entered as one fibre must not be left as another.

    /// Before the switch to the coroutine.
    ///
    /// # Safety
    ///
    /// It is what the thread does next.
    #[inline(always)]
    pub(crate) unsafe fn going_inside(&self) {
        if !self.own.is_null() {
            // SAFETY: the coroutine is suspended, or fresh.
            unsafe { switch(&self.outside, &self.inside) };
        }
    }

    /// After it.
    ///
    /// # Safety
    ///
    /// It is what the thread has done last.
    #[inline(always)]
    pub(crate) unsafe fn arrived_inside(&self) {}

    /// Before the switch to the resumer.
    ///
    /// # Safety
    ///
    /// It is what the thread does next.
    #[inline(always)]
    pub(crate) unsafe fn going_outside(&self) {
        if !self.own.is_null() {
            // SAFETY: the resumer waits for it.
            unsafe { switch(&self.inside, &self.outside) };
        }
    }

    /// Before the last of those.
    ///
    /// # Safety
    ///
    /// As [`going_outside`](Self::going_outside).
    #[inline(always)]
    pub(crate) unsafe fn going_outside_for_good(&self) {
        // SAFETY: as the caller says.
        unsafe { self.going_outside() };
    }

    /// After the switch to the resumer.
    ///
    /// # Safety
    ///
    /// It is what the thread has done last.
    #[inline(always)]
    pub(crate) unsafe fn arrived_outside(&self) {}

    /// Of a coroutine that runs no more.
    ///
    /// # Safety
    ///
    /// It is the last that is done with these.
    pub(crate) unsafe fn end(&self) {
        // SAFETY: it is ours, and not the one that runs: nor will it.
        unsafe { __tsan_destroy_fiber(self.own) };
    }
}

/// Becomes another fibre, and notes which it was.
///
/// # Safety
///
/// A switch to where that one is comes next.
#[inline(always)]
unsafe fn switch(from: &Cell<*mut c_void>, to: &Cell<*mut c_void>) {
    // SAFETY: it may be called at any time.
    from.set(unsafe { __tsan_get_current_fiber() });
    // SAFETY: the fibre was made, or was that of a thread that waits for this, and is not destroyed yet.
    unsafe { __tsan_switch_to_fiber(to.get(), 0) };
}
