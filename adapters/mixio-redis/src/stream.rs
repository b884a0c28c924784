//! What a connection goes over.

use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use mixio::{Io, try_wait};
use mixio_tokio::net::{TcpStream, UnixStream};
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::SockRef;
use redis::{ConnectionAddr, ConnectionInfo, RedisResult};
use tokio::net::lookup_host;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// A socket of TCP or of Unix.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Time that has begun to run, or any time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    limit: Option<Duration>,
    started: Instant,
}

impl Budget {
    pub(crate) fn new(limit: Option<Duration>) -> Self {
        Budget { limit, started: Instant::now() }
    }

    /// # Errors
    ///
    /// If nothing is left.
    pub(crate) fn left(&self) -> io::Result<Option<Duration>> {
        let Some(limit) = self.limit else { return Ok(None) };
        let left = limit.saturating_sub(self.started.elapsed());
        if left.is_zero() { Err(expired()) } else { Ok(Some(left)) }
    }
}

fn expired() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "connection timed out")
}

impl Stream {
    /// Connects as the setting says.
    pub(crate) fn connect(info: &ConnectionInfo, budget: &Budget) -> RedisResult<Self> {
        match info.addr() {
            ConnectionAddr::Tcp(host, port) => {
                let stream = connect_tcp(host, *port, budget)?;
                configure(&stream, info.tcp_settings())?;
                Ok(Stream::Tcp(stream))
            }
            ConnectionAddr::Unix(path) => Ok(Stream::Unix(UnixStream::connect(path)?)),
            _ => {
                Err((redis::ErrorKind::InvalidClientConfig, "mixio-redis connects by TCP and Unix sockets only").into())
            }
        }
    }

    /// Whether the other end is there still, as far as is known. Doesn't wait, nor read.
    pub(crate) fn is_alive(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        match SockRef::from(self).recv_with_flags(&mut byte, libc::MSG_PEEK | libc::MSG_DONTWAIT) {
            Ok(size) => size > 0,
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }

    pub(crate) fn close(&self) {
        // An error is that it is closed.
        let _ = match self {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }

    pub(crate) fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.set_read_timeout(limit),
            Stream::Unix(stream) => stream.set_read_timeout(limit),
        }
    }

    pub(crate) fn set_write_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.set_write_timeout(limit),
            Stream::Unix(stream) => stream.set_write_timeout(limit),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match self {
                Stream::Tcp(stream) => stream.read(buffer),
                Stream::Unix(stream) => stream.read(buffer),
            };
            // The parser would take a signal for the end.
            match read {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(buffer),
            Stream::Unix(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
        }
    }
}

/// The first address that answers.
fn connect_tcp(host: &str, port: u16, budget: &Budget) -> io::Result<TcpStream> {
    if budget.limit.is_none() {
        return TcpStream::connect((host, port));
    }
    let mut failure = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in look_up(host, port, budget)? {
        let left = budget.left()?.unwrap_or(Duration::MAX);
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// The addresses of a name. In [`Io::Blocking`] that takes the time it takes.
fn look_up(host: &str, port: u16, budget: &Budget) -> io::Result<Vec<SocketAddr>> {
    // Where there is no runtime connecting will say so; an address needs no lookup, and to look up a name may block then.
    if Io::current() == Io::Blocking || Handle::try_current().is_err() {
        return Ok((host, port).to_socket_addrs()?.collect());
    }
    mixio_tokio::install();
    let left = budget.left()?.unwrap_or(Duration::MAX);
    let lookup =
        async { timeout(left, lookup_host((host, port))).await.map_err(|_| expired())?.map(Iterator::collect) };
    try_wait(lookup).unwrap_or_else(|cannot| Err(io::Error::other(cannot)))
}

/// What is sent is small, and waited for.
fn configure(stream: &TcpStream, settings: &TcpSettings) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    if let Some(keepalive) = settings.keepalive() {
        socket.set_tcp_keepalive(keepalive)?;
    }
    #[cfg(target_os = "linux")]
    if settings.user_timeout().is_some() {
        socket.set_tcp_user_timeout(settings.user_timeout())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use redis::IntoConnectionInfo;

    use super::{Budget, Stream};

    #[test]
    fn sends_at_once() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let info = format!("redis://{}/", listener.local_addr().unwrap()).into_connection_info().unwrap();
        mixio_tokio::run(move || {
            let stream = Stream::connect(&info, &Budget::new(None)).unwrap();
            let Stream::Tcp(stream) = stream else { panic!("it is to be TCP") };
            assert!(stream.nodelay().unwrap());
        });
    }
}
