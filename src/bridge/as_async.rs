//! From a function to a future.

use std::fmt;
use std::future::Future;
use std::mem::{self, ManuallyDrop};
use std::panic::{self, Location};
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll};
use std::thread;

use super::running;
use super::wait::WaitError;
use crate::coroutine::unwinding::{CannotUnwind, Unwound};
use crate::coroutine::{Coroutine, CoroutineResult};
use crate::stack::{DEFAULT_STACK_SIZE, DefaultStack, PooledStack, StackPool};

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
#[inline]
#[track_caller]
pub fn as_async<F, T>(function: F) -> AsAsync<T, F>
where
    F: FnOnce() -> T + 'static,
    T: 'static,
{
    let state = State::Fresh { function, created: Location::caller(), stack: Choice::Default };
    AsAsync(ManuallyDrop::new(state))
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
pub struct AsAsync<T, F = fn() -> T>(
    // Dropped by hand, so that where it has finished there is nothing to do.
    ManuallyDrop<State<T, F>>,
);

enum State<T, F> {
    Fresh {
        function: F,
        created: &'static Location<'static>,
        stack: Choice,
    },
    /// Suspended, but while it is polled.
    Started(Coroutine<(), (), T, PooledStack>),
    Finished,
}

/// Which stack it will get.
enum Choice {
    Default,
    /// A default one, but of so many bytes.
    Size(usize),
    Pool(StackPool),
}

impl Choice {
    #[inline(always)]
    fn get(&self) -> PooledStack {
        // What almost all get almost always: inline, and with no `Result` around it.
        let cached = if let Choice::Default = self { DefaultStack::cached() } else { None };
        cached.unwrap_or_else(|| self.look_for())
    }

    #[cold]
    #[inline(never)]
    fn look_for(&self) -> PooledStack {
        let stack = match self {
            Choice::Default => DefaultStack::new(DEFAULT_STACK_SIZE).map(DefaultStack::into_pooled),
            Choice::Size(size) => DefaultStack::new(*size).map(DefaultStack::into_pooled),
            Choice::Pool(pool) => pool.get(),
        };
        stack.unwrap_or_else(|error| panic!("cannot start an `as_async`: {error}"))
    }
}

// The function is moved to its stack before it starts, and is never pinned here.
impl<T, F> Unpin for AsAsync<T, F> {}

impl<T, F> AsAsync<T, F> {
    /// With a stack of at least `bytes`, instead of [`DEFAULT_STACK_SIZE`]. Up to 64 MiB it is rounded up to a power of two: see
    /// [`DefaultStack`]. Without effect once the function has started.
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
    pub fn stack_size(self, bytes: usize) -> Self {
        self.choose(Choice::Size(bytes))
    }

    /// With a stack of this pool, instead of a [`DefaultStack`]. Without effect once the function has started.
    ///
    /// # Panics
    ///
    /// The first poll panics if the pool has none: see [`StackPool::get`].
    ///
    /// # Example
    ///
    /// ```
    /// use mixio::as_async;
    /// use mixio::stack::StackPool;
    ///
    /// # fn main() -> Result<(), mixio::stack::StackError> {
    /// let small = StackPool::builder().stack_size(16 << 10).build()?;
    /// assert_eq!(smol::block_on(as_async(|| 6 * 7).stack_pool(&small)), 42);
    /// assert_eq!(small.statistics().cached, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn stack_pool(self, pool: &StackPool) -> Self {
        self.choose(Choice::Pool(pool.clone()))
    }

    /// Without effect on one that has started.
    fn choose(mut self, choice: Choice) -> Self {
        if let State::Fresh { stack, .. } = &mut *self.0 {
            *stack = choice;
        }
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
    // Inlined where it is polled: a switch clobbers all registers, and so each function around it costs a dozen
    // instructions.
    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        if !matches!(*this.0, State::Started(_)) {
            this.start();
        }
        let State::Started(coroutine) = &mut *this.0 else { unreachable!("it has started") };
        let (yielder, waker) = (coroutine.yielder(), Some(context.waker()));
        // SAFETY: a coroutine that has started is suspended, and whoever polls has borrowed it exclusively.
        let resume = || unsafe { coroutine.resume_unmarked(()) };
        // SAFETY: the coroutine is ours; what runs until it comes back runs on top of it.
        match unsafe { running::poll_with(yielder, waker, resume) } {
            Ok(CoroutineResult::Yield(())) => Poll::Pending,
            Ok(CoroutineResult::Return(value)) => {
                this.give_stack_back();
                Poll::Ready(value)
            }
            Err(payload) => {
                this.give_stack_back();
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
    #[inline(always)]
    fn start(&mut self) {
        let State::Fresh { function, created, stack: choice } = &*self.0 else { finished() };
        let (stack, created) = (choice.get(), *created);
        // Taken out one by one, since `mem::replace` would copy all there is.
        // SAFETY: what it is read from is overwritten before anything else happens, and not dropped.
        let function = unsafe { ptr::read(function) };
        // SAFETY: as above.
        let _choice = unsafe { ptr::read(choice) };
        // For if what follows panics.
        self.0 = ManuallyDrop::new(State::Finished);
        // SAFETY: all is 'static.
        let coroutine = unsafe { Coroutine::created_at(created, stack, |_: &_, ()| function()) };
        self.0 = ManuallyDrop::new(State::Started(coroutine));
    }

    /// Of a function that has just returned or panicked.
    #[inline(always)]
    fn give_stack_back(&mut self) {
        let State::Started(coroutine) = &mut *self.0 else { unreachable!("it has run") };
        // SAFETY: the coroutine has finished, and is forgotten.
        let stack = unsafe { coroutine.take_stack() };
        self.0 = ManuallyDrop::new(State::Finished);
        drop(stack);
    }
}

#[cold]
fn finished() -> ! {
    panic!("an `AsAsync` was polled after it had finished")
}

impl<T, F> Drop for AsAsync<T, F> {
    #[inline(always)]
    fn drop(&mut self) {
        // What is left of almost all, and in a function of its own what is to be done for the others.
        if !matches!(*self.0, State::Finished) {
            self.drop_unfinished();
        }
    }
}

impl<T, F> AsAsync<T, F> {
    #[cold]
    #[inline(never)]
    fn drop_unfinished(&mut self) {
        let State::Started(mut coroutine) = mem::replace(&mut *self.0, State::Finished) else { return };
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
fn end<T>(coroutine: &mut Coroutine<(), (), T, PooledStack>) -> Result<Unwound<T>, CannotUnwind> {
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
        let state = match *self.0 {
            State::Fresh { .. } => "not started",
            State::Started(_) => "started",
            State::Finished => "finished",
        };
        f.debug_struct("AsAsync").field("state", &state).finish_non_exhaustive()
    }
}
