//! An HTTP/1.1 client on a plain socket, which does nothing by itself: for tests of servers.
#![allow(dead_code, reason = "each test file is a crate of its own, and uses some of this")]

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::SockRef;

/// Nothing here takes so long, unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A connection.
pub(crate) struct Client {
    stream: TcpStream,
    /// What has come and belongs to no reply yet.
    received: Vec<u8>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    #[track_caller]
    pub(crate) fn assert(&self, status: u16, body: &str) {
        assert_eq!((self.status, self.body.as_str()), (status, body), "{self:?}");
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

/// A request by a connection of its own.
pub(crate) fn get(address: SocketAddr, path: &str) -> Reply {
    Client::new(address).get(path)
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream, received: Vec::new() }
    }

    pub(crate) fn send(&mut self, text: impl AsRef<[u8]>) {
        self.stream.write_all(text.as_ref()).unwrap();
    }

    /// Sends, and leaves the reply for later.
    pub(crate) fn begin_get(&mut self, path: &str) {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n"));
    }

    pub(crate) fn get(&mut self, path: &str) -> Reply {
        self.begin_get(path);
        self.receive()
    }

    pub(crate) fn post(&mut self, path: &str, kind: &str, body: &str) -> Reply {
        let length = body.len();
        self.send(format!(
            "POST {path} HTTP/1.1\r\nhost: test\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
        ));
        self.receive()
    }

    /// Goes away, in a way that the server notices: it may take a mere end of the stream for the end of the request.
    pub(crate) fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Has no more to say, but listens.
    pub(crate) fn close_write(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    #[track_caller]
    pub(crate) fn receive(&mut self) -> Reply {
        self.try_receive().unwrap_or_else(|broken| panic!("the reply breaks off: {broken:?}"))
    }

    /// The next reply; an error has what came of it before the connection broke off.
    #[track_caller]
    pub(crate) fn try_receive(&mut self) -> Result<Reply, String> {
        let mut buffer = [0; 4096];
        loop {
            if let Some((reply, length)) = parse(&self.received) {
                self.received.drain(..length);
                return Ok(reply);
            }
            match self.stream.read(&mut buffer) {
                Ok(length @ 1..) => self.received.extend_from_slice(&buffer[..length]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    panic!("no reply in time")
                }
                Ok(0) | Err(_) => return Err(String::from_utf8_lossy(&self.received).into_owned()),
            }
        }
    }

    /// Until so many bytes have come, whatever they are.
    pub(crate) fn skip(&mut self, length: usize) {
        let length = length as u64;
        assert_eq!(io::copy(&mut (&self.stream).take(length), &mut io::sink()).unwrap(), length);
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// A reply, and its length with all that belongs to it, if it's all there.
fn parse(text: &[u8]) -> Option<(Reply, usize)> {
    let end = text.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = str::from_utf8(&text[..end]).unwrap().to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let (body, length) = if header(&head, "transfer-encoding") == Some("chunked") {
        dechunk(&text[end..])?
    } else {
        let length = header(&head, "content-length").unwrap_or("0").parse().unwrap();
        (text.get(end..end + length)?.to_vec(), length)
    };
    Some((Reply { status, head, body: String::from_utf8(body).unwrap() }, end + length))
}

fn dechunk(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let line = text[at..].windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(str::from_utf8(&text[at..at + line]).unwrap(), 16).unwrap();
        let piece = text.get(at + line + 2..at + line + 2 + size + 2)?;
        body.extend_from_slice(&piece[..size]);
        at += line + 2 + size + 2;
        if size == 0 {
            return Some((body, at));
        }
    }
}
