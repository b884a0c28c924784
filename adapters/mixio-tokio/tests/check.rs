//! Waiting in what tokio polls, outside of any `as_async`: it is refused, and what may block isn't.

#[path = "../../../tests/support/mod.rs"]
mod support;

use std::future::ready;
use std::io::Read;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use mixio::{WaitError, as_async, try_wait, wait};
use mixio_tokio::net::UnixStream;
use mixio_tokio::{install, run, spawn_local, start_loop};
use support::message_of;
use tokio::runtime::{Builder, LocalRuntime, Runtime};
use tokio::task::coop::{RestoreOnPending, poll_proceed, unconstrained};
use tokio::task::{LocalSet, block_in_place, spawn_blocking};
use tokio::time::sleep;

const SHORT: Duration = Duration::from_millis(1);
/// So that it isn't over before it is waited for.
const LONG: Duration = Duration::from_secs(100);

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn two_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// In code that is polled.
fn is_refused() {
    assert_eq!(try_wait(sleep(LONG)), Err(WaitError::OnExecutor));
    let message = message_of(|| wait(sleep(LONG)));
    assert!(message.contains("the thread of an executor") && message.contains("as_async"), "{message}");
    // There is no need to wait for these.
    assert_eq!(wait(ready(1)), 1);
}

#[test]
fn in_a_task() {
    install();
    two_threads().block_on(async { tokio::spawn(async { is_refused() }).await.unwrap() });
    one_thread().block_on(async { tokio::spawn(async { is_refused() }).await.unwrap() });
}

#[test]
fn in_the_root_of_block_on() {
    install();
    two_threads().block_on(async { is_refused() });
    one_thread().block_on(async { is_refused() });
    LocalRuntime::new().unwrap().block_on(async { is_refused() });
}

#[test]
fn in_a_local_set() {
    install();
    for runtime in [one_thread(), two_threads()] {
        LocalSet::new().block_on(&runtime, async {
            is_refused();
            tokio::task::spawn_local(async { is_refused() }).await.unwrap();
        });
    }
}

#[test]
fn also_after_a_wait_elsewhere() {
    install();
    one_thread().block_on(async {
        as_async(|| wait(sleep(SHORT))).await;
        is_refused();
        as_async(|| wait(sleep(SHORT))).await;
        sleep(SHORT).await;
        is_refused();
    });
}

#[test]
fn what_may_block_does() {
    install();
    let runtime = two_threads();
    runtime.block_on(async {
        spawn_blocking(|| wait(sleep(SHORT))).await.unwrap();
        tokio::spawn(async { block_in_place(|| wait(sleep(SHORT))) }).await.unwrap();
    });
    let _inside = runtime.enter();
    wait(sleep(SHORT));
    one_thread().block_on(async { spawn_blocking(|| wait(sleep(SHORT))).await.unwrap() });
}

/// The blocking thread isn't stalled for ever: the runtime goes on.
#[test]
fn blocked_threads_are_woken_by_tasks() {
    install();
    one_thread().block_on(async {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let waiter = spawn_blocking(|| wait(receiver));
        sleep(SHORT).await;
        sender.send(5).unwrap();
        assert_eq!(waiter.await.unwrap(), Ok(5));
    });
}

/// How many steps are left of the budget, none of which this takes.
fn budget() -> usize {
    let mut steps: Vec<RestoreOnPending> = Vec::new();
    while steps.len() < 1000
        && let Poll::Ready(step) = poll_proceed(&mut Context::from_waker(Waker::noop()))
    {
        steps.push(step);
    }
    let left = steps.len();
    while let Some(step) = steps.pop() {
        drop(step);
    }
    left
}

#[test]
fn the_budget_stays_as_it_is() {
    install();
    two_threads().block_on(async {
        tokio::spawn(async {
            let all = budget();
            assert!((1..1000).contains(&all), "this test no longer knows tokio: {all}");
            for left in (0..all).rev() {
                match poll_proceed(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(step) => step.made_progress(),
                    Poll::Pending => panic!("there is some left"),
                }
                assert_eq!(budget(), left);
                assert_eq!(try_wait(std::future::pending::<()>()), Err(WaitError::OnExecutor));
                assert_eq!(budget(), left);
            }
        })
        .await
        .unwrap();
    });
    assert_eq!(budget(), 1000);
}

/// Documented: there is no telling.
#[test]
fn not_under_unconstrained() {
    install();
    two_threads().block_on(async {
        tokio::spawn(unconstrained(async { wait(sleep(SHORT)) })).await.unwrap();
    });
}

#[test]
fn a_socket_says_so() {
    one_thread().block_on(async {
        let (mut one, _other) = UnixStream::pair().unwrap();
        let error = one.read(&mut [0]).unwrap_err();
        let why = error.get_ref().and_then(|error| error.downcast_ref::<WaitError>());
        assert_eq!(why, Some(&WaitError::OnExecutor));
    });
}

#[test]
fn entry_points_in_a_task() {
    fn are_refused() {
        let message = message_of(|| run(|| ()));
        assert!(message.contains("is polled by an executor already"), "{message}");
        let error = start_loop().unwrap_err().to_string();
        assert!(error.contains("is polled by an executor already"), "{error}");
    }
    one_thread().block_on(async { are_refused() });
    one_thread().block_on(as_async(are_refused));
    // Of any executor.
    wait(as_async(are_refused));
}

/// A future that waits in its own poll, with no `as_async` around.
#[test]
fn in_a_poll_by_wait() {
    install();
    let runtime = two_threads();
    let _inside = runtime.enter();
    // The thread is this function's own: it parks, one in another.
    wait(async { wait(sleep(SHORT)) });
    let _loop = start_loop().unwrap();
    wait(async {
        // Before there was anything to wait for, so the loop doesn't run.
        wait(sleep(SHORT));
        sleep(SHORT).await;
        // It does, and would have to inside of itself.
        is_refused();
    });
}

#[test]
fn where_it_is_done() {
    run(|| {
        wait(sleep(SHORT));
        let task = spawn_local(|| wait(sleep(SHORT)));
        wait(async {
            task.await.unwrap();
            // Polled by a function that may be suspended.
            wait(sleep(SHORT));
        });
    });
}
