//! Threads for setting panics aside.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a thread for what the modules around this one do, which takes little stack.
pub(super) fn spawn<T: Send + 'static>(function: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
    /// In bytes.
    const STACK: usize = 64 << 10;

    Builder::new().name("mixio-panics".into()).stack_size(STACK).spawn(function)
}
