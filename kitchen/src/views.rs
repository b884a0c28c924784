//! The views: plain functions, which simply wait for what they need.

use std::time::Duration;

use actix_web::HttpResponse;
use serde_json::{Value, json};

use crate::error::Error;
use crate::http::{Failure, Reply, sleep};
use crate::orders::{Listed, Order, Status};
use crate::request::{App, Request};

/// No order is longer, in bytes.
const MAX_DETAILS: usize = 4096;

/// No token is longer, in bytes.
const MAX_TOKEN: usize = 64;

/// No food takes longer: a day.
const MAX_MINS: i32 = 24 * 60;

/// How many seconds to wait before trying again to save what came of an order.
const PAUSES: [u64; 5] = [1, 2, 4, 8, 16];

/// `/`: takes an order, and answers what the kitchen answers. One with a `token` is taken once: who sends it again hears what has
/// become of it.
///
/// # Errors
///
/// If the order can't be understood or saved, or the kitchen does not take it.
pub fn food_delivery(request: &Request) -> Result<HttpResponse, Error> {
    let app = request.app();
    let mut order = prepare_order(request)?;
    // The connection is given back at once: others can use it while this order is with the kitchen.
    let saved = order.save(&mut app.database.connection()?);
    match saved {
        Err(Error::Repeated) => return repeated(app, &order),
        saved => saved?,
    }
    request.span().record("order_id", order.id);
    tracing::debug!("the order is placed");
    let resp = app.http.post(&app.kitchen_service, &order.as_dict());
    match resp.as_ref().map(|resp| (resp.status, resp.json())) {
        Ok((201, when)) if let Some(mins) = minutes(&when, &order) => {
            order.mins = Some(mins);
            // The database may take its time, and this is true already.
            if let Some(consumer) = app.consumers.get(&order.user) {
                consumer.send_json(&when);
            }
            update(request, order, Status::Accepted);
            Ok(json_response(when))
        }
        _ => kitchen_error(request, order, resp),
    }
}

/// The order in a request.
fn prepare_order(request: &Request) -> Result<Order, Error> {
    let details = request.param("details").unwrap_or_default();
    if details.contains(|c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err(Error::BadRequest("`details` are to be plain text"));
    }
    let details = details.trim();
    if details.is_empty() {
        return Err(Error::BadRequest("an order needs `details`"));
    }
    if details.len() > MAX_DETAILS {
        return Err(Error::TooLarge { what: "`details`", limit: MAX_DETAILS });
    }
    let token = request.param("token");
    if token.is_some_and(|token| {
        token.is_empty() || token.len() > MAX_TOKEN || !token.bytes().all(|c| c.is_ascii_graphic())
    }) {
        return Err(Error::BadRequest("a `token` is to be a short word"));
    }
    Ok(Order::new(request.user(), details, token))
}

/// What to answer to an order that was placed before.
fn repeated(app: &App, order: &Order) -> Result<HttpResponse, Error> {
    let Listed { order_id, details, status, mins, .. } = order.placed_before(&mut app.database.connection()?)?;
    if details != order.details {
        return Err(Error::BadRequest("this `token` is another order's"));
    }
    let failed = |error: &str| HttpResponse::BadGateway().json(json!({ "order_id": order_id, "error": error }));
    Ok(match status.as_str() {
        "accepted" => json_response(json!({ "order_id": order_id, "mins": mins })),
        "placed" => HttpResponse::Accepted().json(json!({ "order_id": order_id, "status": status })),
        "rejected" => failed("the kitchen has not taken this order"),
        _ => failed("the kitchen gave no clear answer; it may have taken the order"),
    })
}

/// `/orders/`: the latest orders of the user.
///
/// # Errors
///
/// If the database does not give them.
pub fn orders(request: &Request) -> Result<HttpResponse, Error> {
    let orders = Order::latest(request.user(), &mut request.app().database.connection()?)?;
    Ok(json_response(json!({ "orders": orders })))
}

/// How long the food will take, if this is what a kitchen answers to this order.
fn minutes(when: &Value, order: &Order) -> Option<i32> {
    let mins = i32::try_from(when["mins"].as_u64()?).ok()?;
    (when["order_id"].as_i64() == order.id && mins <= MAX_MINS).then_some(mins)
}

/// Notes how far an order is. If that fails the order is still what it is: an error would only make the client order
/// once more. So the client gets its answer, and the order is saved when the database is back.
fn update(request: &Request, mut order: Order, status: Status) {
    order.status = status;
    if save(request.app(), &mut order) {
        return;
    }
    request.leave(move |app| {
        for pause in PAUSES {
            sleep(Duration::from_secs(pause));
            if save(app, &mut order) {
                return;
            }
        }
        tracing::error!(order_id = order.id, user = order.user, "the order stays `placed` in the database");
    });
}

/// Whether an order could be saved.
fn save(app: &App, order: &mut Order) -> bool {
    let saved = app.database.connection().and_then(|mut connection| order.save(&mut connection));
    let (order_id, user, status) = (order.id, &order.user, order.status.as_str());
    match &saved {
        // Whose it is, its request tells.
        Ok(()) => tracing::info!("the order is {status}"),
        // Errors are logged where requests are not.
        Err(error) => tracing::error!(order_id, user, ?error, "the order is {status}, which cannot be saved"),
    }
    saved.is_ok()
}

/// What to answer when the kitchen has not taken an order.
fn kitchen_error(request: &Request, order: Order, resp: Result<Reply, Failure>) -> Result<HttpResponse, Error> {
    let failure = match resp {
        Ok(resp) => Failure::Unexpected(resp.status),
        Err(failure) => failure,
    };
    let status = match failure {
        Failure::Unexpected(400..=499) => Status::Rejected,
        // It may have taken the order before it got into trouble.
        _ => Status::Unanswered,
    };
    let order_id = order.id.unwrap_or_default();
    update(request, order, status);
    Err(Error::Kitchen { order_id, failure })
}

/// `/kitchen/`: a kitchen, which says how long an order takes. The same order takes the same time, however often it is
/// asked about.
///
/// # Errors
///
/// If there is no order.
pub fn kitchen(request: &Request) -> Result<HttpResponse, Error> {
    let order_id = request.param("order_id").and_then(|id| id.parse::<u64>().ok());
    let order_id = order_id.ok_or(Error::BadRequest("a kitchen needs a number as `order_id`"))?;
    sleep(request.app().settings.kitchen_delay);
    // Spreads neighbouring numbers over the range.
    let mins = 30 + (order_id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % 30;
    Ok(HttpResponse::Created().json(json!({ "order_id": order_id, "mins": mins })))
}

/// `/connect/`: a page to place orders and see the notifications.
///
/// # Errors
///
/// None.
pub fn connect(_: &Request) -> Result<HttpResponse, Error> {
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(include_str!("connect.html")))
}

fn json_response(value: Value) -> HttpResponse {
    // An order may come by GET, but each is an order of its own. And what has become of one may change at any time.
    HttpResponse::Ok().insert_header(("cache-control", "no-store")).json(value)
}
