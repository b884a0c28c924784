//! Requests on an event loop: what they do as with ureq's own sockets, and besides.

mod requests;
mod server;

use std::cell::Cell;
use std::io::Read;
use std::num::NonZero;
use std::rc::Rc;
use std::sync::{Arc, Barrier, Condvar, Mutex, mpsc};
use std::time::Duration;

use mixio::{WaitError, as_async, in_coroutine, wait};
use mixio_tokio::{Workers, spawn_local};
use requests::tls::{server_config, trusting, url};
use requests::{get, plenty};
use server::{Peer, Server, ok};
use socket2::{Domain, Socket, Type};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::{LocalSet, yield_now};
use ureq::{Agent, Error, Timeout};

fn run<T: 'static>(test: impl FnOnce() -> T + 'static) -> T {
    mixio_tokio::run(|| {
        assert!(in_coroutine());
        test()
    })
}

all_requests_in_this_setting!();

/// Answers only when so many requests are there.
fn rendezvous(number: usize) -> impl Fn(&server::Request) -> Vec<u8> {
    let all = Barrier::new(number);
    move |request| {
        all.wait();
        ok(request.path())
    }
}

/// All of them wait for their answers before the first gets one, and nobody leaves this thread.
fn many_at_once(number: usize, server: &Server, agent: Agent, url: impl Fn(&str) -> String) {
    let this = std::thread::current().id();
    for _ in 0..2 {
        let tasks: Vec<_> = (0..number)
            .map(|task| {
                let (agent, path) = (agent.clone(), format!("/{task}"));
                let url = url(&path);
                spawn_local(move || {
                    let answer = get(&agent, &url).unwrap();
                    assert_eq!(std::thread::current().id(), this);
                    assert_eq!(answer, path);
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| wait(task).unwrap());
    }
    assert!(server.accepted() >= number);
}

#[test]
fn many_at_once_on_one_thread() {
    run(|| {
        let server = Server::answering(rendezvous(100));
        many_at_once(100, &server, mixio_ureq::agent(), |path| server.url(path));
    });
}

#[test]
fn many_at_once_by_tls() {
    run(|| {
        let server = Server::tls(server_config(), rendezvous(20));
        many_at_once(20, &server, mixio_ureq::agent_with(trusting().build()), |path| url(&server, path));
    });
}

/// Half of what there is by default is enough, with TLS.
#[test]
fn on_half_a_stack() {
    let runtime = current_thread();
    let server = Server::tls(server_config(), |request| ok(request.path()));
    let url = url(&server, "/");
    let size = if cfg!(debug_assertions) { 512 << 10 } else { 64 << 10 };
    let request = as_async(move || get(&mixio_ureq::agent_with(trusting().build()), &url)).stack_size(size);
    assert_eq!(LocalSet::new().block_on(&runtime, request).unwrap(), "/");
}

/// While a name is looked up.
#[test]
fn looking_up_does_not_block() {
    let server = Server::answering(|_| ok("found"));
    on_busy_runtime(move |finish| {
        let url = format!("http://localhost:{}/", server.address().port());
        let request = spawn_local(move || get(&mixio_ureq::agent(), &url).unwrap());
        // It is this thread that lets the other go on, and only after the request had its turn.
        wait(tokio::time::sleep(Duration::from_millis(50)));
        assert!(!request.is_finished());
        assert_eq!(server.accepted(), 0);
        finish.send(()).unwrap();
        assert_eq!(wait(request).unwrap(), "found");
    });
}

#[test]
fn looking_up_takes_too_long() {
    on_busy_runtime(|finish| {
        for (reason, config) in [
            (Timeout::Resolve, Agent::config_builder().timeout_resolve(Some(Duration::from_millis(50)))),
            (Timeout::Global, Agent::config_builder().timeout_global(Some(Duration::from_millis(50)))),
        ] {
            let failure = get(&mixio_ureq::agent_with(config.build()), "http://localhost/").unwrap_err();
            assert!(matches!(failure, Error::Timeout(is) if is == reason), "{failure:?}");
        }
        finish.send(()).unwrap();
    });
}

/// Runs plain code where the only thread for what blocks is busy, until it is told to finish.
fn on_busy_runtime(function: impl FnOnce(mpsc::Sender<()>) + 'static) {
    let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    let (finish, finished) = mpsc::channel();
    runtime.spawn_blocking(move || finished.recv());
    LocalSet::new().block_on(&runtime, as_async(move || function(finish)));
}

/// The thread that connects makes room for itself.
#[test]
fn connecting_does_not_block() {
    run(|| {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut queued = Vec::new();
        while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
            queued.push(stream);
            assert!(queued.len() < 10, "the queue takes more than it should");
        }
        let request = spawn_local(move || get(&mixio_ureq::agent(), &format!("http://{address}/")).unwrap());
        wait(yield_now());
        wait(yield_now());
        assert!(!request.is_finished());
        std::thread::spawn(move || {
            let listener = std::net::TcpListener::from(listener);
            for stream in listener.incoming() {
                std::thread::spawn(move || {
                    let mut peer = Peer::new(stream.unwrap());
                    if peer.request().is_ok_and(|request| request.is_some()) {
                        peer.send(&ok("at last")).unwrap();
                    }
                });
            }
        });
        drop(queued);
        assert_eq!(wait(request).unwrap(), "at last");
    });
}

/// The server begins to read only when the thread that sends says so.
#[test]
fn sending_does_not_block() {
    run(|| {
        let (read, to_read) = mpsc::channel();
        let to_read = Mutex::new(to_read);
        let server = Server::start(move |stream, _| {
            let mut peer = Peer::new(stream);
            to_read.lock().unwrap().recv().unwrap();
            let request = peer.request().unwrap().unwrap();
            peer.send(&ok(request.body.len().to_string())).unwrap();
        });
        let url = server.url("/");
        let body = [plenty(), plenty(), plenty()].concat();
        let size = body.len();
        let request = spawn_local(move || {
            let mut answer = mixio_ureq::agent().post(&url).send(&body).unwrap();
            answer.body_mut().read_to_string().unwrap()
        });
        while server.accepted() == 0 {
            wait(yield_now());
        }
        for _ in 0..100 {
            wait(yield_now());
        }
        assert!(!request.is_finished());
        read.send(()).unwrap();
        assert_eq!(wait(request).unwrap(), size.to_string());
    });
}

/// A server that hears requests, sends so much of an answer to the first, and tells when that connection is closed.
fn interrupted(start: &'static [u8]) -> (Server, oneshot::Receiver<()>, oneshot::Receiver<()>) {
    let (heard, is_heard) = oneshot::channel();
    let (closed, is_closed) = oneshot::channel();
    let tell = Mutex::new(Some((heard, closed)));
    let server = Server::start(move |stream, number| {
        let mut peer = Peer::new(stream);
        peer.request().unwrap().unwrap();
        if number == 0 {
            let (heard, closed) = tell.lock().unwrap().take().unwrap();
            peer.send(start).unwrap();
            heard.send(()).unwrap();
            peer.until_closed();
            closed.send(()).unwrap();
        } else {
            peer.send(&ok("the next")).unwrap();
            peer.until_closed();
        }
    });
    (server, is_heard, is_closed)
}

/// A request that is dropped closes its connection: its answer isn't for the next.
#[test]
fn dropped_in_flight() {
    for start in [&b""[..], b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"] {
        run(move || {
            let (server, is_heard, is_closed) = interrupted(start);
            let agent = mixio_ureq::agent();
            let task = spawn_local({
                let (agent, url) = (agent.clone(), server.url("/"));
                move || get(&agent, &url)
            });
            wait(is_heard).unwrap();
            wait(yield_now());
            task.abort();
            assert!(wait(task).unwrap_err().is_cancelled());
            wait(is_closed).unwrap();
            assert_eq!(get(&agent, &server.url("/")).unwrap(), "the next");
            assert_eq!(server.accepted(), 2);
        });
    }
}

/// The same with nobody to unwind it in peace, and a destructor that makes a request: that is an error there.
#[test]
fn dropped_without_a_reaper() {
    struct Goodbye(Agent, String, mpsc::Sender<Error>);

    impl Drop for Goodbye {
        fn drop(&mut self) {
            self.2.send(get(&self.0, &self.1).unwrap_err()).unwrap();
        }
    }

    let (server, is_heard, is_closed) = interrupted(b"");
    let (tell, told) = mpsc::channel();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async move {
        let url = server.url("/");
        let task = tokio::task::spawn_local(as_async(move || {
            let agent = mixio_ureq::agent();
            let _goodbye = Goodbye(agent.clone(), url.clone(), tell);
            get(&agent, &url)
        }));
        is_heard.await.unwrap();
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        is_closed.await.unwrap();
    });
    assert_wait_error(told.recv().unwrap(), WaitError::Cancelled);
}

fn assert_wait_error(error: Error, expected: WaitError) {
    let Error::Io(error) = error else { panic!("{error:?}") };
    let why = error.get_ref().and_then(|error| error.downcast_ref::<WaitError>());
    assert_eq!(why, Some(&expected), "{error:?}");
}

/// It would stall the others.
#[test]
fn in_a_task_that_is_not_plain_code() {
    let server = Server::answering(|_| ok("for nobody"));
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    for url in [server.url("/"), format!("http://localhost:{}/", server.address().port())] {
        let failure = runtime.block_on(runtime.spawn(async move { get(&mixio_ureq::agent(), &url) })).unwrap();
        assert_wait_error(failure.unwrap_err(), WaitError::OnExecutor);
    }
}

#[test]
fn without_a_runtime() {
    let server = Server::answering(|_| ok("for nobody"));
    for url in [server.url("/"), "http://localhost/".into()] {
        let failure = get(&mixio_ureq::agent(), &url).unwrap_err().to_string();
        assert!(failure.contains("no tokio runtime") && failure.contains("MIXIO=blocking"), "{failure}");
    }
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn on<T: 'static>(runtime: &Runtime, function: impl FnOnce() -> T + 'static) -> T {
    LocalSet::new().block_on(runtime, as_async(function))
}

/// So slowly that it must be waited for.
fn slowly(request: &server::Request) -> Vec<u8> {
    std::thread::sleep(Duration::from_millis(20));
    ok(request.path())
}

/// A connection comes along to the runtime where it is used next, whatever has become of the one before.
fn from_runtime_to_runtime(server: &Server, agent: Agent, url: impl Fn(&str) -> String) {
    let ask = |runtime: &Runtime, path: &'static str| {
        let (agent, url) = (agent.clone(), url(path));
        assert_eq!(on(runtime, move || get(&agent, &url)).unwrap(), path);
    };
    let (first, second) = (current_thread(), current_thread());
    ask(&first, "/1");
    ask(&second, "/2");
    ask(&first, "/3");
    drop(first);
    // The runtime of the connection has ended.
    ask(&second, "/4");
    ask(&second, "/5");
    drop(second);
    ask(&current_thread(), "/6");
    assert_eq!(server.accepted(), 1);
}

