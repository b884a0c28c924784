//! Who waits for the driver: the coroutine, or the thread.

use std::future::Future;
use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};
use mixio::{Io, WaitError};
use tokio::runtime::{Builder, Handle};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::runtime::{OwnRuntime, current_runtime};

/// Chosen when a connection is opened, by the setting.
pub(super) enum Waiter {
    /// By `wait`. The tasks run on the runtime where the connection was opened.
    Async(Handle),
    /// On a runtime of its own, which runs while it is waited for: no thread beside that of the caller.
    Blocking(OwnRuntime),
}

impl Waiter {
    pub(super) fn current() -> ConnectionResult<Self> {
        match Io::current() {
            Io::Async => current_runtime().map(Waiter::Async),
            Io::Blocking => OwnRuntime::new(Builder::new_current_thread())
                .map(Waiter::Blocking)
                .map_err(ConnectionError::BadConnection),
        }
    }

    /// The future's value. An error if this is a place where nobody can wait.
    #[inline(always)]
    pub(super) fn wait<F: Future>(&self, future: F) -> Result<F::Output, WaitError> {
        match self {
            Waiter::Async(_) => mixio::try_wait(future),
            Waiter::Blocking(runtime) => Ok(runtime.block_on(future)),
        }
    }

    /// As [`wait`](Self::wait), for so long: none if the time is up.
    pub(super) fn wait_within<F: Future>(&self, limit: Duration, future: F) -> Result<Option<F::Output>, WaitError> {
        match self {
            Waiter::Async(handle) => {
                // By the timer of that runtime: there may be none where it's waited for.
                let limited = {
                    let _entered = handle.enter();
                    timeout(limit, future)
                };
                mixio::try_wait(limited).map(Result::ok)
            }
            Waiter::Blocking(runtime) => Ok(runtime.block_on(async { timeout(limit, future).await.ok() })),
        }
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        match self {
            Waiter::Async(handle) => handle.spawn(task).abort_handle(),
            Waiter::Blocking(runtime) => runtime.spawn(task).abort_handle(),
        }
    }

    /// Lets the tasks have a look at their sockets, if they run only while they are waited for.
    pub(super) fn drive(&self) {
        if let Waiter::Blocking(runtime) = self {
            runtime.block_on(async {
                // The first has the runtime look, the second has the task run.
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
            });
        }
    }

    /// The runtime that goes on when nobody waits here.
    pub(super) fn handle(&self) -> Option<&Handle> {
        match self {
            Waiter::Async(handle) => Some(handle),
            Waiter::Blocking(_) => None,
        }
    }
}
