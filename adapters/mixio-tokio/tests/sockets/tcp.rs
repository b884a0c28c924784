//! TCP streams and listeners.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use mixio_tokio::net::{TcpListener, TcpStream};
use mixio_tokio::{thread, time};
use socket2::SockRef;

use super::{connected, echo as answer, nobody, plenty, talk};

pub(crate) fn echo() {
    const CLIENTS: usize = 20;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let streams = listener.incoming().take(CLIENTS);
        let tasks: Vec<_> = streams.map(|stream| thread::spawn(|| answer(stream?))).collect();
        tasks.into_iter().for_each(|task| task.join().unwrap().unwrap());
    });
    let client = move || talk(TcpStream::connect(address)?, &["one", "two", "three"]);
    let clients: Vec<_> = (0..CLIENTS).map(|_| thread::spawn(client)).collect();
    clients.into_iter().for_each(|client| client.join().unwrap().unwrap());
    server.join().unwrap();
}

pub(crate) fn one_after_the_other() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for word in ["a", "b", "c"] {
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(word.as_bytes()).unwrap();
        drop(client);
        assert_eq!(io::read_to_string(&mut server).unwrap(), word);
    }
}

pub(crate) fn end_of_file() {
    let (mut client, server) = connected();
    let sleeper = thread::spawn(|| {
        time::sleep(Duration::from_millis(20));
        drop(server);
    });
    let mut buffer = [0; 10];
    for _ in 0..3 {
        assert_eq!(client.read(&mut buffer).unwrap(), 0);
        assert_eq!((&client).read(&mut buffer).unwrap(), 0);
    }
    sleeper.join().unwrap();
}

pub(crate) fn half_closed() {
    let (mut client, mut server) = connected();
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(io::read_to_string(&mut server).unwrap(), "question");
    server.write_all(b"answer").unwrap();
    drop(server);
    assert_eq!(io::read_to_string(&mut client).unwrap(), "answer");
    assert_eq!(client.write(b"more").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

pub(crate) fn shutdown_wakes_a_reader() {
    let (client, _server) = connected();
    let mut clone = client.try_clone().unwrap();
    let reader = thread::spawn(move || clone.read(&mut [0; 10]));
    time::sleep(Duration::from_millis(20));
    client.shutdown(Shutdown::Both).unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), 0);
}

pub(crate) fn reset() {
    let (mut client, server) = connected();
    SockRef::from(&server).set_linger(Some(Duration::ZERO)).unwrap();
    let sleeper = thread::spawn(|| {
        time::sleep(Duration::from_millis(20));
        drop(server);
    });
    assert_eq!(client.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    sleeper.join().unwrap();
}

pub(crate) fn refused() {
    let (_socket, address) = nobody();
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let error = TcpStream::connect_timeout(&address, Duration::from_secs(60)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

pub(crate) fn peek() {
    let (client, mut server) = connected();
    let sleeper = thread::spawn(move || {
        time::sleep(Duration::from_millis(20));
        (&client).write_all(b"abc").unwrap();
        client
    });
    let mut buffer = [0; 2];
    for _ in 0..3 {
        assert_eq!(server.peek(&mut buffer).unwrap(), 2);
        assert_eq!(&buffer, b"ab");
    }
    let client = sleeper.join().unwrap();
    drop(client);
    assert_eq!(io::read_to_string(&mut server).unwrap(), "abc");
    assert_eq!(server.peek(&mut buffer).unwrap(), 0);
}

pub(crate) fn vectored() {
    let (mut client, mut server) = connected();
    for by_reference in [false, true] {
        let out = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")];
        let written = if by_reference { (&client).write_vectored(&out) } else { client.write_vectored(&out) };
        assert_eq!(written.unwrap(), 5);
        let (mut first, mut second) = ([0; 3], [0; 4]);
        let mut into = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        let read = if by_reference { (&server).read_vectored(&mut into) } else { server.read_vectored(&mut into) };
        assert_eq!(read.unwrap(), 5);
        assert_eq!((&first, &second), (b"abc", b"de\0\0"));
    }
}

/// Takes nothing of what is there. (Where nothing is, Linux waits for something.)
pub(crate) fn nothing_to_read_into() {
    let (mut client, mut server) = connected();
    assert_eq!(client.write(&[]).unwrap(), 0);
    server.write_all(b"ab").unwrap();
    drop(server);
    assert_eq!(client.read(&mut []).unwrap(), 0);
    assert_eq!((&client).read(&mut []).unwrap(), 0);
    assert_eq!(client.read_vectored(&mut [IoSliceMut::new(&mut [])]).unwrap(), 0);
    assert_eq!(client.peek(&mut []).unwrap(), 0);
    assert_eq!(io::read_to_string(client).unwrap(), "ab");
}

pub(crate) fn both_ways_by_clones() {
    let (client, server) = connected();
    let server = thread::spawn(move || answer(server));
    let mut writing = client.try_clone().unwrap();
    let writer = thread::spawn(move || {
        writing.write_all(&plenty()).unwrap();
        writing.shutdown(Shutdown::Write).unwrap();
    });
    let mut back = Vec::new();
    { client }.read_to_end(&mut back).unwrap();
    assert!(back == plenty());
    writer.join().unwrap();
    server.join().unwrap().unwrap();
}

pub(crate) fn both_ways_by_references() {
    let (client, server) = connected();
    let server = thread::spawn(move || answer(&server));
    let client = Arc::new(client);
    let writing = client.clone();
    let writer = thread::spawn(move || {
        (&*writing).write_all(&plenty()).unwrap();
        writing.shutdown(Shutdown::Write).unwrap();
    });
    let mut back = Vec::new();
    (&*client).read_to_end(&mut back).unwrap();
    assert!(back == plenty());
    writer.join().unwrap();
    server.join().unwrap().unwrap();
}

pub(crate) fn names() {
    let listener = TcpListener::bind("localhost:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let name = String::from("localhost");
    TcpStream::connect(format!("localhost:{port}")).unwrap();
    TcpStream::connect(&*format!("localhost:{port}")).unwrap();
    TcpStream::connect((&*name, port)).unwrap();
    TcpStream::connect((name, port)).unwrap();
    TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    for _ in 0..5 {
        listener.accept().unwrap();
    }
}

pub(crate) fn several_addresses() {
    let (_socket, nobody) = nobody();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let somebody = listener.local_addr().unwrap();
    let stream = TcpStream::connect(&[nobody, somebody][..]).unwrap();
    assert_eq!(stream.peer_addr().unwrap(), somebody);
    assert_eq!(TcpStream::connect(&[][..]).unwrap_err().kind(), ErrorKind::InvalidInput);
}

pub(crate) fn no_such_name() {
    assert!(TcpStream::connect("no name at all:80").is_err());
    assert_eq!(TcpStream::connect("no port").unwrap_err().kind(), ErrorKind::InvalidInput);
}

pub(crate) fn in_use() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = TcpListener::bind(listener.local_addr().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

/// What std builds on `Read` and `Write`.
pub(crate) fn read_to_end_and_copy() {
    let (client, mut server) = connected();
    let writer = thread::spawn(move || {
        let sent = plenty();
        assert_eq!(io::copy(&mut &sent[..], &mut { client }).unwrap(), sent.len() as u64);
    });
    let mut back = Vec::new();
    assert_eq!(io::copy(&mut server, &mut back).unwrap(), plenty().len() as u64);
    assert!(back == plenty());
    writer.join().unwrap();
}
