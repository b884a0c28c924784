//! Errors of plain code that reads a body, as errors of actix-web's.

use std::error::Error;
use std::fmt;
use std::io;

use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

/// An [`io::Error`] of a view that reads its [`BodyReader`](crate::BodyReader): where the client is to blame, it is told.
///
/// A body that is too large is a 413, and one that breaks off a 400. Any other error is what it is to actix-web: mostly
/// a 500.
///
/// # Example
///
/// ```
/// use std::io::Read as _;
/// use mixio_actix::{BodyError, BodyReader};
///
/// fn shout(mut body: BodyReader) -> Result<String, BodyError> {
///     let mut text = String::new();
///     body.read_to_string(&mut text)?;
///     Ok(text.to_uppercase())
/// }
/// ```
#[derive(Debug)]
pub struct BodyError(io::Error);

impl BodyError {
    fn payload(&self) -> Option<&PayloadError> {
        self.0.get_ref()?.downcast_ref()
    }
}

impl From<io::Error> for BodyError {
    fn from(error: io::Error) -> Self {
        BodyError(error)
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for BodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl ResponseError for BodyError {
    fn status_code(&self) -> StatusCode {
        self.payload().map_or_else(|| self.0.status_code(), |error| error.status_code())
    }

    fn error_response(&self) -> HttpResponse {
        self.payload().map_or_else(|| self.0.error_response(), |error| error.error_response())
    }
}
