//! From a future to its value.

use core::fmt;
use core::future::{Future, IntoFuture};
use core::panic::Location;
use core::pin::{Pin, pin};
use core::ptr::NonNull;
use core::task::{Context, Poll};

use std::sync::Arc;
use std::thread;

use super::hooks::Hooks;
use super::outside;
use super::running::{self, BridgeYielder, Place};
use super::task::{Task, TaskSlot};
use crate::coroutine::set_aside::set_aside;
use crate::inspect::Record;

/// Gives the value of a future, to a plain function.
///
/// Inside [`as_async`](fn@crate::as_async) the function is suspended while the future is pending, with all that has
/// called it, and the thread goes on with other work. A future that is ready at once costs no switch. Outside of any
/// coroutine the thread is parked until the future is ready, as by any `block_on`.
///
/// A future that waits in turn, in a callback say, is fine: the whole stack is suspended. So is waiting in a closure, an
/// iterator, a destructor, or a callback from C.
///
/// # Panics
///
/// With the panic of the future. With a payload of mixio's own, to unwind the function, if its [`AsAsync`] is dropped
/// while this waits. Where it can't wait, as [`WaitError`] says: [`try_wait`] gives that as an error.
///
/// [`AsAsync`]: crate::AsAsync
///
/// # Example
///
/// ```
/// use mixio::{as_async, wait};
///
/// fn total(items: &[u64]) -> u64 {
///     items.iter().map(|item| wait(price(*item))).sum()
/// }
///
/// async fn price(item: u64) -> u64 {
///     smol::Timer::after(std::time::Duration::from_millis(item)).await;
///     10 * item
/// }
///
/// assert_eq!(smol::block_on(as_async(|| total(&[1, 2, 3]))), 60);
/// assert_eq!(total(&[1]), 10); // the same function, on a thread of its own
/// ```
#[inline(always)]
#[track_caller]
pub fn wait<F: IntoFuture>(future: F) -> F::Output {
    match try_wait(future) {
        Ok(value) => value,
        Err(error) => cannot_wait(error),
    }
}

/// As [`wait`], with an error where that would panic because it can't wait.
///
/// # Errors
///
/// [`WaitError`] says which there are. The future is dropped then; it may have been polled once.
///
/// # Panics
///
/// With the panic of the future, and to unwind the function if its [`AsAsync`](crate::AsAsync) is dropped.
///
/// # Example
///
/// ```
/// use mixio::{WaitError, try_wait};
///
/// struct Session;
///
/// impl Drop for Session {
///     fn drop(&mut self) {
///         match try_wait(async { "goodbye" }) {
///             Ok(farewell) => println!("{farewell}"),
///             Err(error) => eprintln!("the session was not closed properly: {error}"),
///         }
///     }
/// }
/// # drop(Session);
/// ```
#[inline(always)]
#[track_caller]
pub fn try_wait<F: IntoFuture>(future: F) -> Result<F::Output, WaitError> {
    let mut future = pin!(future.into_future());
    let waker = running::ambient_waker();
    loop {
        let polled_in = running::number();
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Ok(value);
        }
        if let Some(yielder) = running::yielder_in(polled_in)
            && !thread::panicking()
        {
            // SAFETY: it is that of the coroutine on top of which we run.
            unsafe { yielder.as_ref() }.switch(());
        } else if let Some(outcome) = cannot_just_suspend(polled_in, future.as_mut(), Location::caller()) {
            return outcome;
        }
    }
}

/// What becomes of a pending future elsewhere than in a poll that goes on and that nobody watches. `None` if it is to be polled
/// again.
#[cold]
fn cannot_just_suspend<F: Future>(
    polled_in: u64,
    future: Pin<&mut F>,
    caller: &'static Location<'static>,
) -> Option<Result<F::Output, WaitError>> {
    let yielder = match running::place() {
        Place::Coroutine(yielder) => yielder,
        Place::Waker => return Some(Err(WaitError::InWaker)),
        Place::Hook => return Some(Err(WaitError::InHook)),
        // None if it went on inside a coroutine.
        Place::Outside => return outside::block_on(future).transpose(),
    };
    if running::is_refused() {
        return Some(Err(WaitError::Cancelled));
    }
    // If the poll was itself interrupted, by a `wait` within it, then parts of the future may have been polled with a
    // waker that the executor has forgotten: it is polled again at once, with the new one.
    if polled_in == running::number() {
        // SAFETY: it is that of the coroutine on top of which we run.
        unsafe { suspend_watched(yielder, caller, || ()) };
    }
    None
}

