//! Orders that somebody has left in the middle: the kitchen didn't answer, or the database didn't take its answer, or the
//! program ended.
//!
//! The kitchen is asked again, until it answers. It knows orders by their ids, so it cooks none twice: not even if two servers have
//! one database, and one of them asks about an order that the other is taking care of.

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

/// Begins to take care of what is left: now, whenever there is some, and of what nobody here can know of. That doesn't end.
pub fn recover(app: &Arc<App>) {
    for work in [settle_left, look_around] {
        let app = app.clone();
        let pause = app.settings.retry_after;
        spawn(move || keep_on(pause, move || work(&app)));
    }
}

/// Does work that never ends: a panic in it is no reason to give it up.
fn keep_on(pause: Duration, work: impl Fn() + Clone + Send + 'static) {
    while spawn(work.clone()).join().is_err() {
        tracing::error!("taking care of orders that were left has panicked; it begins anew");
        sleep(pause);
    }
}

/// Takes care of orders whenever some were left here.
fn settle_left(app: &Arc<App>) {
    let first = app.settings.retry_after;
    // What an earlier run has left has waited for long enough.
    let mut pause = if app.underway.are_left() { Duration::ZERO } else { first };
    loop {
        app.underway.wait_for_left();
        sleep(pause);
        pause = match round(app, i64::MAX) {
            Ok(0) => first,
            Ok(left) => {
                tracing::warn!(left, "there are orders that the kitchen must be asked about once more");
                (pause * 2).clamp(first, first * MAX_PAUSE)
            }
            Err(error) => {
                cannot_look(&error);
                first
            }
        };
    }
}

/// Takes care of orders of which nobody here knows that they were left: another server on the same database was killed, or the
/// database wrote an order after it had been given up, and its client been told that it failed.
fn look_around(app: &Arc<App>) {
    loop {
        sleep(app.settings.retry_after * MAX_PAUSE);
        match app.database.connection().and_then(|mut connection| Order::last_unsettled(&mut connection)) {
            Ok(None) => {}
            Ok(Some(last)) => {
                // What others take care of is settled in so much time, mostly. If not then the kitchen is asked twice.
                sleep(app.settings.kitchen_timeout);
                round(app, last).inspect_err(cannot_look).ok();
            }
            Err(error) => cannot_look(&error),
        }
    }
}

fn cannot_look(error: &Error) {
    tracing::warn!(?error, "cannot look for orders that were left");
}

/// Asks about each order that nobody takes care of, up to the one of this id; gives how many are still to be asked about.
fn round(app: &Arc<App>, upto: i64) -> Result<usize, Error> {
    let (mut after, mut left) = (0, 0);
    loop {
        let found = look(app, after).inspect_err(|_| app.underway.leave())?;
        let Some(last) = found.last() else { return Ok(left) };
        after = last.id.unwrap_or(i64::MAX);
        let alone = found.into_iter().filter(|order| order.id <= Some(upto) && !app.underway.contains(order));
        let asked: Vec<_> = alone
            .map(|order| {
                let app = app.clone();
                spawn(move || ask_again(&app, &order))
            })
            .collect();
        let settled = asked.into_iter().map(|asked| asked.join().unwrap_or(false));
        left += settled.filter(|is_settled| !is_settled).count();
        if after >= upto {
            return Ok(left);
        }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_panic_does_not_end_it() {
        let beginnings = Arc::new(AtomicUsize::new(0));
        let seen = beginnings.clone();
        mixio_tokio::run(move || {
            spawn(move || {
                keep_on(Duration::from_millis(1), move || {
                    beginnings.fetch_add(1, Relaxed);
                    panic!("as the test wants it");
                })
            });
            let start = Instant::now();
            while seen.load(Relaxed) < 2 {
                assert!(start.elapsed() < Duration::from_secs(30), "it has ended");
                sleep(Duration::from_millis(1));
            }
        });
    }
}
