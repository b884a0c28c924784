//! Why there is no answer of a view's own.

use std::fmt;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// Why a view gives no answer. [`View::on_failure`](crate::View::on_failure) can make another response of it; a layer
/// finds it among the response's [extensions](axum::http::Extensions).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// The view panicked: 500. The panic hook and the log have told the details, which are not the client's business.
    Panicked,
    /// The server, or the workers, are being stopped: 503. See [`Views::stop`](crate::Views::stop).
    Stopping,
}

impl Failure {
    /// The status that fits.
    pub fn status(self) -> StatusCode {
        match self {
            Failure::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
            Failure::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The response, by the application's own words if it has them.
    pub(crate) fn respond(self, respond: Option<fn(Failure) -> Response>) -> Response {
        let mut response = respond.map_or_else(|| self.into_response(), |respond| respond(self));
        response.extensions_mut().insert(self);
        response
    }
}

/// A line of plain text.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status(), self.to_string()).into_response()
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
