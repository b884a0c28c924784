//! Sleeping, as in [`std::thread`].

use std::time::Duration;

use mixio::{Io, in_coroutine, wait};

use crate::check::install;
use crate::place::{NO_RUNTIME, has_runtime};

/// Waits for at least `duration`: as [`std::thread::sleep`], but in [`Io::Async`] the thread goes on with other work.
///
/// The setting at the time of the call counts. tokio's timers have a resolution of one millisecond.
///
/// On a thread with neither a runtime nor a coroutine there is no other work, and the thread sleeps in either setting.
///
/// # Panics
///
/// In [`Io::Async`]: inside of a coroutine on a thread without a tokio runtime, since the thread's executor would be
/// blocked. In a runtime without its time driver. Where [`mixio::wait`] does.
///
/// # Example
///
/// ```
/// use std::time::{Duration, Instant};
/// use mixio_tokio::{thread, time::sleep};
///
/// mixio_tokio::run(|| {
///     let start = Instant::now();
///     let sleepers: Vec<_> = (0..100).map(|_| thread::spawn(|| sleep(Duration::from_millis(10)))).collect();
///     for sleeper in sleepers {
///         sleeper.join().unwrap();
///     }
///     assert!(start.elapsed() >= Duration::from_millis(10)); // and not a second
/// });
/// ```
#[track_caller]
pub fn sleep(duration: Duration) {
    install();
    match Io::current() {
        Io::Async if has_runtime() => wait(tokio::time::sleep(duration)),
        Io::Async if in_coroutine() => panic!("cannot sleep: {NO_RUNTIME}"),
        Io::Async | Io::Blocking => std::thread::sleep(duration),
    }
}
