//! Ways in: from plain code to plain code that may wait.

use mixio::{Io, as_async, in_coroutine};
use tokio::task::JoinHandle;

use crate::check::{install, is_polled};
use crate::own_runtime::OwnRuntime;
use crate::reaper::Reaping;

/// Runs a program as the setting says, and gives what it returns.
///
/// - [`Io::Async`]: on a new [`LocalRuntime`](tokio::runtime::LocalRuntime) of this thread, inside of [`mixio::as_async()`]. `function` and all that it
///   calls may [`wait`](mixio::wait). Tasks that it has spawned make progress while it waits; when it returns, those that
///   are left are dropped, as a program's threads end with its `main`: their destructors run, but can't wait. Functions
///   that were dropped before, while they waited, are waited for if they are still being unwound: see
///   [`REAPING_LIMIT`](crate::REAPING_LIMIT). What goes on in [`spawn_blocking`](tokio::task::spawn_blocking) is waited for, as
///   at the end of any tokio runtime, without a limit: a name that is being looked up, say.
/// - [`Io::Blocking`]: by a plain call. There is no runtime.
///
/// # Panics
///
/// With the panic of `function`. In [`Io::Async`]: if the runtime can't be made, for want of file descriptors say; in a
/// task, or inside of [`mixio::as_async()`]: [`spawn_local`] is for there.
///
/// # Example
///
/// ```
/// use std::io::{self, Write};
/// use mixio_tokio::net::TcpListener;
///
/// fn serve() -> io::Result<()> {
///     let listener = TcpListener::bind("localhost:0")?;
///     // ...
///     Ok(())
/// }
///
/// fn main() -> io::Result<()> {
///     mixio_tokio::run(serve)
/// }
/// ```
#[track_caller]
pub fn run<F, T>(function: F) -> T
where
    F: FnOnce() -> T + 'static,
    T: 'static,
{
    match Io::current() {
        Io::Async if is_polled() || in_coroutine() => {
            panic!("`run` is for plain code, and this is polled by an executor already: call the function, or spawn it")
        }
        Io::Async => {
            let runtime = OwnRuntime::new().unwrap_or_else(|error| panic!("cannot make a tokio runtime: {error}"));
            runtime.block_on(async {
                let reaping = Reaping::start();
                let value = as_async(function).await;
                reaping.finish().await;
                value
            })
        }
        Io::Blocking => function(),
    }
}

/// Spawns a plain function as a task of the current thread: [`tokio::task::spawn_local`] of [`mixio::as_async()`].
///
/// It starts when the thread's event loop gets to it, and may [`wait`](mixio::wait). The handle is tokio's: to be
/// awaited, or waited for; dropping it lets the task go on; [`abort`](JoinHandle::abort) drops the
/// [`AsAsync`](mixio::AsAsync), which unwinds the function.
///
/// # Panics
///
/// Outside of a [`LocalRuntime`](tokio::runtime::LocalRuntime) and a [`LocalSet`](tokio::task::LocalSet), whatever the setting: in [`Io::Blocking`]
/// there is none. [`thread::spawn`](crate::thread::spawn) works in both.
///
/// # Example
///
/// ```
/// use std::rc::Rc;
/// use mixio::wait;
/// use tokio::task::LocalSet;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// LocalSet::new().run_until(async {
///     let shared = Rc::new(20); // need not be `Send`
///     let half = shared.clone();
///     let task = mixio_tokio::spawn_local(move || *half + wait(async { 1 }));
///     assert_eq!(*shared + task.await.unwrap(), 41);
/// }).await;
/// # }
/// ```
#[track_caller]
pub fn spawn_local<F, T>(function: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + 'static,
    T: 'static,
{
    install();
    tokio::task::spawn_local(as_async(function))
}
