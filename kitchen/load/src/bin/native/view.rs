//! The one view, natively asynchronous: step by step what the kitchen's `food_delivery` does.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, rt, web};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::App;
use crate::cook::Failure;
use crate::error::Error;
use crate::orders::{Order, Status};
use crate::request;

/// No food takes longer: a day.
const MAX_MINS: i32 = 24 * 60;

/// How many seconds to wait before trying again to save what came of an order.
const PAUSES: [u64; 5] = [1, 2, 4, 8, 16];

/// `/`: takes an order, and answers what the kitchen service answers.
pub(crate) async fn place(
    http: HttpRequest,
    payload: web::Payload,
    app: web::Data<App>,
) -> Result<HttpResponse, Error> {
    let order = request::order(&http, payload).await?;
    if app.running.is_closed() {
        return Err(Error::Stopping);
    }
    let delivery = app.running.track_future(food_delivery(app.clone(), order));
    // As a task, since actix-web drops a handler whose client goes away.
    let answer = rt::spawn(delivery).await.unwrap_or(Err(Error::Panicked));
    if let Err(Error::Database(reason)) = &answer {
        log::error!("the database fails: {reason}");
    }
    answer
}

async fn food_delivery(app: web::Data<App>, order: Order) -> Result<HttpResponse, Error> {
    let Some(_care) = app.underway.enter(&order) else { return repeated(&app, &order).await };
    let id = match app.database.place(&order).await {
        Err(Error::Repeated) => return repeated(&app, &order).await,
        placed => placed?,
    };
    let failure = match app.cook.ask(id, &order).await {
        // The answer is passed on as it is, with whatever else it contains. So it isn't read into a type of ours.
        Ok((201, when)) => match minutes(&when, id) {
            Some(mins) => {
                app.consumers.tell(&order.user, &when);
                note(&app, id, order, Status::Accepted, Some(mins)).await;
                return Ok(json_response(when));
            }
            None => Failure::Unexpected(201),
        },
        Ok((status, _)) => Failure::Unexpected(status),
        Err(failure) => failure,
    };
    let status = match failure {
        Failure::Unexpected(400..=499) => Status::Rejected,
        _ => Status::Unanswered,
    };
    note(&app, id, order, status, None).await;
    Err(Error::Cook { order_id: id, failure })
}

/// What to answer to an order that was placed before.
async fn repeated(app: &App, order: &Order) -> Result<HttpResponse, Error> {
    let known = app.database.placed_before(order).await?;
    let (order_id, details, status, mins) = known.ok_or(Error::Underway)?;
    if details != order.details {
        return Err(Error::BadRequest("this `token` is another order's"));
    }
    let failed = |failure| Err(Error::Cook { order_id, failure });
    match &*status {
        "accepted" => Ok(json_response(json!({ "order_id": order_id, "mins": mins }))),
        "placed" => Ok(HttpResponse::Accepted().json(json!({ "order_id": order_id, "status": status }))),
        "rejected" => failed(Failure::Refused),
        _ => failed(Failure::Unclear),
    }
}

fn json_response(value: Value) -> HttpResponse {
    HttpResponse::Ok().insert_header(("cache-control", "no-store")).json(value)
}

/// How long the food will take, if this is what a kitchen answers to this order.
fn minutes(when: &Value, id: i64) -> Option<i32> {
    let mins = i32::try_from(when["mins"].as_u64()?).ok()?;
    (when["order_id"].as_i64() == Some(id) && mins <= MAX_MINS).then_some(mins)
}

/// Notes how far an order is: now, or if that fails, when the database is back.
async fn note(app: &web::Data<App>, id: i64, order: Order, status: Status, mins: Option<i32>) {
    if save(app, id, &order, status, mins).await {
        return;
    }
    let again = app.clone();
    rt::spawn(app.running.track_future(async move {
        for pause in PAUSES {
            sleep(Duration::from_secs(pause)).await;
            if save(&again, id, &order, status, mins).await {
                return;
            }
        }
        log::error!("order {id} stays `placed` in the database");
    }));
}

async fn save(app: &App, id: i64, order: &Order, status: Status, mins: Option<i32>) -> bool {
    let saved = app.database.note(id, status, mins).await;
    match &saved {
        Ok(()) => log::info!("order {id} of {:?} is {status:?}", order.user),
        Err(error) => log::error!("order {id} of {:?} is {status:?}, which cannot be saved: {error:?}", order.user),
    }
    saved.is_ok()
}
