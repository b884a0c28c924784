//! What ureq sends and receives by.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
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
pub struct TcpTransport {
    socket: Socket,
    buffers: LazyBuffers,
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
}

impl TcpTransport {
    pub(crate) fn new(stream: TcpStream, buffers: LazyBuffers) -> Self {
        TcpTransport { socket: Socket::new(stream), buffers, read_timeout: None, write_timeout: None }
    }

    #[cfg(test)]
    pub(crate) fn nodelay(&self) -> bool {
        self.socket.as_is().expect("it is open").nodelay().expect("it has this option")
    }

    pub(crate) fn shutdown_handle(&self) -> Weak<dyn ShutdownHandle> {
        self.socket.shutdown_handle()
    }
}

impl Transport for TcpTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let budget = Budget::new(timeout);
        let mut stream = self.socket.stream()?;
        let mut rest = &self.buffers.output()[..amount];
        while !rest.is_empty() {
            let limit = budget.write()?;
            set_timeout(&mut self.write_timeout, limit.duration(), |timeout| stream.set_write_timeout(timeout))?;
            match stream.write(rest) {
                Ok(0) => return Err(Error::Io(ErrorKind::WriteZero.into())),
                Ok(size) => rest = &rest[size..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(limit.error()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
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
        self.socket.is_idle()
    }
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
