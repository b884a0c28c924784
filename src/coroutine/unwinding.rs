//! Getting rid of a coroutine that has not finished.

#[cfg(all(feature = "std", panic = "unwind"))]
use std::sync::Arc;

use core::fmt;
use core::mem::ManuallyDrop;

use super::Coroutine;
#[cfg(all(feature = "std", panic = "unwind"))]
use super::panic::{self, Payload};
#[cfg(all(feature = "std", panic = "unwind"))]
use super::{finished, word::decode};
use crate::stack::Stack;

impl<Input, Yield, Return, S: Stack> Coroutine<Input, Yield, Return, S> {
    /// Unwinds the coroutine, so that every destructor on its stack runs, and finishes it. Does nothing if it has
    /// finished.
    ///
    /// It is resumed by a panic with a payload of mixio's own. Where the coroutine catches that panic and suspends
    /// itself again it is raised again, until the coroutine's function is left one way or the other; the value that it
    /// may return is dropped. A coroutine that was never resumed has its closure dropped.
    ///
    /// # Panics
    ///
    /// With the panic of a destructor, or of other code that runs meanwhile. And if the coroutine can't be unwound:
    ///
    /// - it has caught the panic and suspended itself again 1,000 times;
    /// - it is suspended by a destructor in the midst of unwinding, be it for this or for a panic of its own: another
    ///   panic there would abort the process. (On this thread [`std::thread::panicking`] stays true from then on.)
    /// - this is a build with `panic = "abort"`, or without the feature `std`.
    ///
    /// Its stack is leaked then, with all that is on it. Dropping the coroutine does the same, but is silent in a build
    /// without unwinding, or while the thread is panicking already.
    ///
    /// Rust tells whether a thread is panicking, but not by which panics. So a coroutine that was resumed, and suspended
    /// itself, in the midst of somebody else's panic is taken to be in its own, and leaked, until it suspends itself the
    /// next time; unless that panic was under way when the coroutine started. In one that started then, a destructor that
    /// suspends it in a panic of its own isn't known for what it is: the process aborts.
    pub fn force_unwind(&mut self) {
        if let Err(error) = self.unwind() {
            panic!("{error}");
        }
    }

    /// Unwinds, or leaks and says why.
    pub(super) fn unwind(&mut self) -> Result<(), CannotUnwind> {
        if self.suspended.is_none() {
            return Ok(());
        }
        if !self.started() {
            self.drop_fresh();
            return Ok(());
        }
        self.unwind_suspended()
    }

    #[cfg(all(feature = "std", panic = "unwind"))]
    #[cold]
    fn unwind_suspended(&mut self) -> Result<(), CannotUnwind> {
        /// How often a coroutine may catch the unwind and suspend itself again.
        const ATTEMPTS: usize = 1000;

        if self.suspended_unwinding() {
            self.suspended = None;
            return Err(CannotUnwind::SuspendedByDestructor);
        }
        let unwinds = ForcedUnwinds::new();
        for _ in 0..ATTEMPTS {
            let Some(sp) = self.suspended.take() else { return Ok(()) };
            // SAFETY: it is suspended, not fresh, and we are on its thread.
            let (word, status) = unsafe { self.raise_at(sp, unwinds.payload()) };
            let Some(sp) = status.suspended() else {
                // SAFETY: as in `came_back`.
                return match unsafe { finished::<Return>(word, status) } {
                    Err(payload) if !unwinds.made(&payload) => panic::raise(payload),
                    // Unwound to the root; or it caught the panic and returned.
                    _ => Ok(()),
                };
            };
            self.suspended = Some(sp);
            // SAFETY: `Yielder::suspend` encoded a Yield and waits. It is dropped only when all is in order here.
            let _value = unsafe { decode::<Yield>(word) };
            if self.suspended_unwinding() {
                self.suspended = None;
                return Err(CannotUnwind::SuspendedByDestructor);
            }
        }
        self.suspended = None;
        Err(CannotUnwind::Swallowed)
    }

    #[cfg(not(all(feature = "std", panic = "unwind")))]
    fn unwind_suspended(&mut self) -> Result<(), CannotUnwind> {
        self.suspended = None;
        Err(CannotUnwind::NoUnwinding)
    }

    /// Finishes a coroutine that was never resumed.
    pub(super) fn drop_fresh(&mut self) {
        // SAFETY: no frame is on the stack yet.
        unsafe { self.force_reset() };
        // SAFETY: the entry function never took the closure, and never will.
        unsafe { (self.drop_closure)(self.closure) };
    }
}

impl<Input, Yield, Return, S: Stack> Drop for Coroutine<Input, Yield, Return, S> {
    fn drop(&mut self) {
        /// Gives the stack back, however `drop` is left.
        struct GiveBack<'a, Input, Yield, Return, S: Stack>(&'a mut Coroutine<Input, Yield, Return, S>);

        impl<Input, Yield, Return, S: Stack> Drop for GiveBack<'_, Input, Yield, Return, S> {
            fn drop(&mut self) {
                if self.0.suspended.is_none() && !self.0.leaked() {
                    // SAFETY: no frame is on it, and the coroutine is being dropped.
                    unsafe { ManuallyDrop::drop(&mut self.0.stack) };
                }
            }
        }

        let this = GiveBack(self);
        match this.0.unwind() {
            Ok(()) => {}
            #[cfg(all(feature = "std", panic = "unwind"))]
            Err(error) if !std::thread::panicking() => panic!("{error}"),
            Err(_) => {}
        }
    }
}

/// The payload of the panic that unwinds a suspended coroutine.
#[cfg(all(feature = "std", panic = "unwind"))]
struct ForcedUnwind(Arc<()>);

/// Makes [`ForcedUnwind`]s for one unwinding, and knows them again.
#[cfg(all(feature = "std", panic = "unwind"))]
struct ForcedUnwinds(Arc<()>);

#[cfg(all(feature = "std", panic = "unwind"))]
impl ForcedUnwinds {
    fn new() -> Self {
        ForcedUnwinds(Arc::new(()))
    }

    fn payload(&self) -> Payload {
        Box::new(ForcedUnwind(self.0.clone()))
    }

    fn made(&self, payload: &Payload) -> bool {
        payload.downcast_ref::<ForcedUnwind>().is_some_and(|one| Arc::ptr_eq(&one.0, &self.0))
    }
}

/// Why a suspended coroutine had to be leaked.
#[derive(Clone, Copy, Debug)]
pub(super) enum CannotUnwind {
    #[cfg(all(feature = "std", panic = "unwind"))]
    Swallowed,
    #[cfg(all(feature = "std", panic = "unwind"))]
    SuspendedByDestructor,
    #[cfg(not(all(feature = "std", panic = "unwind")))]
    NoUnwinding,
}

impl fmt::Display for CannotUnwind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self {
            #[cfg(all(feature = "std", panic = "unwind"))]
            CannotUnwind::Swallowed => "that keeps catching the panic and suspending itself",
            #[cfg(all(feature = "std", panic = "unwind"))]
            CannotUnwind::SuspendedByDestructor => "that is suspended by a destructor while it unwinds",
            #[cfg(not(all(feature = "std", panic = "unwind")))]
            CannotUnwind::NoUnwinding => {
                "that is suspended, in a build with panic = \"abort\" or without the feature \"std\""
            }
        };
        write!(f, "cannot unwind a coroutine {why}; its stack is leaked")
    }
}
