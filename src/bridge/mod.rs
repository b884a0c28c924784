//! From synchronous to asynchronous and back.
//!
//! [`as_async`] makes a `Future` of a plain function; [`wait`] gives a future's value to a plain function. Between the
//! two lies one coroutine: each poll of the `Future` resumes it, and `wait` suspends it while its future is pending. Any
//! executor will do, since `wait` polls with the waker that the executor gave.

mod as_async;
mod block;
mod running;
mod wait;

pub use as_async::{AsAsync, as_async};
pub use wait::{FutureExt, WaitError, in_coroutine, try_wait, wait};
