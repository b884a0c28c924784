//! What can go wrong: the same answers as the kitchen's.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use diesel::result::DatabaseErrorKind;
use serde_json::json;

use crate::cook::Failure;

#[derive(Debug)]
pub(crate) enum Error {
    BadRequest(&'static str),
    TooLarge { what: &'static str, limit: usize },
    NotFound,
    NotAllowed(&'static str),
    TooSlow,
    Underway,
    Repeated,
    Cook { order_id: i64, failure: Failure },
    Database(String),
    Panicked,
    Stopping,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::BadRequest(reason) => f.write_str(reason),
            Error::TooLarge { what, limit } => write!(f, "{what} may be no longer than {limit} bytes"),
            Error::NotFound => f.write_str("there is nothing here"),
            Error::NotAllowed(methods) => write!(f, "the method must be one of {methods}"),
            Error::TooSlow => f.write_str("the request took too long to arrive"),
            Error::Underway | Error::Repeated => f.write_str("this order is being placed already"),
            Error::Cook { failure, .. } => failure.fmt(f),
            Error::Database(_) => f.write_str("the database is not available"),
            Error::Panicked => f.write_str("something went wrong here"),
            Error::Stopping => f.write_str("the server is being stopped"),
        }
    }
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        match error {
            // There is no other such constraint.
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
            Error::NotFound => StatusCode::NOT_FOUND,
            Error::NotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Error::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Error::Underway | Error::Repeated => StatusCode::CONFLICT,
            Error::Cook { failure: Failure::Silent, .. } => StatusCode::GATEWAY_TIMEOUT,
            Error::Cook { .. } => StatusCode::BAD_GATEWAY,
            Error::Database(_) | Error::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Error::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut body = json!({ "error": self.to_string() });
        if let Error::Cook { order_id, .. } = self {
            body["order_id"] = (*order_id).into();
        }
        let mut response = HttpResponse::build(self.status_code());
        if let Error::NotAllowed(methods) = self {
            response.insert_header(("allow", *methods));
        }
        response.insert_header(("cache-control", "no-store")).json(body)
    }
}
