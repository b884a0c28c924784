//! [`std::os::unix::net::UnixListener`], in either setting.

use std::io;
use std::iter::FusedIterator;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;

use mixio::Io;
use socket2::SockRef;

use super::UnixStream;
use crate::place::{need_runtime, setting, wait_io};

/// Listens for connections of Unix sockets: [`std::os::unix::net::UnixListener`], which in [`Io::Async`] waits without
/// blocking the thread.
///
/// See the [module](super) for what the settings mean, and for errors.
///
/// # Example
///
/// ```
/// use std::io::{self, Write};
/// use mixio_tokio::net::{UnixListener, UnixStream};
///
/// # fn main() -> io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("socket");
/// mixio_tokio::run(move || {
///     let listener = UnixListener::bind(&path)?;
///     let client = UnixStream::connect(&path)?;
///     listener.accept()?.0.write_all(b"welcome")?;
///     assert_eq!(io::read_to_string(client)?, "welcome");
///     Ok(())
/// })
/// # }
/// ```
#[derive(Debug)]
pub struct UnixListener(Listener);

#[derive(Debug)]
enum Listener {
    Blocking(net::UnixListener),
    Async(tokio::net::UnixListener),
}

impl UnixListener {
    /// Listens at a path, where it makes a socket. Nobody removes that when the listener is dropped.
    ///
    /// # Errors
    ///
    /// As std's: if there is something at that path, or it is too long. In [`Io::Async`] also if there is no runtime on
    /// this thread.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        Ok(UnixListener(match setting()? {
            Io::Blocking => Listener::Blocking(net::UnixListener::bind(path)?),
            Io::Async => Listener::Async(tokio::net::UnixListener::bind(path)?),
        }))
    }

    /// As [`bind`](Self::bind), at an address that need not be a path.
    ///
    /// # Errors
    ///
    /// Those of [`bind`](Self::bind).
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        Ok(UnixListener(match setting()? {
            Io::Blocking => Listener::Blocking(net::UnixListener::bind_addr(address)?),
            Io::Async => Listener::Async(tokio::net::UnixListener::bind_addr(&address.clone().into())?),
        }))
    }

    /// A listener of the current setting over one of std's.
    ///
    /// # Errors
    ///
    /// In [`Io::Async`], if there is no runtime on this thread, or it won't have it.
    pub fn from_std(listener: net::UnixListener) -> io::Result<Self> {
        Ok(UnixListener(match setting()? {
            Io::Blocking => Listener::Blocking(listener),
            Io::Async => {
                listener.set_nonblocking(true)?;
                Listener::Async(tokio::net::UnixListener::from_std(listener)?)
            }
        }))
    }

    /// The listener of std's under it, in blocking mode.
    ///
    /// Whether it blocks is a property of the socket: clones that are of [`Io::Async`] still may block their thread
    /// from here on.
    ///
    /// # Errors
    ///
    /// If tokio won't give it back, or it can't be set to blocking mode.
    pub fn into_std(self) -> io::Result<net::UnixListener> {
        match self.0 {
            Listener::Blocking(listener) => Ok(listener),
            Listener::Async(listener) => {
                let listener = listener.into_std()?;
                listener.set_nonblocking(false)?;
                Ok(listener)
            }
        }
    }

    /// Waits for a connection, and gives it with the address at its other end.
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        match &self.0 {
            Listener::Blocking(listener) => {
                let (stream, peer) = listener.accept()?;
                Ok((UnixStream::blocking(stream), peer))
            }
            Listener::Async(listener) => {
                let (stream, peer) = wait_io(listener.accept())?;
                Ok((UnixStream::from_tokio(stream), peer.into()))
            }
        }
    }

    /// Accepts connections, one by one, for ever.
    pub fn incoming(&self) -> UnixIncoming<'_> {
        UnixIncoming { listener: self }
    }

    /// The address at which it listens.
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Listener::Blocking(listener) => listener.local_addr(),
            Listener::Async(listener) => listener.local_addr().map(Into::into),
        }
    }

    /// Another handle to the same socket, as std's.
    ///
    /// # Errors
    ///
    /// As std's, for want of file descriptors say. In [`Io::Async`] also if there is no runtime on this thread.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(UnixListener(match &self.0 {
            Listener::Blocking(listener) => Listener::Blocking(listener.try_clone()?),
            Listener::Async(listener) => {
                need_runtime()?;
                let duplicate = listener.as_fd().try_clone_to_owned()?.into();
                Listener::Async(tokio::net::UnixListener::from_std(duplicate)?)
            }
        }))
    }

    /// Takes the socket's pending error (`SO_ERROR`), if there is one.
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        SockRef::from(self).take_error()
    }
}

impl AsFd for UnixListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Listener::Blocking(listener) => listener.as_fd(),
            Listener::Async(listener) => listener.as_fd(),
        }
    }
}

impl AsRawFd for UnixListener {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// Accepts connections for ever: what [`UnixListener::incoming`] gives.
#[derive(Debug)]
pub struct UnixIncoming<'a> {
    listener: &'a UnixListener,
}

impl Iterator for UnixIncoming<'_> {
    type Item = io::Result<UnixStream>;

    /// Waits for a connection, as [`UnixListener::accept`]. Never `None`.
    fn next(&mut self) -> Option<io::Result<UnixStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl FusedIterator for UnixIncoming<'_> {}

impl<'a> IntoIterator for &'a UnixListener {
    type Item = io::Result<UnixStream>;
    type IntoIter = UnixIncoming<'a>;

    fn into_iter(self) -> UnixIncoming<'a> {
        self.incoming()
    }
}
