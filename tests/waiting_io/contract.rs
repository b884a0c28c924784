//! The corners of `std`'s traits, over a stream that does what it is told, by both families.

use std::collections::VecDeque;
use std::io::{self, BufRead, ErrorKind, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use mixio::io::Waiting;

/// What the next poll does.
#[derive(Clone, Copy, Debug)]
enum Step {
    Pending,
    Fail(ErrorKind),
    Data(&'static str),
}

/// Does one step at each poll, and is at its end when there is none. It takes at most three bytes at a time.
#[derive(Debug, Default)]
struct Scripted {
    steps: VecDeque<Step>,
    buffer: &'static [u8],
    written: Vec<u8>,
    flushed: usize,
    closed: bool,
    position: Option<u64>,
}

impl Scripted {
    fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Scripted { steps: steps.into_iter().collect(), ..Default::default() }
    }

    /// Empty at the end of the stream.
    fn step(&mut self, context: &mut Context<'_>) -> Poll<io::Result<&'static str>> {
        match self.steps.pop_front() {
            None => Poll::Ready(Ok("")),
            Some(Step::Data(text)) => Poll::Ready(Ok(text)),
            Some(Step::Fail(kind)) => Poll::Ready(Err(kind.into())),
            Some(Step::Pending) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        if self.buffer.is_empty() {
            self.buffer = match self.step(context)? {
                Poll::Ready(text) => text.as_bytes(),
                Poll::Pending => return Poll::Pending,
            };
        }
        Poll::Ready(Ok(self.buffer))
    }

    fn read(&mut self, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.fill(context).map_ok(|mut bytes| bytes.read(into).unwrap()).map_ok(|count| {
            self.buffer = &self.buffer[count..];
            count
        })
    }

    fn take(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.step(context).map_ok(|_| {
            let count = bytes.len().min(3);
            self.written.extend_from_slice(&bytes[..count]);
            count
        })
    }

    fn take_all(&mut self, context: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.step(context).map_ok(|_| {
            buffers.iter().for_each(|buffer| self.written.extend_from_slice(buffer));
            buffers.iter().map(|buffer| buffer.len()).sum()
        })
    }

    fn flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.step(context).map_ok(|_| self.flushed += 1)
    }

    fn close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.step(context).map_ok(|_| self.closed = true)
    }
}

fn at(position: SeekFrom) -> u64 {
    match position {
        SeekFrom::Start(at) => at,
        SeekFrom::End(_) | SeekFrom::Current(_) => unreachable!("the tests don't"),
    }
}

impl tokio::io::AsyncRead for Scripted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = vec![0; buffer.remaining()];
        self.read(context, &mut bytes).map_ok(|count| buffer.put_slice(&bytes[..count]))
    }
}

impl tokio::io::AsyncBufRead for Scripted {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.get_mut().fill(context)
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        self.buffer = &self.buffer[amount..];
    }
}

impl tokio::io::AsyncWrite for Scripted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.take_all(context, buffers)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.close(context)
    }
}

impl tokio::io::AsyncSeek for Scripted {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        assert!(self.position.replace(at(position)).is_none(), "another seek is under way");
        Ok(())
    }

    fn poll_complete(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<u64>> {
        if self.position.is_none() {
            return Poll::Ready(Ok(0));
        }
        let polled = self.step(context);
        if polled.is_pending() {
            return Poll::Pending;
        }
        let position = self.position.take();
        polled.map_ok(|_| position.unwrap())
    }
}

impl smol::io::AsyncRead for Scripted {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.read(context, buffer)
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.fill(context).map_ok(|mut bytes| bytes.read_vectored(buffers).unwrap())
    }
}

impl smol::io::AsyncBufRead for Scripted {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.get_mut().fill(context)
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        tokio::io::AsyncBufRead::consume(self, amount);
    }
}

impl smol::io::AsyncWrite for Scripted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.take_all(context, buffers)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.close(context)
    }
}

impl smol::io::AsyncSeek for Scripted {
    fn poll_seek(mut self: Pin<&mut Self>, context: &mut Context<'_>, position: SeekFrom) -> Poll<io::Result<u64>> {
        self.step(context).map_ok(|_| at(position))
    }
}

/// Has the test run over both families, in a coroutine and outside.
macro_rules! over_both {
    ($($test:ident($stream:ident) $body:block)*) => {$(
        #[test]
        fn $test() {
            fn check<Family: 'static>(new: fn(Scripted) -> Waiting<Scripted, Family>)
            where
                Waiting<Scripted, Family>: Read + Write + Seek + BufRead + Closes,
            {
                let body = move || {
                    let $stream = |steps: &[Step]| new(Scripted::new(steps.iter().copied()));
                    $body
                };
                body();
                smol::block_on(mixio::as_async(body));
            }
            check(Waiting::tokio);
            check(Waiting::futures);
        }
    )*};
}

trait Closes {
    fn close(&mut self) -> io::Result<()>;
}

impl Closes for Waiting<Scripted, mixio::io::Tokio> {
    fn close(&mut self) -> io::Result<()> {
        self.shutdown()
    }
}

impl Closes for Waiting<Scripted, mixio::io::Futures> {
    fn close(&mut self) -> io::Result<()> {
        self.shutdown()
    }
}

use Step::{Data, Fail, Pending};

