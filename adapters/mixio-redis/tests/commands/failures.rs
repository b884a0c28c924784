//! Connections that break.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use mixio_redis::{Client, Connection};
use mixio_test_servers::Redis;
use redis::{Commands, ConnectionLike, RedisError, cmd};

use super::{connect, name, of_each_protocol};

/// It says so, and gives an error from then on.
fn is_broken(connection: &mut Connection) {
    assert!(!connection.is_open());
    for _ in 0..2 {
        let failure = cmd("PING").query::<String>(connection).unwrap_err();
        assert!(failure.is_io_error() && !failure.is_timeout(), "{failure}");
        assert!(!connection.is_open() && !connection.check_connection());
    }
    assert!(cmd("PING").query::<String>(connection).unwrap_err().is_connection_dropped());
}

/// The server closes it after it has answered, perhaps, and the end takes a moment to get here.
fn until_closed(connection: &Connection) {
    let started = Instant::now();
    while connection.is_open() {
        assert!(started.elapsed() < Duration::from_secs(60), "it isn't closed");
        mixio_tokio::time::sleep(Duration::from_millis(1));
    }
}

/// By the server, while it is idle: that is known without asking.
pub(crate) fn killed() {
    for mut connection in of_each_protocol() {
        let id: u64 = cmd("CLIENT").arg("ID").query(&mut connection).unwrap();
        assert!(connection.is_open());
        assert_eq!(cmd("CLIENT").arg("KILL").arg("ID").arg(id).query(&mut connect()), Ok(1));
        until_closed(&connection);
        is_broken(&mut connection);
    }
}

pub(crate) fn crashed() {
    let server = Redis::start();
    for url in [server.url(), server.unix_url(), format!("{}?protocol=resp3", server.url())] {
        let client = Client::open(url.as_str()).unwrap();
        let mut connection = client.get_connection().unwrap();
        let key = name();
        let _: () = connection.set(&key, 1).unwrap();
        server.crash();
        until_closed(&connection);
        is_broken(&mut connection);
        let failure: RedisError = client.get_connection().map(|_| ()).unwrap_err();
        assert!(failure.is_io_error(), "{failure}");
        server.restart();
        is_broken(&mut connection);
        let mut connection = client.get_connection().unwrap();
        // It keeps nothing.
        assert_eq!(connection.get(&key), Ok(None::<i32>));
    }
}

/// A server that answers a PING with that, and whatever is said before as it should.
fn answering(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut heard = Vec::new();
        let mut answered = 0;
        loop {
            let mut some = [0; 1024];
            let size = stream.read(&mut some).unwrap();
            heard.extend(&some[..size]);
            let text = String::from_utf8_lossy(&heard);
            let setup = text.matches("SETINFO").count();
            stream.write_all(&b"+OK\r\n".repeat(setup - answered)).unwrap();
            answered = setup;
            if text.contains("PING") {
                return stream.write_all(answer).unwrap();
            }
        }
    });
    url
}

pub(crate) fn nonsense() {
    let mut connection = mixio_redis::connect(answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")).unwrap();
    let failure = cmd("PING").query::<String>(&mut connection).unwrap_err();
    assert_eq!(failure.kind(), redis::ErrorKind::Parse);
    is_broken(&mut connection);
}

pub(crate) fn half_a_reply() {
    for answer in [&b""[..], b"$4\r\nPO", b"+PON", b"*2\r\n+PONG\r\n"] {
        let mut connection = mixio_redis::connect(answering(answer)).unwrap();
        let failure = cmd("PING").query::<String>(&mut connection).unwrap_err();
        assert!(failure.is_io_error(), "{failure}");
        is_broken(&mut connection);
    }
}
