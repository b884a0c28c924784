//! Threads that each run an event loop, for plain functions that stay on one of them.
//!
//! tokio-util's `LocalPoolHandle` is much the same. It is not used since it gives no hold of a worker's start and end,
//! which an `AsAsync` that is dropped while suspended needs: its destructors may have to wait still. And a
//! `LocalRuntime` makes such a pool simple: a `Send` task of it may spawn local ones.

use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock, mpsc};
use std::task::Poll;
use std::thread;

use mixio::as_async;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use crate::own_runtime::OwnRuntime;
use crate::reaper::{REAPING_LIMIT, Reaping};

/// Runs a plain function on one of the workers of the process: one thread per core, with an event loop each.
///
/// The function is inside of [`mixio::as_async()`], and may [`wait`](mixio::wait). It starts on the worker that has the
/// fewest functions under way, and stays there. Function and result are `Send`, and so is the handle; what the function
/// keeps on its stack need not be.
///
/// # The handle
///
/// It is tokio's: to be awaited, or waited for. A panic of the function comes out of it
/// ([`JoinError::into_panic`](tokio::task::JoinError::into_panic)). Dropping it lets the function go on.
/// [`abort`](JoinHandle::abort) unwinds a function that waits: its destructors run on its worker, soon, though perhaps
/// after the handle has said that it is cancelled. One that doesn't wait isn't stopped.
///
/// # Blocking
///
/// This is about threads and tasks of tokio's, in either setting: in [`mixio::Io::Blocking`] too it starts workers, but
/// sockets that are opened there block theirs. [`thread::spawn`](crate::thread::spawn) is what follows the setting.
///
/// The workers end with the process, and nobody waits for what is under way then. For workers that are waited for, see
/// [`Workers`].
///
/// # Panics
///
/// If the workers can't be started, by the first call.
///
/// # Example
///
/// ```
/// use mixio::wait;
/// use std::time::Duration;
///
/// fn slow_square(n: u64) -> u64 {
///     mixio_tokio::time::sleep(Duration::from_millis(10));
///     n * n
/// }
///
/// // From any thread, also one that knows no runtime.
/// let tasks: Vec<_> = (0..100).map(|n| mixio_tokio::spawn_pinned(move || slow_square(n))).collect();
/// let total: u64 = tasks.into_iter().map(|task| wait(task).unwrap()).sum();
/// assert_eq!(total, 328_350);
/// ```
#[track_caller]
pub fn spawn_pinned<F, T>(function: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    static WORKERS: OnceLock<Workers> = OnceLock::new();
    let cores = || thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    let start = || Workers::new(cores()).unwrap_or_else(|error| panic!("cannot start the workers: {error}"));
    WORKERS.get_or_init(start).spawn_pinned(function)
}

/// Threads for plain functions, with an event loop each: [`spawn_pinned`] on workers of one's own.
///
/// # Dropping
///
/// Aborts the functions that are under way, and blocks until the threads have ended. Destructors of those functions may
/// wait, for no longer than [`REAPING_LIMIT`](crate::REAPING_LIMIT). What they have left in
/// [`spawn_blocking`](tokio::task::spawn_blocking) is waited for, as at the end of any tokio runtime, without a limit.
pub struct Workers {
    workers: Box<[Worker]>,
}

struct Worker {
    runtime: Handle,
    load: TaskTracker,
    /// Dropped to end it.
    end: Option<watch::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Workers {
    /// Starts that many threads, with an event loop each.
    ///
    /// # Errors
    ///
    /// If there can't be so many threads, or event loops.
    ///
    /// # Example
    ///
    /// ```
    /// use std::num::NonZero;
    /// use mixio::wait;
    /// use mixio_tokio::Workers;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let workers = Workers::new(NonZero::new(2).unwrap())?;
    /// assert_eq!(wait(workers.spawn_pinned(|| wait(async { 42 }))).unwrap(), 42);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(number: NonZero<usize>) -> io::Result<Self> {
        let workers = (0..number.get()).map(Worker::start).collect::<io::Result<_>>()?;
        Ok(Workers { workers })
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "there is at least one")]
    pub fn len(&self) -> usize {
        self.workers.len()
    }

    /// As [`spawn_pinned()`], on one of these.
    pub fn spawn_pinned<F, T>(&self, function: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let worker = self.workers.iter().min_by_key(|worker| worker.load.len());
        worker.expect("there is at least one").spawn(function)
    }
}

impl Worker {
    fn start(index: usize) -> io::Result<Self> {
        let load = TaskTracker::new();
        let (tell, told) = mpsc::sync_channel(1);
        let (end, mut ended) = watch::channel(());
        let under_way = load.clone();
        let run = move || {
            let runtime = match OwnRuntime::new() {
                Ok(runtime) => runtime,
                Err(error) => return drop(tell.send(Err(error))),
            };
            runtime.block_on(async {
                let reaping = Reaping::start();
                let _ = tell.send(Ok(runtime.handle().clone()));
                // Nothing is ever sent: an error tells that the sender is dropped.
                let _ = ended.changed().await;
                under_way.close();
                let deadline = Instant::now() + REAPING_LIMIT;
                let _ = timeout_at(deadline, under_way.wait()).await;
                reaping.finish_by(deadline).await;
            });
        };
        let thread = thread::Builder::new().name(format!("mixio-{index}")).spawn(run)?;
        let runtime = told.recv().expect("a new thread says whether it has a runtime")?;
        Ok(Worker { runtime, load, end: Some(end), thread: Some(thread) })
    }

    /// A task that is `Send`, and gets here from any thread. Only on this one the function becomes a future, which
    /// isn't.
    fn spawn<F, T>(&self, function: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let mut end = self.end.as_ref().expect("it is taken by the drop").subscribe();
        // Until the function has ended, also if this task is aborted; and until this task has, also if the runtime is
        // to end.
        let counts = Arc::new(self.load.token());
        self.runtime.spawn(async move {
            let function = {
                let counts = counts.clone();
                move || {
                    let _counts = counts;
                    function()
                }
            };
            let mut pinned = AbortOnDrop(tokio::task::spawn_local(as_async(function)));
            let mut end = pin!(end.changed());
            let outcome = poll_fn(|context| match Pin::new(&mut pinned.0).poll(context) {
                Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
                Poll::Pending => end.as_mut().poll(context).map(|_| None),
            });
            match outcome.await.map(|outcome| outcome.map_err(JoinError::try_into_panic)) {
                Some(Ok(value)) => value,
                Some(Err(Ok(payload))) => resume_unwind(payload),
                // It is to end, with the runtime, and cancelled rather than with a value.
                Some(Err(Err(_))) | None => {
                    drop((pinned, counts));
                    pending().await
                }
            }
        })
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // All at once first.
        for worker in &mut self.workers {
            worker.end = None;
        }
        for thread in self.workers.iter_mut().filter_map(|worker| worker.thread.take()) {
            // The last to hold them may be a function on one of them, which can't wait for its own end.
            if thread.thread().id() != thread::current().id() {
                // Its panics, if there are any, are those of destructors, and reported.
                let _ = thread.join();
            }
        }
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let load: Vec<_> = self.workers.iter().map(|worker| worker.load.len()).collect();
        f.debug_struct("Workers").field("load", &load).finish_non_exhaustive()
    }
}

/// Ends the task when whoever waits for it is dropped.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
