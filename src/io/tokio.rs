//! Over tokio's traits.

use std::future::Future;
use std::io::{self, BufRead, IoSlice, Read, Seek, SeekFrom, Write};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

use super::Waiting;
use super::shared::write_and_buf_read;

/// Says that a [`Waiting`] is over tokio's traits. (Feature `tokio-io`.)
#[derive(Debug)]
pub enum Tokio {}

impl<T> Waiting<T, Tokio> {
    /// Over tokio's traits. (Feature `tokio-io`.)
    ///
    /// ```
    /// use std::io::{Read as _, Write as _};
    ///
    /// use mixio::as_async;
    /// use mixio::io::Waiting;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let (ours, theirs) = tokio::net::UnixStream::pair()?;
    /// let ask = as_async(|| {
    ///     let mut stream = Waiting::tokio(ours);
    ///     stream.write_all(b"ping")?;
    ///     stream.shutdown()?;
    ///     std::io::read_to_string(stream)
    /// });
    /// let answer = as_async(|| {
    ///     let mut stream = Waiting::tokio(theirs);
    ///     let mut request = [0; 4];
    ///     stream.read_exact(&mut request)?;
    ///     stream.write_all(b"pong")
    /// });
    /// let (answer, _) = tokio::try_join!(ask, answer)?;
    /// assert_eq!(answer, "pong");
    /// # Ok(())
    /// # }
    /// ```
    pub fn tokio(inner: T) -> Self {
        Self::new(inner)
    }
}

impl<T, Timer, Sleep> Waiting<T, Tokio, Timer>
where
    T: AsyncWrite + Unpin,
    Timer: Fn(Duration) -> Sleep,
    Sleep: Future,
{
    /// Writes what is buffered and closes the writing side: the other end reads to the end.
    ///
    /// # Errors
    ///
    /// As [writing](Waiting#errors).
    #[track_caller]
    pub fn shutdown(&mut self) -> io::Result<()> {
        self.writing(|inner, context| inner.poll_shutdown(context))
    }
}

impl<T, Timer, Sleep> Read for Waiting<T, Tokio, Timer>
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
        let start = buffer.as_ptr();
        let mut buffer = ReadBuf::new(buffer);
        self.reading(|inner, context| inner.poll_read(context, &mut buffer))?;
        // Safe code could have put another in its place.
        assert_eq!(buffer.filled().as_ptr(), start, "an `AsyncRead` has read into another buffer than it was given");
        Ok(buffer.filled().len())
    }
}

write_and_buf_read!(Tokio);

impl<T, Timer, Sleep> Seek for Waiting<T, Tokio, Timer>
where
    T: AsyncSeek + Unpin,
    Timer: Fn(Duration) -> Sleep,
    Sleep: Future,
{
    /// Without a timeout: after one nobody would know the position.
    #[track_caller]
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        let mut position = Some(position);
        self.seeking(|mut inner, context| {
            if let Some(to) = position {
                // One that was cut short may still be under way.
                ready!(inner.as_mut().poll_complete(context))?;
                inner.as_mut().start_seek(to)?;
                position = None;
            }
            inner.poll_complete(context)
        })
    }
}
