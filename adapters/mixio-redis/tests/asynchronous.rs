//! Connections on an event loop: what they do as the redis crate's own, and besides.

mod commands;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use commands::{connect, name, server};
use mixio::{WaitError, as_async, in_coroutine, wait};
use mixio_redis::Connection;
use mixio_tokio::{spawn_local, time};
use redis::{Commands, ConnectionLike, RedisError, RedisResult, cmd, pipe};
use tokio::runtime::Builder;
use tokio::task::{LocalSet, yield_now};

fn run<T: 'static>(test: impl FnOnce() -> T + 'static) -> T {
    mixio_tokio::run(|| {
        assert!(in_coroutine());
        test()
    })
}

all_commands_in_this_setting!();

/// The ids of connections for which the server has started a command, and not ended it.
fn blocked(connection: &mut Connection, ids: &[u64]) -> usize {
    let clients: String = cmd("CLIENT").arg("LIST").query(connection).unwrap();
    let is_blocked = |id: &u64| {
        let line = clients.lines().find(|line| line.starts_with(&format!("id={id} ")));
        line.is_some_and(|line| {
            line.split(' ').any(|field| field.strip_prefix("flags=").is_some_and(|flags| flags.contains('b')))
        })
    };
    ids.iter().filter(|id| is_blocked(id)).count()
}

fn id(connection: &mut Connection) -> u64 {
    cmd("CLIENT").arg("ID").query(connection).unwrap()
}

/// All wait in the server before the first gets something, and nobody leaves this thread.
#[test]
fn many_at_once_on_one_thread() {
    run(|| {
        const NUMBER: usize = 100;
        let this = std::thread::current().id();
        let ids = Rc::new(RefCell::new(Vec::new()));
        let queues: Vec<_> = (0..NUMBER).map(|_| name()).collect();
        let tasks: Vec<_> = queues
            .iter()
            .map(|queue| {
                let (ids, queue) = (ids.clone(), queue.clone());
                spawn_local(move || {
                    let mut connection = connect();
                    let id = id(&mut connection);
                    ids.borrow_mut().push(id);
                    let popped: (String, String) = connection.blpop(&queue, 0.0).unwrap();
                    assert_eq!(std::thread::current().id(), this);
                    assert_eq!(popped, (queue.clone(), queue));
                })
            })
            .collect();
        let mut connection = connect();
        loop {
            // Not borrowed while this waits.
            let ids = ids.borrow().clone();
            if blocked(&mut connection, &ids) == NUMBER {
                break;
            }
            time::sleep(Duration::from_millis(1));
        }
        for queue in &queues {
            let _: () = connection.rpush(queue, queue).unwrap();
        }
        tasks.into_iter().for_each(|task| wait(task).unwrap());
    });
}

