//! The views: plain functions, which simply wait for what they need.

use actix_web::HttpResponse;
use mixio_tokio::time::sleep;
use serde_json::{Value, json};

use crate::error::Error;
use crate::http::Failure;
use crate::orders::{Order, Status};
use crate::request::{App, Request};
use crate::underway::Care;

/// No order is longer, in bytes.
const MAX_DETAILS: usize = 4096;

/// No token is longer, in bytes.
const MAX_TOKEN: usize = 64;

/// No food takes longer: a day.
const MAX_MINS: i32 = 24 * 60;

/// `/`: takes an order, and answers what the kitchen answers.
///
/// # Errors
///
/// If the order can't be understood or saved, or the kitchen does not take it.
pub fn food_delivery(request: &Request) -> Result<HttpResponse, Error> {
    let app = request.app();
    let mut order = prepare_order(request)?;
    let care = app.underway.enter(&order.token).ok_or(Error::Underway)?;
    if request.param("token").is_some()
        && let Some(known) = Order::with_token(&mut app.database.connection()?, &order.token)?
    {
        return ordered_before(known, &order, care);
    }
    // The connection is given back at once: others can use it while this order is with the kitchen.
    order.save(&mut app.database.connection()?)?;
    let (order, answer) = settle(app, order, care);
    answer.map(json_response).map_err(|failure| Error::Kitchen { order_id: order.id.unwrap_or_default(), failure })
}

/// Answers as the first time, or as far as it is known by now: who didn't get an answer may order once more.
fn ordered_before(known: Order, again: &Order, care: Care) -> Result<HttpResponse, Error> {
    if (&known.user, &known.details) != (&again.user, &again.details) {
        care.settled();
        return Err(Error::BadRequest("another order has this `token`"));
    }
    let order_id = known.id.unwrap_or_default();
    let failure = match known.status {
        Status::Accepted => {
            care.settled();
            return Ok(json_response(json!({ "order_id": order_id, "mins": known.mins })));
        }
        Status::Rejected => {
            care.settled();
            Failure::Refused
        }
        // It is left to the recovery, which asks again.
        Status::Placed | Status::Unanswered => Failure::Silent,
    };
    Err(Error::Kitchen { order_id, failure })
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
    let token = match request.param("token") {
        Some(given) if given.is_empty() || given.len() > MAX_TOKEN || !given.bytes().all(|byte| byte.is_ascii_graphic()) => {
            return Err(Error::BadRequest("`token` is to be up to 64 letters, digits and signs"));
        }
        Some(given) => given.to_owned(),
        None => format!("{:032x}", fastrand::u128(..)),
    };
    Ok(Order::new(&token, request.user(), details))
}

/// How long the food will take, if this is what a kitchen answers to this order.
fn minutes(when: &Value, order: &Order) -> Option<i32> {
    let mins = i32::try_from(when["mins"].as_u64()?).ok()?;
    (when["order_id"].as_i64() == order.id && mins <= MAX_MINS).then_some(mins)
}

/// Asks the kitchen about an order, tells the user, and notes what came of it. Gives what the kitchen said.
///
/// Whatever can't be settled here is left to the [recovery](crate::recovery).
pub(crate) fn settle(app: &App, mut order: Order, care: Care) -> (Order, Result<Value, Failure>) {
    let before = order.status;
    let reply = app.http.post(&app.kitchen_service, &order.as_dict());
    let answer = match reply.map(|reply| (reply.status, reply.json())) {
        Ok((201, when)) if let Some(mins) = minutes(&when, &order) => {
            (order.status, order.mins) = (Status::Accepted, Some(mins));
            // The database may take its time, and this is true already.
            if let Some(consumer) = app.consumers.get(&order.user) {
                consumer.send_json(&when);
            }
            Ok(when)
        }
        other => {
            let failure = other.map_or_else(|failure| failure, |(status, _)| Failure::Unexpected(status));
            order.status = match failure {
                Failure::Unexpected(400..=499) => Status::Rejected,
                // It may have taken the order before it got into trouble.
                _ => Status::Unanswered,
            };
            Err(failure)
        }
    };
    // If that fails the order is still what it is, and the client gets its answer: an error would only make it order again.
    let saved = order.status == before || save(app, &mut order);
    if saved && order.status.is_settled() {
        care.settled();
    }
    (order, answer)
}

/// Whether an order could be saved.
fn save(app: &App, order: &mut Order) -> bool {
    let saved = app.database.connection().and_then(|mut connection| order.save(&mut connection));
    let (id, user, status) = (order.id.unwrap_or_default(), &order.user, order.status);
    match &saved {
        Ok(()) => tracing::info!("order {id} of {user:?} is {status}"),
        Err(error) => tracing::error!("order {id} of {user:?} is {status}, which cannot be saved: {error:?}"),
    }
    saved.is_ok()
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
    // An order may come by GET, but each is an order of its own.
    HttpResponse::Ok().insert_header(("cache-control", "no-store")).json(value)
}