const INTERRUPTED: Step = Fail(ErrorKind::Interrupted);

over_both! {
    an_empty_buffer_asks_nobody(scripted) {
        let mut stream = scripted(&[Fail(ErrorKind::BrokenPipe)]);
        assert_eq!(stream.read(&mut []).unwrap(), 0);
        assert_eq!(stream.read_vectored(&mut []).unwrap(), 0);
        assert_eq!(stream.read_vectored(&mut [IoSliceMut::new(&mut [])]).unwrap(), 0);
        assert_eq!(stream.write(&[]).unwrap(), 0);
        assert_eq!(stream.write_vectored(&[IoSlice::new(&[]), IoSlice::new(&[])]).unwrap(), 0);
        assert_eq!(stream.get_ref().steps.len(), 1);
        assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    interrupted_is_passed_on_and_callers_try_again(scripted) {
        let mut stream = scripted(&[INTERRUPTED]);
        assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::Interrupted);

        let mut stream = scripted(&[INTERRUPTED, Data("one "), Pending, INTERRUPTED, Pending, Data("two")]);
        assert_eq!(io::read_to_string(&mut stream).unwrap(), "one two");

        let mut stream = scripted(&[INTERRUPTED, Pending, Data(""), INTERRUPTED]);
        stream.write_all(b"written").unwrap();
        assert_eq!(stream.get_ref().written, b"written");
    }

    buffered_reading(scripted) {
        let mut stream = scripted(&[Pending, Data("one\ntw"), INTERRUPTED, Pending, Data("o\n"), Pending, Data("three")]);
        assert_eq!(stream.fill_buf().unwrap(), b"one\ntw");
        stream.consume(1);
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        assert_eq!(line, "ne\n");
        assert_eq!((&mut stream).lines().collect::<io::Result<Vec<_>>>().unwrap(), ["two", "three"]);
        assert_eq!(stream.fill_buf().unwrap(), b"");
    }

    the_end_of_a_buffered_stream_is_asked_for_once(scripted) {
        let mut stream = scripted(&[Pending, Data(""), Pending, Data("more")]);
        assert_eq!(stream.fill_buf().unwrap(), b"");
        assert_eq!(stream.fill_buf().unwrap(), b"more");
    }

    errors_come_as_they_are(scripted) {
        let mut stream = scripted(&[Pending, Fail(ErrorKind::ConnectionReset)].repeat(5));
        assert_eq!(stream.fill_buf().unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(stream.write(b"x").unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(stream.flush().unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(stream.close().unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(stream.seek(SeekFrom::Start(1)).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }

    flushing_and_closing_wait(scripted) {
        let mut stream = scripted(&[Pending, Pending, Data(""), Pending, Data("")]);
        stream.flush().unwrap();
        assert_eq!((stream.get_ref().flushed, stream.get_ref().closed), (1, false));
        stream.close().unwrap();
        assert!(stream.get_ref().closed);
    }

    vectored(scripted) {
        let mut stream = scripted(&[Pending, Data("")]);
        assert_eq!(stream.write_vectored(&[IoSlice::new(b"more "), IoSlice::new(b"than three")]).unwrap(), 15);
        assert_eq!(stream.into_inner().written, b"more than three");

        let mut stream = scripted(&[Pending, Data("abcd")]);
        let (mut first, mut second) = ([0; 1], [0; 3]);
        let count = stream.read_vectored(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)]).unwrap();
        // tokio's trait has no vectored reads: the first buffer only.
        assert!(count == 4 && &second == b"bcd" || count == 1, "{count}");
        assert_eq!(&first, b"a");
    }

    seeking(scripted) {
        let mut stream = scripted(&[Pending, Pending, Data("")]);
        assert_eq!(stream.seek(SeekFrom::Start(7)).unwrap(), 7);
        assert_eq!(stream.seek(SeekFrom::Start(9)).unwrap(), 9);
    }
}

/// tokio's files allow no second seek before the first has ended.
#[test]
fn a_seek_that_was_cut_short_is_completed_by_the_next() {
    use crate::support::poll;

    let steps = [Pending, Pending, Data(""), Data("")];
    let stream = std::rc::Rc::new(std::cell::RefCell::new(Waiting::tokio(Scripted::new(steps))));
    let other = stream.clone();
    let mut cut_short = mixio::as_async(move || other.borrow_mut().seek(SeekFrom::Start(7)));
    assert!(poll(&mut cut_short).is_pending());
    drop(cut_short);
    assert_eq!(stream.borrow().get_ref().position, Some(7));
    assert_eq!(stream.borrow_mut().seek(SeekFrom::Start(9)).unwrap(), 9);
}

/// Has a line at each poll but the second.
struct Forgetful(u32);

impl smol::io::AsyncRead for Forgetful {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        unreachable!("its buffer is read")
    }
}

impl smol::io::AsyncBufRead for Forgetful {
    fn poll_fill_buf(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.0 += 1;
        if self.0 == 2 { Poll::Pending } else { Poll::Ready(Ok(b"line\n")) }
    }

    fn consume(self: Pin<&mut Self>, _: usize) {}
}

#[test]
fn a_stream_that_forgets_its_buffer_is_asked_again() {
    let mut line = String::new();
    Waiting::futures(Forgetful(0)).read_line(&mut line).unwrap();
    assert_eq!(line, "line\n");
}
