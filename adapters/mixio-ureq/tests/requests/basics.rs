//! Requests that succeed, and those that can't.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use mixio_ureq::DefaultConnector;
use socket2::{Domain, Socket, Type};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use ureq::{Agent, Error, SendBody};

use super::plenty;
use crate::server::{Peer, Request, Server, ok, response};

pub(crate) fn get() {
    let server = Server::answering(|request| {
        assert_eq!(request.line, "GET /path?query HTTP/1.1");
        assert_eq!(request.header("x-colour"), Some("green"));
        response("200 OK", &[("x-taste", "sweet")], b"an apple")
    });
    let request = mixio_ureq::agent().get(server.url("/path?query")).header("x-colour", "green");
    let mut answer = request.call().unwrap();
    assert_eq!(answer.headers()["x-taste"], "sweet");
    assert_eq!(answer.body_mut().read_to_string().unwrap(), "an apple");
}

pub(crate) fn post() {
    let server = Server::answering(|request| {
        assert!(request.line.starts_with("POST "));
        assert_eq!(request.header("content-type"), Some("application/json; charset=utf-8"));
        ok(&request.body)
    });
    let order = BTreeMap::from([("pizza", 2), ("salad", 1)]);
    let mut answer = mixio_ureq::agent().post(server.url("/")).send_json(&order).unwrap();
    let confirmed: BTreeMap<String, i32> = answer.body_mut().read_json().unwrap();
    assert_eq!((confirmed["pizza"], confirmed["salad"]), (2, 1));
}

/// In both directions.
pub(crate) fn chunked() {
    let server = Server::answering(|request| {
        assert_eq!(request.header("transfer-encoding"), Some("chunked"));
        let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        for chunk in request.body.chunks(100_000) {
            write!(answer, "{:x}\r\n", chunk.len()).unwrap();
            answer.extend(chunk);
            answer.extend(b"\r\n");
        }
        answer.extend(b"0\r\n\r\n");
        answer
    });
    let agent = mixio_ureq::agent();
    for _ in 0..2 {
        let sent = plenty()[..1 << 20].to_vec();
        let mut body = sent.as_slice();
        let mut answer = agent.post(server.url("/")).send(SendBody::from_reader(&mut body)).unwrap();
        assert!(answer.body_mut().read_to_vec().unwrap() == sent);
    }
    assert_eq!(server.accepted(), 1);
}

/// A stream whose data come only when the server has seen the request.
struct Later(mpsc::Receiver<()>);

impl Read for Later {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.recv_timeout(Duration::from_secs(60)) {
            Ok(()) => {
                buffer[..5].copy_from_slice(b"later");
                Ok(5)
            }
            Err(RecvTimeoutError::Disconnected) => Ok(0),
            Err(RecvTimeoutError::Timeout) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// The server sees that it is asked before there is anything of the body.
pub(crate) fn streamed() {
    let (seen, is_seen) = mpsc::channel();
    let seen = Mutex::new(Some(seen));
    let server = Server::start(move |stream, _| {
        let mut peer = Peer::new(stream);
        let (line, headers) = peer.head().unwrap().unwrap();
        assert!(line.starts_with("POST") && headers.contains(&("transfer-encoding".into(), "chunked".into())));
        let seen = seen.lock().unwrap().take().unwrap();
        seen.send(()).unwrap();
        drop(seen);
        let mut body = [0; b"5\r\nlater\r\n0\r\n\r\n".len()];
        peer.read_exact(&mut body).unwrap();
        peer.send(&ok(body)).unwrap();
        peer.until_closed();
    });
    let mut body = Later(is_seen);
    let mut answer = mixio_ureq::agent().post(server.url("/")).send(SendBody::from_reader(&mut body)).unwrap();
    assert_eq!(answer.body_mut().read_to_string().unwrap(), "5\r\nlater\r\n0\r\n\r\n");
}

/// A body that fails, or panics, before there is anything of it.
struct Fails(bool);

impl Read for Fails {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        assert!(self.0, "no body");
        Err(io::Error::other("no body"))
    }
}

/// Nothing of that request is left over for the next one.
pub(crate) fn failing_body() {
    let server = Server::answering(|request| ok(&request.body));
    let agent = mixio_ureq::agent();
    for fails in [true, false] {
        let post = agent.post(server.url("/")).header("content-length", "5");
        let sent = catch_unwind(AssertUnwindSafe(|| post.send(SendBody::from_reader(&mut Fails(fails)))));
        assert!(if fails { sent.unwrap().is_err() } else { sent.is_err() });
        for word in ["one", "two"] {
            let mut answer = agent.post(server.url("/")).send(word).unwrap();
            assert_eq!(answer.body_mut().read_to_string().unwrap(), word);
        }
    }
}

/// With a length that was announced, and a body in several pieces; one of them looks like the head of a request.
pub(crate) fn in_pieces() {
    const HEAD: &str = "POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\n";
    let server = Server::answering(|request| ok(&request.body));
    let agent = mixio_ureq::agent();
    for pieces in [["one ", HEAD, " two"], [HEAD, HEAD, HEAD], ["", "", "three"], ["one", HEAD, HEAD]] {
        let whole = pieces.concat();
        let [mut first, mut second, mut third] = pieces.map(str::as_bytes);
        let mut body = first.by_ref().chain(second.by_ref()).chain(third.by_ref());
        let post = agent.post(server.url("/")).header("content-length", whole.len().to_string());
        let mut answer = post.send(SendBody::from_reader(&mut body)).unwrap();
        assert_eq!(answer.body_mut().read_to_string().unwrap(), whole);
    }
    assert_eq!(server.accepted(), 1);
}

pub(crate) fn compressed() {
    let server = Server::answering(|request| {
        assert_eq!(request.header("accept-encoding"), Some("gzip"));
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&plenty()[..1 << 20]).unwrap();
        response("200 OK", &[("content-encoding", "gzip")], &encoder.finish().unwrap())
    });
    let mut answer = mixio_ureq::agent().get(server.url("/")).call().unwrap();
    assert!(answer.body_mut().read_to_vec().unwrap() == plenty()[..1 << 20]);
}

