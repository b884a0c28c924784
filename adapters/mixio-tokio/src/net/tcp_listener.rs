//! [`std::net::TcpListener`], in either setting.

use std::io;
use std::iter::FusedIterator;
use std::net::{self, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use mixio::Io;
use socket2::SockRef;

use super::listener::listener;
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

listener!(TcpListener, Incoming, TcpStream, SocketAddr, net::TcpListener, tokio::net::TcpListener);

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
}
