//! Requests by way of a proxy.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use ureq::config::Config;
use ureq::{Error, Proxy, Timeout};

use super::get;
use super::tls::{server_config, trusting, url};
use crate::server::{Peer, Server, ok};

/// Goes by what it is asked to CONNECT to, and lets all through.
fn proxy() -> (Server, Arc<AtomicUsize>) {
    let tunnels = Arc::new(AtomicUsize::new(0));
    let count = tunnels.clone();
    let server = Server::start(move |client, _| {
        let mut peer = Peer::new(client.try_clone().unwrap());
        let (line, _) = peer.head().unwrap().unwrap();
        let target = line.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap();
        let server = TcpStream::connect(target).unwrap();
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        count.fetch_add(1, Ordering::SeqCst);
        let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
        thread::spawn(move || pass(back.0, back.1));
        pass(client, server);
    });
    (server, tunnels)
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    // An error is that one of them is gone.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}

fn by(scheme: &str, proxy: &Server) -> Proxy {
    Proxy::new(&format!("{scheme}://{}", proxy.address())).unwrap()
}

fn config(proxy: Proxy) -> Config {
    trusting().proxy(Some(proxy)).build()
}

pub(crate) fn http() {
    let (proxy, tunnels) = proxy();
    let server = Server::answering(|request| ok(request.path()));
    let agent = mixio_ureq::agent_with(config(by("http", &proxy)));
    for path in ["/one", "/two"] {
        assert_eq!(get(&agent, &server.url(path)).unwrap(), path);
    }
    assert_eq!(tunnels.load(Ordering::SeqCst), 1);
}

pub(crate) fn https() {
    let (proxy, tunnels) = proxy();
    let server = Server::tls(server_config(), |request| ok(request.path()));
    let agent = mixio_ureq::agent_with(config(by("http", &proxy)));
    for path in ["/one", "/two"] {
        assert_eq!(get(&agent, &url(&server, path)).unwrap(), path);
    }
    assert_eq!(tunnels.load(Ordering::SeqCst), 1);
}

pub(crate) fn excepted() {
    let (through, tunnels) = proxy();
    let server = Server::answering(|_| ok("directly"));
    for protocol in [ureq::ProxyProtocol::Http, ureq::ProxyProtocol::Socks5] {
        let proxy = Proxy::builder(protocol).host("127.0.0.1").port(through.address().port());
        let agent = mixio_ureq::agent_with(config(proxy.no_proxy("127.0.0.1").build().unwrap()));
        assert_eq!(get(&agent, &server.url("/")).unwrap(), "directly");
    }
    assert_eq!(tunnels.load(Ordering::SeqCst), 0);
}

pub(crate) fn refusing() {
    let proxy = Server::answering(|_| b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n".to_vec());
    let agent = mixio_ureq::agent_with(config(by("http", &proxy)));
    let failure = get(&agent, "http://shop.example/").unwrap_err();
    assert!(matches!(failure, Error::ConnectProxyFailed(_)), "{failure:?}");
}

pub(crate) fn silent() {
    let proxy = Server::start(|stream, _| Peer::new(stream).until_closed());
    let config = trusting().proxy(Some(by("http", &proxy))).timeout_connect(Some(Duration::from_millis(100)));
    let failure = get(&mixio_ureq::agent_with(config.build()), "http://shop.example/").unwrap_err();
    assert!(matches!(failure, Error::Timeout(Timeout::Connect)), "{failure:?}");
}

/// Not passed by in silence.
pub(crate) fn socks() {
    let proxy = Server::answering(|_| ok("not by this protocol"));
    let server = Server::answering(|_| ok("nor like that"));
    for scheme in ["socks4", "socks4a", "socks5", "socks5h"] {
        let failure = get(&mixio_ureq::agent_with(config(by(scheme, &proxy))), &server.url("/")).unwrap_err();
        let Error::Io(failure) = failure else { panic!("{failure:?}") };
        assert_eq!(failure.kind(), io::ErrorKind::Unsupported);
    }
    assert_eq!(proxy.accepted() + server.accepted(), 0);
}