#[test]
fn waiting_overlaps() {
    run(|| {
        let start = Instant::now();
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                spawn_local(|| {
                    let outcome: Option<(String, String)> = connect().blpop(name(), 0.5).unwrap();
                    assert_eq!(outcome, None);
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| wait(task).unwrap());
        // And not 25 seconds.
        assert!(start.elapsed() < Duration::from_secs(10));
    });
}

/// A function that is dropped while it waits for a reply, with a connection that others have too.
fn dropped_in_flight(ask: impl FnOnce(&mut Connection, &str) + 'static) {
    run(|| {
        let connection = Rc::new(RefCell::new(connect()));
        let (mut other, queue) = (connect(), name());
        let id = id(&mut connection.borrow_mut());
        let task = spawn_local({
            let (connection, queue) = (connection.clone(), queue.clone());
            move || ask(&mut connection.borrow_mut(), &queue)
        });
        while blocked(&mut other, &[id]) == 0 {
            time::sleep(Duration::from_millis(1));
        }
        task.abort();
        assert!(wait(task).unwrap_err().is_cancelled());
        // It is unwound by a task, soon.
        let mut connection = loop {
            if let Ok(connection) = connection.try_borrow_mut() {
                break connection;
            }
            wait(yield_now());
        };
        assert!(!connection.is_open());
        for _ in 0..2 {
            let failure: RedisError = connection.get::<_, String>("key").unwrap_err();
            assert!(failure.is_connection_dropped(), "{failure}");
        }
        // The server doesn't wait for it any longer, and gives it nothing.
        while blocked(&mut other, &[id]) > 0 {
            time::sleep(Duration::from_millis(1));
        }
        let _: () = other.rpush(&queue, "for somebody").unwrap();
        assert_eq!(other.llen(&queue), Ok(1));
    });
}

#[test]
fn a_command_dropped_in_flight() {
    dropped_in_flight(|connection, queue| {
        let outcome: RedisResult<(String, String)> = connection.blpop(queue, 0.0);
        unreachable!("{outcome:?}");
    });
}

#[test]
fn a_pipeline_dropped_in_flight() {
    dropped_in_flight(|connection, queue| {
        let mut commands = pipe();
        commands.cmd("ECHO").arg("before").cmd("BLPOP").arg(queue).arg(0).cmd("ECHO").arg("after");
        let outcome: RedisResult<redis::Value> = commands.query(connection);
        unreachable!("{outcome:?}");
    });
}

/// One that is subscribed and waits: it doesn't begin to unsubscribe while it is unwound.
#[test]
fn a_subscriber_dropped_in_flight() {
    run(|| {
        let channel = name();
        let task = spawn_local({
            let channel = channel.clone();
            move || {
                let mut connection = connect();
                let mut pubsub = connection.as_pubsub();
                pubsub.subscribe(&channel).unwrap();
                pubsub.get_message().map(drop)
            }
        });
        let mut other = connect();
        let heard_by = |other: &mut Connection| -> usize {
            let (_, number): (String, usize) = cmd("PUBSUB").arg("NUMSUB").arg(&channel).query(other).unwrap();
            number
        };
        while heard_by(&mut other) == 0 {
            time::sleep(Duration::from_millis(1));
        }
        task.abort();
        assert!(wait(task).unwrap_err().is_cancelled());
        while heard_by(&mut other) > 0 {
            time::sleep(Duration::from_millis(1));
        }
    });
}

/// With nobody to unwind it in peace: destructors that can't wait get an error.
#[test]
fn dropped_without_a_reaper() {
    struct Goodbye(Option<Connection>, mpsc::Sender<RedisError>);

    impl Drop for Goodbye {
        fn drop(&mut self) {
            let mut connection = self.0.take().unwrap();
            assert!(connection.is_open());
            self.1.send(cmd("PING").query::<String>(&mut connection).unwrap_err()).unwrap();
            assert!(!connection.is_open());
        }
    }

    let (tell, told) = mpsc::channel();
    let (there, is_there) = tokio::sync::oneshot::channel();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async move {
        let task = tokio::task::spawn_local(as_async(move || {
            let mut subscribed = connect();
            let mut pubsub = subscribed.as_pubsub();
            pubsub.subscribe(name()).unwrap();
            let _goodbye = Goodbye(Some(connect()), tell);
            there.send(()).unwrap();
            wait(std::future::pending::<()>());
        }));
        is_there.await.unwrap();
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_wait_error(told.recv().unwrap(), WaitError::Cancelled);
}

fn assert_wait_error(error: RedisError, expected: WaitError) {
    assert!(error.is_io_error() && error.to_string().contains(&expected.to_string()), "{error}");
}

/// It would stall the others.
#[test]
fn in_a_task_that_is_not_plain_code() {
    let url = server().url();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let failure = runtime.block_on(runtime.spawn(async { mixio_redis::connect(url).map(|_| ()) })).unwrap();
    assert_wait_error(failure.unwrap_err(), WaitError::OnExecutor);
}

#[test]
fn without_a_runtime() {
    let failure = mixio_redis::connect(server().url()).map(|_| ()).unwrap_err().to_string();
    assert!(failure.contains("no tokio runtime") && failure.contains("MIXIO=blocking"), "{failure}");
}

#[test]
fn as_send_as_the_original() {
    fn check<T: Send + Sync>() {}
    check::<Connection>();
    check::<mixio_redis::Client>();
}
