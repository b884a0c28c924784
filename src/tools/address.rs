//! AddressSanitizer, with its detection of leaks.
//!
//! It knows the bounds of the stack that a thread runs on, for what it cleans up when a panic or a `longjmp` skips the ends
//! of functions. And it may keep locals elsewhere, on a *fake stack*, to find uses of them after their function has
//! returned: each stack has its own, which it gives us to keep while the thread runs on another one.

use core::cell::Cell;
use core::ffi::c_void;
use core::ops::Range;
use core::ptr::{self, null_mut};

use crate::stack::Stack;

// As in `sanitizer/common_interface_defs.h`, `asan_interface.h` and `lsan_interface.h`.
unsafe extern "C" {
    fn __sanitizer_start_switch_fiber(fake_stack: *mut *mut c_void, bottom: *const c_void, size: usize);
    fn __sanitizer_finish_switch_fiber(fake_stack: *mut c_void, bottom: *mut *const c_void, size: *mut usize);
    fn __asan_unpoison_memory_region(start: *const c_void, size: usize);
    fn __lsan_register_root_region(start: *const c_void, size: usize);
    fn __lsan_unregister_root_region(start: *const c_void, size: usize);
}

/// # Safety
///
/// The range is memory, and nothing in it is in use.
pub(super) unsafe fn begin(room: &Range<usize>) {
    // SAFETY: as the caller says.
    unsafe { unpoison(room) };
    // What only a suspended function knows is no leak.
    let (start, size) = without_guard(room);
    // SAFETY: it is readable for as long as the stack is registered; if it is leaked, for ever or until it is unmapped,
    // which the sanitizer looks at.
    unsafe { __lsan_register_root_region(start, size) };
}

/// # Safety
///
/// The range was given to [`begin`], and nothing in it is in use.
pub(super) unsafe fn end(room: &Range<usize>) {
    let (start, size) = without_guard(room);
    // SAFETY: it was registered, with this very size.
    unsafe { __lsan_unregister_root_region(start, size) };
    // SAFETY: as the caller says.
    unsafe { unpoison(room) };
}

/// What can be read of it. A stack of ours may be wrapped in one that doesn't say how large the guard is.
fn without_guard(room: &Range<usize>) -> (*const c_void, usize) {
    let mut start = room.start;
    #[cfg(feature = "std")]
    if let Some(usable) = crate::stack::overflow::usable_above(start) {
        start = usable;
    }
    (ptr::with_exposed_provenance(start), room.end - start)
}

/// Wipes the marks of functions that have never returned: the first one on a stack, and those that were reset.
///
/// # Safety
///
/// The range is memory, and nothing in it is in use.
unsafe fn unpoison(room: &Range<usize>) {
    // SAFETY: it changes only what the sanitizer thinks of the memory, and that is right, as the caller says.
    unsafe { __asan_unpoison_memory_region(ptr::with_exposed_provenance(room.start), room.end - room.start) };
}

/// The two sides of a switch: of each, while the thread runs on the other, how to go on there.
#[derive(Debug)]
pub(crate) struct Switches {
    /// The coroutine; or rather, whatever has suspended it: that may be another one, on top of it.
    inside: Side,
    /// Whoever has resumed it.
    outside: Side,
}

/// A stack that the thread has left, or is about to arrive at for the first time.
#[derive(Debug)]
struct Side {
    fake_stack: Cell<*mut c_void>,
    bottom: Cell<*const c_void>,
    size: Cell<usize>,
}

impl Side {
    const NONE: Side = Side { fake_stack: Cell::new(null_mut()), bottom: Cell::new(ptr::null()), size: Cell::new(0) };

    fn fresh(bottom: *const c_void, size: usize) -> Self {
        Side { bottom: Cell::new(bottom), size: Cell::new(size), ..Side::NONE }
    }

