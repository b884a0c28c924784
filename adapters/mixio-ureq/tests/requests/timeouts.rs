//! Each of ureq's timeouts.

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::thread::sleep;
use std::time::{Duration, Instant};

use mixio_tokio::net::TcpStream;
use socket2::{Domain, Socket, Type};
use ureq::config::{Config, ConfigBuilder};
use ureq::typestate::AgentScope;
use ureq::{Agent, Error, SendBody, Timeout};

use super::get;
use crate::server::{Peer, Server, ok};

const SHORT: Option<Duration> = Some(Duration::from_millis(100));
const LONG: Option<Duration> = Some(Duration::from_secs(100));

type Builder = ConfigBuilder<AgentScope>;

type Shorten = fn(Builder) -> Builder;

/// All long, but for what `shorten` makes short.
fn agent(shorten: Shorten) -> Agent {
    let long: Builder = Config::builder()
        .timeout_resolve(LONG)
        .timeout_connect(LONG)
        .timeout_send_request(LONG)
        .timeout_send_body(LONG)
        .timeout_recv_response(LONG)
        .timeout_recv_body(LONG)
        .timeout_per_read(LONG)
        .timeout_per_write(LONG)
        .timeout_per_call(LONG)
        .timeout_global(LONG);
    mixio_ureq::agent_with(shorten(long).build())
}

/// It fails for that reason, and not before.
fn expires<T>(reason: Timeout, request: impl FnOnce() -> Result<T, Error>) {
    let start = Instant::now();
    let failure = request().err().expect("it is to take too long");
    assert!(matches!(failure, Error::Timeout(is) if is == reason), "{failure:?} instead of {reason:?}");
    assert!(start.elapsed() >= SHORT.unwrap() / 2);
    assert!(start.elapsed() < LONG.unwrap() / 2);
}

/// Hears the request, and is silent.
fn silent() -> Server {
    Server::start(|stream, _| {
        let mut peer = Peer::new(stream);
        peer.head().unwrap();
        peer.until_closed();
    })
}

/// Sends the start of a body, and then so much of it at a time.
fn drips(at_a_time: usize) -> Server {
    Server::start(move |stream, _| {
        let mut peer = Peer::new(stream);
        peer.head().unwrap();
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n").unwrap();
        if at_a_time == 0 {
            return peer.until_closed();
        }
        while peer.send(&vec![0; at_a_time]).is_ok() {
            sleep(Duration::from_millis(5));
        }
    })
}

/// Reads so much at a time, or nothing.
fn sips(at_a_time: usize) -> Server {
    Server::start(move |mut stream, _| {
        if at_a_time == 0 {
            loop {
                std::thread::park();
            }
        }
        while stream.read(&mut vec![0; at_a_time]).is_ok_and(|size| size > 0) {
            sleep(Duration::from_millis(5));
        }
    })
}

/// Without an end.
fn send_for_ever(agent: &Agent, server: &Server) -> Result<(), Error> {
    agent.post(server.url("/")).send(SendBody::from_reader(&mut io::repeat(1))).map(drop)
}

/// Where the listener's queue is full Linux answers nobody.
pub(crate) fn connect() {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, SHORT.unwrap()) {
        queued.push(stream);
        assert!(queued.len() < 10, "the queue takes more than it should");
    }
    let agent = agent(|config| config.timeout_connect(SHORT));
    expires(Timeout::Connect, || get(&agent, &format!("http://{address}/")));
}

/// The server doesn't greet back.
pub(crate) fn connect_handshake() {
    let server = Server::start(|stream, _| Peer::new(stream).until_closed());
    let agent = agent(|config| config.timeout_connect(SHORT));
    expires(Timeout::Connect, || get(&agent, &format!("https://{}/", server.address())));
}

pub(crate) fn response() {
    let (server, agent) = (silent(), agent(|config| config.timeout_recv_response(SHORT)));
    expires(Timeout::RecvResponse, || get(&agent, &server.url("/")));
    // Not to be used again.
    expires(Timeout::RecvResponse, || get(&agent, &server.url("/")));
    // The server may be later than the timeout.
    let started = Instant::now();
    while server.accepted() < 2 {
        assert!(started.elapsed() < LONG.unwrap() / 2, "it was used again");
        sleep(Duration::from_millis(1));
    }
}

pub(crate) fn body() {
    let (server, agent) = (drips(0), agent(|config| config.timeout_recv_body(SHORT)));
    expires(Timeout::RecvBody, || get(&agent, &server.url("/")));
}

pub(crate) fn upload() {
    let (server, agent) = (sips(0), agent(|config| config.timeout_send_body(SHORT)));
    expires(Timeout::SendBody, || send_for_ever(&agent, &server));
}

pub(crate) fn global() {
    let (server, agent) = (silent(), agent(|config| config.timeout_global(SHORT)));
    expires(Timeout::Global, || get(&agent, &server.url("/")));
}

pub(crate) fn per_call() {
    let (server, agent) = (silent(), agent(|config| config.timeout_per_call(SHORT)));
    expires(Timeout::PerCall, || get(&agent, &server.url("/")));
}

pub(crate) fn per_read() {
    let (server, agent) = (silent(), agent(|config| config.timeout_per_read(SHORT)));
    expires(Timeout::PerRead, || get(&agent, &server.url("/")));
}

pub(crate) fn per_write() {
    let (server, agent) = (sips(0), agent(|config| config.timeout_per_write(SHORT)));
    expires(Timeout::PerWrite, || send_for_ever(&agent, &server));
}

/// Each step is short, but not all together.
pub(crate) fn drop_by_drop() {
    let (server, agent) = (drips(10), agent(|config| config.timeout_recv_body(SHORT)));
    expires(Timeout::RecvBody, || get(&agent, &server.url("/")));
}

pub(crate) fn drop_by_drop_upload() {
    let (server, agent) = (sips(1000), agent(|config| config.timeout_send_body(SHORT)));
    expires(Timeout::SendBody, || send_for_ever(&agent, &server));
}

/// Is over before it has begun.
pub(crate) fn next_to_nothing() {
    const NOTHING: Option<Duration> = Some(Duration::from_nanos(1));
    let server = Server::answering(|_| ok("soon"));
    let cases: [(Timeout, Shorten); 4] = [
        (Timeout::Resolve, |config| config.timeout_resolve(NOTHING)),
        (Timeout::Connect, |config| config.timeout_connect(NOTHING)),
        (Timeout::SendRequest, |config| config.timeout_send_request(NOTHING)),
        (Timeout::Global, |config| config.timeout_global(NOTHING)),
    ];
    for (reason, shorten) in cases {
        let failure = get(&agent(shorten), &server.url("/")).unwrap_err();
        assert!(matches!(failure, Error::Timeout(is) if is == reason), "{failure:?} instead of {reason:?}");
    }
}

pub(crate) fn in_time() {
    let server = Server::answering(|request| {
        sleep(Duration::from_millis(50));
        ok(request.path())
    });
    let agent = agent(|config| config);
    for path in ["/one", "/two"] {
        assert_eq!(get(&agent, &server.url(path)).unwrap(), path);
    }
    assert_eq!(server.accepted(), 1);
}
