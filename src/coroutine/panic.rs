//! Panics at the root of a stack: caught there, carried over the switch as a value, and raised again.
//!
//! `asm!` that may unwind is neither stable nor sound yet, so no panic ever passes through a switch itself.

use cfg_if::cfg_if;

cfg_if! {
    if #[cfg(feature = "std")] {
        use std::any::Any;
        use crate::arch::Control;
        use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

        /// What a panic carries.
        pub(super) type Payload = Box<dyn Any + Send>;

        /// Calls `function` and catches its panic.
        pub(super) fn catch<T>(function: impl FnOnce() -> T) -> Result<T, Payload> {
            // Not a hole in unwind safety: whoever gets the payload raises it again, as if nothing had caught it.
            catch_unwind(AssertUnwindSafe(function))
        }

        /// Notes whose panic it is, if the thread is panicking, before a coroutine is entered or thrown into.
        #[cold]
        pub(super) fn note(control: &Control) {
            control.others_panic.set(std::thread::panicking() && !control.unwinding.get());
        }

        /// Raises a panic that was caught, or made: the panic hook doesn't run.
        // Inlined, since each frame on the way costs the unwinder some 2,000 instructions.
        #[inline(always)]
        pub(super) fn raise(payload: Payload) -> ! {
            resume_unwind(payload)
        }
    } else {
        /// Without std nothing can catch a panic, so there never is a payload.
        pub(super) type Payload = &'static str;

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
        pub(super) fn raise(message: Payload) -> ! {
            abort(message)
        }
    }
}

/// Ends the process, for what no caller can be told and nothing may unwind from.
#[cold]
pub(super) fn abort(message: &'static str) -> ! {
    cfg_if! {
        if #[cfg(feature = "std")] {
            crate::report::say(format_args!("{message}; aborting"));
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
