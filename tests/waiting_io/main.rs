//! `io::Waiting` over sockets of tokio and smol, and over streams that do what sockets seldom do.
#![cfg(all(feature = "futures-io", feature = "tokio-io"))]

#[path = "../executors/mod.rs"]
mod executors;
#[path = "../support/mod.rs"]
mod support;

mod cancelled;
mod contract;
mod inspected;
mod sockets;
mod timeouts;

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::time::Duration;

use executors::{Executor, Smol, Tokio};
use mixio::io::Waiting;

/// Sockets of one of the two families of traits, and the executor that drives them.
pub(crate) trait Sockets: 'static {
    type Executor: Executor;
    type Stream: Stream;

    /// Both ends of a connection over loopback.
    fn connected() -> impl Future<Output = io::Result<(Self::Stream, Self::Stream)>>;

    /// To be read in one function while it is written in another.
    fn split(stream: Self::Stream) -> (impl Read + 'static, impl Write + Shutdown + 'static);
}

pub(crate) trait Shutdown {
    fn shutdown(&mut self) -> io::Result<()>;
}

pub(crate) trait Stream: Read + Write + Shutdown + Send + 'static {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;
    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;
}

/// Makes one test on each family of each generic function.
macro_rules! for_each_family {
    ($($test:ident),* $(,)?) => {
        mod over_tokio { $(#[test] fn $test() { super::$test::<$crate::OverTokio>(); })* }
        mod over_smol { $(#[test] fn $test() { super::$test::<$crate::OverSmol>(); })* }
    };
}
pub(crate) use for_each_family;

impl<T: tokio::io::AsyncWrite + Unpin> Shutdown for Waiting<T, mixio::io::Tokio> {
    fn shutdown(&mut self) -> io::Result<()> {
        Self::shutdown(self)
    }
}

impl<T: smol::io::AsyncWrite + Unpin> Shutdown for Waiting<T, mixio::io::Futures> {
    fn shutdown(&mut self) -> io::Result<()> {
        Self::shutdown(self)
    }
}

macro_rules! forward {
    ($stream:ty) => {
        impl Shutdown for $stream {
            fn shutdown(&mut self) -> io::Result<()> {
                Self::shutdown(self)
            }
        }

        impl Stream for $stream {
            fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
                Self::set_read_timeout(self, timeout)
            }

            fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
                Self::set_write_timeout(self, timeout)
            }
        }
    };
}
forward!(TokioStream);
forward!(SmolStream);

pub(crate) struct OverTokio;

type TokioStream = Waiting<tokio::net::TcpStream, mixio::io::Tokio, fn(Duration) -> tokio::time::Sleep>;

impl Sockets for OverTokio {
    type Executor = Tokio;
    type Stream = TokioStream;

    async fn connected() -> io::Result<(TokioStream, TokioStream)> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let ours = tokio::net::TcpStream::connect(listener.local_addr()?).await?;
        let (theirs, _) = listener.accept().await?;
        let waiting = |stream| Waiting::tokio(stream).with_timer(tokio::time::sleep as fn(_) -> _);
        Ok((waiting(ours), waiting(theirs)))
    }

    fn split(stream: TokioStream) -> (impl Read + 'static, impl Write + Shutdown + 'static) {
        let (read, write) = stream.into_inner().into_split();
        (Waiting::tokio(read), Waiting::tokio(write))
    }
}

pub(crate) struct OverSmol;

type SmolStream = Waiting<smol::net::TcpStream, mixio::io::Futures, fn(Duration) -> smol::Timer>;

impl Sockets for OverSmol {
    type Executor = Smol;
    type Stream = SmolStream;

    async fn connected() -> io::Result<(SmolStream, SmolStream)> {
        let listener = smol::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let ours = smol::net::TcpStream::connect(listener.local_addr()?).await?;
        let (theirs, _) = listener.accept().await?;
        let waiting = |stream| Waiting::futures(stream).with_timer(smol::Timer::after as fn(_) -> _);
        Ok((waiting(ours), waiting(theirs)))
    }

    fn split(stream: SmolStream) -> (impl Read + 'static, impl Write + Shutdown + 'static) {
        let read = stream.into_inner();
        let write = read.clone();
        (Waiting::futures(read), Waiting::futures(write))
    }
}
