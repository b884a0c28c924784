//! What is to the letter the same over tokio's traits and over those of futures.

/// Implements `Write` and `BufRead` over the traits `AsyncWrite` and `AsyncBufRead` that are in scope.
macro_rules! write_and_buf_read {
    ($Family:ident) => {
        impl<T, Timer, Sleep> Write for Waiting<T, $Family, Timer>
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

        impl<T, Timer, Sleep> BufRead for Waiting<T, $Family, Timer>
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
    };
}
pub(super) use write_and_buf_read;
