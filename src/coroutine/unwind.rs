//! Panics at the root of a stack: caught there, carried over the switch as a value, and raised again.
//!
//! `asm!` that may unwind is neither stable nor sound yet, so no panic ever passes through a switch itself.

use cfg_if::cfg_if;

cfg_if! {
    if #[cfg(feature = "std")] {
        use std::any::Any;
        use std::panic::{self, AssertUnwindSafe};
        use std::sync::Arc;

        /// What a panic carries.
        pub(super) type Payload = Box<dyn Any + Send>;

        /// Calls `function` and catches its panic.
        pub(super) fn catch<T>(function: impl FnOnce() -> T) -> Result<T, Payload> {
            // Not a hole in unwind safety: whoever gets the payload raises it again, as if nothing had caught it.
            panic::catch_unwind(AssertUnwindSafe(function))
        }

        /// Raises a panic that was caught, or made: the panic hook doesn't run.
        pub(super) fn raise(payload: Payload) -> ! {
            panic::resume_unwind(payload)
        }

        /// The payload of the panic that unwinds a suspended coroutine.
        pub(super) struct ForcedUnwind(Arc<()>);

        /// Makes [`ForcedUnwind`]s for one unwinding, knows them again, and counts those that are still alive: as long
        /// as the unwind is under way its payload is, and it is dropped when somebody catches it.
        pub(super) struct ForcedUnwinds(Arc<()>);

        impl ForcedUnwinds {
            pub(super) fn new() -> Self {
                ForcedUnwinds(Arc::new(()))
            }

            pub(super) fn payload(&self) -> Payload {
                Box::new(ForcedUnwind(self.0.clone()))
            }

            pub(super) fn alive(&self) -> usize {
                Arc::strong_count(&self.0) - 1
            }

            pub(super) fn made(&self, payload: &Payload) -> bool {
                payload.downcast_ref::<ForcedUnwind>().is_some_and(|one| Arc::ptr_eq(&one.0, &self.0))
            }
        }
    } else {
        /// Without std nothing can catch a panic, so there never is a payload.
        pub(super) type Payload = core::convert::Infallible;

        /// Calls `function`; a panic that comes out of it aborts.
        pub(super) fn catch<T>(function: impl FnOnce() -> T) -> Result<T, Payload> {
            /// Aborts when dropped: by a panic that nothing may unwind from.
            struct Abort;

            impl Drop for Abort {
                fn drop(&mut self) {
                    abort("a panic reached the root of a coroutine, and mixio without std can't carry it over");
                }
            }

            let abort = Abort;
            let value = function();
            core::mem::forget(abort);
            Ok(value)
        }

        /// There is no payload to raise.
        pub(super) fn raise(payload: Payload) -> ! {
            match payload {}
        }
    }
}

/// Ends the process, for what no caller can be told and nothing may unwind from.
#[cold]
pub(super) fn abort(message: &'static str) -> ! {
    cfg_if! {
        if #[cfg(feature = "std")] {
            eprintln!("mixio: {message}; aborting");
            std::process::abort()
        } else {
            // `core` has no abort, but a panic may not leave a function of the C calling convention.
            extern "C" fn no_unwind(message: &&'static str) -> ! {
                panic!("mixio: {message}")
            }
            no_unwind(&message)
        }
    }
}
