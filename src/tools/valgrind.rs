//! Valgrind, by client requests: a few instructions that do nothing, unless it is valgrind that executes them.

use core::ops::Range;

use crate::arch::{Control, valgrind_request};

// The numbers are those of `valgrind.h` and `memcheck.h`. They are part of valgrind's stable interface.
const STACK_REGISTER: usize = 0x1501;
const STACK_DEREGISTER: usize = 0x1502;
/// One of memcheck's own, in letters MC, and 1; the other tools answer that they don't know it, and go on.
const MAKE_MEM_UNDEFINED: usize = 0x4d43_0001;

/// What valgrind calls a stack by.
#[derive(Debug)]
pub(super) struct Registration(u32);

impl Registration {
    pub(super) const NONE: Registration = Registration(0);

    /// # Safety
    ///
    /// The range is memory, and nothing in it is in use.
    pub(super) unsafe fn new(room: &Range<usize>) -> Self {
        // SAFETY: as the caller says.
        unsafe { make_undefined(room) };
        // SAFETY: both ends of it lie inside, as valgrind wants it. It only takes note.
        let id = unsafe { valgrind_request(0, &[STACK_REGISTER, room.start, room.end - 1, 0, 0, 0]) };
        // Valgrind counts them in an `unsigned int`.
        Registration(id as u32)
    }

    /// # Safety
    ///
    /// This was made for the same range, no frame is in it, and it is ended only once.
    pub(super) unsafe fn end(&self, room: &Range<usize>) {
        // SAFETY: the number is what it has given.
        unsafe { valgrind_request(0, &[STACK_DEREGISTER, self.0 as usize, 0, 0, 0, 0]) };
        // But for the control block, which was written in any case, and is above all frames: should somebody run off the
        // end of the stack nevertheless, it is read for the report.
        // SAFETY: as the caller says.
        unsafe { make_undefined(&(room.start..room.end - size_of::<Control>())) };
    }
}

/// Lets memory be used again: where frames were before, memcheck takes every access for an error.
///
/// # Safety
///
/// It is memory, and nobody wants what is in it.
unsafe fn make_undefined(room: &Range<usize>) {
    // SAFETY: it changes only what memcheck thinks of the memory, and that is right, as the caller says.
    unsafe { valgrind_request(0, &[MAKE_MEM_UNDEFINED, room.start, room.end - room.start, 0, 0, 0]) };
}
