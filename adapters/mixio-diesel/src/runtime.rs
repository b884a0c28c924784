//! Runtimes: that of the thread, and one's own.

#[cfg(any(feature = "postgres", feature = "sqlite"))]
use diesel::{ConnectionError, ConnectionResult};
#[cfg(any(feature = "postgres", feature = "bb8"))]
use tokio::runtime::{Builder, Runtime};

/// The runtime that drives the tasks of this thread's connections.
///
/// # Errors
///
/// If there is none.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) fn current_runtime() -> ConnectionResult<tokio::runtime::Handle> {
    tokio::runtime::Handle::try_current().map_err(|_| {
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
