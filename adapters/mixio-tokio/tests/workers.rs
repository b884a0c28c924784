//! Pinned workers.

#[path = "../../../tests/support/mod.rs"]
mod support;

use std::collections::HashSet;
use std::num::NonZero;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use mixio::{in_coroutine, wait};
use mixio_tokio::net::{TcpListener, TcpStream};
use mixio_tokio::{Workers, spawn_pinned, time};
use support::{message, on_drop};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// For what comes from another thread.
const LONG: Duration = Duration::from_secs(60);

fn workers(number: usize) -> Workers {
    Workers::new(NonZero::new(number).unwrap()).unwrap()
}

#[test]
fn ten_thousand_short_ones_from_many_threads() {
    const EACH: usize = 1250;
    let spawners: Vec<_> = (0..8)
        .map(|spawner| {
            thread::spawn(move || {
                let tasks: Vec<_> = (0..EACH).map(|n| spawn_pinned(move || spawner * EACH + n)).collect();
                tasks.into_iter().map(|task| wait(task).unwrap()).sum::<usize>()
            })
        })
        .collect();
    let total: usize = spawners.into_iter().map(|spawner| spawner.join().unwrap()).sum();
    assert_eq!(total, (0..8 * EACH).sum());
}

#[test]
fn from_a_runtime() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let values = runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..100 {
            // The handle is `Send`: it is awaited on any thread.
            tasks.spawn(async move { spawn_pinned(move || n).await.unwrap() });
        }
        tasks.join_all().await.into_iter().collect::<HashSet<_>>()
    });
    assert_eq!(values.len(), 100);
}

/// Each holds up its thread until all have come.
#[test]
fn all_are_used() {
    let workers = workers(4);
    assert_eq!(workers.len(), 4);
    let barrier = Arc::new(Barrier::new(4));
    let (sender, receiver) = mpsc::channel();
    for _ in 0..4 {
        let (barrier, sender) = (barrier.clone(), sender.clone());
        drop(workers.spawn_pinned(move || {
            barrier.wait();
            sender.send(thread::current().id()).unwrap();
        }));
    }
    let threads: HashSet<_> = (0..4).map(|_| receiver.recv_timeout(LONG).unwrap()).collect();
    assert_eq!(threads.len(), 4);
}

/// With functions that last, each worker gets as many as the others.
#[test]
fn the_least_loaded_is_next() {
    let workers = workers(3);
    let (enough, _) = tokio::sync::watch::channel(false);
    let tasks: Vec<_> = (0..30)
        .map(|_| {
            let mut enough = enough.subscribe();
            workers.spawn_pinned(move || {
                wait(enough.wait_for(|enough| *enough)).unwrap();
                thread::current().id()
            })
        })
        .collect();
    assert!(format!("{workers:?}").contains("[10, 10, 10]"), "{workers:?}");
    enough.send(true).unwrap();
    let mut threads: Vec<_> = tasks.into_iter().map(|task| format!("{:?}", wait(task).unwrap())).collect();
    threads.sort();
    assert!(threads.chunks(10).all(|chunk| chunk.iter().all(|thread| *thread == chunk[0])));
}

/// Side by side on one thread, with what isn't `Send` on their stacks.
#[test]
fn many_wait_on_one_worker() {
    let workers = workers(1);
    let here = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..1000)
        .map(|n| {
            let here = here.clone();
            workers.spawn_pinned(move || {
                assert!(in_coroutine());
                let number = Rc::new(n);
                here.fetch_add(1, Ordering::Relaxed);
                while here.load(Ordering::Relaxed) < 1000 {
                    wait(tokio::task::yield_now());
                }
                *number
            })
        })
        .collect();
    assert_eq!(tasks.into_iter().map(|task| wait(task).unwrap()).sum::<usize>(), 499_500);
}

