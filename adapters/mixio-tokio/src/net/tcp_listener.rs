//! [`std::net::TcpListener`], in either setting.

use std::io;
use std::iter::FusedIterator;
use std::net::{self, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use mixio::Io;
use socket2::SockRef;

use super::{TcpStream, ToSocketAddrs};
use crate::place::{need_runtime, setting, wait_io};

/// Listens for TCP connections: [`std::net::TcpListener`], which in [`Io::Async`] waits without blocking the thread.
///
/// See the [module](super) for what the settings mean, and for errors.
///
/// # Example
///
/// ```
/// use std::io::{self, Write};
/// use mixio_tokio::net::{TcpListener, TcpStream};
/// use mixio_tokio::thread;
///
/// fn serve(listener: TcpListener) -> io::Result<()> {
///     for stream in listener.incoming() {
///         let mut stream = stream?;
///         thread::spawn(move || stream.write_all(b"welcome"));
///     }
///     Ok(())
/// }
///
/// # fn main() -> io::Result<()> {
/// mixio_tokio::run(|| {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     let address = listener.local_addr()?;
///     thread::spawn(|| serve(listener));
///     assert_eq!(io::read_to_string(TcpStream::connect(address)?)?, "welcome");
///     Ok(())
/// })
/// # }
/// ```
#[derive(Debug)]
pub struct TcpListener(Listener);

#[derive(Debug)]
enum Listener {
    Blocking(net::TcpListener),
    Async(tokio::net::TcpListener),
}

impl TcpListener {
    /// Listens at an address: the first that can be had, if there are several. Port 0 is any free one.
    ///
    /// The queue of connections that nobody has accepted yet is as long as std's, or tokio's.
    ///
    /// # Errors
    ///
    /// That of the last address, if none can be had. If the name can't be looked up. In [`Io::Async`] also if there is
    /// no runtime on this thread.
    pub fn bind<A: ToSocketAddrs>(address: A) -> io::Result<Self> {
        Ok(TcpListener(match setting()? {
            Io::Blocking => Listener::Blocking(net::TcpListener::bind(address)?),
            Io::Async => Listener::Async(wait_io(tokio::net::TcpListener::bind(address))?),
        }))
    }

    /// A listener of the current setting over one of std's.
    ///
    /// # Errors
    ///
    /// In [`Io::Async`], if there is no runtime on this thread, or it won't have it.
    pub fn from_std(listener: net::TcpListener) -> io::Result<Self> {
        Ok(TcpListener(match setting()? {
            Io::Blocking => Listener::Blocking(listener),
            Io::Async => {
                listener.set_nonblocking(true)?;
                Listener::Async(tokio::net::TcpListener::from_std(listener)?)
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
    pub fn into_std(self) -> io::Result<net::TcpListener> {
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
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        match &self.0 {
            Listener::Blocking(listener) => {
                let (stream, peer) = listener.accept()?;
                Ok((TcpStream::blocking(stream), peer))
            }
            Listener::Async(listener) => {
                let (stream, peer) = wait_io(listener.accept())?;
                Ok((TcpStream::from_tokio(stream), peer))
            }
        }
    }

    /// Accepts connections, one by one, for ever.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// The address at which it listens.
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Listener::Blocking(listener) => listener.local_addr(),
            Listener::Async(listener) => listener.local_addr(),
        }
    }

    /// Another handle to the same socket, as std's.
    ///
    /// # Errors
    ///
    /// As std's, for want of file descriptors say. In [`Io::Async`] also if there is no runtime on this thread.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(TcpListener(match &self.0 {
            Listener::Blocking(listener) => Listener::Blocking(listener.try_clone()?),
            Listener::Async(listener) => {
                need_runtime()?;
                let duplicate = listener.as_fd().try_clone_to_owned()?.into();
                Listener::Async(tokio::net::TcpListener::from_std(duplicate)?)
            }
        }))
    }

    /// The time to live of the packets of accepted connections, in hops (`IP_TTL`).
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn ttl(&self) -> io::Result<u32> {
        SockRef::from(self).ttl_v4()
    }

    /// Sets the time to live of the packets of accepted connections, in hops (`IP_TTL`).
    ///
    /// # Errors
    ///
    /// As std's: if it is zero, or over 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        SockRef::from(self).set_ttl_v4(ttl)
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

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Listener::Blocking(listener) => listener.as_fd(),
            Listener::Async(listener) => listener.as_fd(),
        }
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// Accepts connections for ever: what [`TcpListener::incoming`] gives.
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    /// Waits for a connection, as [`TcpListener::accept`]. Never `None`.
    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl FusedIterator for Incoming<'_> {}
