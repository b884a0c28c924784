//! Orders that somebody has left in the middle: the kitchen didn't answer, or the database didn't take its answer, or the
//! program ended.
//!
//! The kitchen is asked again, until it answers. It knows orders by their ids, so it cooks none twice.

use std::sync::Arc;
use std::time::Duration;

use mixio_tokio::thread::{sleep, spawn};

use crate::error::Error;
use crate::orders::Order;
use crate::request::App;
use crate::views::settle;

/// How many to ask about at a time.
const BATCH: usize = 32;

/// No pause is longer than so many times the first.
const MAX_PAUSE: u32 = 32;

/// Takes care of what is left, now and whenever there is some. It doesn't end.
pub fn recover(app: &Arc<App>) {
    let first = app.settings.retry_after;
    // What an earlier run has left has waited for long enough.
    let mut pause = if app.underway.are_left() { Duration::ZERO } else { first };
    loop {
        app.underway.wait_for_left();
        sleep(pause);
        pause = match round(app) {
            Ok(0) => first,
            Ok(left) => {
                tracing::warn!(left, "there are orders that the kitchen must be asked about once more");
                (pause * 2).clamp(first, first * MAX_PAUSE)
            }
            Err(error) => {
                tracing::warn!(?error, "cannot look for orders that were left");
                first
            }
        };
    }
}

/// Asks about each order that nobody takes care of; gives how many are still to be asked about.
fn round(app: &Arc<App>) -> Result<usize, Error> {
    let (mut after, mut left) = (0, 0);
    loop {
        let found = look(app, after).inspect_err(|_| app.underway.leave())?;
        let Some(last) = found.last() else { return Ok(left) };
        after = last.id.unwrap_or(i64::MAX);
        let alone = found.into_iter().filter(|order| !app.underway.contains(order));
        let asked: Vec<_> = alone
            .map(|order| {
                let app = app.clone();
                spawn(move || ask_again(&app, &order))
            })
            .collect();
        let settled = asked.into_iter().map(|asked| asked.join().unwrap_or(false));
        left += settled.filter(|is_settled| !is_settled).count();
    }
}

fn look(app: &App, after: i64) -> Result<Vec<Order>, Error> {
    Order::unsettled(&mut app.database.connection()?, after, BATCH as i64)
}

/// Whether the order is settled then.
fn ask_again(app: &App, order: &Order) -> bool {
    let Some(care) = app.underway.enter(order) else { return true };
    // It may have been settled since it was seen.
    let now = app.database.connection().and_then(|mut connection| order.placed_before(&mut connection));
    match now {
        Ok(Some(order)) if !order.status.is_settled() => settle(app, order, care).0.status.is_settled(),
        Ok(_) => {
            care.settled();
            true
        }
        Err(_) => false,
    }
}
