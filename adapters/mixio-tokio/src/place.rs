//! Where code runs, as far as that matters for waiting.

use std::future::Future;
use std::io;

use mixio::{Io, try_wait};
use tokio::runtime::Handle;

use crate::check::install;

/// What to do where there is no runtime: for errors and panics.
pub(crate) const NO_RUNTIME: &str = "there is no tokio runtime on this thread, as `Io::Async` needs it: \
     call `mixio_tokio::start_loop` before, or run this by `mixio_tokio::run`, or set MIXIO=blocking";

/// Whether tokio's sockets and timers can be made here.
pub(crate) fn has_runtime() -> bool {
    Handle::try_current().is_ok()
}

/// The setting for what is about to be opened.
///
/// # Errors
///
/// If that is asynchronous, and there is no runtime here.
pub(crate) fn setting() -> io::Result<Io> {
    install();
    let io = Io::current();
    if io == Io::Async {
        need_runtime()?;
    }
    Ok(io)
}

/// # Errors
///
/// If there is no runtime here.
pub(crate) fn need_runtime() -> io::Result<()> {
    if has_runtime() { Ok(()) } else { Err(io::Error::other(NO_RUNTIME)) }
}

/// Waits for an operation. Where it can't wait, that is its error: a destructor can deal with it.
pub(crate) fn wait_io<T>(operation: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    try_wait(operation).unwrap_or_else(|cannot| Err(io::Error::other(cannot)))
}
