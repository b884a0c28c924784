//! What holds for sockets in either setting: each test is one function, run by `net_async.rs` and by `net_blocking.rs`.

pub(crate) mod options;
pub(crate) mod tcp;
pub(crate) mod timeouts;
pub(crate) mod unix;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};

use mixio_tokio::net::{TcpListener, TcpStream};
use socket2::{Domain, Socket, Type};

/// Makes a test of each function, which the macro's user runs by a function `run`.
#[macro_export]
macro_rules! in_this_setting {
    ($($module:ident: $($test:ident),* $(,)?;)*) => {
        $(mod $module { $(#[test] fn $test() { $crate::run($crate::sockets::$module::$test); })* })*
    };
}

/// The tests of this folder.
#[macro_export]
macro_rules! all_sockets_in_this_setting {
    () => {
        $crate::in_this_setting! {
            tcp: echo, one_after_the_other, end_of_file, half_closed, shutdown_wakes_a_reader, reset, refused, peek,
                vectored, nothing_to_read_into, both_ways_by_clones, both_ways_by_references, names, several_addresses,
                no_such_name, in_use, read_to_end_and_copy;
            timeouts: read, read_by_reference, write, shared_by_clones, zero, connect, connect_in_time, survive_std;
            options: addresses, nodelay, ttl, errors, to_std_and_back, listener_to_std_and_back;
            unix: echo, pair, nobody_listens, path_in_use, both_ways_by_clones, full_queue, by_address;
        }
    };
}

/// Answers with what it is told, until the other end is done.
pub(crate) fn echo(mut stream: impl Read + Write) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let size = stream.read(&mut buffer)?;
        if size == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..size])?;
    }
}

/// Says each of the words, and hears it again.
pub(crate) fn talk(mut stream: impl Read + Write, words: &[&str]) -> io::Result<()> {
    for word in words {
        stream.write_all(word.as_bytes())?;
        let mut answer = vec![0; word.len()];
        stream.read_exact(&mut answer)?;
        assert_eq!(answer, word.as_bytes());
    }
    Ok(())
}

/// The two ends of a connection.
pub(crate) fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, peer) = listener.accept().unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    (client, server)
}

/// An address at which nobody listens while the socket is there: it is bound, so nobody else is given its port.
pub(crate) fn nobody() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// More than the buffers of a connection take, with something different everywhere.
pub(crate) fn plenty() -> Vec<u8> {
    (0..8 << 20).map(|n: u32| (n % 251) as u8).collect()
}
