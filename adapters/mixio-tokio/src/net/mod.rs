//! Sockets with the names, signatures and behaviour of [`std::net`] and [`std::os::unix::net`], which in
//! [`Io::Async`](mixio::Io) wait without blocking the thread.
//!
//! [`Io::current`](mixio::Io::current) at the time when a socket is opened says which it is:
//!
//! | | [`Io::Blocking`](mixio::Io) | [`Io::Async`](mixio::Io) |
//! | --- | --- | --- |
//! | is | std's socket | tokio's |
//! | to open one takes | nothing | a tokio runtime on this thread: an error says so if there is none |
//! | a call that would block | blocks the thread | [waits](mixio::wait) |
//! | names are looked up | on this thread | on a thread of tokio's for what blocks |
//!
//! A socket accepted by a listener is what the listener is.
//!
//! # Errors
//!
//! Are std's, by [`ErrorKind`](std::io::ErrorKind). In particular, a read or write that takes longer than its timeout
//! gives what std gives on Unix, [`WouldBlock`](std::io::ErrorKind::WouldBlock), and [`TcpStream::connect_timeout`]
//! gives [`TimedOut`](std::io::ErrorKind::TimedOut). Where it [can't wait](mixio::WaitError), in a destructor that runs
//! since an `AsAsync` is dropped say, that is an error of kind [`Other`](std::io::ErrorKind::Other) around the
//! [`WaitError`](mixio::WaitError).
//!
//! # Several threads, several runtimes
//!
//! As std's, the sockets are `Send` and `Sync`. One of [`Io::Async`](mixio::Io) belongs to the runtime on which it was
//! opened: it can be used from elsewhere, but whoever waits for it there is woken only while that runtime runs.
//!
//! # What is not here
//!
//! `set_nonblocking`: in [`Io::Async`](mixio::Io) every socket is non-blocking already, and its clones with it. Datagrams: `UdpSocket`
//! and `UnixDatagram`; [`mixio::wait`] does for tokio's. `From` and `Into` for an `OwnedFd`: `from_std` and `into_std` are the way, by
//! std's socket. What is unstable in std.

mod listener;
mod stream;
mod tcp_listener;
mod tcp_stream;
mod timeouts;
mod unix_listener;
mod unix_stream;

/// What else std has under this name: not sockets, but what they are used with.
#[doc(no_inline)]
pub use std::net::{AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6};

pub use tcp_listener::{Incoming, TcpListener};
pub use tcp_stream::TcpStream;
pub use unix_listener::{UnixIncoming, UnixListener};
pub use unix_stream::UnixStream;

/// What can be looked up, or is, one or more addresses: all that std can look up.
///
/// Implemented for whatever implements both std's trait and tokio's of this name; those are the same types, but for
/// those of third parties.
pub trait ToSocketAddrs: std::net::ToSocketAddrs + tokio::net::ToSocketAddrs {}

impl<A: std::net::ToSocketAddrs + tokio::net::ToSocketAddrs + ?Sized> ToSocketAddrs for A {}
