//! Timeouts of reading, writing and connecting.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mixio_tokio::net::{TcpListener, TcpStream};
use mixio_tokio::{thread, time};
use socket2::{Domain, SockRef, Socket, Type};

use super::connected;

const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(100);

pub(crate) fn read() {
    let (mut client, mut server) = connected();
    assert_eq!(client.read_timeout().unwrap(), None);
    client.set_read_timeout(Some(SHORT)).unwrap();
    assert_eq!(client.read_timeout().unwrap(), Some(SHORT));
    let mut buffer = [0; 10];
    for _ in 0..2 {
        let start = Instant::now();
        assert_eq!(client.read(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(start.elapsed() >= SHORT / 2);
    }
    assert_eq!(client.peek(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);

    // Nothing is lost by it.
    server.write_all(b"late").unwrap();
    client.set_read_timeout(Some(LONG)).unwrap();
    assert_eq!(client.read(&mut buffer).unwrap(), 4);
    client.set_read_timeout(None).unwrap();
    assert_eq!(client.read_timeout().unwrap(), None);
    let writer = thread::spawn(move || {
        time::sleep(2 * SHORT);
        server.write_all(b"later").unwrap();
    });
    assert_eq!(client.read(&mut buffer).unwrap(), 5);
    writer.join().unwrap();
}

pub(crate) fn read_by_reference() {
    let (client, _server) = connected();
    client.set_read_timeout(Some(SHORT)).unwrap();
    assert_eq!((&client).read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

pub(crate) fn write() {
    let (mut client, mut server) = connected();
    client.set_write_timeout(Some(SHORT)).unwrap();
    assert_eq!(client.write_timeout().unwrap(), Some(SHORT));
    let (mut written, block) = (0, vec![1; 1 << 20]);
    let error = loop {
        match client.write(&block) {
            Ok(size) => written += size,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    drop(client);
    let mut read = Vec::new();
    assert_eq!(server.read_to_end(&mut read).unwrap(), written);
}

pub(crate) fn shared_by_clones() {
    let (client, _server) = connected();
    let mut clone = client.try_clone().unwrap();
    client.set_read_timeout(Some(SHORT)).unwrap();
    assert_eq!(clone.read_timeout().unwrap(), Some(SHORT));
    assert_eq!(clone.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

pub(crate) fn zero() {
    let (client, _server) = connected();
    let zero = Some(Duration::ZERO);
    assert_eq!(client.set_read_timeout(zero).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(client.set_write_timeout(zero).unwrap_err().kind(), ErrorKind::InvalidInput);
    let error = TcpStream::connect_timeout(&client.peer_addr().unwrap(), Duration::ZERO).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    // But what is next to nothing isn't nothing.
    client.set_read_timeout(Some(Duration::from_nanos(1))).unwrap();
    assert!(client.read_timeout().unwrap().is_some());
    assert_eq!((&client).read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// Where the listener's queue is full Linux answers nobody.
#[cfg(target_os = "linux")]
pub(crate) fn connect() {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let mut queued = Vec::new();
    let error = loop {
        let start = Instant::now();
        match TcpStream::connect_timeout(&address, 10 * SHORT) {
            Ok(stream) if queued.len() < 10 => queued.push(stream),
            Ok(_) => panic!("the queue takes more than it should"),
            Err(error) => {
                assert!(start.elapsed() >= 5 * SHORT);
                break error;
            }
        }
    };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn connect() {}

pub(crate) fn connect_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect_timeout(&listener.local_addr().unwrap(), LONG).unwrap();
    assert_eq!(stream.read_timeout().unwrap(), None);
    listener.accept().unwrap();
}

/// A timeout is the socket's.
pub(crate) fn survive_std() {
    let (client, _server) = connected();
    client.set_read_timeout(Some(SHORT)).unwrap();
    let mut std = client.into_std().unwrap();
    assert_eq!(std.read_timeout().unwrap(), Some(SHORT));
    assert_eq!(std.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::WouldBlock);
    let again = TcpStream::from_std(std).unwrap();
    assert_eq!((&again).read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(SockRef::from(&again).read_timeout().unwrap(), Some(SHORT));
}
