//! [`std::os::unix::net::UnixStream`], in either setting.

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;
use std::time::Duration;

use mixio::Io;
use tokio::time::sleep;

use super::stream::{StdStream, Stream, TokioStream, stream};
use super::timeouts::Direction;
use crate::place::{setting, wait_io};

/// A connection of Unix sockets: [`std::os::unix::net::UnixStream`], which in [`Io::Async`] waits without blocking the
/// thread.
///
/// See the [module](super) for what the settings mean, and for errors.
///
/// # Example
///
/// ```
/// use std::io::{self, Read, Write};
/// use mixio_tokio::net::UnixStream;
///
/// # fn main() -> io::Result<()> {
/// mixio_tokio::run(|| {
///     let (mut one, mut other) = UnixStream::pair()?;
///     one.write_all(b"hello")?;
///     let mut greeting = [0; 5];
///     other.read_exact(&mut greeting)?;
///     assert_eq!(&greeting, b"hello");
///     Ok(())
/// })
/// # }
/// ```
#[derive(Debug)]
pub struct UnixStream(Stream<tokio::net::UnixStream>);

stream!(UnixStream, net::UnixStream, tokio::net::UnixStream);

impl UnixStream {
    /// Connects to the socket at a path.
    ///
    /// Waits, as std's does, while the listener's queue is full. In [`Io::Async`] it then tries again after a while, of no more than
    /// 50 ms, since Linux doesn't tell when such a queue has room again.
    ///
    /// # Errors
    ///
    /// As std's: if nobody listens there. In [`Io::Async`] also if there is no runtime on this thread.
    pub fn connect<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        Self::connect_addr(&SocketAddr::from_pathname(path)?)
    }

    /// As [`connect`](Self::connect), to an address that need not be a path.
    ///
    /// # Errors
    ///
    /// Those of [`connect`](Self::connect).
    pub fn connect_addr(address: &SocketAddr) -> io::Result<Self> {
        match setting()? {
            Io::Blocking => net::UnixStream::connect_addr(address).map(Self::blocking),
            Io::Async => wait_io(connect_when_there_is_room(address.clone().into())).map(Self::from_tokio),
        }
    }

    /// Two that are connected to each other.
    ///
    /// # Errors
    ///
    /// As std's, for want of file descriptors say. In [`Io::Async`] also if there is no runtime on this thread.
    pub fn pair() -> io::Result<(Self, Self)> {
        match setting()? {
            Io::Blocking => net::UnixStream::pair().map(|(one, other)| (Self::blocking(one), Self::blocking(other))),
            Io::Async => {
                let (one, other) = tokio::net::UnixStream::pair()?;
                Ok((Self::from_tokio(one), Self::from_tokio(other)))
            }
        }
    }

    pub(super) fn from_tokio(stream: tokio::net::UnixStream) -> Self {
        UnixStream(Stream::from_tokio(stream))
    }

    pub(super) fn blocking(stream: net::UnixStream) -> Self {
        UnixStream(Stream::Blocking(stream))
    }

    /// The address at the other end.
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Stream::Blocking(stream) => stream.peer_addr(),
            Stream::Async(stream, _) => stream.peer_addr().map(Into::into),
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
            Stream::Async(stream, _) => stream.local_addr().map(Into::into),
        }
    }
}

/// Connects as soon as the listener's queue has room.
///
/// Not on a thread that may be blocked: nothing would end that if whoever wants to connect goes away.
async fn connect_when_there_is_room(address: tokio::net::unix::SocketAddr) -> io::Result<tokio::net::UnixStream> {
    const LONGEST: Duration = Duration::from_millis(50);

    let mut pause = Duration::from_millis(1);
    loop {
        match tokio::net::UnixStream::connect_addr(&address).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(pause).await,
            result => return result,
        }
        pause = (2 * pause).min(LONGEST);
    }
}
