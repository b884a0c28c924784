//! Getting rid of a function that is suspended: by `cancel().await`, by a reaper, by whoever drops it inside another
//! function, or else at once.

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::thread;

use super::as_async::Function;
use super::running;
use super::task::TaskSlot;
use super::wait::try_wait;
use crate::coroutine::CoroutineResult;
use crate::coroutine::unwinding::{CannotUnwind, ForcedUnwinds, Unwound};

/// A function that has started, and is to be unwound. Dropped before that is done it is unwound at once.
pub(super) struct Unwinding<T: 'static> {
    function: Function<T>,
    task: TaskSlot,
    unwinds: ForcedUnwinds,
    /// How often it has been told to end.
    attempts: u32,
    /// Whether it runs. It does while it is dropped, if it lies in a thread-local and has called `exit`.
    runs: bool,
}

impl<T> Unwinding<T> {
    pub(super) fn new(function: Function<T>, task: TaskSlot) -> Self {
        Unwinding { function, task, unwinds: ForcedUnwinds::new(), attempts: 0, runs: false }
    }

    /// Has it unwound in the best way that there is here.
    pub(super) fn get_rid(mut self) {
        if self.function.done() {
            // A `Cancel` that was polled to its end.
        } else if running::can_suspend() {
            // What is left of it if this is interrupted, since the function around is to end too, is dropped on the way.
            self.wait();
        } else if let Some(reaper) = reaper() {
            // What it declines is dropped.
            let _ = reaper.reap(Reaped(Box::new(self)));
        }
    }

    /// Waits until it is unwound, if that can be.
    fn wait(&mut self) {
        if let Ok(outcome) = try_wait(poll_fn(|context| self.step(Some(context.waker())))) {
            drop(settle(outcome));
        }
    }

    /// Unwinds it until it waits for something in a destructor, or has ended. Without a waker, destructors can't wait.
    fn step(&mut self, waker: Option<&Waker>) -> Poll<Result<Unwound<T>, CannotUnwind>> {
        if cfg!(not(panic = "unwind")) {
            return Poll::Ready(self.function.unwind());
        }
        running::aside_from_panics(|| self.step_now(waker))
    }

    /// As `step`, where no panic is under way.
    fn step_now(&mut self, waker: Option<&Waker>) -> Poll<Result<Unwound<T>, CannotUnwind>> {
        /// How often it may catch the panic and wait again.
        const ATTEMPTS: u32 = 1000;

        let Unwinding { function, task, unwinds, attempts, runs } = self;
        loop {
            // In a destructor that runs because of a panic there can't be another.
            let waits_to_go_on = function.suspended_unwinding();
            let yielder = function.yielder();
            let resume = || {
                if waits_to_go_on { function.resume_catching(()) } else { function.throw_catching(unwinds.payload()) }
            };
            *runs = true;
            // SAFETY: the coroutine and the task are ours, and what runs until it comes back runs on top of the coroutine.
            let outcome = unsafe { running::poll_with(yielder, waker, task, task.is_watched(), resume) };
            *runs = false;
            match outcome {
                Ok(CoroutineResult::Return(value)) => return Poll::Ready(Ok(Unwound::Returned(value))),
                Err(payload) if unwinds.made(&payload) => return Poll::Ready(Ok(Unwound::AsTold)),
                Err(payload) => return Poll::Ready(Ok(Unwound::Panicked(payload))),
                Ok(CoroutineResult::Yield(())) => {}
            }
            if let Some(place) = running::stranded() {
                function.leak();
                return Poll::Ready(Err(CannotUnwind::Stranded(place)));
            }
            let waits = function.suspended_unwinding();
            if waits && waker.is_some() {
                task.note_suspension(function);
                return Poll::Pending;
            }
            *attempts += 1;
            if waits || *attempts == ATTEMPTS {
                function.leak();
                return Poll::Ready(Err(CannotUnwind::Swallowed));
            }
        }
    }
}

impl<T> Future for Unwinding<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        assert!(!self.function.done(), "a `Cancel` was polled after it had finished");
        let outcome = ready!(self.step(Some(context.waker())));
        self.task.finish();
        Poll::Ready(settle(outcome))
    }
}

// It is pinned nowhere: what may not move is on the function's stack.
impl<T> Unpin for Unwinding<T> {}

impl<T> Drop for Unwinding<T> {
    fn drop(&mut self) {
        if self.runs {
            // The function is marked as running, too, and left alone.
            running::forget_polls();
        }
        // In a destructor of a function that is itself unwound nobody interrupts a `wait`.
        if !self.function.done() && running::can_suspend() && thread::panicking() {
            self.wait();
        }
        while !self.function.done() {
            if let Poll::Ready(outcome) = self.step(None) {
                drop(settle(outcome));
            }
        }
    }
}

