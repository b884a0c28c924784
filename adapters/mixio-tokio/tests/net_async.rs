//! Sockets on an event loop: what they do as std's, and besides.

#[path = "../../../tests/support/mod.rs"]
mod support;

mod sockets;

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use mixio::{WaitError, as_async, in_coroutine};
use mixio_tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use mixio_tokio::{spawn_local, thread, time};
use socket2::{Domain, SockAddr, Socket, Type};
use sockets::{connected, echo, talk};
use support::{assert_success, in_limited_child, message_of, on_drop};
use tokio::task::LocalSet;

fn run<T: 'static>(test: impl FnOnce() -> T + 'static) -> T {
    mixio_tokio::run(|| {
        assert!(in_coroutine());
        test()
    })
}

all_sockets_in_this_setting!();

/// All are connected before the first is answered, and nobody leaves this thread.
#[test]
fn a_thousand_connections_at_once() {
    const CLIENTS: usize = 1000;
    let body = || {
        mixio_tokio::run(|| {
            let this = std::thread::current().id();
            let on_this_thread = move || assert_eq!(std::thread::current().id(), this);
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let server = thread::spawn(move || {
                let streams: Vec<_> = listener.incoming().take(CLIENTS).collect();
                let serve = |stream: io::Result<TcpStream>| {
                    thread::spawn(move || {
                        on_this_thread();
                        echo(stream?)
                    })
                };
                let tasks: Vec<_> = streams.into_iter().map(serve).collect();
                tasks.into_iter().for_each(|task| task.join().unwrap().unwrap());
            });
            let client = move |number: usize| {
                on_this_thread();
                let mut stream = TcpStream::connect(address)?;
                talk(&mut stream, &[&number.to_string(), "again"])
            };
            let clients: Vec<_> = (0..CLIENTS).map(|number| thread::spawn(move || client(number))).collect();
            clients.into_iter().for_each(|client| client.join().unwrap().unwrap());
            server.join().unwrap();
        });
    };
    assert_success(&in_limited_child("a_thousand_connections_at_once", "ulimit -n 4096", body));
}

/// A read that could go on without ever waiting lets others run now and then.
#[test]
fn a_busy_stream_is_fair() {
    run(|| {
        for by_reference in [false, true] {
            let (mut one, mut other) = UnixStream::pair().unwrap();
            one.write_all(&[1; 10_000]).unwrap();
            let ran = Rc::new(Cell::new(false));
            let _task = spawn_local({
                let ran = ran.clone();
                move || ran.set(true)
            });
            let mut byte = [0];
            let mut reads = 0;
            while !ran.get() && reads < 10_000 {
                let read = if by_reference { (&other).read(&mut byte) } else { other.read(&mut byte) };
                assert_eq!(read.unwrap(), 1);
                reads += 1;
            }
            assert!(ran.get());
        }
    });
}

#[test]
fn without_a_runtime() {
    fn check<T: std::fmt::Debug>(result: io::Result<T>) {
        let message = result.unwrap_err().to_string();
        assert!(message.contains("no tokio runtime") && message.contains("MIXIO=blocking"), "{message}");
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    check(TcpListener::bind("127.0.0.1:0"));
    check(TcpStream::connect(address));
    check(TcpStream::connect_timeout(&address, Duration::from_secs(1)));
    check(TcpListener::from_std(listener));
    check(UnixListener::bind("nowhere"));
    check(UnixStream::connect("nowhere"));
    check(UnixStream::pair());
}

/// There is nobody else on such a thread, so it is put to sleep; unless there is an executor, of another kind.
#[test]
fn sleeping_without_a_runtime() {
    time::sleep(Duration::from_millis(1));
    let message = message_of(|| {
        mixio::wait(as_async(|| time::sleep(Duration::from_millis(1))));
    });
    assert!(message.contains("no tokio runtime"), "{message}");
}

/// The thread of the runtime serves a socket that another thread waits for.
#[test]
fn on_another_thread() {
    run(|| {
        let (client, server) = connected();
        let elsewhere = tokio::task::spawn_blocking(move || {
            assert!(!in_coroutine());
            echo(server)
        });
        talk(client, &["one", "two"]).unwrap();
        mixio::wait(elsewhere).unwrap().unwrap();
    });
}

/// Nobody would poll it again: so a destructor gets an error, and may do something else.
#[test]
fn in_a_destructor_of_what_is_dropped() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (report, reported) = mpsc::channel();
    LocalSet::new().block_on(&runtime, async move {
        let task = tokio::task::spawn_local(as_async(move || {
            let (mut one, mut other) = UnixStream::pair().unwrap();
            let _guard = on_drop(move || {
                // What needn't wait is done.
                report.send(one.write(b"bye").map_err(|error| error.kind())).unwrap();
                let error = one.read(&mut [0; 10]).unwrap_err();
                let why = error.get_ref().and_then(|error| error.downcast_ref::<WaitError>());
                assert_eq!(why, Some(&WaitError::Cancelled));
                report.send(Err(error.kind())).unwrap();
            });
            other.read(&mut [0; 10])
        }));
        tokio::task::yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(reported.iter().collect::<Vec<_>>(), [Ok(3), Err(ErrorKind::Other)]);
}

#[test]
fn threads_are_tasks() {
    let payload = run(|| {
        let task = thread::spawn(|| std::thread::current().id());
        assert!(!task.is_finished());
        assert_eq!(task.join().unwrap(), std::thread::current().id());
        thread::spawn(|| panic!("as it were")).join().unwrap_err()
    });
    assert_eq!(support::message(payload), "as it were");
}

#[test]
fn others_have_their_turn() {
    run(|| {
        let task = thread::spawn(thread::yield_now);
        while !task.is_finished() {
            thread::yield_now();
        }
    });
    // Where there are none.
    thread::yield_now();
}

/// Who waits for room in a listener's queue holds up nobody who doesn't want to wait for it.
#[test]
fn given_up_while_the_queue_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    listener.listen(0).unwrap();
    let (sender, receiver) = mpsc::channel();
    // It would never end.
    std::thread::spawn(move || {
        let connected = run(move || {
            let tasks: Vec<_> = (0..10)
                .map(|_| {
                    thread::spawn({
                        let path = path.clone();
                        || UnixStream::connect(path)
                    })
                })
                .collect();
            time::sleep(Duration::from_millis(10));
            tasks.iter().filter(|task| task.is_finished()).count()
        });
        sender.send(connected).unwrap();
    });
    let connected = receiver.recv_timeout(Duration::from_secs(60)).expect("it ends with the runtime");
    assert!(connected < 10, "the queue takes more than it should");
}

#[test]
fn as_send_as_stds() {
    fn check<T: Send + Sync + Unpin>() {}
    check::<TcpStream>();
    check::<TcpListener>();
    check::<UnixStream>();
    check::<UnixListener>();
}