/// Suspends a coroutine, with all that there is to be done around that; `last` comes after all code of the user's.
///
/// # Safety
///
/// The yielder is that of the coroutine on top of which this runs.
unsafe fn suspend_watched(yielder: NonNull<BridgeYielder>, caller: &'static Location<'static>, last: impl FnOnce()) {
    let (hooks, record) = running::with_task_slot(|slot| {
        let task = slot.and_then(TaskSlot::get);
        (task.and_then(Task::hooks).cloned(), task.and_then(Task::record).cloned())
    });
    let _hooks = hooks.as_deref().map(Hooks::suspend);
    let _waits = record.map(|record| Waits::at(caller, record));
    // SAFETY: as the caller says.
    let yielder = unsafe { yielder.as_ref() };
    // What panics there are under way here are not the neighbours' business.
    let panics = set_aside();
    // Where they couldn't be set aside nobody knows whose they are: most likely ours, and if they are then there must not be
    // another.
    yielder.set_unwinding(!panics.is_none() || thread::panicking());
    last();
    yielder.switch(());
    yielder.set_unwinding(false);
    panics.restore();
}

/// The record of a function that waits, until it goes on or is unwound.
struct Waits(Arc<Record>);

impl Waits {
    fn at(place: &'static Location<'static>, record: Arc<Record>) -> Self {
        record.waits_at(place);
        Waits(record)
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.runs();
    }
}

#[cold]
#[track_caller]
fn cannot_wait(error: WaitError) -> ! {
    // Asked again: the destructor of the future may have been interrupted, by a coroutine of the user's own, and this be another
    // function.
    if error == WaitError::Cancelled
        && running::is_ended()
        && let Place::Coroutine(yielder) = running::place()
    {
        let caller = Location::caller();
        // This is a destructor, and runs because of a panic: another would end the process. So the function stays here for
        // ever; whoever drops it says so.
        // SAFETY: it is that of the coroutine on top of which we run.
        unsafe { suspend_watched(yielder, caller, || running::strand(caller)) };
        unreachable!("whoever ends a function doesn't resume it where it is stranded");
    }
    panic!("cannot wait: {error}")
}

/// Whether this runs inside [`as_async`](fn@crate::as_async), so that [`wait`] would suspend rather than park the thread.
///
/// In a [`Coroutine`](crate::Coroutine) of the user's own it is as it is where that was resumed. In a waker and in a
/// [hook](crate::hooks) it is false.
///
/// ```
/// use mixio::{as_async, in_coroutine};
///
/// assert!(!in_coroutine());
/// assert!(smol::block_on(as_async(in_coroutine)));
///
/// let by_itself = || mixio::Coroutine::new(|_: &mixio::Yielder<(), ()>, ()| in_coroutine()).resume(()).as_return();
/// assert_eq!(by_itself(), Some(false));
/// assert_eq!(smol::block_on(as_async(by_itself)), Some(true));
/// ```
pub fn in_coroutine() -> bool {
    matches!(running::place(), Place::Coroutine(_))
}

/// Why it can't [`wait`] here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitError {
    /// The [`AsAsync`](crate::AsAsync) is being dropped, and this is a destructor that runs because of that. The future isn't
    /// ready at once, and nobody will poll it again: see [there](crate::AsAsync#dropping) for how it can be otherwise.
    Cancelled,
    /// This is a waker, called by a future that is being polled, and the future isn't ready at once. Who is polling can't
    /// be suspended by it.
    InWaker,
    /// This is a [hook](crate::hooks), and the future isn't ready at once.
    InHook,
    /// This is code that an executor polls, outside of any [`as_async`](fn@crate::as_async), and the future isn't ready at once. To
    /// park the thread would stall the executor, and perhaps for ever. Who tells is a
    /// [runtime adapter](crate::runtime::add_executor_check).
    OnExecutor,
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WaitError::Cancelled => {
                "the `AsAsync` that this runs in is being dropped, and the future is not ready at once; await its \
                 `cancel()` instead of dropping it, or have a runtime adapter install a reaper, or use `try_wait` here"
            }
            WaitError::InWaker => "this is a waker, and the future is not ready at once",
            WaitError::InHook => "this is a hook, and the future is not ready at once",
            WaitError::OnExecutor => {
                "this is the thread of an executor, which it would stall; run the function by `mixio::as_async`, and \
                 await that"
            }
        })
    }
}

impl core::error::Error for WaitError {}

/// [`wait`] as a method of every future.
///
/// ```
/// use mixio::FutureExt as _;
///
/// assert_eq!(async { 6 * 7 }.wait(), 42);
/// ```
pub trait FutureExt: IntoFuture {
    /// As [`wait`](crate::wait), also for panics.
    #[inline(always)]
    #[track_caller]
    fn wait(self) -> Self::Output
    where
        Self: Sized,
    {
        wait(self)
    }
}

impl<F: IntoFuture> FutureExt for F {}
