//! Over the traits of the crate futures, which smol uses too.

use std::future::Future;
use std::io::{self, BufRead, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};

use super::Waiting;
use super::shared::write_and_buf_read;

/// Says that a [`Waiting`] is over the traits of the crate futures. (Feature `futures-io`.)
#[derive(Debug)]
pub enum Futures {}

impl<T> Waiting<T, Futures> {
    /// Over the traits of the crate futures, which smol uses too. (Feature `futures-io`.)
    ///
    /// ```
    /// use std::io::{BufRead as _, Seek as _, SeekFrom};
    ///
    /// use mixio::io::Waiting;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let mut lines = Waiting::futures(smol::io::Cursor::new("one\ntwo\n"));
    /// lines.seek(SeekFrom::Start(4))?;
    /// assert_eq!(lines.lines().collect::<Result<Vec<_>, _>>()?, ["two"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn futures(inner: T) -> Self {
        Self::new(inner)
    }
}

impl<T, Timer, Sleep> Waiting<T, Futures, Timer>
where
    T: AsyncWrite + Unpin,
    Timer: Fn(Duration) -> Sleep,
    Sleep: Future,
{
    /// Writes what is buffered and closes the writing side (`poll_close`): the other end reads to the end. But it is the
    /// stream that says what closing means: smol's `Async` only flushes, its `net::TcpStream` shuts down.
    ///
    /// # Errors
    ///
    /// As [writing](Waiting#errors).
    #[track_caller]
    pub fn shutdown(&mut self) -> io::Result<()> {
        self.writing(|inner, context| inner.poll_close(context))
    }
}

impl<T, Timer, Sleep> Read for Waiting<T, Futures, Timer>
where
    T: AsyncRead + Unpin,
    Timer: Fn(Duration) -> Sleep,
    Sleep: Future,
{
    #[track_caller]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.reading(|inner, context| inner.poll_read(context, buffer))
    }

    #[track_caller]
    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return Ok(0);
        }
        self.reading(|inner, context| inner.poll_read_vectored(context, buffers))
    }
}

write_and_buf_read!(Futures);

impl<T, Timer, Sleep> Seek for Waiting<T, Futures, Timer>
where
    T: AsyncSeek + Unpin,
    Timer: Fn(Duration) -> Sleep,
    Sleep: Future,
{
    /// Without a timeout: after one nobody would know the position.
    #[track_caller]
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.seeking(|inner, context| inner.poll_seek(context, position))
    }
}
