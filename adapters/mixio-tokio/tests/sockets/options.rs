//! What sockets say about themselves, and conversions.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd};

use mixio_tokio::net::{TcpListener, TcpStream};
use socket2::SockRef;

use super::connected;

pub(crate) fn addresses() {
    let (client, server) = connected();
    assert_eq!(client.local_addr().unwrap(), server.peer_addr().unwrap());
    assert_eq!(server.local_addr().unwrap(), client.peer_addr().unwrap());
    assert_eq!(client.as_fd().as_raw_fd(), client.as_raw_fd());
    let clone = client.try_clone().unwrap();
    assert_ne!(clone.as_raw_fd(), client.as_raw_fd());
    assert_eq!(clone.local_addr().unwrap(), client.local_addr().unwrap());
}

pub(crate) fn nodelay() {
    let (client, _server) = connected();
    assert!(!client.nodelay().unwrap());
    client.set_nodelay(true).unwrap();
    assert!(client.nodelay().unwrap());
    assert!(SockRef::from(&client).tcp_nodelay().unwrap());
}

pub(crate) fn ttl() {
    let (client, _server) = connected();
    client.set_ttl(42).unwrap();
    assert_eq!(client.ttl().unwrap(), 42);
    assert_eq!(client.set_ttl(0).unwrap_err().kind(), ErrorKind::InvalidInput);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_ttl(43).unwrap();
    assert_eq!(listener.ttl().unwrap(), 43);
}

pub(crate) fn errors() {
    let (client, _server) = connected();
    assert!(client.take_error().unwrap().is_none());
    assert!(TcpListener::bind("127.0.0.1:0").unwrap().take_error().unwrap().is_none());
}

pub(crate) fn to_std_and_back() {
    let (client, mut server) = connected();
    let address = client.local_addr().unwrap();
    let mut client = client.into_std().unwrap();
    assert!(!SockRef::from(&client).nonblocking().unwrap());
    client.write_all(b"by std").unwrap();
    let client = TcpStream::from_std(client).unwrap();
    assert_eq!(client.local_addr().unwrap(), address);
    (&client).write_all(b", and again").unwrap();
    drop(client);
    assert_eq!(io::read_to_string(&mut server).unwrap(), "by std, and again");
}

pub(crate) fn listener_to_std_and_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let clone = listener.try_clone().unwrap();
    let address = listener.local_addr().unwrap();
    let client = TcpStream::connect(address).unwrap();
    clone.accept().unwrap();
    drop(clone);
    let listener = listener.into_std().unwrap();
    assert!(!SockRef::from(&listener).nonblocking().unwrap());
    let listener = TcpListener::from_std(listener).unwrap();
    assert_eq!(listener.local_addr().unwrap(), address);
    let second = TcpStream::connect(address).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    assert_ne!(server.peer_addr().unwrap(), client.local_addr().unwrap());
    drop(second);
    assert_eq!(server.read(&mut [0; 10]).unwrap(), 0);
}
