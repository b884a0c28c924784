//! From a function to a future.

use std::fmt;
use std::future::Future;
use std::mem;
use std::panic;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use super::running;
use super::wait::WaitError;
use crate::coroutine::unwinding::{CannotUnwind, Unwound};
use crate::coroutine::{Coroutine, CoroutineResult};
use crate::stack::{DEFAULT_STACK_SIZE, DefaultStack};

/// Makes a future of a plain function: with everything that it calls, it may [`wait`](crate::wait).
///
/// The function starts with the first poll, on a stack of its own, and runs on the thread that polls. Nothing is
/// allocated before that. Any executor will do that can run futures which stay on one thread.
///
/// # Example
///
/// ```
/// use mixio::{as_async, wait};
/// use std::time::Duration;
///
/// fn slow_double(n: u64) -> u64 {
///     wait(smol::Timer::after(Duration::from_millis(100)));
///     2 * n
/// }
///
/// // Side by side: this takes 100 ms, not 200.
/// let both = smol::future::zip(as_async(|| slow_double(1)), as_async(|| slow_double(2)));
/// assert_eq!(smol::block_on(both), (2, 4));
/// ```
///
/// The function may own what it needs, and borrow nothing, since a future can be leaked:
///
/// ```compile_fail,E0597
/// let text = String::from("borrowed");
/// let future = mixio::as_async(|| text.len());
/// # fn is_static<T: 'static>(_: T) {}
/// # is_static(future);
/// ```
pub fn as_async<F, T>(function: F) -> AsAsync<T, F>
where
    F: FnOnce() -> T + 'static,
    T: 'static,
{
    AsAsync { state: State::Fresh(function), stack_size: DEFAULT_STACK_SIZE }
}

/// The future that [`as_async`] makes.
///
/// # Dropping
///
/// If the function has started and not finished, it is unwound: every destructor on its stack runs. One that waits gets
/// its future's value if that is ready at once. Otherwise [`try_wait`](crate::try_wait) gives
/// [`WaitError::Cancelled`](crate::WaitError::Cancelled), and [`wait`](crate::wait) panics, which in such a destructor
/// aborts the process.
///
/// If the thread is panicking meanwhile, then a second panic might abort the process: so the function isn't unwound by
/// mixio, but each `wait` in it is refused in this way, until it has returned or panicked by itself.
///
/// If it won't end either way, after 1,000 times, its stack is leaked. The drop panics then, with a sentence that says so;
/// while the thread is panicking that goes to the standard error. The same happens with
/// [`panic = "abort"`](crate::Coroutine#dropping), silently.
///
/// # Threads
///
/// It is not `Send`: the function's stack may hold anything.
///
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// send(mixio::as_async(|| ()));
/// ```
#[must_use = "a future does nothing unless it is polled"]
pub struct AsAsync<T, F = fn() -> T> {
    state: State<T, F>,
    stack_size: usize,
}

enum State<T, F> {
    Fresh(F),
    /// Suspended, but while it is polled.
    Started(Coroutine<(), (), T, DefaultStack>),
    Finished,
}

// The function is moved to its stack before it starts, and is never pinned here.
impl<T, F> Unpin for AsAsync<T, F> {}

impl<T, F> AsAsync<T, F> {
    /// With a stack of at least `bytes`, instead of [`DEFAULT_STACK_SIZE`].
    ///
    /// # Panics
    ///
    /// The first poll panics if there can't be such a stack: see [`DefaultStack::new`].
    ///
    /// # Example
    ///
    /// ```
    /// fn depth(n: u32) -> u32 {
    ///     if n == 0 { 0 } else { 1 + depth(n - 1) }
    /// }
    /// let deep = mixio::as_async(|| depth(50_000)).stack_size(16 << 20);
    /// assert_eq!(smol::block_on(deep), 50_000);
    /// ```
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = bytes;
        self
    }
}

