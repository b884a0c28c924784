//! Why there is no answer of a view's own.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

/// Why a view gives no answer: an error of actix-web's, which [`View::on_failure`](crate::View::on_failure) can make
/// another response of.
///
/// A middleware finds it by `response.error()` and [`as_error::<Failure>()`](actix_web::Error::as_error); where there is
/// such another response, by `as_error::<InternalError<Failure>>()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// The view panicked: 500. The panic hook and the log have told the details, which are not the client's business.
    Panicked,
    /// The server is being stopped: 503. See [`Views::stop`](crate::Views::stop).
    Stopping,
}

impl Failure {
    /// The error for the client, by the application's own words if it has them.
    pub(crate) fn into_error(self, respond: Option<fn(Failure) -> HttpResponse>) -> actix_web::Error {
        match respond {
            Some(respond) => actix_web::error::InternalError::from_response(self, respond(self)).into(),
            None => self.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Failure::Panicked => "something went wrong here",
            Failure::Stopping => "the server is being stopped",
        })
    }
}

impl std::error::Error for Failure {}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        match self {
            Failure::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
            Failure::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
