//! What TCP and Unix streams have in common.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::time::Duration;

use mixio::Io;
use socket2::SockRef;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::coop::cooperative;

use super::timeouts::{Direction, Timeouts};
use crate::place::{need_runtime, setting};

/// A stream of std's, or of tokio's.
#[derive(Debug)]
pub(super) enum Stream<T: TokioStream> {
    Blocking(T::Std),
    Async(T, Timeouts),
}

/// What a stream of std's is to have.
pub(super) trait StdStream: AsFd + From<OwnedFd> {
    fn as_read_write(&self) -> impl Read + Write;

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()>;
}

/// What a stream of tokio's is to have.
pub(super) trait TokioStream: AsFd + AsyncRead + Unpin + Sized {
    type Std: StdStream;

    fn from_std(stream: Self::Std) -> io::Result<Self>;

    fn into_std(self) -> io::Result<Self::Std>;

    fn readable(&self) -> impl Future<Output = io::Result<()>>;

    fn writable(&self) -> impl Future<Output = io::Result<()>>;

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    fn try_read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize>;

    fn try_write(&self, buffer: &[u8]) -> io::Result<usize>;

    fn try_write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize>;
}

impl<T: TokioStream> Stream<T> {
    /// As the setting says.
    pub(super) fn from_std(stream: T::Std) -> io::Result<Self> {
        match setting()? {
            Io::Blocking => Ok(Stream::Blocking(stream)),
            Io::Async => {
                stream.set_nonblocking(true)?;
                let timeouts = Timeouts::of(&SockRef::from(&stream))?;
                Ok(Stream::Async(T::from_std(stream)?, timeouts))
            }
        }
    }

    /// A new one: it has no timeouts.
    pub(super) fn from_tokio(stream: T) -> Self {
        Stream::Async(stream, Timeouts::default())
    }

    pub(super) fn into_std(self) -> io::Result<T::Std> {
        match self {
            Stream::Blocking(stream) => Ok(stream),
            Stream::Async(stream, timeouts) => {
                let stream = stream.into_std()?;
                stream.set_nonblocking(false)?;
                timeouts.apply(&SockRef::from(&stream))?;
                Ok(stream)
            }
        }
    }

    pub(super) fn try_clone(&self) -> io::Result<Self> {
        let duplicate = T::Std::from(self.as_fd().try_clone_to_owned()?);
        match self {
            Stream::Blocking(_) => Ok(Stream::Blocking(duplicate)),
            Stream::Async(_, timeouts) => {
                need_runtime()?;
                Ok(Stream::Async(T::from_std(duplicate)?, timeouts.clone()))
            }
        }
    }

    /// For the options that are set and got alike in either setting.
    pub(super) fn socket(&self) -> SockRef<'_> {
        SockRef::from(self)
    }

    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket().shutdown(how)
    }

    pub(super) fn timeout(&self, direction: Direction) -> io::Result<Option<Duration>> {
        match self {
            Stream::Blocking(_) => direction.timeout(&self.socket()),
            Stream::Async(_, timeouts) => Ok(timeouts.get(direction)),
        }
    }

    pub(super) fn set_timeout(&self, direction: Direction, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Stream::Blocking(_) => direction.set_timeout(&self.socket(), timeout),
            Stream::Async(_, timeouts) => timeouts.set(direction, timeout),
        }
    }

    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Blocking(stream) => stream.as_read_write().read(buffer),
            Stream::Async(stream, timeouts) => {
                timeouts.wait_within(Direction::Read, when_readable(stream, || stream.try_read(buffer)))
            }
        }
    }

    /// As `read`, for who has the stream for himself: when there is less than the buffer could take, tokio knows then
    /// that nothing is left, and the next read needn't ask the kernel in vain.
    pub(super) fn read_alone(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Stream::Async(stream, timeouts) = self else { return self.read(buffer) };
        let mut buffer = ReadBuf::new(buffer);
        let read = poll_fn(|context| Pin::new(&mut *stream).poll_read(context, &mut buffer));
        timeouts.wait_within(Direction::Read, read)?;
        Ok(buffer.filled().len())
    }

    pub(super) fn read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        match self {
            Stream::Blocking(stream) => stream.as_read_write().read_vectored(buffers),
            Stream::Async(stream, timeouts) => {
                timeouts.wait_within(Direction::Read, when_readable(stream, || stream.try_read_vectored(buffers)))
            }
        }
    }

    pub(super) fn write(&self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Blocking(stream) => stream.as_read_write().write(buffer),
            Stream::Async(stream, timeouts) => {
                timeouts.wait_within(Direction::Write, when_writable(stream, || stream.try_write(buffer)))
            }
        }
    }

    pub(super) fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Stream::Blocking(stream) => stream.as_read_write().write_vectored(buffers),
            Stream::Async(stream, timeouts) => {
                timeouts.wait_within(Direction::Write, when_writable(stream, || stream.try_write_vectored(buffers)))
            }
        }
    }
}

