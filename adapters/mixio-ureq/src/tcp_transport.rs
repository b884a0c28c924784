//! What ureq sends and receives by.

use std::fmt;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::sync::Weak;
use std::time::Duration;

use mixio_tokio::net::TcpStream;
use ureq::Error;
use ureq::unversioned::transport::{Buffers, LazyBuffers, NextTimeout, ShutdownHandle, Transport};

use crate::budget::Budget;
use crate::socket::Socket;

/// A TCP connection of ureq's, which in [`Io::Async`](mixio::Io) waits without blocking the thread.
///
/// It is what [`TcpConnector`](crate::TcpConnector) gives, for other connectors to build on.
///
/// The head of a request whose body has a `content-length` is sent together with the first piece of it: ureq makes two of
/// them, and each that is sent costs as much as all else that a short request needs. (Not over TLS, where they can't be told
/// apart.) So a reader that is the body of such a request must not wait for the server to have seen the head. A chunked body
/// may: it can be a stream that takes its time, and its head is sent at once.
pub struct TcpTransport {
    socket: Socket,
    buffers: LazyBuffers,
    /// A head whose body is to come: empty if there is none.
    head: Vec<u8>,
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
}

impl TcpTransport {
    pub(crate) fn new(stream: TcpStream, buffers: LazyBuffers) -> Self {
        TcpTransport { socket: Socket::new(stream), buffers, head: Vec::new(), read_timeout: None, write_timeout: None }
    }

    #[cfg(test)]
    pub(crate) fn nodelay(&self) -> bool {
        self.socket.as_is().expect("it is open").nodelay().expect("it has this option")
    }

    pub(crate) fn shutdown_handle(&self) -> Weak<dyn ShutdownHandle> {
        self.socket.shutdown_handle()
    }

    /// Sends the head that was held back, if there is one, and so much of the output.
    fn send(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let budget = Budget::new(timeout);
        let mut stream = self.socket.stream()?;
        let head = std::mem::take(&mut self.head);
        let mut pieces = [IoSlice::new(&head), IoSlice::new(&self.buffers.output()[..amount])];
        let mut pieces = &mut pieces[usize::from(head.is_empty())..];
        while pieces.iter().any(|piece| !piece.is_empty()) {
            let limit = budget.write()?;
            set_timeout(&mut self.write_timeout, limit.duration(), |timeout| stream.set_write_timeout(timeout))?;
            match stream.write_vectored(pieces) {
                Ok(0) => return Err(Error::Io(ErrorKind::WriteZero.into())),
                Ok(size) => IoSlice::advance_slices(&mut pieces, size),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(limit.error()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl Transport for TcpTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let output = &self.buffers.output()[..amount];
        if self.head.is_empty() && has_body_to_come(output) {
            self.head.extend_from_slice(output);
            return Ok(());
        }
        self.send(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        if !self.head.is_empty() {
            self.send(0, timeout)?;
        }
        let budget = Budget::new(timeout);
        let mut stream = self.socket.stream()?;
        let input = self.buffers.input_append_buf();
        let size = loop {
            let limit = budget.read()?;
            set_timeout(&mut self.read_timeout, limit.duration(), |timeout| stream.set_read_timeout(timeout))?;
            match stream.read(input) {
                Ok(size) => break size,
                // Without a timeout it is the program's own signal handler that wants it so; with one Linux gives this
                // whatever the handler wants.
                Err(error) if error.kind() == ErrorKind::Interrupted && limit.duration().is_some() => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(limit.error()),
                Err(error) => return Err(error.into()),
            }
        };
        self.buffers.input_appended(size);
        Ok(size > 0)
    }

    fn is_open(&mut self) -> bool {
        // A head is left if the answer was there before anybody had asked. It must not get in front of another.
        self.head.is_empty() && self.socket.is_idle()
    }
}

/// Whether it is the whole head of a request, and one that can't be all of it: its body is to come, and presumably at once.
fn has_body_to_come(output: &[u8]) -> bool {
    if !output.ends_with(b"\r\n\r\n") {
        return false;
    }
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    if request.parse(output) != Ok(httparse::Status::Complete(output.len())) {
        return false;
    }
    let value =
        |name: &str| request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|it| it.value);
    // Who expects to be told to go on waits for that first. And who doesn't know the length may have nothing to send yet.
    value("expect").is_none() && value("content-length").is_some_and(|length| length != b"0")
}

/// Sets it if it isn't what it was: that takes a system call.
fn set_timeout(
    was: &mut Option<Duration>,
    timeout: Option<Duration>,
    set: impl FnOnce(Option<Duration>) -> std::io::Result<()>,
) -> Result<(), Error> {
    if *was != timeout {
        set(timeout)?;
        *was = timeout;
    }
    Ok(())
}

impl fmt::Debug for TcpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer = self.socket.as_is().and_then(|stream| stream.peer_addr().ok());
        f.debug_struct("TcpTransport").field("peer", &peer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::has_body_to_come;

    #[test]
    fn which_heads_have_a_body_to_come() {
        for (output, comes) in [
            ("POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\n", true),
            ("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", true),
            ("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", false),
            ("POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello", false),
            ("POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n", false),
            ("POST / HTTP/1.1\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nhost: kitchen\r\n\r\n", false),
            ("content-length: 5\r\n\r\n", false),
            ("hello\r\n\r\n", false),
            ("", false),
        ] {
            assert_eq!(has_body_to_come(output.as_bytes()), comes, "{output:?}");
        }
    }
}
