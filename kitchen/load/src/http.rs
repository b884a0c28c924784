//! As little HTTP/1.1 as the cook and the clients need: one message after the other, each with a known length.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// No message is longer: the cook's log is the longest.
const MAX_MESSAGE: usize = 64 << 20;

/// A connection that is kept, and what has been read from it.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A message as it lies in the buffer.
pub struct Message<'a> {
    /// Its first line.
    pub start: &'a str,
    /// Its body.
    pub body: &'a [u8],
}

/// Where the parts of a message end.
struct Ends {
    start: usize,
    head: usize,
    body: usize,
}

impl Connection {
    /// Takes over a stream.
    ///
    /// # Errors
    ///
    /// If it is closed already.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: Vec::with_capacity(1024) })
    }

    /// Has the stream reset when it is dropped, which leaves no port in `TIME_WAIT`: they would run out.
    ///
    /// # Errors
    ///
    /// If it is closed already.
    pub fn reset_on_drop(&self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }

    /// Sends this, a message.
    ///
    /// # Errors
    ///
    /// If the other side is gone.
    pub async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.stream.write_all(message).await
    }

    /// The next message; none if the other side has closed the connection after the last one.
    ///
    /// # Errors
    ///
    /// If the connection breaks, or this isn't HTTP with a `content-length`.
    pub async fn receive(&mut self) -> io::Result<Option<Message<'_>>> {
        // Nobody here sends a message before the last one is answered.
        self.buffer.clear();
        let mut ends = None;
        let ends = loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
            if ends.is_none() {
                ends = parse(&self.buffer)?;
            }
            match &ends {
                Some(found) if self.buffer.len() >= found.body => break ends.expect("it is found"),
                _ => {}
            }
        };
        if self.buffer.len() > ends.body {
            return Err(invalid("more than one message at once"));
        }
        let start = str::from_utf8(&self.buffer[..ends.start]).map_err(|_| invalid("not text"))?;
        Ok(Some(Message { start, body: &self.buffer[ends.head..] }))
    }
}

/// Looks for the end of the head, and for the length of the body.
fn parse(buffer: &[u8]) -> io::Result<Option<Ends>> {
    let Some(head) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|at| at + 4) else {
        return if buffer.len() > 16 << 10 { Err(invalid("a head without an end")) } else { Ok(None) };
    };
    let mut lines = buffer[..head].split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end);
    let start = lines.next().map_or(0, <[u8]>::len);
    let mut length = 0;
    for line in lines {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            let number = str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            length = number.filter(|&length| length <= MAX_MESSAGE).ok_or_else(|| invalid("an odd content-length"))?;
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return Err(invalid("a body without a length"));
        }
    }
    Ok(Some(Ends { start, head, body: head + length }))
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// What is received if this is sent, in pieces of that length.
    async fn received(text: &[u8], piece: usize) -> io::Result<Vec<(String, Vec<u8>)>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let sender = TcpStream::connect(listener.local_addr()?).await?;
        let (stream, _) = listener.accept().await?;
        let mut connection = Connection::new(stream)?;
        let send = async move {
            let mut sender = sender;
            for piece in text.chunks(piece) {
                sender.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let receive = async {
            let mut messages = Vec::new();
            while let Some(message) = connection.receive().await? {
                messages.push((message.start.to_owned(), message.body.to_owned()));
            }
            Ok(messages)
        };
        tokio::join!(send, receive).1
    }

    #[tokio::test]
    async fn messages() {
        let text = b"HTTP/1.1 200 OK\r\nserver: a\r\nContent-Length:  4 \r\n\r\nbody";
        for piece in [1, 3, 100] {
            let messages = received(text, piece).await.unwrap();
            assert_eq!(messages, [("HTTP/1.1 200 OK".to_owned(), b"body".to_vec())]);
        }
        assert_eq!(received(b"GET / HTTP/1.1\r\n\r\n", 9).await.unwrap(), [("GET / HTTP/1.1".to_owned(), vec![])]);
        assert_eq!(received(b"", 1).await.unwrap(), []);
    }

    #[tokio::test]
    async fn what_is_none() {
        for text in [
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nbody",
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbody",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
        ] {
            assert!(received(text.as_bytes(), 100).await.is_err(), "{text}");
        }
    }
}
