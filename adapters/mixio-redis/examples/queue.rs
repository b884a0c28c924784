//! A hundred workers that wait for orders in a Redis queue, in plain code on one thread:
//!
//!     cargo run --release -p mixio-redis --example queue
//!     MIXIO=blocking cargo run --release -p mixio-redis --example queue    # the same code, on threads
//!
//! Uses the server that `REDIS_URL` names, or else starts one.

use std::time::Instant;

use mixio::Io;
use mixio_redis::Client;
use mixio_test_servers::Redis;
use mixio_tokio::thread;
use redis::{Commands, RedisResult};

const WORKERS: usize = 100;
const ORDERS: usize = 1_000;

fn main() -> RedisResult<()> {
    let own = std::env::var("REDIS_URL").is_err().then(Redis::start);
    let url = own.as_ref().map_or_else(|| std::env::var("REDIS_URL").unwrap_or_default(), Redis::url);
    mixio_tokio::run(|| program(Client::open(url)?))
}

fn program(client: Client) -> RedisResult<()> {
    // Names of this run's own: the server may be used by others.
    let (orders, done) = (format!("orders {}", std::process::id()), format!("done {}", std::process::id()));
    let start = Instant::now();
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| {
            let (client, orders, done) = (client.clone(), orders.clone(), done.clone());
            thread::spawn(move || work(&client, &orders, &done))
        })
        .collect();

    let mut connection = client.get_connection()?;
    let mut all = redis::pipe();
    for order in 1..=ORDERS {
        all.rpush(&orders, order).ignore();
    }
    // An empty one is the end, for each of them.
    for _ in 0..WORKERS {
        all.rpush(&orders, "").ignore();
    }
    all.exec(&mut connection)?;

    let mut busy = 0;
    for worker in workers {
        busy += usize::from(worker.join().expect("a worker doesn't panic")? > 0);
    }
    let total: usize = connection.get_del(&done)?;
    assert_eq!(total, (1..=ORDERS).sum());
    println!("{ORDERS} orders by {busy} of {WORKERS} workers in {:.2?}, MIXIO={}", start.elapsed(), Io::current());
    Ok(())
}

/// Takes orders until there are no more, and says how many it has done.
fn work(client: &Client, orders: &str, done: &str) -> RedisResult<usize> {
    let mut connection = client.get_connection()?;
    for number in 0.. {
        let (_, order): (String, String) = connection.blpop(orders, 0.0)?;
        let Ok(order) = order.parse::<usize>() else { return Ok(number) };
        let _: () = connection.incr(done, order)?;
    }
    unreachable!("that was without an end")
}
