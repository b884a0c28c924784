//! What programs that watch this one are told: where its stacks are, and when it goes from one to another.
//!
//! Valgrind and the sanitizers keep accounts of a thread's stack, and a switch that they haven't heard of looks to them like
//! memory in use where there is none, or the other way round. Each is told in its own way; a build for none of them has only
//! types of no size here, and functions that do nothing.
//!
//! | told | when | valgrind | AddressSanitizer | ThreadSanitizer |
//! | --- | --- | --- | --- | --- |
//! | [`Registration`] | memory becomes a stack, and is one no longer | registers it | wipes its marks; a root for leaks | - |
//! | [`Switches`] | a stack is left for another, and arrived at | - | its bounds | a fibre, which is ours to make |
//!
//! Valgrind needs the feature `valgrind`. For the sanitizers it is enough to compile for one: `build.rs` sees that.

#[cfg(feature = "valgrind")]
mod valgrind;

#[cfg_attr(mixio_sanitizer = "address", path = "address.rs")]
#[cfg_attr(mixio_sanitizer = "thread", path = "thread.rs")]
#[cfg_attr(not(any(mixio_sanitizer = "address", mixio_sanitizer = "thread")), path = "none.rs")]
mod sanitizer;

use core::ops::Range;

use crate::stack::Stack;

pub(crate) use sanitizer::Switches;

/// All that is to be told about a coroutine. It lies in the coroutine's control block.
#[derive(Debug)]
pub(crate) struct Tools {
    registration: Registration,
    pub(crate) switches: Switches,
}

impl Tools {
    /// For a stack that there is no coroutine on.
    pub(crate) const NONE: Tools = Tools { registration: Registration::NONE, switches: Switches::NONE };

    /// For a coroutine that is about to be made on this stack.
    ///
    /// # Safety
    ///
    /// Nothing in the stack's memory is in use.
    #[inline(always)]
    pub(crate) unsafe fn new(stack: &impl Stack) -> Self {
        // SAFETY: as the caller says.
        let registration = unsafe { Registration::new(stack) };
        Tools { registration, switches: Switches::for_coroutine(stack) }
    }

    /// Of a coroutine whose stack is given back.
    ///
    /// # Safety
    ///
    /// It is on this stack, no frame of its is, and this is called only once.
    #[inline(always)]
    pub(crate) unsafe fn end(&self, stack: &impl Stack) {
        // SAFETY: as the caller says.
        unsafe { self.switches.end() };
        // SAFETY: as the caller says.
        unsafe { self.registration.end(stack) };
    }
}

/// Memory that is known as a stack.
#[derive(Debug)]
pub(crate) struct Registration {
    #[cfg(feature = "valgrind")]
    valgrind: valgrind::Registration,
}

impl Registration {
    /// None.
    pub(crate) const NONE: Registration = Registration {
        #[cfg(feature = "valgrind")]
        valgrind: valgrind::Registration::NONE,
    };

    /// Says that code will run on this stack. Before anything is written there, since that may be where somebody else's
    /// frames have left their marks.
    ///
    /// # Safety
    ///
    /// Nothing in the stack's memory is in use.
    #[inline(always)]
    pub(crate) unsafe fn new(stack: &impl Stack) -> Self {
        let room = room(stack);
        // SAFETY: the memory of a stack is there, and as the caller says.
        unsafe { sanitizer::begin(&room) };
        Registration {
            #[cfg(feature = "valgrind")]
            // SAFETY: as above.
            valgrind: unsafe { valgrind::Registration::new(&room) },
        }
    }

    /// Says that none does any longer, and that the memory is as good as any.
    ///
    /// # Safety
    ///
    /// This was made for the same stack, no frame is on it, and it is ended only once.
    #[inline(always)]
    pub(crate) unsafe fn end(&self, stack: &impl Stack) {
        let room = room(stack);
        // SAFETY: as the caller says.
        unsafe { sanitizer::end(&room) };
        #[cfg(feature = "valgrind")]
        // SAFETY: as the caller says.
        unsafe {
            self.valgrind.end(&room)
        };
    }
}

/// The addresses where code on a stack may write.
#[inline(always)]
fn room(stack: &impl Stack) -> Range<usize> {
    stack.limit().get() + stack.guard_size()..stack.base().get()
}
