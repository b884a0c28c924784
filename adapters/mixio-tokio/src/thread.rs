//! Threads, as in [`std::thread`], that in [`Io::Async`] are tasks of the current one.
//!
//! Of std's, [`spawn`], [`JoinHandle`], [`sleep`] and [`yield_now`] are here. Those that wait in another way (`scope`, `park`), and
//! what is about the threads of the system (`Builder`, `current`), are not: std's block, or speak of the thread that all tasks share.

use std::any::Any;
use std::fmt;
use std::thread;

use mixio::{Io, in_coroutine, wait};

use crate::check::install;
use crate::entry::spawn_local;
use crate::place::has_runtime;

#[doc(no_inline)]
pub use crate::time::sleep;

/// What [`JoinHandle::join`] gives: the value, or the payload of the panic.
#[doc(no_inline)]
pub use std::thread::Result;

/// Runs a function beside the others: as [`std::thread::spawn`].
///
/// In [`Io::Blocking`] it is that. In [`Io::Async`] the function is a task of the current thread, on a stack of its
/// own, which runs whenever the others wait: many thousands of them are no burden. It should leave what blocks or
/// computes for long to [`tokio::task::spawn_blocking`].
///
/// In [`Io::Async`] a task ends with its runtime, when [`run`](crate::run) returns say, as a thread ends with its
/// process.
///
/// # Panics
///
/// In [`Io::Async`], outside of [`run`](crate::run) and the other places where
/// [`tokio::task::spawn_local`] works. In [`Io::Blocking`] if there can't be another thread.
///
/// # Example
///
/// ```
/// use mixio_tokio::thread;
///
/// let squares = mixio_tokio::run(|| {
///     let tasks: Vec<_> = (1..=3).map(|n| thread::spawn(move || n * n)).collect();
///     tasks.into_iter().map(|task| task.join().unwrap()).collect::<Vec<i32>>()
/// });
/// assert_eq!(squares, [1, 4, 9]);
/// ```
#[track_caller]
pub fn spawn<F, T>(function: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    JoinHandle(match Io::current() {
        Io::Async => Inner::Task(spawn_local(function)),
        Io::Blocking => Inner::Thread(thread::spawn(function)),
    })
}

/// Lets the others have their turn: as [`std::thread::yield_now`].
///
/// In [`Io::Async`] these are the other tasks of the thread. On a thread with neither a runtime nor a coroutine there are none, and
/// it is std's in either setting.
///
/// # Panics
///
/// In [`Io::Async`], where [`mixio::wait`] does.
///
/// # Example
///
/// ```
/// use mixio_tokio::thread;
///
/// mixio_tokio::run(|| {
///     let task = thread::spawn(|| 42);
///     while !task.is_finished() {
///         thread::yield_now(); // std's would never let it start
///     }
///     assert_eq!(task.join().unwrap(), 42);
/// });
/// ```
#[track_caller]
pub fn yield_now() {
    install();
    match Io::current() {
        Io::Async if has_runtime() || in_coroutine() => wait(tokio::task::yield_now()),
        Io::Async | Io::Blocking => thread::yield_now(),
    }
}

/// What [`spawn`] gives. Dropping it lets the function go on.
pub struct JoinHandle<T>(Inner<T>);

enum Inner<T> {
    Task(tokio::task::JoinHandle<T>),
    Thread(thread::JoinHandle<T>),
}

impl<T> JoinHandle<T> {
    /// Waits until the function has ended, and gives its value.
    ///
    /// # Errors
    ///
    /// The payload of its panic, if it has panicked. If its runtime has ended before it, the payload is a
    /// [`tokio::task::JoinError`].
    ///
    /// # Panics
    ///
    /// Where [`mixio::wait`] does.
    ///
    /// # Example
    ///
    /// ```
    /// use mixio_tokio::thread;
    ///
    /// let payload = mixio_tokio::run(|| thread::spawn(|| panic!("lost")).join()).unwrap_err();
    /// assert_eq!(payload.downcast_ref(), Some(&"lost"));
    /// ```
    #[track_caller]
    pub fn join(self) -> Result<T> {
        match self.0 {
            Inner::Thread(thread) => thread.join(),
            Inner::Task(task) => wait(task).map_err(|error| match error.try_into_panic() {
                Ok(payload) => payload,
                Err(cancelled) => Box::new(cancelled) as Box<dyn Any + Send>,
            }),
        }
    }

    /// Whether the function has ended, so that [`join`](Self::join) won't wait for long.
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            Inner::Task(task) => task.is_finished(),
            Inner::Thread(thread) => thread.is_finished(),
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").finish_non_exhaustive()
    }
}
