//! From synchronous to asynchronous and back.
//!
//! [`as_async`] makes a `Future` of a plain function; [`wait`] gives a future's value to a plain function. Between the
//! two lies one coroutine: each poll of the `Future` resumes it, and `wait` suspends it while its future is pending. Any
//! executor will do, since `wait` polls with the waker that the executor gave.

mod as_async;
mod carry;
pub mod hooks;
mod outside;
mod park;
mod running;
mod task;
mod unwinding;
mod wait;

pub use as_async::{AsAsync, as_async};
pub use unwinding::Cancel;
pub use wait::{FutureExt, WaitError, in_coroutine, try_wait, wait};

pub(crate) use running::{runs_without_task, with_task_slot};
pub(crate) use task::{INSPECT, TaskSlot, set_watcher, watches};

/// For runtime adapters: what a runtime tells mixio about its threads.
///
/// mixio knows no runtime, and needs none: `wait` polls with the waker of whatever polls the [`AsAsync`]. But a runtime can do
/// better than mixio by itself where there is no `as_async`.
///
/// | | if nobody says otherwise | with an adapter |
/// | --- | --- | --- |
/// | [`wait`] outside of any `as_async` | parks the thread | [`set_loop`](runtime::set_loop): other tasks of the thread go on |
/// | the same in code that an executor polls | parks the thread, and stalls the executor | [`add_executor_check`](runtime::add_executor_check): panics with a sentence |
/// | an `AsAsync` dropped while suspended | unwound at once; its destructors can't wait | [`set_reaper`](runtime::set_reaper): unwound by a task, and they can |
pub mod runtime {
    pub use super::outside::{Loop, add_executor_check, set_loop};
    pub use super::unwinding::{Reaped, Reaper, set_reaper};
}
