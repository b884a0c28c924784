//! A hundred functions that ask PostgreSQL for something slow, on one thread, with ten connections.
//!
//! The database is that of `DATABASE_URL`, or one that is started for this.
#![allow(missing_docs, reason = "what Diesel makes of a function")]

use std::error::Error;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::{Double, Integer};
use mixio::wait;
use mixio_diesel::PgConnection;
use mixio_diesel::pool::Pool;
use mixio_test_servers::Postgres;

#[diesel::declare_sql_function]
extern "SQL" {
    fn pg_sleep(seconds: Double) -> diesel::sql_types::Nullable<Integer>;
}

const FUNCTIONS: u32 = 100;
const CONNECTIONS: u32 = 10;
const SLOW: f64 = 0.1;

/// Plain, synchronous Diesel.
fn slow(pool: &Pool<PgConnection>, number: i32) -> Result<i32, Box<dyn Error>> {
    let mut connection = pool.get()?;
    diesel::select(pg_sleep(SLOW)).execute(&mut connection)?;
    Ok(diesel::select(number.into_sql::<Integer>()).get_result(&mut connection)?)
}

fn all(url: &str) {
    let pool: Pool<PgConnection> =
        Pool::builder(url).max_size(CONNECTIONS as usize).build().expect("a pool can be built");
    let started = Instant::now();
    let tasks: Vec<_> = (0..FUNCTIONS as i32)
        .map(|number| {
            let pool = pool.clone();
            mixio_tokio::spawn_local(move || slow(&pool, number).expect("PostgreSQL answers"))
        })
        .collect();
    let sum: i32 = tasks.into_iter().map(|task| wait(task).expect("it doesn't panic")).sum();
    assert_eq!(sum, (0..FUNCTIONS as i32).sum::<i32>());

    let one_by_one = Duration::from_secs_f64(SLOW) * FUNCTIONS;
    println!(
        "{FUNCTIONS} queries of {SLOW} s, {} connections, one thread: {:.1?} (one after the other: {one_by_one:?})",
        pool.state().size,
        started.elapsed(),
    );
}

fn main() {
    let given = std::env::var("DATABASE_URL").ok();
    let started = given.is_none().then(|| Postgres::start(&[]));
    let url = given.unwrap_or_else(|| started.as_ref().expect("it isn't given").database());
    mixio::Io::Async.set(); // many at once on a thread: that is what this shows
    mixio_tokio::run(move || all(&url));
}
