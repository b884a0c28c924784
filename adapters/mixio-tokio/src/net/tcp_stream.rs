//! [`std::net::TcpStream`], in either setting.

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use mixio::Io;
use tokio::time::timeout;

use super::ToSocketAddrs;
use super::stream::{StdStream, Stream, TokioStream, stream};
use super::timeouts::{Direction, zero_timeout};
use crate::place::{setting, wait_io};

/// A TCP connection: [`std::net::TcpStream`], which in [`Io::Async`] waits without blocking the thread.
///
/// See the [module](super) for what the settings mean, and for errors.
///
/// # Example
///
/// ```
/// use std::io::{self, Read, Write};
/// use mixio_tokio::net::{TcpListener, TcpStream};
///
/// fn greet() -> io::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     let mut client = TcpStream::connect(listener.local_addr()?)?;
///     let (mut server, _) = listener.accept()?;
///     client.write_all(b"hello")?;
///     let mut greeting = [0; 5];
///     server.read_exact(&mut greeting)?;
///     assert_eq!(&greeting, b"hello");
///     Ok(())
/// }
///
/// # fn main() -> io::Result<()> {
/// mixio_tokio::run(greet)
/// # }
/// ```
#[derive(Debug)]
pub struct TcpStream(Stream<tokio::net::TcpStream>);

stream!(TcpStream, net::TcpStream, tokio::net::TcpStream);

impl TcpStream {
    /// Connects to an address: the first that answers, if there are several.
    ///
    /// # Errors
    ///
    /// That of the last address, if none answers. If the name can't be looked up. In [`Io::Async`] also if there is no
    /// runtime on this thread.
    pub fn connect<A: ToSocketAddrs>(address: A) -> io::Result<Self> {
        match setting()? {
            Io::Blocking => net::TcpStream::connect(address).map(Self::blocking),
            Io::Async => wait_io(tokio::net::TcpStream::connect(address)).map(Self::from_tokio),
        }
    }

    /// Connects to an address, in no more than `limit`.
    ///
    /// # Errors
    ///
    /// Of kind [`TimedOut`](io::ErrorKind::TimedOut) if it takes longer, [`InvalidInput`](io::ErrorKind::InvalidInput)
    /// if the limit is zero; or else as [`connect`](Self::connect).
    pub fn connect_timeout(address: &SocketAddr, limit: Duration) -> io::Result<Self> {
        match setting()? {
            Io::Blocking => net::TcpStream::connect_timeout(address, limit).map(Self::blocking),
            Io::Async if limit.is_zero() => Err(zero_timeout()),
            Io::Async => {
                let expired = |_| Err(io::Error::new(io::ErrorKind::TimedOut, "connection timed out"));
                let connect =
                    async { timeout(limit, tokio::net::TcpStream::connect(*address)).await.unwrap_or_else(expired) };
                wait_io(connect).map(Self::from_tokio)
            }
        }
    }

    pub(super) fn from_tokio(stream: tokio::net::TcpStream) -> Self {
        TcpStream(Stream::from_tokio(stream))
    }

    pub(super) fn blocking(stream: net::TcpStream) -> Self {
        TcpStream(Stream::Blocking(stream))
    }

    /// The address at the other end.
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Stream::Blocking(stream) => stream.peer_addr(),
            Stream::Async(stream, _) => stream.peer_addr(),
        }
    }

    /// The address at this end.
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Stream::Blocking(stream) => stream.local_addr(),
            Stream::Async(stream, _) => stream.local_addr(),
        }
    }

    /// As a read, but what is read stays there for the next. The read timeout holds.
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.0 {
            Stream::Blocking(stream) => stream.peek(buffer),
            Stream::Async(stream, timeouts) => timeouts.wait_within(Direction::Read, stream.peek(buffer)),
        }
    }

    /// Whether small packets are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.0.socket().tcp_nodelay()
    }

    /// Sets whether small packets are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.socket().set_tcp_nodelay(nodelay)
    }

    /// The time to live of its packets, in hops (`IP_TTL`).
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.0.socket().ttl_v4()
    }

    /// Sets the time to live of its packets, in hops (`IP_TTL`).
    ///
    /// # Errors
    ///
    /// As std's: if it is zero, or over 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.0.socket().set_ttl_v4(ttl)
    }
}
