//! The runtimes that this crate makes, and their ends.

use std::cell::Cell;
use std::io;
use std::ops::Deref;

use tokio::runtime::LocalRuntime;

thread_local! {
    /// Whether a runtime of this thread is being dropped.
    static ENDS: Cell<bool> = const { Cell::new(false) };
}

/// A runtime whose tasks know that it ends, when they are dropped with it.
///
/// Nothing tells the destructor of such a task from plain code, which may park the thread: nobody polls it. But what it waits for
/// may need this runtime, which does nothing any more.
pub(crate) struct OwnRuntime(Option<LocalRuntime>);

impl OwnRuntime {
    /// # Errors
    ///
    /// For want of file descriptors, say.
    pub(crate) fn new() -> io::Result<Self> {
        LocalRuntime::new().map(|runtime| OwnRuntime(Some(runtime)))
    }
}

impl Deref for OwnRuntime {
    type Target = LocalRuntime;

    fn deref(&self) -> &LocalRuntime {
        self.0.as_ref().expect("it is taken by the drop")
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        let before = ENDS.replace(true);
        // Panics of the tasks are caught by tokio.
        drop(self.0.take());
        ENDS.set(before);
    }
}

/// Whether the code that calls is a destructor at the end of a runtime.
pub(crate) fn ends() -> bool {
    ENDS.get()
}
