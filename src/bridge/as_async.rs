//! From a function to a future.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::mem::{self, ManuallyDrop};
use std::panic::{self, Location};
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll, Waker};
use std::thread;

use super::running;
use super::task::TaskSlot;
use super::unwinding::{Cancel, Unwinding};
use crate::coroutine::{Coroutine, CoroutineResult};
use crate::local::LeaveContext;
use crate::stack::{DEFAULT_STACK_SIZE, DefaultStack, PooledStack, StackPool};

/// Makes a future of a plain function: with everything that it calls, it may [`wait`](crate::wait).
///
/// The function starts with the first poll, on a stack of its own, and runs on the thread that polls. Nothing is
/// allocated before that, but for a [name](AsAsync::named) and for the [context variables](crate::local) that it inherits. Any executor will do that can run futures which stay on one thread.
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
    AsAsync { state: ManuallyDrop::new(state), task: TaskSlot::inherited() }
}

/// The future that [`as_async`] makes.
///
/// # Dropping
///
/// If the function has started and not finished, it is unwound, by a panic with a payload of mixio's own: every destructor on
/// its stack runs. Code that catches that panic meets it again where it next waits for something pending; it can tell it by
/// [`is_forced_unwind`](crate::is_forced_unwind). There are three ways, and where a destructor may wait is what they differ in:
///
/// | | |
/// | --- | --- |
/// | [`cancel`](Self::cancel)`().await` | destructors may wait, as elsewhere |
/// | dropped inside another `as_async` | the same: the drop waits until the function has been unwound |
/// | dropped elsewhere, with a [reaper](crate::runtime::set_reaper) on this thread | the same, but after the drop: the reaper unwinds it, as a task of its own |
/// | dropped elsewhere | it is unwound at once, and there is nobody to wait with: see below |
///
/// In the last case a destructor that waits gets its future's value if that is ready at once. Otherwise
/// [`try_wait`](crate::try_wait) gives [`WaitError::Cancelled`](crate::WaitError::Cancelled). A destructor that insists, by
/// [`wait`](crate::wait), can't be unwound, since a panic in it would end the process: it stays where it is, the stack is
/// leaked with what is on it, and the drop panics with a sentence that says so. (If the thread is panicking already the
/// sentence goes to the standard error.)
///
/// The same happens if the function won't end: after 1,000 times that it has caught the panic. With
/// [`panic = "abort"`](crate::Coroutine#dropping) the stack of a suspended function is always leaked, silently.
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
pub struct AsAsync<T: 'static, F: 'static = fn() -> T> {
    /// Dropped by hand, so that where it has finished there is nothing to do.
    state: ManuallyDrop<State<T, F>>,
    task: TaskSlot,
}

/// A function that has started.
pub(super) type Function<T> = Coroutine<(), (), T, PooledStack>;

enum State<T: 'static, F: 'static> {
    Fresh {
        function: F,
        created: &'static Location<'static>,
        stack: Choice,
    },
    /// Suspended, but while it is polled.
    Started(Function<T>),
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
        if let State::Fresh { stack, .. } = &mut *self.state {
            *stack = choice;
        }
        self
    }

    /// With a name, for [`inspect`](crate::inspect). Without effect on one that has a name, or has started.
    ///
    /// ```
    /// let order = mixio::as_async(|| "served").named("order 5");
    /// assert_eq!(smol::block_on(order), "served");
    /// ```
    pub fn named(self, name: impl Into<String>) -> Self {
        self.task.get_or_init().set_name(name.into());
        self
    }

    /// Unwinds the function, if it has started and not finished, and lets its destructors [`wait`](crate::wait). One that has
    /// not started is dropped without running.
    ///
    /// Gives the value of the function, if it has caught the panic that unwinds it, and returned one.
    ///
    /// # Panics
    ///
    /// With the panic of the function, if it ends with one of its own; and if it can't be unwound, since it has caught the
    /// panic and waited again 1,000 times. Its stack is leaked then.
    ///
    /// # Example
    ///
    /// ```
    /// use mixio::{as_async, wait};
    /// use std::{cell::Cell, future::pending, rc::Rc, time::Duration};
    ///
    /// struct Transaction(Rc<Cell<bool>>);
    ///
    /// impl Drop for Transaction {
    ///     fn drop(&mut self) {
    ///         wait(smol::Timer::after(Duration::from_millis(1))); // rolls it back
    ///         self.0.set(true);
    ///     }
    /// }
    ///
    /// let rolled_back = Rc::new(Cell::new(false));
    /// let transaction = Transaction(rolled_back.clone());
    /// let mut work = as_async(move || {
    ///     let _transaction = transaction;
    ///     wait(pending::<()>());
    /// });
    /// smol::block_on(async {
    ///     assert!(smol::future::poll_once(&mut work).await.is_none());
    ///     work.cancel().await;
    /// });
    /// assert!(rolled_back.get());
    /// ```
    pub fn cancel(mut self) -> Cancel<T> {
        Cancel::new(self.take_started())
    }

    /// What is to be unwound, if it has started and not finished.
    fn take_started(&mut self) -> Option<Unwinding<T>> {
        match mem::replace(&mut *self.state, State::Finished) {
            State::Started(function) if function.done() => {
                // It runs: this is `exit`, on top of it. Were it unwound, that would be on top of itself.
                running::forget_polls();
                mem::forget(function);
                None
            }
            State::Started(function) => Some(Unwinding::new(function, mem::take(&mut self.task))),
            State::Fresh { .. } | State::Finished => None,
        }
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
        if !matches!(*this.state, State::Started(_)) {
            this.start();
        }
        if this.task.get().is_some() || thread::panicking() {
            return this.poll_watched(context.waker());
        }
        let outcome = this.resume(context.waker(), false);
        this.settle(outcome)
    }
}

