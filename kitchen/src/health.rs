//! `/healthz`: whether orders can be taken here.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{Handler, HttpResponse};
use diesel::prelude::*;
use mixio_actix::SendResponse;
use serde_json::json;
use tokio::time::timeout;

use crate::error::Error;
use crate::request::Request;
use crate::schema::orders;
use crate::server::Answer;

/// Who asks has little patience, and a database that takes longer is of no use.
const LIMIT: Duration = Duration::from_secs(2);

/// The view: asks the database for as little as can be.
///
/// # Errors
///
/// None: what is wrong is what it answers.
pub fn healthz(request: &Request) -> Result<HttpResponse, Error> {
    let app = request.app();
    if app.views.is_stopping() {
        return Ok(failing(&Error::Stopping.to_string()));
    }
    let answers = app.database.connection().and_then(|mut connection| {
        // SQLite doesn't so much as look into its file to say what 1 is.
        Ok(orders::table.select(orders::id).first::<i64>(&mut connection).optional()?)
    });
    Ok(match answers {
        Ok(_) => answer(
            StatusCode::OK,
            json!({ "status": "ok", "views": app.views.running(), "sockets": app.consumers.count() }),
        ),
        Err(error) => {
            // The reason is for the log.
            tracing::error!(?error, "the database fails");
            failing(&error.to_string())
        }
    })
}

/// Answers for the view if that takes too long. It is left to itself then, and ends when the database gives it up.
pub fn limited<H>(view: H) -> impl Handler<(Request,), Output = H::Output>
where
    H: Handler<(Request,), Output = Result<Answer, actix_web::Error>>,
{
    move |request: Request| {
        let answer = timeout(LIMIT, view.call((request,)));
        async {
            answer.await.unwrap_or_else(|_| {
                Ok(Ok(SendResponse::new(failing("no answer in time: the database hangs, or no thread is free"))))
            })
        }
    }
}

fn failing(reason: &str) -> HttpResponse {
    answer(StatusCode::SERVICE_UNAVAILABLE, json!({ "status": "failing", "error": reason }))
}

fn answer(status: StatusCode, body: serde_json::Value) -> HttpResponse {
    HttpResponse::build(status).insert_header(("cache-control", "no-store")).json(body)
}