#[test]
fn connections_come_along() {
    let server = Server::answering(slowly);
    from_runtime_to_runtime(&server, mixio_ureq::agent(), |path| server.url(path));
}

#[test]
fn connections_come_along_with_tls() {
    let server = Server::tls(server_config(), slowly);
    from_runtime_to_runtime(&server, mixio_ureq::agent_with(trusting().build()), |path| url(&server, path));
}

/// A response is `Send`: the rest of it can be read elsewhere.
#[test]
fn a_body_on_another_runtime() {
    let server = Server::answering(|_| ok(plenty()));
    let agent = mixio_ureq::agent();
    let begin = |runtime: &Runtime| {
        let (agent, url) = (agent.clone(), server.url("/"));
        on(runtime, move || agent.get(url).call()).unwrap().into_body()
    };
    let read = |body: ureq::Body| {
        let mut all = Vec::new();
        body.into_reader().read_to_end(&mut all).unwrap();
        assert!(all == plenty());
    };
    let (first, second) = (current_thread(), current_thread());
    // Which doesn't run meanwhile.
    let body = begin(&first);
    on(&second, move || read(body));
    // Which has ended.
    let body = begin(&first);
    drop(first);
    on(&second, move || read(body));
    assert_eq!(server.accepted(), 1);

    // On a thread without any, while its runtime runs.
    let running = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let body = begin(&running);
    std::thread::spawn(move || {
        assert!(tokio::runtime::Handle::try_current().is_err());
        read(body)
    })
    .join()
    .unwrap();
}

