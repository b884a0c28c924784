//! A loop for a thread of plain code.

#[path = "../../../tests/support/mod.rs"]
mod support;

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use mixio::{Io, WaitError, as_async, in_coroutine, try_wait, wait};
use mixio_tokio::net::TcpListener;
use mixio_tokio::{spawn_local, start_loop, time};
use support::{Drops, assert_success, message_of, on_drop};
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::sleep;

const SHORT: Duration = Duration::from_millis(1);

#[test]
fn plain_code_waits() {
    let _loop = start_loop().unwrap();
    assert!(!in_coroutine());
    wait(sleep(SHORT));
    time::sleep(SHORT);
    // Made before, outside of any wait.
    let timer = sleep(SHORT);
    wait(timer);
    assert_eq!(wait(as_async(|| wait(async { 3 }))), 3);
    // From another thread.
    let (sender, receiver) = oneshot::channel();
    let other = thread::spawn(|| sender.send(4));
    assert_eq!(wait(receiver), Ok(4));
    other.join().unwrap().unwrap();
}

/// Tasks run while the thread waits, and only then.
#[test]
fn tasks_make_progress() {
    let _loop = start_loop().unwrap();
    let steps = Rc::new(Cell::new(0));
    let (sender, done) = oneshot::channel();
    let counter = steps.clone();
    let task = spawn_local(move || {
        for _ in 0..10 {
            counter.set(counter.get() + 1);
            wait(yield_now());
        }
        sender.send(()).unwrap();
        "value"
    });
    let by_tokio = tokio::task::spawn_local({
        let counter = steps.clone();
        async move { counter.get() }
    });
    let sent_to_it = tokio::spawn(async { 5 });
    assert_eq!(steps.get(), 0);
    wait(done).unwrap();
    assert_eq!(steps.get(), 10);
    assert_eq!(wait(task).unwrap(), "value");
    assert_eq!(wait(sent_to_it).unwrap(), 5);
    wait(by_tokio).unwrap();
}

#[test]
fn not_within_itself() {
    let _loop = start_loop().unwrap();
    let task = tokio::task::spawn_local(async { try_wait(pending::<()>()) });
    assert_eq!(wait(task).unwrap(), Err(WaitError::OnExecutor));
    let within = wait(async {
        sleep(SHORT).await;
        try_wait(pending::<()>())
    });
    assert_eq!(within, Err(WaitError::OnExecutor));
    wait(sleep(SHORT));
}

#[test]
fn panics_leave_it_running() {
    let _loop = start_loop().unwrap();
    let message = message_of(|| {
        wait(async {
            sleep(SHORT).await;
            panic!("in the future");
        })
    });
    assert_eq!(message, "in the future");
    let task = spawn_local(|| panic!("in the task"));
    let _: &tokio::task::JoinHandle<()> = &task;
    assert!(wait(task).unwrap_err().is_panic());
    wait(sleep(SHORT));
}

#[test]
fn the_end() {
    let drops = Drops::new();
    let guard = start_loop().unwrap();
    assert_eq!(format!("{guard:?}"), "LoopGuard { runs: true, .. }");
    let counted = drops.counted();
    let task = spawn_local(move || {
        let _counted = counted;
        wait(pending::<()>());
    });
    wait(yield_now());
    assert_eq!(drops.count(), 0);
    drop(guard);
    assert_eq!(drops.count(), 1);
    assert!(TcpListener::bind("127.0.0.1:0").is_err());
    // By parking the thread, now.
    assert!(wait(task).unwrap_err().is_cancelled());

    let _again = start_loop().unwrap();
    wait(sleep(SHORT));
}

#[test]
fn one_in_another() {
    let _outer = start_loop().unwrap();
    let outer_task = spawn_local(|| wait(sleep(SHORT)));
    {
        let _inner = start_loop().unwrap();
        let inner_task = spawn_local(|| wait(sleep(SHORT)));
        wait(inner_task).unwrap();
    }
    wait(outer_task).unwrap();
    wait(sleep(SHORT));
}

#[test]
fn one_around_a_run() {
    let _loop = start_loop().unwrap();
    assert_eq!(mixio_tokio::run(|| wait(async { sleep(SHORT).await })), ());
    wait(sleep(SHORT));
}

/// A destructor waits, in plain code: for the loop.
#[test]
fn what_is_dropped_is_unwound_by_a_task() {
    let guard = start_loop().unwrap();
    let drops = Drops::new();
    for by_the_end in [false, true] {
        let counted = drops.counted();
        let mut function = Box::pin(as_async(move || {
            let _guard = on_drop(move || {
                wait(sleep(SHORT));
                drop(counted);
            });
            wait(pending::<()>());
        }));
        assert!(support::poll(&mut function).is_pending());
        let before = drops.count();
        drop(function);
        assert_eq!(drops.count(), before);
        if !by_the_end {
            wait(async {
                while drops.count() == before {
                    yield_now().await;
                }
            });
        }
    }
    drop(guard);
    assert_eq!(drops.count(), 2);
}

#[test]
fn on_several_threads() {
    let threads: Vec<_> = (0..4)
        .map(|n| {
            thread::spawn(move || {
                let _loop = start_loop().unwrap();
                wait(spawn_local(move || {
                    wait(sleep(SHORT));
                    n
                }))
                .unwrap()
            })
        })
        .collect();
    assert_eq!(threads.into_iter().map(|thread| thread.join().unwrap()).sum::<i32>(), 6);
}

#[test]
fn nothing_in_blocking_mode() {
    const TEST: &str = "nothing_in_blocking_mode";
    if support::is_child(TEST) {
        let guard = start_loop().unwrap();
        assert_eq!((Io::current(), format!("{guard:?}")), (Io::Blocking, "LoopGuard { runs: false, .. }".into()));
        assert!(tokio::runtime::Handle::try_current().is_err());
        time::sleep(SHORT);
        TcpListener::bind("127.0.0.1:0").unwrap();
        return;
    }
    let mut command = support::limited("ulimit -c 0");
    command.args(support::runner()).arg(std::env::current_exe().unwrap());
    command.args(support::child_arguments(TEST)).envs(support::child_environment(TEST)).env("MIXIO", "blocking");
    assert_success(&support::output_within(command, Duration::from_secs(120)));
}
