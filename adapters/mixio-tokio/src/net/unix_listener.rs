//! [`std::os::unix::net::UnixListener`], in either setting.

use std::io;
use std::iter::FusedIterator;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;

use mixio::Io;
use socket2::SockRef;

use super::UnixStream;
use super::listener::listener;
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

listener!(UnixListener, UnixIncoming, UnixStream, SocketAddr, net::UnixListener, tokio::net::UnixListener);

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
}

impl<'a> IntoIterator for &'a UnixListener {
    type Item = io::Result<UnixStream>;
    type IntoIter = UnixIncoming<'a>;

    fn into_iter(self) -> UnixIncoming<'a> {
        self.incoming()
    }
}