/// Threads with an event loop each, and one agent, which outlives some of them.
#[test]
fn shared_by_workers() {
    let server = Server::answering(|request| ok(request.path()));
    let agent = mixio_ureq::agent();
    let ask_all = |workers: &Workers| {
        let tasks: Vec<_> = (0..100)
            .map(|task| {
                let (agent, path) = (agent.clone(), format!("/{task}"));
                let url = server.url(&path);
                workers.spawn_pinned(move || {
                    for _ in 0..5 {
                        assert_eq!(get(&agent, &url).unwrap(), path);
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| wait(task).unwrap());
    };
    let start = || Workers::new(NonZero::new(2).unwrap()).unwrap();
    let (first, second) = (start(), start());
    ask_all(&first);
    ask_all(&second);
    drop(first);
    ask_all(&second);
    drop(second);
    ask_all(&start());
    // No more than were ever used at once.
    assert!(server.accepted() <= 400, "{}", server.accepted());
}

/// Others run while a request is made whose answer never has to be waited for long.
#[test]
fn neighbours_run() {
    run(|| {
        let turn = Arc::new((Mutex::new(false), Condvar::new()));
        let server = Server::answering({
            let turn = turn.clone();
            move |_| {
                let (ticked, changed) = &*turn;
                let mut ticked = changed.wait_while(ticked.lock().unwrap(), |ticked| !*ticked).unwrap();
                *ticked = false;
                ok("after a tick")
            }
        });
        let ticks = Rc::new(Cell::new(0));
        let ticker = spawn_local({
            let ticks = ticks.clone();
            move || {
                loop {
                    wait(tokio::time::sleep(Duration::from_millis(1)));
                    ticks.set(ticks.get() + 1);
                    *turn.0.lock().unwrap() = true;
                    turn.1.notify_all();
                }
            }
        });
        let agent = mixio_ureq::agent();
        for _ in 0..20 {
            let before = ticks.get();
            assert_eq!(get(&agent, &server.url("/")).unwrap(), "after a tick");
            assert!(ticks.get() >= before);
        }
        assert!(ticks.get() >= 20);
        ticker.abort();
    });
}

#[test]
fn as_send_as_ureqs() {
    fn check<T: Send + Sync>() {}
    check::<Agent>();
    check::<mixio_ureq::TcpTransport>();
    check::<mixio_ureq::DefaultConnector>();
    check::<mixio_ureq::DefaultResolver>();
}