impl<T: TokioStream> AsFd for Stream<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Blocking(stream) => stream.as_fd(),
            Stream::Async(stream, _) => stream.as_fd(),
        }
    }
}

/// Cooperative: so that a peer who always has something to say can't keep the thread from other work.
async fn when_readable<R>(stream: &impl TokioStream, read: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    cooperative(retry(read, || stream.readable())).await
}

async fn when_writable<R>(stream: &impl TokioStream, write: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    cooperative(retry(write, || stream.writable())).await
}

/// Does it again, when it is ready, for as long as it would block.
async fn retry<R, F>(mut operate: impl FnMut() -> io::Result<R>, mut ready: impl FnMut() -> F) -> io::Result<R>
where
    F: Future<Output = io::Result<()>>,
{
    loop {
        match operate() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready().await?,
            result => return result,
        }
    }
}

/// Implements [`StdStream`] and [`TokioStream`], and for the public type what TCP and Unix streams have in common.
macro_rules! stream {
    ($Stream:ident, $std:ty, $tokio:ty) => {
        impl StdStream for $std {
            fn as_read_write(&self) -> impl Read + Write {
                self
            }

            fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
                self.set_nonblocking(nonblocking)
            }
        }

        impl TokioStream for $tokio {
            type Std = $std;

            fn from_std(stream: $std) -> io::Result<Self> {
                Self::from_std(stream)
            }

            fn into_std(self) -> io::Result<$std> {
                self.into_std()
            }

            fn readable(&self) -> impl Future<Output = io::Result<()>> {
                self.readable()
            }

            fn writable(&self) -> impl Future<Output = io::Result<()>> {
                self.writable()
            }

            fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
                self.try_read(buffer)
            }

            fn try_read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.try_read_vectored(buffers)
            }

            fn try_write(&self, buffer: &[u8]) -> io::Result<usize> {
                self.try_write(buffer)
            }

            fn try_write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
                self.try_write_vectored(buffers)
            }
        }

        impl $Stream {
            /// A stream of the current setting over one of std's.
            ///
            /// # Errors
            ///
            /// In [`Io::Async`](mixio::Io), if there is no runtime on this thread, or it won't have it.
            pub fn from_std(stream: $std) -> io::Result<Self> {
                Stream::from_std(stream).map($Stream)
            }

            /// The stream of std's under it, in blocking mode.
            ///
            /// Whether it blocks is a property of the socket: clones that are of [`Io::Async`](mixio::Io) still may
            /// block their thread from here on.
            ///
            /// # Errors
            ///
            /// If tokio won't give it back, or it can't be set to blocking mode.
            pub fn into_std(self) -> io::Result<$std> {
                self.0.into_std()
            }

            /// Another handle to the same socket, as std's.
            ///
            /// # Errors
            ///
            /// As std's, for want of file descriptors say. In [`Io::Async`](mixio::Io) also if there is no runtime on
            /// this thread.
            pub fn try_clone(&self) -> io::Result<Self> {
                self.0.try_clone().map($Stream)
            }

            /// Shuts down reading, writing or both, for all handles to the socket. Whoever waits for it is woken.
            ///
            /// # Errors
            ///
            /// As std's: if it isn't connected.
            pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.0.shutdown(how)
            }

            /// How long a read may take, `None` for any time.
            ///
            /// # Errors
            ///
            /// As std's.
            pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
                self.0.timeout(Direction::Read)
            }

            /// How long a write may take, `None` for any time.
            ///
            /// # Errors
            ///
            /// As std's.
            pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
                self.0.timeout(Direction::Write)
            }

            /// Sets how long a read may take: after that it gives an error of kind
            /// [`WouldBlock`](std::io::ErrorKind::WouldBlock), as std's does on Unix. It holds for all clones.
            ///
            /// # Errors
            ///
            /// If it is zero.
            pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.0.set_timeout(Direction::Read, timeout)
            }

            /// Sets how long a write may take: after that it gives an error of kind
            /// [`WouldBlock`](std::io::ErrorKind::WouldBlock), as std's does on Unix. It holds for all clones.
            ///
            /// # Errors
            ///
            /// If it is zero.
            pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.0.set_timeout(Direction::Write, timeout)
            }

            /// Takes the socket's pending error (`SO_ERROR`), if there is one.
            ///
            /// # Errors
            ///
            /// As std's.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.0.socket().take_error()
            }
        }

        impl Read for $Stream {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.read_alone(buffer)
            }

            fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.0.read_vectored(buffers)
            }
        }

        impl Read for &$Stream {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.read(buffer)
            }

            fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.0.read_vectored(buffers)
            }
        }

        impl Write for $Stream {
            fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
                self.0.write(buffer)
            }

            fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
                self.0.write_vectored(buffers)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        impl Write for &$Stream {
            fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
                self.0.write(buffer)
            }

            fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
                self.0.write_vectored(buffers)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        impl AsFd for $Stream {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }

        impl AsRawFd for $Stream {
            fn as_raw_fd(&self) -> RawFd {
                self.0.as_fd().as_raw_fd()
            }
        }
    };
}
pub(super) use stream;
