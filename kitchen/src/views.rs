//! The views: plain functions, which simply wait for what they need.

use actix_web::HttpResponse;
use serde_json::{Value, json};

use crate::error::Error;
use crate::http::{Failure, Reply, sleep};
use crate::orders::{Order, Status};
use crate::request::{App, Request};

/// No order is longer, in bytes.
const MAX_DETAILS: usize = 4096;

/// `/`: takes an order, and answers what the kitchen answers.
///
/// # Errors
///
/// If the order can't be understood or saved, or the kitchen does not take it.
pub fn food_delivery(request: &Request) -> Result<HttpResponse, Error> {
    let app = request.app();
    let mut order = prepare_order(request)?;
    // The connection is given back at once: others can use it while this order is with the kitchen.
    order.save(&mut app.database.connection()?)?;
    let resp = app.http.post(&app.kitchen_service, &order.as_dict());
    match resp.as_ref().map(|resp| (resp.status, resp.json())) {
        Ok((201, when)) if let Some(mins) = minutes(&when) => {
            order.mins = Some(mins);
            update(app, &mut order, Status::Accepted);
            if let Some(consumer) = app.consumers.get(&order.user) {
                consumer.send_json(&when);
            }
            Ok(json_response(when))
        }
        _ => kitchen_error(app, order, resp),
    }
}

/// The order in a request.
fn prepare_order(request: &Request) -> Result<Order, Error> {
    let details = request.param("details").unwrap_or_default().trim();
    if details.is_empty() {
        return Err(Error::BadRequest("an order needs `details`"));
    }
    if details.len() > MAX_DETAILS {
        return Err(Error::TooLarge { what: "`details`", limit: MAX_DETAILS });
    }
    Ok(Order::new(request.user(), details))
}

/// How long the food will take, if this is an answer of a kitchen.
fn minutes(when: &Value) -> Option<i32> {
    i32::try_from(when["mins"].as_u64()?).ok()
}

/// Notes how far an order is. If that fails the order is still what it is: an error would only make the client order
/// once more.
fn update(app: &App, order: &mut Order, status: Status) {
    order.status = status;
    let saved = app.database.connection().and_then(|mut connection| order.save(&mut connection));
    let id = order.id.unwrap_or_default();
    match saved {
        Ok(()) => log::info!("order {id} of {:?} is {status:?}", order.user),
        Err(error) => log::error!("order {id} of {:?} is {status:?}, which cannot be saved: {error:?}", order.user),
    }
}

/// What to answer when the kitchen has not taken an order.
fn kitchen_error(app: &App, mut order: Order, resp: Result<Reply, Failure>) -> Result<HttpResponse, Error> {
    let failure = match resp {
        Ok(resp) => Failure::Unexpected(resp.status),
        Err(failure) => failure,
    };
    let status = match failure {
        Failure::Unexpected(_) => Status::Rejected,
        Failure::Silent | Failure::Unreachable => Status::Unanswered,
    };
    update(app, &mut order, status);
    Err(Error::Kitchen { order_id: order.id.unwrap_or_default(), failure })
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
