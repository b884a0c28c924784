//! Waiting where there is no coroutine to suspend: by the thread's loop, if it has one, or else the thread is parked.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{PoisonError, RwLock};
use std::task::{Context, Poll};

use super::park::park_on;
use super::running::{self, Place};
use super::wait::WaitError;

/// Who runs a `wait` outside of any coroutine, on its thread: see [`set_loop`].
pub trait Loop {
    /// Polls `future` to its end, and other tasks of the thread meanwhile. If it returns earlier, the `wait` panics.
    fn block_on(&self, future: Pin<&mut dyn Future<Output = ()>>);
}

thread_local! {
    static LOOP: RefCell<Option<Rc<dyn Loop>>> = const { RefCell::new(None) };
    /// Whether the loop is driving something.
    static DRIVES: Cell<bool> = const { Cell::new(false) };
}

/// Has `wait` outside of any coroutine, on this thread, done by a loop; or by parking the thread again, if `None`. Gives the
/// loop that there was.
///
/// From then on plain code may wait with other tasks of the thread going on meanwhile: a script, a command-line tool, an
/// interactive session. For runtime adapters; `mixio_tokio::start_loop` is one for tokio.
///
/// What the loop drives can't wait in this way in turn, since it would stall the rest: it gets [`WaitError::OnExecutor`], and is
/// to use [`as_async`](fn@crate::as_async). (The future that is waited for is polled once before the loop drives it. In that
/// poll it can.)
///
/// The loop is kept in a thread-local. If it owns the tasks that it runs, set it back to `None` before the thread ends: a function
/// that is still suspended would otherwise be unwound after the destructors of other thread-locals, which it may be
/// [in the midst of](crate::docs::soundness#thread-locals-of-others).
///
/// # Example
///
/// ```
/// use std::{future::Future, pin::Pin, rc::Rc};
/// use mixio::{runtime::{Loop, set_loop}, wait};
///
/// struct Smol(smol::LocalExecutor<'static>);
///
/// impl Loop for Smol {
///     fn block_on(&self, future: Pin<&mut dyn Future<Output = ()>>) {
///         smol::block_on(self.0.run(future));
///     }
/// }
///
/// let smol = Rc::new(Smol(smol::LocalExecutor::new()));
/// let task = smol.0.spawn(async { "done meanwhile" });
/// set_loop(Some(smol));
/// wait(smol::Timer::after(std::time::Duration::from_millis(50)));
/// assert!(task.is_finished());
/// # set_loop(None);
/// ```
pub fn set_loop(new: Option<Rc<dyn Loop>>) -> Option<Rc<dyn Loop>> {
    // While the thread ends there is none, and nobody to tell.
    LOOP.try_with(|current| current.replace(new)).ok().flatten()
}

/// Tells how to find out, on any thread of this process, whether the code that calls is polled by an executor.
///
/// Where it is, and there is no [`as_async`](fn@crate::as_async) around it, [`wait`](crate::wait) for what is pending panics instead
/// of parking the thread: that would stall the executor, and for ever if what is waited for needs it. For runtime adapters;
/// `mixio_tokio` has one for tokio. The check runs only where the thread would be parked otherwise, and must not wait itself. If there are several, one of
/// them is enough to refuse.
///
/// # Example
///
/// ```standalone_crate
/// use std::future::pending;
/// use mixio::{WaitError, try_wait};
///
/// fn in_an_executor() -> bool {
///     futures::executor::enter().is_err()
/// }
///
/// mixio::runtime::add_executor_check(in_an_executor);
/// let outcome = futures::executor::block_on(async { try_wait(pending::<()>()) });
/// assert_eq!(outcome, Err(WaitError::OnExecutor));
/// ```
pub fn add_executor_check(check: fn() -> bool) {
    let mut checks = CHECKS.write().unwrap_or_else(PoisonError::into_inner);
    if !checks.iter().any(|other| std::ptr::fn_addr_eq(*other, check)) {
        checks.push(check);
    }
}

static CHECKS: RwLock<Vec<fn() -> bool>> = RwLock::new(Vec::new());

fn is_executor() -> bool {
    // Copied, since a check is the adapter's code.
    let checks = CHECKS.read().unwrap_or_else(PoisonError::into_inner).clone();
    checks.into_iter().any(|check| check())
}

/// Runs a future to its end, outside of any coroutine. Gives `None` if its poll was interrupted, by a coroutine of the user's
/// own, and went on inside an `as_async`: it is to be polled again there.
pub(super) fn block_on<F: Future>(mut future: Pin<&mut F>) -> Result<Option<F::Output>, WaitError> {
    if DRIVES.get() || is_executor() {
        return Err(WaitError::OnExecutor);
    }
    // The destructor of another thread-local may wait after this one is gone.
    let current = LOOP.try_with(|current| current.borrow().clone()).ok().flatten();
    let Some(current) = current else { return Ok(park_on(future)) };

    /// Says that the loop drives nothing, when it is dropped.
    struct Drives;

    impl Drop for Drives {
        fn drop(&mut self) {
            DRIVES.set(false);
        }
    }

    let mut value = None;
    let mut ended = false;
    {
        let mut wanted = std::pin::pin!(std::future::poll_fn(|context: &mut Context<'_>| {
            match future.as_mut().poll(context) {
                Poll::Ready(ready) => value = Some(ready),
                Poll::Pending if matches!(running::place(), Place::Outside) => return Poll::Pending,
                Poll::Pending => {}
            }
            ended = true;
            Poll::Ready(())
        }));
        DRIVES.set(true);
        let _drives = Drives;
        // A destructor may wait because of a panic. The loop runs others meanwhile, which have nothing to do with it.
        running::aside_from_panics(|| current.block_on(wanted.as_mut()));
    }
    // Or else it would be called again, for ever.
    assert!(ended, "the loop that was given to mixio::runtime::set_loop has returned before its future was ready");
    Ok(value)
}
