//! Panics that are put aside while a coroutine is suspended in the midst of them.
//!
//! `std` counts the panics of a thread, not those of a stack. A destructor that runs because of a panic may suspend its
//! coroutine: then [`std::thread::panicking`] would be true for the neighbours on that thread, which have nothing to do
//! with it, and the `std` mutexes that they unlock would be poisoned. So whoever suspends it [sets the panics
//! aside](set_aside()), and when it goes on [restores](Panics::restore) them.
//!
//! # How
//!
//! Nobody can write to that count. But a panic adds one to the count of the thread that raises it, and takes one off that of
//! the thread that catches it. Those are the same thread, unless a stack is moved from one to another in the midst of an
//! unwinding. A [`Token`](token::Token) is such a stack, of a coroutine that has raised a panic and suspended itself while it
//! unwinds:
//!
//! | | this thread | [the helper's](helper::Helper) |
//! | --- | ---: | ---: |
//! | a destructor runs because of a panic | 1 | 0 |
//! | set aside: the helper raises a token | 1 | 1 |
//! | ... and it is caught here | 0 | 1 |
//! | neighbours run, and panic as they like | 0 | 1 |
//! | restore: a token is raised here | 1 | 1 |
//! | ... and the helper catches it | 1 | 0 |
//! | the destructor returns, and the first panic is caught | 0 | 0 |
//!
//! `std` has the sum of all counts too, so that [`panicking`](std::thread::panicking) needn't look for that of the thread where
//! the sum is zero. It is zero again at the end.
//!
//! # What is assumed of `std`
//!
//! That it is as its documentation says, and besides, looked up in `library/std/src/panicking.rs` of Rust 1.96 (the tests
//! run with 1.95 and a nightly, too):
//!
//! - `resume_unwind` adds one to the count of its thread, and runs no hook;
//! - `catch_unwind`, when it catches, takes one off that of the thread that it is on then, whoever raised the panic;
//! - `panicking` is whether the count isn't zero.
//!
//! [`check`] finds out, before the first panic is set aside, on threads that do nothing else. Where it isn't so, panics stay as they
//! are. Of the unwinder (libgcc's, or LLVM's) it is assumed that between two landing pads it keeps all that it knows in the
//! exception, which is on the heap; the [`Token`](token::Token) says more.
//!
//! # Where panics stay as they are
//!
//! Neighbours see them then, as they would without all this:
//!
//! - where no thread can be started for the helper, or there is no memory for a small stack: it is tried again the next time;
//! - in a build with `panic = "abort"`, where a thread is panicking only while the panic hook runs.
//!
//! # Forks
//!
//! The child of a `fork` has no helper, so it starts one of its own when it needs one. What was set aside before can be
//! restored there; but the helper's share of the sum stays there for ever, as it does if a [`Panics`] is dropped, or leaked with
//! a coroutine: `panicking` takes a few nanoseconds longer then, in all threads.

cfg_if::cfg_if! {
    if #[cfg(panic = "unwind")] {
        mod check;
        mod helper;
        mod panics;
        mod spawn;
        mod token;

        pub(crate) use panics::{Panics, set_aside};
    } else {
        mod none;

        pub(crate) use none::{Panics, set_aside};
    }
}

#[cfg(all(test, panic = "unwind"))]
mod tests;
