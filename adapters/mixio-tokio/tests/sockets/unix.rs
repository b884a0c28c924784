//! Unix sockets.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::SocketAddr;
use std::time::Duration;

use mixio_tokio::net::{UnixListener, UnixStream};
use mixio_tokio::{thread, time};
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use tempfile::tempdir;

use super::{echo as answer, plenty, talk};

pub(crate) fn echo() {
    const CLIENTS: usize = 20;
    let folder = tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*path));
    let server = thread::spawn(move || {
        let streams = listener.incoming().take(CLIENTS);
        let tasks: Vec<_> = streams.map(|stream| thread::spawn(|| answer(stream?))).collect();
        tasks.into_iter().for_each(|task| task.join().unwrap().unwrap());
    });
    let client = move || talk(UnixStream::connect(path)?, &["one", "two", "three"]);
    let clients: Vec<_> = (0..CLIENTS).map(|_| thread::spawn(client.clone())).collect();
    clients.into_iter().for_each(|client| client.join().unwrap().unwrap());
    server.join().unwrap();
}

pub(crate) fn pair() {
    let (mut one, mut other) = UnixStream::pair().unwrap();
    assert!(one.local_addr().unwrap().is_unnamed() && one.peer_addr().unwrap().is_unnamed());
    assert_eq!(one.write_vectored(&[IoSlice::new(b"he"), IoSlice::new(b"llo")]).unwrap(), 5);
    let mut greeting = [0; 5];
    other.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"hello");
    other.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    assert_eq!(other.read(&mut greeting).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(one.take_error().unwrap().is_none());
    let mut std = one.into_std().unwrap();
    std.write_all(b"by std").unwrap();
    drop(std);
    other.set_read_timeout(None).unwrap();
    assert_eq!(io::read_to_string(&mut other).unwrap(), "by std");
}

pub(crate) fn nobody_listens() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("socket");
    assert_eq!(UnixStream::connect(&path).unwrap_err().kind(), ErrorKind::NotFound);
    drop(UnixListener::bind(&path).unwrap());
    assert_eq!(UnixStream::connect(&path).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

pub(crate) fn path_in_use() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("socket");
    let _listener = UnixListener::bind(&path).unwrap();
    assert_eq!(UnixListener::bind(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
    assert_eq!(UnixStream::connect("a".repeat(1000)).unwrap_err().kind(), ErrorKind::InvalidInput);
}

pub(crate) fn both_ways_by_clones() {
    let (client, server) = UnixStream::pair().unwrap();
    let server = thread::spawn(move || answer(server));
    let mut writing = client.try_clone().unwrap();
    let writer = thread::spawn(move || {
        writing.write_all(&plenty()).unwrap();
        writing.shutdown(Shutdown::Write).unwrap();
    });
    let mut back = Vec::new();
    (&client).read_to_end(&mut back).unwrap();
    assert!(back == plenty());
    writer.join().unwrap();
    server.join().unwrap().unwrap();
}

/// A connection waits until there is room for it: on Linux a non-blocking socket gets an error instead.
pub(crate) fn full_queue() {
    const CLIENTS: usize = 10;
    let folder = tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    listener.listen(0).unwrap();
    let client = move || io::read_to_string(UnixStream::connect(path)?);
    let clients: Vec<_> = (0..CLIENTS).map(|_| thread::spawn(client.clone())).collect();
    // For them to be there.
    time::sleep(Duration::from_millis(50));
    let listener = UnixListener::from_std(listener.into()).unwrap();
    for stream in listener.incoming().take(CLIENTS) {
        stream.unwrap().write_all(b"at last").unwrap();
    }
    for client in clients {
        assert_eq!(client.join().unwrap().unwrap(), "at last");
    }
}

pub(crate) fn by_address() {
    let folder = tempdir().unwrap();
    let address = SocketAddr::from_pathname(folder.path().join("socket")).unwrap();
    let listener = UnixListener::bind_addr(&address).unwrap().try_clone().unwrap();
    let mut client = UnixStream::connect_addr(&address).unwrap();
    let (server, peer) = listener.accept().unwrap();
    assert!(peer.is_unnamed());
    assert!(listener.take_error().unwrap().is_none());
    SockRef::from(&server).set_linger(None).unwrap();
    drop(UnixStream::from_std(server.into_std().unwrap()).unwrap());
    assert_eq!(client.read(&mut [0; 10]).unwrap(), 0);
    listener.into_std().unwrap();
}
