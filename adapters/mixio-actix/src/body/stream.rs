//! A response's body, written by plain code as the client takes it.

use std::any::type_name;
use std::fmt;
use std::io::{self, Write};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use futures_core::Stream as _;
use mixio::{AsStream, StreamYielder, as_stream, inspect};

use crate::guard::{Name, guarded};

/// So much is written before it is sent, in bytes.
const CHUNK: usize = 8 << 10;

/// Makes a body for a response of a plain function, which writes it.
///
/// The function starts when the response is sent, after the view has returned it, on a stack of its own, and may
/// [`wait`](mixio::wait). It runs only while the client takes what it writes: from each piece on it stays suspended until
/// there is room for the next.
///
/// If it fails, or panics, the connection is closed, so that the client can tell that the body isn't whole; a panic is logged.
/// If the client goes away the function is unwound, as one that is [attached](crate::attached).
///
/// It runs on the event loop of its worker in both settings: in [`mixio::Io::Blocking`] too it had better not block.
///
/// # Example
///
/// ```
/// use std::io::Write as _;
/// use actix_web::{App, HttpResponse, test, web};
/// use mixio_actix::{handler, stream};
///
/// fn table() -> HttpResponse {
///     HttpResponse::Ok().content_type("text/csv").body(stream(|body| {
///         for n in 0..1000 {
///             writeln!(body, "{n},{}", n * n)?; // from a database, say
///         }
///         Ok(())
///     }))
/// }
///
/// # #[actix_web::main]
/// # async fn main() {
/// let app = test::init_service(App::new().route("/", web::get().to(handler(table)))).await;
/// let body = test::call_and_read_body(&app, test::TestRequest::get().to_request()).await;
/// assert!(body.ends_with(b"999,998001\n"));
/// # }
/// ```
#[track_caller]
pub fn stream<F>(function: F) -> StreamBody<impl FnOnce() + 'static>
where
    F: FnOnce(&mut BodyWriter<'_>) -> io::Result<()> + 'static,
{
    let name = Name { given: None, type_name: type_name::<F>() };
    let pieces = as_stream(move |yielder| {
        let mut writer = BodyWriter { yielder, buffer: Vec::new() };
        if let Err(error) = function(&mut writer).and_then(|()| writer.flush()) {
            yielder.suspend(Err(error));
        }
    });
    StreamBody { pieces: Some(pieces), name, is_named: false }
}

/// The body that [`stream`] makes.
#[must_use = "nothing is written unless it is sent"]
pub struct StreamBody<F: 'static> {
    /// Always there, but while it gets its name.
    pieces: Option<AsStream<io::Result<Bytes>, F>>,
    name: Name,
    /// Whether that is the name of the stream: it can be given once, so not before it is needed.
    is_named: bool,
}

impl<F> StreamBody<F> {
    /// With a stack of at least `bytes`: see [`AsAsync::stack_size`](mixio::AsAsync::stack_size).
    ///
    /// ```
    /// let body = mixio_actix::stream(|_| Ok(())).stack_size(512 << 10);
    /// ```
    pub fn stack_size(self, bytes: usize) -> Self {
        StreamBody { pieces: self.pieces.map(|pieces| pieces.stack_size(bytes)), ..self }
    }

    /// With a name, for the log and for [`mixio::inspect`]. Without, it is what the compiler calls the function.
    ///
    /// ```
    /// let body = mixio_actix::stream(|_| Ok(())).named("report 5");
    /// ```
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        StreamBody { name: Name { given: Some(name.into()), ..self.name }, ..self }
    }

    /// What makes the pieces, with its name.
    fn named_pieces(&mut self) -> (&mut AsStream<io::Result<Bytes>, F>, &Name) {
        // One that the compiler made is for inspection only, and it's an allocation.
        if !self.is_named && (self.name.given.is_some() || inspect::is_enabled()) {
            self.pieces = self.pieces.take().map(|pieces| pieces.named(self.name.as_str()));
        }
        self.is_named = true;
        (self.pieces.as_mut().expect("it is always there"), &self.name)
    }
}

impl<F: FnOnce() + 'static> MessageBody for StreamBody<F> {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let (pieces, name) = self.named_pieces();
        match guarded(name, || Pin::new(pieces).poll_next(context)) {
            Ok(poll) => poll,
            Err(failure) => Poll::Ready(Some(Err(io::Error::other(failure)))),
        }
    }
}

impl<F> fmt::Debug for StreamBody<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamBody").field("name", &self.name.as_str()).finish_non_exhaustive()
    }
}

/// Writes the body that [`stream`] makes.
///
/// What is written is sent when there are 8 KiB of it, and by [`flush`](Write::flush). Both wait until the client has room for
/// more.
///
/// # Panics
///
/// To unwind the function, if the client goes away meanwhile. Code that catches that and writes again meets it again.
pub struct BodyWriter<'a> {
    yielder: &'a StreamYielder<io::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl BodyWriter<'_> {
    /// Sends a piece as it is, without copying it, after what was written before.
    ///
    /// # Errors
    ///
    /// None so far.
    ///
    /// ```
    /// use actix_web::web::Bytes;
    ///
    /// let body = mixio_actix::stream(|body| body.send(Bytes::from_static(b"a piece")));
    /// ```
    pub fn send(&mut self, piece: Bytes) -> io::Result<()> {
        self.flush()?;
        // An empty piece would be the end.
        if !piece.is_empty() {
            self.yielder.suspend(Ok(piece));
        }
        Ok(())
    }
}

impl Write for BodyWriter<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let size = data.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&data[..size]);
        if self.buffer.len() == CHUNK {
            self.flush()?;
        }
        Ok(size)
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            let piece = mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
            self.yielder.suspend(Ok(piece.into()));
        }
        Ok(())
    }
}

impl fmt::Debug for BodyWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyWriter").field("buffered", &self.buffer.len()).finish_non_exhaustive()
    }
}
