//! Who waits for a driver: the coroutine, or the thread.

use std::future::Future;

use diesel::{ConnectionError, ConnectionResult};
use mixio::{Io, WaitError};
use tokio::runtime::Handle;

#[cfg(any(feature = "postgres", feature = "bb8"))]
use tokio::runtime::{Builder, Runtime};
#[cfg(feature = "postgres")]
use tokio::task::AbortHandle;

/// The runtime that drives the tasks of this thread's connections.
///
/// # Errors
///
/// If there is none.
pub(crate) fn current_runtime() -> ConnectionResult<Handle> {
    Handle::try_current().map_err(|_| {
        ConnectionError::BadConnection(
            "there is no tokio runtime on this thread, which `Io::Async` needs to open a connection: run this by \
             `mixio_tokio::run`, or set `MIXIO=blocking`"
                .into(),
        )
    })
}

/// A runtime of our own, which may be dropped anywhere: nobody waits for its end.
#[cfg(any(feature = "postgres", feature = "bb8"))]
pub(crate) struct OwnRuntime(Option<Runtime>);

#[cfg(any(feature = "postgres", feature = "bb8"))]
impl OwnRuntime {
    pub(crate) fn new(mut builder: Builder) -> Result<Self, String> {
        let runtime = builder.enable_all().build();
        runtime
            .map(|runtime| OwnRuntime(Some(runtime)))
            .map_err(|error| format!("cannot make a tokio runtime: {error}"))
    }
}

#[cfg(any(feature = "postgres", feature = "bb8"))]
impl std::ops::Deref for OwnRuntime {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

#[cfg(any(feature = "postgres", feature = "bb8"))]
impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Chosen when a connection is opened, by the setting.
#[cfg(feature = "postgres")]
pub(crate) enum Waiter {
    /// By `wait`. The tasks run on the runtime where the connection was opened.
    Async(Handle),
    /// On a runtime of its own, which runs while it is waited for: no thread beside that of the caller.
    Blocking(OwnRuntime),
}

#[cfg(feature = "postgres")]
impl Waiter {
    pub(crate) fn current() -> ConnectionResult<Self> {
        match Io::current() {
            Io::Async => current_runtime().map(Waiter::Async),
            Io::Blocking => OwnRuntime::new(Builder::new_current_thread())
                .map(Waiter::Blocking)
                .map_err(ConnectionError::BadConnection),
        }
    }

    /// The future's value. An error if this is a place where nobody can wait.
    #[inline(always)]
    pub(crate) fn wait<F: Future>(&self, future: F) -> Result<F::Output, WaitError> {
        match self {
            Waiter::Async(_) => mixio::try_wait(future),
            Waiter::Blocking(runtime) => Ok(runtime.block_on(future)),
        }
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        match self {
            Waiter::Async(handle) => handle.spawn(task).abort_handle(),
            Waiter::Blocking(runtime) => runtime.spawn(task).abort_handle(),
        }
    }

    /// Lets the tasks have a look at their sockets, if they run only while they are waited for.
    pub(crate) fn drive(&self) {
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
    pub(crate) fn handle(&self) -> Option<&Handle> {
        match self {
            Waiter::Async(handle) => Some(handle),
            Waiter::Blocking(_) => None,
        }
    }
}
