//! Servers that break off, or talk nonsense.

use std::time::Duration;

use socket2::SockRef;
use ureq::{Agent, Error};

use super::get;
use crate::server::{Peer, Server, ok};

/// It fails; and with the same agent another request does what it should.
fn breaks_off(after: &'static [u8]) {
    let server = Server::start(move |stream, number| {
        let mut peer = Peer::new(stream);
        peer.request().unwrap().unwrap();
        if number == 0 {
            peer.send(after).unwrap();
        } else {
            peer.send(&ok("well")).unwrap();
            peer.until_closed();
        }
    });
    fails_once(&server);
}

fn fails_once(server: &Server) {
    let config = Agent::config_builder().timeout_global(Some(Duration::from_secs(100))).build();
    let agent = mixio_ureq::agent_with(config);
    let failure = get(&agent, &server.url("/")).unwrap_err();
    assert!(!matches!(failure, Error::Timeout(_)), "{failure:?}");
    assert_eq!(get(&agent, &server.url("/")).unwrap(), "well");
    assert_eq!(server.accepted(), 2);
}

pub(crate) fn before_the_answer() {
    breaks_off(b"");
}

pub(crate) fn in_the_headers() {
    breaks_off(b"HTTP/1.1 200 OK\r\ncontent-le");
}

pub(crate) fn in_the_body() {
    breaks_off(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
}

pub(crate) fn in_a_chunk() {
    breaks_off(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nhalf");
}

pub(crate) fn nonsense() {
    breaks_off(b"220 mail.example ESMTP\r\n\r\n");
}

/// Without a goodbye.
pub(crate) fn reset() {
    let server = Server::start(|stream, number| {
        let mut peer = Peer::new(stream.try_clone().unwrap());
        peer.request().unwrap().unwrap();
        if number == 0 {
            SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        } else {
            peer.send(&ok("well")).unwrap();
            peer.until_closed();
        }
    });
    fails_once(&server);
}
