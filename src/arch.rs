//! Picks the file in `arch/` for this target, and states in types what each of those files provides.
//!
//! `arch/README.md` has the same contract in words. Nothing here or in `arch/` knows what a closure, a panic or a
//! `Future` is: one word goes each way over a switch, and what it means is up to `coroutine`.

use core::cell::Cell;
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

#[cfg_attr(mixio_arch = "x86_64", path = "../arch/x86_64.rs")]
#[cfg_attr(mixio_arch = "aarch64", path = "../arch/aarch64.rs")]
mod target;

pub(crate) use target::{STACK_ALIGNMENT, call_on_stack, finish, prepare, resume, suspend};

/// What crosses a switch in one register. It may hold padding, so it is not a plain integer; it may hold a pointer,
/// so it is a pointer type and keeps that pointer's provenance.
pub(crate) type Word = MaybeUninit<*mut c_void>;

/// Two words at the very base (the highest address) of a coroutine's stack.
///
/// While the coroutine runs they form a frame record, as the frame-pointer chain wants it: `sp` leads to the record
/// that the resumer pushed, so that a walk over frame pointers goes on in the resumer.
#[repr(C)]
pub(crate) struct Control {
    /// While the coroutine is suspended, or fresh: its stack pointer. While it runs: its resumer's. Null once it
    /// has finished.
    sp: Cell<*mut c_void>,
    /// An address in the root frame, the one that the entry function was "called" from.
    root: Cell<*const c_void>,
}

impl Control {
    /// The stack pointer of the context that isn't running; null once the coroutine has finished.
    pub(crate) fn sp(&self) -> *mut c_void {
        self.sp.get()
    }

    /// Declares the stack free of frames: what `finish` does on the way out.
    pub(crate) fn clear(&self) {
        self.sp.set(core::ptr::null_mut());
    }
}

/// How control came back from [`resume`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Status(usize);

impl Status {
    /// The entry function returned: the word is its value.
    pub(crate) const RETURNED: Status = Status(0);
    /// The entry function caught a panic at its root: the word points to the payload.
    pub(crate) const PANICKED: Status = Status(1);
    // Every other value is the coroutine's control address, left in the register by `suspend`.

    /// Whether the coroutine suspended itself, rather than finished.
    #[inline(always)]
    pub(crate) fn is_suspended(self) -> bool {
        self.0 > Self::PANICKED.0
    }
}

/// The function that a fresh coroutine enters: the first word, its control block, and what `prepare` was given.
/// It never returns: it ends in [`finish`].
pub(crate) type Entry = unsafe extern "C" fn(Word, NonNull<Control>, *mut c_void) -> !;

/// The signatures of the contract, checked for every architecture.
const _: () = {
    let _: usize = STACK_ALIGNMENT;
    let _: unsafe fn(*mut c_void, *mut c_void, Entry, *mut c_void) -> NonNull<Control> = prepare;
    let _: unsafe fn(NonNull<Control>, Word, *mut c_void) -> (Word, Status) = resume;
    let _: unsafe fn(NonNull<Control>, Word) -> (Word, *mut c_void) = suspend;
    let _: unsafe fn(NonNull<Control>, Word, Status) -> ! = finish;
    let _: unsafe extern "C" fn(*mut c_void, *mut c_void, unsafe extern "C" fn(*mut c_void)) = call_on_stack;
};