impl<T, F> Future for AsAsync<T, F>
where
    F: FnOnce() -> T + 'static,
    T: 'static,
{
    type Output = T;

    /// Runs the function until it waits for something that is pending, or returns.
    ///
    /// # Panics
    ///
    /// With the panic of the function. If it was polled to its end before. If there is no memory for its stack.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        let coroutine = match &mut this.state {
            State::Started(coroutine) => coroutine,
            State::Fresh(_) => this.start(),
            State::Finished => panic!("an `AsAsync` was polled after it had finished"),
        };
        let (yielder, waker) = (coroutine.yielder(), Some(context.waker()));
        // SAFETY: the coroutine is ours, and can be resumed; what runs until it comes back runs on top of it.
        match unsafe { running::poll_with(yielder, waker, || coroutine.resume_catching(())) } {
            Ok(CoroutineResult::Yield(())) => Poll::Pending,
            Ok(CoroutineResult::Return(value)) => {
                this.state = State::Finished;
                Poll::Ready(value)
            }
            Err(payload) => {
                this.state = State::Finished;
                panic::resume_unwind(payload)
            }
        }
    }
}

impl<T, F> AsAsync<T, F>
where
    F: FnOnce() -> T + 'static,
    T: 'static,
{
    /// Gives the function a stack.
    #[cold]
    fn start(&mut self) -> &mut Coroutine<(), (), T, DefaultStack> {
        let stack = match DefaultStack::new(self.stack_size) {
            Ok(stack) => stack,
            Err(error) => panic!("cannot start an `as_async`: {error}"),
        };
        let State::Fresh(function) = mem::replace(&mut self.state, State::Finished) else {
            unreachable!("only a fresh one is started")
        };
        self.state = State::Started(Coroutine::with_stack(stack, |_, ()| function()));
        match &mut self.state {
            State::Started(coroutine) => coroutine,
            _ => unreachable!("it has just been put there"),
        }
    }
}

impl<T, F> Drop for AsAsync<T, F> {
    fn drop(&mut self) {
        let State::Started(mut coroutine) = mem::replace(&mut self.state, State::Finished) else { return };
        while !coroutine.done() {
            // What the coroutine leaves behind, a value or a panic, is dropped or raised when `wait` no longer finds it.
            match end(&mut coroutine) {
                Ok(Unwound::AsTold | Unwound::Returned(_)) => {}
                Ok(Unwound::Panicked(payload)) if !thread::panicking() => panic::resume_unwind(payload),
                // It has been reported, and there is a panic under way that has to go on.
                Ok(Unwound::Panicked(payload)) => drop(payload),
                Err(error) => error.say(),
            }
        }
    }
}

/// Makes a suspended coroutine finish, or takes a step towards that.
fn end<T>(coroutine: &mut Coroutine<(), (), T, DefaultStack>) -> Result<Unwound<T>, CannotUnwind> {
    let yielder = coroutine.yielder();
    if !thread::panicking() {
        // Nobody panics, so it is not suspended by a destructor that runs because of that, and can be unwound.
        // SAFETY: the coroutine is ours, and what runs until it has been unwound runs on top of it.
        return unsafe { running::poll_with(yielder, None, || coroutine.unwind()) };
    }
    // It may be its own panic. Then another would abort the process, so it isn't unwound: rather, `wait` is refused.
    // SAFETY: as above.
    match unsafe { running::poll_with(yielder, None, || coroutine.resume_catching(())) } {
        Ok(CoroutineResult::Return(value)) => Ok(Unwound::Returned(value)),
        // A refusal has unwound it.
        Err(payload) if payload.is::<WaitError>() => Ok(Unwound::AsTold),
        Err(payload) => Ok(Unwound::Panicked(payload)),
        // Its panic is over, and now it can be unwound.
        Ok(CoroutineResult::Yield(())) if !thread::panicking() => Ok(Unwound::AsTold),
        // It won't take no for an answer.
        Ok(CoroutineResult::Yield(())) => {
            coroutine.leak();
            Err(CannotUnwind::Swallowed)
        }
    }
}

impl<T, F> fmt::Debug for AsAsync<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Fresh(_) => "not started",
            State::Started(_) => "started",
            State::Finished => "finished",
        };
        f.debug_struct("AsAsync").field("state", &state).finish_non_exhaustive()
    }
}
