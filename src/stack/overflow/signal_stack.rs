//! What the handler runs on: a thread's alternate signal stack.

use std::cell::Cell;
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;

use super::super::pool::page_size;

thread_local! {
    // Needs no destructor, so that reading it is no more than that.
    static PREPARED: Cell<bool> = const { Cell::new(false) };
}

/// Sees to it that this thread has an alternate signal stack. Does next to nothing the second time.
#[inline(always)]
pub(crate) fn prepare_thread() {
    if !PREPARED.get() {
        prepare();
    }
}

#[cold]
#[inline(never)]
fn prepare() {
    thread_local! {
        static STACK: Cell<Option<SignalStack>> = const { Cell::new(None) };
    }

    PREPARED.set(true);
    // A thread that is about to end does without.
    let _ = STACK.try_with(|stack| stack.set(SignalStack::new()));
}

/// An alternate signal stack, for a thread that `std` hasn't started and hence given one.
struct SignalStack {
    start: *mut c_void,
    length: usize,
}

impl SignalStack {
    /// None if the thread has one, or if there is no memory for it.
    fn new() -> Option<Self> {
        let mut current = MaybeUninit::<libc::stack_t>::uninit();
        // SAFETY: it only asks, and there is room for the answer.
        if unsafe { libc::sigaltstack(ptr::null(), current.as_mut_ptr()) } != 0 {
            return None;
        }
        // SAFETY: it was written.
        if unsafe { current.assume_init() }.ss_flags & libc::SS_DISABLE == 0 {
            return None;
        }
        // Enough for the registers that a kernel may save there, and for other people's handlers.
        let (page, usable) = (page_size(), (64 << 10usize).max(libc::SIGSTKSZ));
        let length = usable.next_multiple_of(page) + page;
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANON);
        // SAFETY: it takes addresses that nothing is mapped at.
        let start = unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return None;
        }
        let stack = SignalStack { start, length };
        // SAFETY: the page is our own, and nothing is in it. If this fails there is no guard, as for most such stacks.
        unsafe { libc::mprotect(start, page, libc::PROT_NONE) };
        let new = libc::stack_t { ss_sp: start.wrapping_byte_add(page), ss_flags: 0, ss_size: length - page };
        // SAFETY: the memory stays until the thread uses another one, or none.
        (unsafe { libc::sigaltstack(&new, ptr::null_mut()) } == 0).then_some(stack)
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        let mut current = MaybeUninit::<libc::stack_t>::uninit();
        // SAFETY: it only asks, and there is room for the answer.
        if unsafe { libc::sigaltstack(ptr::null(), current.as_mut_ptr()) } == 0 {
            // SAFETY: it was written.
            let current = unsafe { current.assume_init() }.ss_sp;
            // Somebody may have put another one in its place.
            if (self.start.addr()..self.start.addr() + self.length).contains(&current.addr()) {
                let none = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: self.length };
                // SAFETY: no handler runs on it now.
                unsafe { libc::sigaltstack(&none, ptr::null_mut()) };
            }
        }
        // SAFETY: it is ours, and nobody uses it any more.
        unsafe { libc::munmap(self.start, self.length) };
    }
}
