//! Over tokio's traits.

use std::future::Future;
use std::io::{self, BufRead, IoSlice, Read, Seek, SeekFrom, Write};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

use super::Waiting;

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

impl<T, Timer, Sleep> Write for Waiting<T, Tokio, Timer>
where
    T: AsyncWrite + Unpin,
    Timer: Fn(Duration) -> Sleep,
    Sleep: Future,
{
    #[track_caller]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        self.writing(|inner, context| inner.poll_write(context, bytes))
    }

    #[track_caller]
    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return Ok(0);
        }
        self.writing(|inner, context| inner.poll_write_vectored(context, buffers))
    }

    #[track_caller]
    fn flush(&mut self) -> io::Result<()> {
        self.writing(|inner, context| inner.poll_flush(context))
    }
}

impl<T, Timer, Sleep> BufRead for Waiting<T, Tokio, Timer>
where
    T: AsyncBufRead + Unpin,
    Timer: Fn(Duration) -> Sleep,
    Sleep: Future,
{
    #[track_caller]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.reading(|inner, context| inner.poll_fill_buf(context).map_ok(<[u8]>::is_empty))? {
            return Ok(&[]);
        }
        // Again, as what it gave can't leave the closure: it is in the buffer still.
        match Pin::new(&mut self.inner).poll_fill_buf(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            // A strange stream; whoever calls is to try again.
            Poll::Pending => Err(io::ErrorKind::Interrupted.into()),
        }
    }

    fn consume(&mut self, amount: usize) {
        Pin::new(&mut self.inner).consume(amount);
    }
}

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
