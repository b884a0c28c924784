//! An event loop for a thread of plain code.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;

use mixio::runtime::{Loop, set_loop};
use mixio::{Io, in_coroutine};
use self_cell::self_cell;
use tokio::runtime::EnterGuard;

use crate::check::{install, is_polled};
use crate::own_runtime::OwnRuntime;
use crate::reaper::Reaping;

/// Starts an event loop on this thread: from here on plain code may [`wait`](mixio::wait) anywhere, with no coroutine.
///
/// For scripts, command-line tools, tests, and interactive sessions. While the thread waits, tasks that it has spawned
/// make progress, by [`spawn_local`](crate::spawn_local), [`thread::spawn`](crate::thread::spawn) or
/// [`tokio::task::spawn_local`]. Between two waits they stand still. The thread is inside of the loop's runtime all the
/// time, so that whatever needs one can be made: sockets, timers.
///
/// In a task that is not an [`AsAsync`](mixio::AsAsync), `wait` is refused: the loop can't run inside of itself.
///
/// The loop ends when the guard is dropped: then tasks that are left are dropped. Their destructors run, but can't wait.
///
/// In [`Io::Blocking`] there is no loop to start, and nothing happens.
///
/// # Errors
///
/// If the runtime can't be made, for want of file descriptors say. In a task, or inside of [`mixio::as_async()`]: there
/// is a loop.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use mixio::wait;
///
/// fn main() -> std::io::Result<()> {
///     let _loop = mixio_tokio::start_loop()?;
///
///     let answer = mixio_tokio::spawn_local(|| {
///         wait(tokio::time::sleep(Duration::from_millis(10)));
///         42
///     });
///     wait(tokio::time::sleep(Duration::from_millis(1)));
///     assert_eq!(wait(answer).unwrap(), 42);
///     Ok(())
/// }
/// ```
pub fn start_loop() -> io::Result<LoopGuard> {
    install();
    if Io::current() == Io::Blocking {
        return Ok(LoopGuard(None));
    }
    if is_polled() || in_coroutine() {
        return Err(io::Error::other("a loop is for plain code, and this is polled by an executor already"));
    }
    let entered = Entered::new(Rc::new(OwnRuntime::new()?), |runtime| runtime.enter());
    let before = set_loop(Some(Rc::new(Runtime(entered.borrow_owner().clone()))));
    Ok(LoopGuard(Some(Running { reaping: Reaping::start(), before, entered })))
}

/// Ends the loop that [`start_loop`] has started, when it is dropped.
///
/// Functions that were dropped while they waited are waited for, if they are still being unwound: see
/// [`REAPING_LIMIT`](crate::REAPING_LIMIT). So is what goes on in [`spawn_blocking`](tokio::task::spawn_blocking), as at the end of
/// any tokio runtime, without a limit: a name that is being looked up, say. If a loop was started on this thread before, it is that again.
///
/// # Panics
///
/// Dropped before another guard of the same thread that was made later, be it one of these or one of tokio's. Keep it
/// in `main`.
#[must_use = "the loop ends when this is dropped"]
pub struct LoopGuard(Option<Running>);

struct Running {
    // Dropped in this order, the runtime at last, and inside of itself.
    reaping: Reaping,
    before: Option<Rc<dyn Loop>>,
    entered: Entered,
}

self_cell! {
    /// A runtime, and being inside of it.
    struct Entered {
        owner: Rc<OwnRuntime>,
        #[not_covariant]
        dependent: EnterGuard,
    }
}

struct Runtime(Rc<OwnRuntime>);

impl Loop for Runtime {
    fn block_on(&self, future: Pin<&mut dyn Future<Output = ()>>) {
        self.0.block_on(future);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // In a task of its own it can't.
        if !is_polled() {
            self.entered.borrow_owner().block_on(self.reaping.finish());
        }
        set_loop(self.before.take());
    }
}

impl fmt::Debug for LoopGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopGuard").field("runs", &self.0.is_some()).finish_non_exhaustive()
    }
}