/// What comes of a resumption.
type Outcome<T> = Result<CoroutineResult<(), T>, Box<dyn Any + Send>>;

impl<T, F> AsAsync<T, F>
where
    F: FnOnce() -> T + 'static,
    T: 'static,
{
    /// Polls a function that has started, of which there is more to be known than its stack, or in the midst of somebody's panic.
    #[cold]
    #[inline(never)]
    fn poll_watched(&mut self, waker: &Waker) -> Poll<T> {
        let is_watched = self.task.is_watched();
        let outcome = running::aside_from_panics(|| self.resume(waker, is_watched));
        match &*self.state {
            State::Started(function) if !function.done() => self.task.note_suspension(function),
            _ => self.task.finish(),
        }
        self.settle(outcome)
    }

    /// Runs a function that has started until it waits for something that is pending, or ends.
    #[inline(always)]
    fn resume(&mut self, waker: &Waker, is_watched: bool) -> Outcome<T> {
        let State::Started(coroutine) = &mut *self.state else { unreachable!("it has started") };
        let yielder = coroutine.yielder();
        // Marked as running meanwhile. Whoever polls has borrowed it exclusively; but if it lies in a thread-local and calls
        // `exit`, then the destructor of that may do with it what it likes.
        let resume = || coroutine.resume_catching(());
        // SAFETY: the coroutine and the task are ours; what runs until it comes back runs on top of the coroutine.
        unsafe { running::poll_with(yielder, Some(waker), &self.task, is_watched, resume) }
    }

    #[inline(always)]
    fn settle(&mut self, outcome: Outcome<T>) -> Poll<T> {
        match outcome {
            Ok(CoroutineResult::Yield(())) => Poll::Pending,
            Ok(CoroutineResult::Return(value)) => {
                self.give_stack_back();
                Poll::Ready(value)
            }
            Err(payload) => {
                self.give_stack_back();
                panic::resume_unwind(payload)
            }
        }
    }

    /// Gives the function a stack.
    #[inline(always)]
    fn start(&mut self) {
        let State::Fresh { function, created, stack: choice } = &*self.state else { finished() };
        let (stack, created) = (choice.get(), *created);
        // Taken out one by one, since `mem::replace` would copy all there is.
        // SAFETY: what it is read from is overwritten before anything else happens, and not dropped.
        let function = unsafe { ptr::read(function) };
        // SAFETY: as above.
        let _choice = unsafe { ptr::read(choice) };
        running::prepare_end_of_thread();
        // For if what follows panics.
        self.state = ManuallyDrop::new(State::Finished);
        self.task.start(created, &stack);
        // SAFETY: all is 'static.
        let coroutine = unsafe {
            Coroutine::created_at(created, stack, |_: &_, ()| {
                let _leave = LeaveContext;
                function()
            })
        };
        self.state = ManuallyDrop::new(State::Started(coroutine));
    }

    /// Of a function that has just returned or panicked.
    #[inline(always)]
    fn give_stack_back(&mut self) {
        let State::Started(coroutine) = &mut *self.state else { unreachable!("it has run") };
        // SAFETY: the coroutine has finished, and is forgotten.
        let stack = unsafe { coroutine.take_stack() };
        self.state = ManuallyDrop::new(State::Finished);
        stack.give_back();
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
        if !matches!(*self.state, State::Finished) {
            self.drop_unfinished();
        }
    }
}

impl<T, F> AsAsync<T, F> {
    #[cold]
    #[inline(never)]
    fn drop_unfinished(&mut self) {
        if let Some(unwinding) = self.take_started() {
            unwinding.get_rid();
        }
    }
}

impl<T, F> fmt::Debug for AsAsync<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match *self.state {
            State::Fresh { .. } => "not started",
            State::Started(_) => "started",
            State::Finished => "finished",
        };
        f.debug_struct("AsAsync").field("state", &state).finish_non_exhaustive()
    }
}
