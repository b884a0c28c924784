//! Functions that are dropped while they wait, and whose destructors wait.

#[path = "../../../tests/support/mod.rs"]
mod support;

use std::future::pending;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use mixio::{WaitError, as_async, try_wait, wait};
use mixio_tokio::{REAPING_LIMIT, Workers, install_reaper, run, spawn_local, start_loop};
use support::{Drops, message_of, on_drop};
use tokio::sync::oneshot;
use tokio::task::{LocalSet, yield_now};
use tokio::time::{sleep, timeout};

const SHORT: Duration = Duration::from_millis(1);
/// For what comes from another thread.
const LONG: Duration = Duration::from_secs(60);

/// Waits for ever; its destructor waits a little, and then drops this.
fn endless<T: 'static>(value: T) -> impl FnOnce() + 'static {
    move || {
        let _guard = on_drop(move || {
            wait(sleep(SHORT));
            drop(value);
        });
        wait(pending::<()>());
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, future)
}

/// Until they have all been dropped.
async fn all(drops: &Drops, number: usize) {
    while drops.count() < number {
        yield_now().await;
    }
}

#[test]
fn an_aborted_task() {
    let drops = Drops::new();
    block_on(async {
        install_reaper();
        for number in 1..=10 {
            let task = spawn_local(endless(drops.counted()));
            yield_now().await;
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            all(&drops, number).await;
        }
    });
}

