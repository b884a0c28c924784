//! A request's body, as std's `Read`.

use std::fmt;
use std::future::{Ready, poll_fn, ready};
use std::io::{self, BufRead, Read};
use std::pin::Pin;

use actix_web::error::PayloadError;
use actix_web::web::{Bytes, Payload};
use actix_web::{FromRequest, HttpRequest, dev};
use futures_core::Stream as _;
use mixio::try_wait;

/// How much a [`BodyReader`] reads if nothing else is said: 256 KiB, as actix-web's own extractors.
pub const DEFAULT_LIMIT: u64 = 256 << 10;

/// The body of a request, to be read by plain code as it arrives: an extractor.
///
/// It keeps no more of the body than the piece that is being read, and the client sends no faster than that is done. To have
/// all of it in memory before the view starts, take actix-web's `Bytes` or `String` instead.
///
/// # Errors
///
/// If it is longer than the [limit](Self::limit): of the kind [`FileTooLarge`](io::ErrorKind::FileTooLarge). If it breaks off:
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof), also for a [detached](crate::handler) view whose client has gone. Where
/// [`mixio::try_wait`] has one. After an error there is nothing but errors, so that half a body isn't taken for a whole one.
/// [`BodyError`](crate::BodyError) answers with the status that fits.
///
/// # Where it can be read
///
/// It isn't `Send`: in views that are [detached](crate::handler) or [attached](crate::attached).
///
/// # Example
///
/// ```
/// use std::io::BufRead as _;
/// use actix_web::{App, test, web};
/// use mixio_actix::{BodyError, BodyReader, handler};
///
/// fn count_lines(body: BodyReader) -> Result<String, BodyError> {
///     let mut count = 0;
///     for line in body.limit(1 << 30).lines() {
///         line?;
///         count += 1;
///     }
///     Ok(count.to_string())
/// }
///
/// # #[actix_web::main]
/// # async fn main() {
/// let app = test::init_service(App::new().route("/", web::post().to(handler(count_lines)))).await;
/// let request = test::TestRequest::post().set_payload("one\ntwo\n").to_request();
/// assert_eq!(test::call_and_read_body(&app, request).await, "2");
/// # }
/// ```
pub struct BodyReader {
    payload: Payload,
    /// What has come and was not read yet.
    piece: Bytes,
    /// How much more may be read, with what has come.
    left: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Open,
    Ended,
    TooLarge,
    BrokenOff,
}

impl BodyReader {
    /// Reads this payload, which another extractor has given.
    pub fn new(payload: Payload) -> Self {
        BodyReader { payload, piece: Bytes::new(), left: DEFAULT_LIMIT, state: State::Open }
    }

    /// Reads so many bytes from here on, instead of [`DEFAULT_LIMIT`]; if there are more that is an error.
    ///
    /// The error comes as soon as they are there, and instead of the piece that has one too many.
    pub fn limit(self, bytes: u64) -> Self {
        BodyReader { left: bytes, ..self }
    }

    /// Takes what has come.
    fn take(&mut self, item: Option<Result<Bytes, PayloadError>>) -> io::Result<()> {
        match item {
            Some(Ok(piece)) => {
                self.piece = piece;
                Ok(())
            }
            Some(Err(error)) => {
                self.state = State::BrokenOff;
                Err(match error {
                    PayloadError::Io(error) => error,
                    PayloadError::Incomplete(_) => broken_off(),
                    other => io::Error::new(io::ErrorKind::InvalidData, other),
                })
            }
            None => {
                self.state = State::Ended;
                Ok(())
            }
        }
    }
}

impl BufRead for BodyReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.piece.is_empty() {
            match self.state {
                State::Open => {
                    let payload = &mut self.payload;
                    let item = try_wait(poll_fn(|context| Pin::new(&mut *payload).poll_next(context)));
                    self.take(item.map_err(io::Error::other)?)?;
                }
                State::Ended => break,
                State::TooLarge => return Err(too_large()),
                State::BrokenOff => return Err(broken_off()),
            }
        }
        // It may have come before the limit was set.
        if self.piece.len() as u64 > self.left {
            self.piece = Bytes::new();
            self.state = State::TooLarge;
            return Err(too_large());
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, amount: usize) {
        let _ = self.piece.split_to(amount);
        self.left = self.left.saturating_sub(amount as u64);
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let size = self.fill_buf()?.read(buffer)?;
        self.consume(size);
        Ok(size)
    }
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, PayloadError::Overflow)
}

fn broken_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, PayloadError::Incomplete(None))
}

impl FromRequest for BodyReader {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        ready(Payload::from_request(request, payload).into_inner().map(BodyReader::new))
    }
}

impl fmt::Debug for BodyReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyReader").field("left", &self.left).field("state", &self.state).finish_non_exhaustive()
    }
}