/// Gives the value of a function that returned after all, and raises its panic if it has ended with one of its own.
fn settle<T>(outcome: Result<Unwound<T>, CannotUnwind>) -> Option<T> {
    match outcome {
        Ok(Unwound::AsTold) => {}
        Ok(Unwound::Returned(value)) => return Some(value),
        Ok(Unwound::Panicked(payload)) if !thread::panicking() => panic::resume_unwind(payload),
        // It has been reported, and there is a panic under way that has to go on.
        Ok(Unwound::Panicked(payload)) => drop(payload),
        Err(error) => error.say(),
    }
    None
}

/// The future that [`AsAsync::cancel`](crate::AsAsync::cancel) makes.
///
/// Dropped before it is ready it leaves the rest of the function to whatever becomes of a dropped `AsAsync`.
#[must_use = "a future does nothing unless it is polled"]
pub struct Cancel<T: 'static>(Option<Unwinding<T>>);

impl<T> Cancel<T> {
    pub(super) fn new(unwinding: Option<Unwinding<T>>) -> Self {
        Cancel(unwinding)
    }
}

impl<T> Future for Cancel<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        match &mut self.0 {
            Some(unwinding) => Pin::new(unwinding).poll(context),
            None => Poll::Ready(None),
        }
    }
}

impl<T> Drop for Cancel<T> {
    fn drop(&mut self) {
        if let Some(unwinding) = self.0.take() {
            unwinding.get_rid();
        }
    }
}

impl<T> fmt::Debug for Cancel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancel").finish_non_exhaustive()
    }
}

/// Where a dropped, suspended [`AsAsync`](crate::AsAsync) goes to be unwound in peace: see [`set_reaper`].
pub trait Reaper {
    /// Takes a function to be unwound: a future to be polled to its end, on this thread, as a task of its own.
    ///
    /// # Errors
    ///
    /// Gives it back if it can't: it is unwound at once then.
    ///
    /// # Panics
    ///
    /// It should not: the panic would come out of a drop, and end the process if that is because of another.
    fn reap(&self, reaped: Reaped) -> Result<(), Reaped>;
}

thread_local! {
    static REAPER: RefCell<Option<Rc<dyn Reaper>>> = const { RefCell::new(None) };
}

/// Says where an [`AsAsync`](crate::AsAsync) goes that is dropped, on this thread, while it is suspended. Gives the reaper that
/// there was.
///
/// There its destructors may [`wait`](crate::wait): the drop itself has nobody to wait with. For runtime adapters;
/// `mixio_tokio` has one for tokio. It is kept in a thread-local, so what is said of a [loop](super::runtime::set_loop) goes for
/// one that owns its tasks, too.
///
/// # Example
///
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use mixio::{as_async, runtime::{Reaped, Reaper, set_reaper}, wait};
///
/// struct Smol(Rc<smol::LocalExecutor<'static>>);
///
/// impl Reaper for Smol {
///     fn reap(&self, reaped: Reaped) -> Result<(), Reaped> {
///         self.0.spawn(reaped).detach();
///         Ok(())
///     }
/// }
///
/// struct Session(Rc<Cell<bool>>);
///
/// impl Drop for Session {
///     fn drop(&mut self) {
///         wait(smol::Timer::after(std::time::Duration::from_millis(1))); // says goodbye
///         self.0.set(true);
///     }
/// }
///
/// let executor = Rc::new(smol::LocalExecutor::new());
/// set_reaper(Some(Rc::new(Smol(executor.clone()))));
///
/// let closed = Rc::new(Cell::new(false));
/// let session = Session(closed.clone());
/// let mut talk = as_async(move || {
///     let _session = session;
///     wait(std::future::pending::<()>());
/// });
/// smol::block_on(async {
///     assert!(smol::future::poll_once(&mut talk).await.is_none());
///     drop(talk);
///     assert!(!closed.get());
///     executor.run(smol::Timer::after(std::time::Duration::from_millis(50))).await;
///     assert!(closed.get());
/// });
/// # set_reaper(None);
/// ```
pub fn set_reaper(new: Option<Rc<dyn Reaper>>) -> Option<Rc<dyn Reaper>> {
    // While the thread ends there is none.
    REAPER.try_with(|current| current.replace(new)).ok().flatten()
}

fn reaper() -> Option<Rc<dyn Reaper>> {
    REAPER.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// What a [`Reaper`] gets: a function that was dropped, and that is unwound by polling this.
///
/// Its poll panics if the function does, with a panic of its own, or if it can't be unwound. Dropped before it is ready, what is
/// left of the function is unwound at once; or, in a destructor of a function that is itself being unwound, waited for.
#[must_use = "dropped, it unwinds the function at once"]
pub struct Reaped(Box<dyn Reap>);

/// An [`Unwinding`], of whatever type.
trait Reap {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()>;
}

impl<T> Reap for Unwinding<T> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        Future::poll(Pin::new(self), context).map(drop)
    }
}

impl Future for Reaped {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.poll(context)
    }
}

impl fmt::Debug for Reaped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reaped").finish_non_exhaustive()
    }
}