/// Starts a function that never ends, and tells of its end and on which thread that was.
fn endless(workers: &Workers) -> (JoinHandle<()>, mpsc::Receiver<thread::ThreadId>) {
    let (sender, receiver) = mpsc::channel();
    let task = workers.spawn_pinned(move || {
        let this = thread::current().id();
        sender.send(this).unwrap();
        let _guard = on_drop(|| sender.send(thread::current().id()).unwrap());
        wait(std::future::pending())
    });
    (task, receiver)
}

#[test]
fn abort_while_suspended() {
    let workers = workers(2);
    for _ in 0..100 {
        let (task, threads) = endless(&workers);
        let worker = threads.recv_timeout(LONG).unwrap();
        task.abort();
        assert!(wait(task).unwrap_err().is_cancelled());
        assert_eq!(threads.recv_timeout(LONG), Ok(worker));
    }
}

/// The function is dropped then, and not run.
#[test]
fn abort_before_it_starts() {
    let workers = workers(1);
    let (go, wait_for_it) = mpsc::channel::<()>();
    let busy = workers.spawn_pinned(move || wait_for_it.recv_timeout(LONG));
    let (sender, receiver) = mpsc::channel();
    let task = workers.spawn_pinned(move || sender.send("it ran"));
    task.abort();
    go.send(()).unwrap();
    assert!(wait(task).unwrap_err().is_cancelled());
    assert_eq!(receiver.recv_timeout(LONG), Err(mpsc::RecvTimeoutError::Disconnected));
    wait(busy).unwrap().unwrap();
}

#[test]
fn dropping_the_handle_lets_it_go_on() {
    let workers = workers(1);
    let (sender, receiver) = mpsc::channel();
    drop(workers.spawn_pinned(move || {
        wait(tokio::task::yield_now());
        sender.send("done").unwrap();
    }));
    assert_eq!(receiver.recv_timeout(LONG), Ok("done"));
}

#[test]
fn a_panic_comes_out_of_the_handle() {
    let workers = workers(1);
    for suspended_before in [false, true] {
        let task = workers.spawn_pinned(move || {
            if suspended_before {
                wait(tokio::task::yield_now());
            }
            panic!("in a worker");
        });
        let task: JoinHandle<()> = task;
        assert_eq!(message(wait(task).unwrap_err().into_panic()), "in a worker");
    }
    assert_eq!(wait(workers.spawn_pinned(|| 1)).unwrap(), 1);
}

/// What is under way is unwound before the drop returns.
#[test]
fn dropping_the_workers() {
    let workers = workers(2);
    let all: Vec<_> = (0..10).map(|_| endless(&workers)).collect();
    let threads: Vec<_> = all.iter().map(|(_, threads)| threads.recv_timeout(LONG).unwrap()).collect();
    drop(workers);
    for ((task, ends), thread) in all.into_iter().zip(threads) {
        assert_eq!(ends.try_recv(), Ok(thread));
        assert!(wait(task).unwrap_err().is_cancelled());
    }
}

/// The last to hold them runs on one of them.
#[test]
fn dropped_by_a_function_of_theirs() {
    let (give, given) = oneshot::channel::<Arc<Workers>>();
    let (sender, receiver) = mpsc::channel();
    let workers = Arc::new(workers(2));
    drop(workers.spawn_pinned(move || {
        let _guard = on_drop(move || sender.send("over").unwrap());
        drop(wait(given));
    }));
    give.send(workers).unwrap();
    assert_eq!(receiver.recv_timeout(LONG), Ok("over"));
}

#[test]
fn sockets_on_both_sides() {
    let workers = workers(2);
    let (tell, told) = oneshot::channel();
    let server = workers.spawn_pinned(|| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        tell.send(listener.local_addr()?).unwrap();
        std::io::copy(&mut listener.accept()?.0, &mut Vec::new())
    });
    let client = workers.spawn_pinned(|| {
        use std::io::Write as _;
        let mut stream = TcpStream::connect(wait(told).unwrap())?;
        time::sleep(Duration::from_millis(1));
        stream.write_all(&[1; 100_000])
    });
    wait(client).unwrap().unwrap();
    assert_eq!(wait(server).unwrap().unwrap(), 100_000);
}
