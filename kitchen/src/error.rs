//! What can go wrong, and what the client is told about it.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use diesel::result::DatabaseErrorKind;
use serde_json::json;

use crate::http::Failure;
use crate::orders::Status;

/// An answer other than the one hoped for.
#[derive(Debug)]
pub enum Error {
    /// The request makes no sense, for this reason.
    BadRequest(&'static str),
    /// There is more of it than we take, in bytes.
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How much would do.
        limit: usize,
    },
    /// The order is there already: another of the same user has its token.
    Repeated,
    /// There is no such page.
    NotFound,
    /// The page knows only these methods.
    NotAllowed(&'static str),
    /// The request didn't come to its end in time.
    TooSlow,
    /// An order with this token is being placed just now.
    Underway,
    /// The order is saved, but the kitchen did not take it.
    Kitchen {
        /// The order.
        order_id: i64,
        /// What the kitchen did instead.
        failure: Failure,
    },
    /// The database did not do what it should. The client isn't told the details.
    Database(String),
    /// A view panicked.
    Panicked,
    /// The server is being stopped.
    Stopping,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::BadRequest(reason) => f.write_str(reason),
            Error::TooLarge { what, limit } => write!(f, "{what} may be no longer than {limit} bytes"),
            Error::Repeated => f.write_str("this order has been placed before"),
            Error::NotFound => f.write_str("there is nothing here"),
            Error::NotAllowed(methods) => write!(f, "the method must be one of {methods}"),
            Error::TooSlow => f.write_str("the request took too long to arrive"),
            Error::Underway => f.write_str("this order is being placed already"),
            Error::Kitchen { failure, .. } if failure.is_refusal() => failure.fmt(f),
            Error::Kitchen { failure, .. } => write!(f, "{failure}; it will be asked again"),
            Error::Database(_) => f.write_str("the database is not available"),
            Error::Panicked => f.write_str("something went wrong here"),
            Error::Stopping => f.write_str("the server is being stopped"),
        }
    }
}

impl std::error::Error for Error {}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        match error {
            // Ids are given by the database, so it is the token.
            diesel::result::Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Error::Repeated,
            error => Error::Database(error.to_string()),
        }
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        match self {
            Error::BadRequest(_) => StatusCode::BAD_REQUEST,
            Error::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Error::Repeated => StatusCode::CONFLICT,
            Error::NotFound => StatusCode::NOT_FOUND,
            Error::NotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Error::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Error::Underway => StatusCode::CONFLICT,
            Error::Kitchen { failure: Failure::Silent, .. } => StatusCode::GATEWAY_TIMEOUT,
            Error::Kitchen { .. } => StatusCode::BAD_GATEWAY,
            Error::Database(_) | Error::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Error::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut body = json!({ "error": self.to_string() });
        if let Error::Kitchen { order_id, failure } = self {
            body["order_id"] = (*order_id).into();
            // Whether that's the end of it.
            let is_over = failure.is_refusal();
            body["status"] = if is_over { Status::Rejected } else { Status::Unanswered }.as_str().into();
        }
        let mut response = HttpResponse::build(self.status_code());
        if let Error::NotAllowed(methods) = self {
            response.insert_header(("allow", *methods));
        }
        response.insert_header(("cache-control", "no-store")).json(body)
    }
}
