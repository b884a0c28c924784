//! What a connection goes over.

use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use mixio::{Io, try_wait};
use mixio_tokio::net::{TcpStream, UnixStream};
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::SockRef;
use redis::{ConnectionAddr, ConnectionInfo, RedisResult};
use tokio::net::lookup_host;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::budget::{Budget, expired};

/// A socket of TCP or of Unix.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
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

fn connect_tcp(host: &str, port: u16, budget: &Budget) -> io::Result<TcpStream> {
    match budget.left()? {
        None => TcpStream::connect((host, port)),
        Some(_) => connect_to_first(&look_up(host, port, budget)?, budget),
    }
}

/// The first address that answers.
fn connect_to_first(addresses: &[SocketAddr], budget: &Budget) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for (index, address) in addresses.iter().enumerate() {
        let limit = budget.attempt(addresses.len() - index)?.unwrap_or(Duration::MAX);
        match TcpStream::connect_timeout(address, limit) {
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
    use std::net::TcpListener;
    use std::time::Duration;

    use redis::IntoConnectionInfo;
    use redis::io::tcp::socket2::{Domain, Socket, Type};

    use super::{Budget, SocketAddr, Stream, connect_to_first};

    #[test]
    fn sends_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let info = format!("redis://{}/", listener.local_addr().unwrap()).into_connection_info().unwrap();
        mixio_tokio::run(move || {
            let stream = Stream::connect(&info, &Budget::new(None)).unwrap();
            let Stream::Tcp(stream) = stream else { panic!("it is to be TCP") };
            assert!(stream.nodelay().unwrap());
        });
    }

    /// One that answers nobody leaves time for the next. Linux is so where a listener's queue is full.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_first_address_that_answers() {
        let silent = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        silent.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        silent.listen(0).unwrap();
        let silent_address = silent.local_addr().unwrap().as_socket().unwrap();
        let mut queued = Vec::new();
        while let Ok(stream) = std::net::TcpStream::connect_timeout(&silent_address, Duration::from_millis(100)) {
            queued.push(stream);
            assert!(queued.len() < 10, "the queue takes more than it should");
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        mixio_tokio::run(move || {
            let addresses = [silent_address, address];
            let stream = connect_to_first(&addresses, &Budget::new(Some(Duration::from_secs(4)))).unwrap();
            assert_eq!(stream.peer_addr().unwrap(), address);
            // Alone it gets all the time there is.
            let failure = connect_to_first(&addresses[..1], &Budget::new(Some(Duration::from_millis(100))));
            assert_eq!(failure.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
        });
    }
}
