//! A blocking HTTP client that does nothing by itself.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use socket2::SockRef;

/// Nothing here takes so long, unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn assert_error(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.json()["error"].as_str().is_some_and(|error| !error.is_empty()), "{self:?}");
    }
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Reply {
    receive(send(address, &format!("GET {path} HTTP/1.1\r\nhost: kitchen\r\nconnection: close\r\n\r\n")))
}

pub(crate) fn post(address: SocketAddr, path: &str, form: &str) -> Reply {
    receive(begin_post(address, path, form))
}

/// Sends, and leaves the reply for later.
pub(crate) fn begin_post(address: SocketAddr, path: &str, form: &str) -> TcpStream {
    let kind = "content-type: application/x-www-form-urlencoded";
    let length = form.len();
    send(
        address,
        &format!(
            "POST {path} HTTP/1.1\r\nhost: kitchen\r\nconnection: close\r\n{kind}\r\ncontent-length: {length}\r\n\r\n{form}"
        ),
    )
}

pub(crate) fn send(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    // A server may answer, and close, before it has got all.
    let _ = stream.write_all(request.as_bytes());
    stream
}

/// Goes away, in a way that the server notices: it may take a mere end of the stream for the end of the request.
pub(crate) fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

pub(crate) fn receive(mut stream: TcpStream) -> Reply {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(reply) = parse(&text) {
            return reply;
        }
        match stream.read(&mut buffer) {
            Ok(0) => panic!("the reply breaks off: {:?}", String::from_utf8_lossy(&text)),
            Ok(length) => text.extend_from_slice(&buffer[..length]),
            Err(error) => panic!("no reply: {error}"),
        }
    }
}

/// All that comes until the other side closes.
pub(crate) fn receive_all(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn parse(text: &[u8]) -> Option<Reply> {
    let text = str::from_utf8(text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.unwrap_or("0").parse().unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (body.len() == length).then(|| Reply { status, body: body.into() })
}