/// More than the sockets' buffers take, in both directions.
pub(crate) fn large() {
    let server = Server::answering(|request| ok(&request.body));
    let agent = mixio_ureq::agent();
    let sent = plenty();
    for _ in 0..2 {
        let mut answer = agent.put(server.url("/")).send(&sent).unwrap();
        assert!(answer.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap() == sent);
    }
    assert_eq!(server.accepted(), 1);
}

pub(crate) fn redirects() {
    let target = Server::answering(|request| ok(request.path()));
    let elsewhere = target.url("/there");
    let server = Server::answering(move |request: &Request| match request.path() {
        "/away" => response("302 Found", &[("location", &elsewhere)], b"look there"),
        "/here" => response("307 Temporary Redirect", &[("location", "/final")], b""),
        "/final" => ok("final"),
        _ => response("302 Found", &[("location", "/around")], b""),
    });
    let agent = mixio_ureq::agent();
    assert_eq!(super::get(&agent, &server.url("/away")).unwrap(), "/there");
    assert_eq!(super::get(&agent, &server.url("/here")).unwrap(), "final");
    assert!(matches!(super::get(&agent, &server.url("/around")), Err(Error::TooManyRedirects)));
    assert_eq!((server.accepted(), target.accepted()), (1, 1));
}

pub(crate) fn bad_status() {
    let server = Server::answering(|_| response("503 Service Unavailable", &[], b"closed"));
    let agent = mixio_ureq::agent();
    assert!(matches!(super::get(&agent, &server.url("/")), Err(Error::StatusCode(503))));
    let request = agent.get(server.url("/")).config().http_status_as_error(false).build();
    assert_eq!(request.call().unwrap().body_mut().read_to_string().unwrap(), "closed");
}

/// A server that doesn't know this gets the body after a while.
pub(crate) fn expects_continue() {
    let server = Server::start(|stream, number| {
        let mut peer = Peer::new(stream);
        if number == 0 {
            let (_, headers) = peer.head().unwrap().unwrap();
            assert!(headers.contains(&("expect".into(), "100-continue".into())));
            peer.send(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
            let mut body = [0; 4];
            peer.read_exact(&mut body).unwrap();
            peer.send(&ok(body)).unwrap();
        } else {
            let request = peer.request().unwrap().unwrap();
            peer.send(&ok(&request.body)).unwrap();
        }
        peer.until_closed();
    });
    for _ in 0..2 {
        let config = Agent::config_builder().timeout_await_100(Some(Duration::from_millis(200))).build();
        let request = mixio_ureq::agent_with(config).post(server.url("/")).header("expect", "100-continue");
        assert_eq!(request.send("body").unwrap().body_mut().read_to_string().unwrap(), "body");
    }
}

pub(crate) fn names() {
    let server = Server::answering(|_| ok("found"));
    let url = format!("http://localhost:{}/", server.address().port());
    assert_eq!(super::get(&mixio_ureq::agent(), &url).unwrap(), "found");
    let config = Agent::config_builder().timeout_resolve(Some(Duration::from_secs(100))).build();
    assert_eq!(super::get(&mixio_ureq::agent_with(config), &url).unwrap(), "found");
}

pub(crate) fn no_such_name() {
    let failure = super::get(&mixio_ureq::agent(), "http://nowhere.invalid/").unwrap_err();
    assert!(matches!(failure, Error::Io(_) | Error::HostNotFound), "{failure:?}");
    let ipv6 = Agent::config_builder().ip_family(ureq::config::IpFamily::Ipv6Only).build();
    let failure = super::get(&mixio_ureq::agent_with(ipv6), "http://127.0.0.1:1/").unwrap_err();
    assert!(matches!(failure, Error::HostNotFound), "{failure:?}");
}

/// An address at which nobody listens while the socket is there: it is bound, so nobody else is given its port.
fn nobody() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

pub(crate) fn refused() {
    let (_socket, nobody) = nobody();
    let failure = super::get(&mixio_ureq::agent(), &format!("http://{nobody}/")).unwrap_err();
    let Error::Io(failure) = failure else { panic!("{failure:?}") };
    assert_eq!(failure.kind(), ErrorKind::ConnectionRefused);
}

#[derive(Debug)]
struct Addresses(Vec<SocketAddr>);

impl Resolver for Addresses {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut addresses = self.empty();
        self.0.iter().for_each(|address| addresses.push(*address));
        Ok(addresses)
    }
}

pub(crate) fn several_addresses() {
    let server = Server::answering(|_| ok("the second"));
    let (_socket, nobody) = nobody();
    for timeout in [None, Some(Duration::from_secs(100))] {
        let config = Agent::config_builder().timeout_connect(timeout).build();
        let agent = |addresses| Agent::with_parts(config.clone(), DefaultConnector::default(), Addresses(addresses));
        let both = agent(vec![nobody, server.address()]);
        assert_eq!(super::get(&both, "http://shop.example/").unwrap(), "the second");
        let none = super::get(&agent(vec![nobody, nobody]), "http://shop.example/").unwrap_err();
        assert!(matches!(none, Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused));
    }
}
