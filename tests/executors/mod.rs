//! Three executors behind one trait, so that one test runs on each: `for_each_executor!`.
#![allow(dead_code, reason = "each test file is a crate of its own, and uses some of this")]

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A future that stays on this thread.
pub(crate) type Local<T> = Pin<Box<dyn Future<Output = T>>>;

/// What the tests need of an executor.
pub(crate) trait Executor: 'static {
    /// Runs the future, and what it spawns, on this thread.
    fn run<T>(main: impl Future<Output = T>) -> T;

    /// From inside `run`: starts the future beside the others. Dropping what this gives cancels it.
    fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> Local<T>;

    /// A timer of this executor's.
    fn sleep(duration: Duration) -> Local<()>;
}

/// Makes one test on each executor of each generic function.
#[macro_export]
macro_rules! for_each_executor {
    ($($test:ident),* $(,)?) => {
        mod on_tokio { $(#[test] fn $test() { super::$test::<$crate::executors::Tokio>(); })* }
        mod on_smol { $(#[test] fn $test() { super::$test::<$crate::executors::Smol>(); })* }
        mod on_noop_loop { $(#[test] fn $test() { super::$test::<$crate::executors::NoopLoop>(); })* }
    };
}

/// tokio's current-thread runtime with a local set.
pub(crate) struct Tokio;

impl Executor for Tokio {
    fn run<T>(main: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, main)
    }

    fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> Local<T> {
        struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);
        impl<T> Drop for AbortOnDrop<T> {
            fn drop(&mut self) {
                self.0.abort();
            }
        }
        let mut handle = AbortOnDrop(tokio::task::spawn_local(future));
        Box::pin(async move {
            match (&mut handle.0).await {
                Ok(value) => value,
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        })
    }

    fn sleep(duration: Duration) -> Local<()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// smol's `async-executor`, its local one.
pub(crate) struct Smol;

thread_local! {
    // One for each test's thread; never freed, so that tasks may refer to it.
    static SMOL: &'static smol::LocalExecutor<'static> = {
        let executor = Box::leak(Box::default());
        crate::support::keep(executor);
        executor
    };
}

impl Executor for Smol {
    fn run<T>(main: impl Future<Output = T>) -> T {
        smol::block_on(SMOL.with(|executor| executor.run(main)))
    }

    fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> Local<T> {
        Box::pin(SMOL.with(|executor| executor.spawn(future)))
    }

    fn sleep(duration: Duration) -> Local<()> {
        Box::pin(async move {
            smol::Timer::after(duration).await;
        })
    }
}

/// The simplest there is: polls everything round and round, with a waker that does nothing.
pub(crate) struct NoopLoop;

thread_local! {
    static TASKS: RefCell<Vec<Local<()>>> = const { RefCell::new(Vec::new()) };
}

impl Executor for NoopLoop {
    fn run<T>(main: impl Future<Output = T>) -> T {
        let mut main = pin!(main);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(value) = main.as_mut().poll(&mut context) {
                return value;
            }
            let mut tasks = TASKS.take();
            tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
            // Behind what these have spawned.
            TASKS.with_borrow_mut(|all| all.extend(tasks));
        }
    }

    fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> Local<T> {
        // The future stays in the handle's hands, so that dropping the handle drops it.
        let shared = Rc::new(RefCell::new((Some(Box::pin(future)), None)));
        let weak = Rc::downgrade(&shared);
        let task = std::future::poll_fn(move |context| {
            let Some(shared) = weak.upgrade() else { return Poll::Ready(()) };
            let (future, value) = &mut *shared.borrow_mut();
            let Some(running) = future else { return Poll::Ready(()) };
            let Poll::Ready(ready) = running.as_mut().poll(context) else { return Poll::Pending };
            *future = None;
            *value = Some(ready);
            Poll::Ready(())
        });
        TASKS.with_borrow_mut(|all| all.push(Box::pin(task)));
        Box::pin(std::future::poll_fn(move |_| match shared.borrow_mut().1.take() {
            Some(value) => Poll::Ready(value),
            None => Poll::Pending,
        }))
    }

    fn sleep(duration: Duration) -> Local<()> {
        let end = Instant::now() + duration;
        Box::pin(std::future::poll_fn(move |_| if Instant::now() < end { Poll::Pending } else { Poll::Ready(()) }))
    }
}