/// Its turn comes after the end of the function that has aborted it, and after those of many others.
#[test]
fn a_task_aborted_at_the_very_end() {
    let drops = Drops::new();
    let counted = drops.counted();
    run(|| {
        let task = spawn_local(endless(counted));
        wait(yield_now());
        for _ in 0..1000 {
            spawn_local(|| ());
        }
        task.abort();
    });
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_timeout() {
    let drops = Drops::new();
    block_on(async {
        install_reaper();
        assert!(timeout(SHORT, as_async(endless(drops.counted()))).await.is_err());
        all(&drops, 1).await;
    });
}

/// They don't wait for each other.
#[test]
fn many_side_by_side() {
    let drops = Drops::new();
    block_on(async {
        install_reaper();
        let (enough, _) = tokio::sync::watch::channel(0);
        for number in 0..100 {
            let (counted, mut last) = (drops.counted(), enough.subscribe());
            let task = spawn_local(move || {
                let _guard = on_drop(move || {
                    // In the opposite order.
                    wait(last.wait_for(|last| *last == 100 - number)).unwrap();
                    drop(counted);
                });
                wait(pending::<()>());
            });
            yield_now().await;
            task.abort();
        }
        for last in 1..=100 {
            enough.send(last).unwrap();
            all(&drops, last).await;
        }
    });
}

/// A panic is that one's, and the others go on.
#[test]
fn a_destructor_that_panics() {
    let drops = Drops::new();
    block_on(async {
        install_reaper();
        let panics = spawn_local(|| {
            let caught = std::panic::catch_unwind(|| wait(pending::<()>()));
            assert!(caught.is_err());
            wait(sleep(SHORT));
            resume_unwind(Box::new("another panic"));
        });
        let fine = spawn_local(endless(drops.counted()));
        yield_now().await;
        panics.abort();
        fine.abort();
        all(&drops, 1).await;
    });
}

#[test]
fn no_reaper_is_left_by_a_local_set() {
    block_on(async { install_reaper() });
    let drops = Drops::new();
    block_on(async {
        let counted = drops.counted();
        let task = spawn_local(move || {
            let _guard = on_drop(|| {
                assert_eq!(try_wait(pending::<()>()), Err(WaitError::Cancelled));
                drop(counted);
            });
            wait(pending::<()>());
        });
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(drops.count(), 1);
}

/// The end of the program waits for it.
#[test]
fn run_waits() {
    let drops = Drops::new();
    let counted = drops.counted();
    let value = run(|| {
        let task = spawn_local(endless(counted));
        wait(yield_now());
        task.abort();
        // So that it is dropped.
        wait(task).unwrap_err();
        "value"
    });
    assert_eq!((value, drops.count()), ("value", 1));
}

/// But not for ever.
#[test]
fn run_does_not_wait_for_ever() {
    let value = run(|| {
        let task = spawn_local(|| {
            let _guard = on_drop(|| assert_eq!(try_wait(pending::<()>()), Err(WaitError::Cancelled)));
            wait(pending::<()>());
        });
        wait(yield_now());
        task.abort();
        wait(task).unwrap_err();
        "value"
    });
    assert_eq!(value, "value");
}

/// Tasks that are left at the end are dropped with the runtime. A destructor that insists on waiting then doesn't end the
/// process: mixio says that a stack is leaked.
#[test]
fn what_is_left_at_the_end() {
    let drops = Drops::new();
    let (first, second) = (drops.counted(), drops.counted());
    let value = run(|| {
        spawn_local(|| {
            let _counted = first;
            wait(pending::<()>());
        });
        spawn_local(endless(second));
        wait(yield_now());
        "value"
    });
    assert_eq!((value, drops.count()), ("value", 1));
}

/// Nor does a destructor wait in a task that is no function: it would wait for a runtime that has ended.
#[test]
fn what_is_left_in_tasks_at_the_end() {
    let (sender, receiver) = mpsc::channel();
    let leave = move || {
        let sender = sender.clone();
        tokio::task::spawn_local(async move {
            let _guard = on_drop(move || sender.send(try_wait(sleep(LONG))).unwrap());
            pending::<()>().await;
        });
        wait(yield_now());
    };
    // On a thread of its own, which would never end.
    let is_refused = |end: Box<dyn FnOnce() + Send>| {
        let thread = thread::spawn(end);
        assert_eq!(receiver.recv_timeout(LONG), Ok(Err(WaitError::OnExecutor)));
        thread.join().unwrap();
    };
    let left = leave.clone();
    is_refused(Box::new(|| run(left)));
    let left = leave.clone();
    is_refused(Box::new(move || {
        let panics = move || {
            left();
            panic!("it ends like this, too")
        };
        assert!(message_of(|| run(panics)).contains("ends like this"));
    }));
    let left = leave.clone();
    is_refused(Box::new(move || {
        let guard = start_loop().unwrap();
        left();
        drop(guard);
        // And from then on as before, by parking.
        wait(thread_that_answers());
    }));
    is_refused(Box::new(|| {
        let workers = Workers::new(NonZero::<usize>::MIN).unwrap();
        wait(workers.spawn_pinned(leave)).unwrap();
        drop(workers);
    }));
}

/// Ready when another thread says so.
async fn thread_that_answers() {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || sender.send(()).unwrap());
    receiver.await.unwrap();
}

/// Its functions have no more time than anybody else's.
#[test]
fn workers_do_not_wait_for_ever() {
    let workers = Workers::new(NonZero::<usize>::MIN).unwrap();
    let (sender, receiver) = mpsc::channel();
    let task = workers.spawn_pinned(move || {
        let _guard = on_drop(|| assert_eq!(try_wait(pending::<()>()), Err(WaitError::Cancelled)));
        sender.send(()).unwrap();
        wait(pending::<()>());
    });
    receiver.recv_timeout(LONG).unwrap();
    let started = Instant::now();
    drop(workers);
    assert!(started.elapsed() < 2 * REAPING_LIMIT);
    assert!(wait(task).unwrap_err().is_cancelled());
}

#[test]
fn workers() {
    let workers = Workers::new(NonZero::new(2).unwrap()).unwrap();
    let (sender, receiver) = mpsc::channel();
    let start = |name: &'static str| {
        let (started, is_started) = mpsc::channel();
        let ended = sender.clone();
        let task = workers.spawn_pinned(move || {
            started.send(()).unwrap();
            endless(on_drop(move || ended.send(name).unwrap()))();
        });
        is_started.recv_timeout(LONG).unwrap();
        task
    };
    let task = start("aborted");
    task.abort();
    assert!(wait(task).unwrap_err().is_cancelled());
    assert_eq!(receiver.recv_timeout(LONG), Ok("aborted"));

    let task = start("dropped");
    drop(workers);
    assert_eq!(receiver.try_recv(), Ok("dropped"));
    assert!(wait(task).unwrap_err().is_cancelled());
}
