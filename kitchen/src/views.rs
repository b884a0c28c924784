//! The views: plain functions, which simply wait for what they need.

use actix_web::HttpResponse;
use mixio::wait;
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

/// `/`: takes an order, and answers what the kitchen answers. One with a `token` is taken once: who sends it again hears what has
/// become of it.
///
/// # Errors
///
/// If the order can't be understood or saved, or the kitchen does not take it.
pub fn food_delivery(request: &Request) -> Result<HttpResponse, Error> {
    let app = request.app();
    let mut order = prepare_order(request)?;
    let Some(care) = app.underway.enter(&order) else { return repeated(app, &order, None) };
    // The connection is given back at once: others can use it while this order is with the kitchen.
    let saved = order.save(&mut app.database.connection()?);
    match saved {
        Err(Error::Repeated) => return repeated(app, &order, Some(care)),
        saved => saved?,
    }
    request.span().record("order_id", order.id);
    tracing::debug!("the order is placed");
    let (order, answer) = settle(app, order, care);
    answer.map(json_response).map_err(|failure| Error::Kitchen { order_id: order.id.unwrap_or_default(), failure })
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
        Some(given) if given.is_empty() || given.len() > MAX_TOKEN || !given.bytes().all(|c| c.is_ascii_graphic()) => {
            return Err(Error::BadRequest("a `token` is to be a short word"));
        }
        Some(given) => given.into(),
        None => format!("{:032x}", fastrand::u128(..)),
    };
    Ok(Order::new(request.user(), details, &token))
}

/// What to answer to an order that was placed before. Somebody takes care of it; if that's us, it was left.
fn repeated(app: &App, order: &Order, care: Option<Care>) -> Result<HttpResponse, Error> {
    let known = order.placed_before(&mut app.database.connection()?)?.ok_or(Error::Underway)?;
    if known.status.is_settled()
        && let Some(care) = care
    {
        care.settled();
    }
    if known.details != order.details {
        return Err(Error::BadRequest("this `token` is another order's"));
    }
    let order_id = known.id.unwrap_or_default();
    let failed = |failure| Err(Error::Kitchen { order_id, failure });
    match known.status {
        Status::Accepted => Ok(json_response(json!({ "order_id": order_id, "mins": known.mins }))),
        Status::Placed => {
            Ok(HttpResponse::Accepted().json(json!({ "order_id": order_id, "status": Status::Placed.as_str() })))
        }
        Status::Rejected => failed(Failure::Refused),
        Status::Unanswered => failed(Failure::Unclear),
    }
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
            // Otherwise it may have taken the order before it got into trouble.
            order.status = if failure.is_refusal() { Status::Rejected } else { Status::Unanswered };
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
    let (order_id, user, status) = (order.id, &order.user, order.status);
    match &saved {
        // Whose it is, its request tells.
        Ok(()) => tracing::info!("the order is {status}"),
        // Errors are logged where requests are not.
        Err(error) => tracing::error!(order_id, user, ?error, "the order is {status}, which cannot be saved"),
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
    let delay = request.app().settings.kitchen_delay;
    if !delay.is_zero() {
        wait(tokio::time::sleep(delay));
    }
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
    let mut page = HttpResponse::Ok();
    // What else the page may load it says itself, but not who may frame it, to have somebody click there unawares.
    page.insert_header(("content-security-policy", "frame-ancestors 'none'"));
    page.insert_header(("x-content-type-options", "nosniff"));
    Ok(page.content_type("text/html; charset=utf-8").body(include_str!("connect.html")))
}

fn json_response(value: Value) -> HttpResponse {
    // An order may come by GET, but each is an order of its own. And what has become of one may change at any time.
    HttpResponse::Ok().insert_header(("cache-control", "no-store")).json(value)
}