    /// Announces a switch from here to `other`.
    ///
    /// # Safety
    ///
    /// That is where the thread is, and where it goes next.
    #[inline(always)]
    unsafe fn leave(&self, other: &Side) {
        // SAFETY: there is room for the answer, and the rest is as the caller says.
        unsafe { __sanitizer_start_switch_fiber(self.fake_stack.as_ptr(), other.bottom.get(), other.size.get()) };
    }

    /// Says that the switch is over, and asks for the bounds of where it came from: `other`.
    ///
    /// # Safety
    ///
    /// The thread has just arrived here, from there.
    #[inline(always)]
    unsafe fn arrive(&self, other: &Side) {
        // SAFETY: there is room for the answers. The fake stack is the one that `leave` was given, or none.
        unsafe {
            __sanitizer_finish_switch_fiber(self.fake_stack.get(), other.bottom.as_ptr(), other.size.as_ptr());
        }
    }
}

impl Switches {
    /// For a stack that there are no switches to.
    pub(crate) const NONE: Switches = Switches { inside: Side::NONE, outside: Side::NONE };

    /// For a coroutine on this stack.
    pub(crate) fn for_coroutine(stack: &impl Stack) -> Self {
        let room = super::room(stack);
        let bottom = ptr::with_exposed_provenance(room.start);
        Switches { inside: Side::fresh(bottom, room.end - room.start), ..Switches::NONE }
    }

    /// For an ordinary call, on this stack.
    pub(crate) fn for_call(stack: &impl Stack) -> Self {
        Self::for_coroutine(stack)
    }

    /// For an ordinary call, on the stack of whoever has resumed the running coroutine that these are of.
    pub(crate) fn for_call_outside(&self) -> Self {
        // With a fake stack of its own for the call, since the other one stays with the resumer's frames.
        let inside = Side::fresh(self.outside.bottom.get(), self.outside.size.get());
        Switches { inside, ..Switches::NONE }
    }

    /// Before the switch to the coroutine.
    ///
    /// # Safety
    ///
    /// It is what the thread does next.
    #[inline(always)]
    pub(crate) unsafe fn going_inside(&self) {
        // SAFETY: as the caller says.
        unsafe { self.outside.leave(&self.inside) };
    }

    /// After it.
    ///
    /// # Safety
    ///
    /// It is what the thread has done last.
    #[inline(always)]
    pub(crate) unsafe fn arrived_inside(&self) {
        // SAFETY: as the caller says.
        unsafe { self.inside.arrive(&self.outside) };
    }

    /// Before the switch to the resumer.
    ///
    /// # Safety
    ///
    /// It is what the thread does next.
    #[inline(always)]
    pub(crate) unsafe fn going_outside(&self) {
        // SAFETY: as the caller says.
        unsafe { self.inside.leave(&self.outside) };
    }

    /// Before the last of those: the fake stack is freed.
    ///
    /// # Safety
    ///
    /// As [`going_outside`](Self::going_outside); and no function on the stack goes on, but for one that has said
    /// [`arrived_inside`](Self::arrived_inside) itself, whose locals therefore are not on the fake stack.
    #[inline(always)]
    pub(crate) unsafe fn going_outside_for_good(&self) {
        let (bottom, size) = (self.outside.bottom.get(), self.outside.size.get());
        // SAFETY: as the caller says.
        unsafe { __sanitizer_start_switch_fiber(null_mut(), bottom, size) };
    }

    /// After the switch to the resumer.
    ///
    /// # Safety
    ///
    /// It is what the thread has done last.
    #[inline(always)]
    pub(crate) unsafe fn arrived_outside(&self) {
        // SAFETY: as the caller says.
        unsafe { self.outside.arrive(&self.inside) };
    }

    /// Of a coroutine that runs no more. (The fake stack of one that was reset while it was suspended can't be freed from
    /// outside: it is leaked.)
    ///
    /// # Safety
    ///
    /// It is the last that is done with these.
    pub(crate) unsafe fn end(&self) {}
}
