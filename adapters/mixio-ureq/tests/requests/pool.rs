//! Connections that are used again, and those that must not be.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use mixio_tokio::thread;
use ureq::Error;

use super::get;
use crate::server::{Peer, Server, ok, response};

pub(crate) fn keep_alive() {
    let server = Server::answering(|request| ok(request.path()));
    let agent = mixio_ureq::agent();
    for path in ["/one", "/two", "/three"] {
        assert_eq!(get(&agent, &server.url(path)).unwrap(), path);
    }
    assert_eq!(server.accepted(), 1);

    // Several at once take one each.
    let first = agent.get(server.url("/first")).call().unwrap();
    assert_eq!(get(&agent, &server.url("/second")).unwrap(), "/second");
    assert_eq!(server.accepted(), 2);
    assert_eq!(first.into_body().read_to_string().unwrap(), "/first");
    assert_eq!(get(&agent, &server.url("/third")).unwrap(), "/third");
    assert_eq!(server.accepted(), 2);
}

/// Nobody knows how much of it is still to come.
pub(crate) fn unread() {
    let server = Server::answering(|_| ok(vec![b'x'; 100_000]));
    let agent = mixio_ureq::agent();
    for number in 0..3 {
        let answer = agent.get(server.url("/")).call().unwrap();
        let mut some = [0; 10];
        answer.into_body().into_reader().read_exact(&mut some).unwrap();
        assert_eq!(server.accepted(), number + 1);
    }
}

/// Until whatever the server has sent has arrived, or that it has closed the connection: the call that does it may return before.
fn until_arrived(server: &Server) {
    let SocketAddr::V4(address) = server.address() else { unreachable!() };
    // As Linux writes it.
    let remote = format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port());
    let is_idle = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (established, nothing_to_read) = (fields[3] == "01", fields[4].ends_with(":00000000"));
        fields[2] == remote && established && nothing_to_read
    };
    let started = Instant::now();
    while fs::read_to_string("/proc/net/tcp").unwrap().lines().any(is_idle) {
        assert!(started.elapsed() < Duration::from_secs(60), "nothing arrives");
        mixio_tokio::time::sleep(Duration::from_millis(1));
    }
}

pub(crate) fn closed_by_the_server() {
    let (close, to_close) = mpsc::channel();
    let (closed, is_closed) = mpsc::channel();
    let (to_close, closed) = (Mutex::new(to_close), Mutex::new(closed));
    let server = Server::start(move |stream, number| {
        let mut peer = Peer::new(stream);
        peer.request().unwrap().unwrap();
        peer.send(&ok(number.to_string())).unwrap();
        to_close.lock().unwrap().recv().unwrap();
        drop(peer);
        closed.lock().unwrap().send(()).unwrap();
    });
    let agent = mixio_ureq::agent();
    for number in 0..5 {
        assert_eq!(get(&agent, &server.url("/")).unwrap(), number.to_string());
        close.send(()).unwrap();
        is_closed.recv().unwrap();
        until_arrived(&server);
    }
}

pub(crate) fn said_something_unasked() {
    let (speak, to_speak) = mpsc::channel();
    let (spoken, is_spoken) = mpsc::channel();
    let (to_speak, spoken) = (Mutex::new(to_speak), Mutex::new(spoken));
    let server = Server::start(move |stream, number| {
        let mut peer = Peer::new(stream);
        peer.request().unwrap().unwrap();
        peer.send(&ok(number.to_string())).unwrap();
        to_speak.lock().unwrap().recv().unwrap();
        peer.send(&response("200 OK", &[], b"for whom?")).unwrap();
        spoken.lock().unwrap().send(()).unwrap();
        peer.until_closed();
    });
    let agent = mixio_ureq::agent();
    for number in 0..5 {
        assert_eq!(get(&agent, &server.url("/")).unwrap(), number.to_string());
        speak.send(()).unwrap();
        is_spoken.recv().unwrap();
        until_arrived(&server);
    }
}

/// Whoever waits for an answer is woken.
pub(crate) fn shut_down() {
    let (asked, is_asked) = mpsc::channel();
    let asked = Mutex::new(asked);
    let server = Server::start(move |stream, _| {
        let mut peer = Peer::new(stream);
        peer.request().unwrap().unwrap();
        asked.lock().unwrap().send(()).unwrap();
        peer.until_closed();
    });
    let agent = mixio_ureq::agent();
    let waiting = thread::spawn({
        let (agent, url) = (agent.clone(), server.url("/"));
        move || get(&agent, &url)
    });
    while is_asked.try_recv().is_err() {
        mixio_tokio::time::sleep(Duration::from_millis(1));
    }
    agent.clone().shutdown();
    let failure = waiting.join().unwrap().unwrap_err();
    assert!(matches!(failure, Error::Io(_)), "{failure:?}");
    assert!(matches!(get(&agent, &server.url("/")), Err(Error::Io(_))));
}

pub(crate) fn shut_down_while_idle() {
    let (gone, is_gone) = mpsc::channel();
    let gone = Mutex::new(gone);
    let server = Server::start(move |mut stream, _| {
        let mut peer = Peer::new(stream.try_clone().unwrap());
        peer.request().unwrap().unwrap();
        stream.write_all(&ok("idle")).unwrap();
        peer.until_closed();
        gone.lock().unwrap().send(()).unwrap();
    });
    let agent = mixio_ureq::agent();
    assert_eq!(get(&agent, &server.url("/")).unwrap(), "idle");
    agent.shutdown();
    is_gone.recv().unwrap();
}
