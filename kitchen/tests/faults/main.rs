//! What is killed at random moments, and comes back: PostgreSQL, the kitchen service, clients, and the server itself. No order is
//! lost and none doubled: the database, the kitchen's log and the clients' answers agree.
#![forbid(unsafe_code)]

mod clients;
mod cook;
mod process;
mod server;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use mixio_test_servers::Postgres;

use clients::Answer;
use cook::Cook;
use server::Server;

/// The orders in all: ten thousand, or fewer in a debug build.
const ORDERS: usize = if cfg!(debug_assertions) { 2_000 } else { 10_000 };

/// How many clients order at once.
const CLIENTS: usize = 64;

/// How long it may take until all is well again, after the last fault.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn faults_lose_no_order_and_double_none() {
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let postgres = Postgres::start(&[]);
    let database = postgres.database();
    let cook = Cook::start();
    let server = Server::start(&database, cook.url());

    let done = AtomicBool::new(false);
    let (answers, faults) = thread::scope(|scope| {
        let chaos = scope.spawn(|| chaos(seed, &done, &postgres, &cook, &server));
        let answers = clients::order(server.address, seed, CLIENTS, ORDERS);
        done.store(true, Relaxed);
        (answers, chaos.join().unwrap())
    });
    eprintln!("{} orders, {faults:?} survived, {}", answers.len(), clients::summary(&answers));
    assert!(faults.values().all(|&times| times > 0) && faults.len() == 3, "not each fault has happened: {faults:?}");

    // Clients that got no answer have asked again until they got one. Whatever is left now is what they didn't have to ask for.
    let started = Instant::now();
    let unsettled = "SELECT count(*) FROM orders WHERE status NOT IN ('accepted', 'rejected')";
    while postgres.execute(&database, unsettled) != "0" {
        assert!(started.elapsed() < PATIENCE, "the service does not recover by itself");
        sleep(Duration::from_millis(100));
    }
    agree(&answers, &postgres.execute(&database, "SELECT token, id, status, mins FROM orders"), &cook.log());
    assert!(server.still_serves());
}

/// Kills something now and then, and lets it come back; gives how often which.
fn chaos(
    seed: u64,
    done: &AtomicBool,
    postgres: &Postgres,
    cook: &Cook,
    server: &Server,
) -> BTreeMap<&'static str, usize> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut faults = BTreeMap::new();
    let mut next = random.usize(..3);
    // A fast machine may be done before each has happened.
    while !done.load(Relaxed) || faults.len() < 3 {
        sleep(Duration::from_millis(random.u64(100..600)));
        let down = Duration::from_millis(random.u64(0..300));
        // In turns, so that each happens.
        let fault = match next % 3 {
            0 => {
                postgres.crash();
                sleep(down);
                postgres.restart();
                "PostgreSQL"
            }
            1 => {
                cook.kill();
                sleep(down);
                cook.restart();
                "the kitchen service"
            }
            _ => {
                server.kill();
                sleep(down);
                server.restart();
                "the server"
            }
        };
        *faults.entry(fault).or_default() += 1;
        next += 1;
    }
    faults
}

/// Whether all three know of the same orders, each once.
fn agree(answers: &[Answer], rows: &str, log: &str) {
    let mut cooked = HashMap::new();
    for line in log.lines() {
        let (id, mins) = line.split_once(' ').unwrap();
        assert!(cooked.insert(id, mins).is_none(), "order {id} is cooked twice");
    }
    let mut saved = HashMap::new();
    for row in rows.lines() {
        let [token, id, status, mins] = row.split('|').collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(status, "accepted", "{row}");
        assert_eq!(cooked.get(id), Some(&mins), "{row}");
        assert!(saved.insert(token, (id, mins)).is_none(), "{row}");
    }
    assert_eq!(cooked.len(), saved.len(), "something is cooked that nobody has ordered");
    assert_eq!(answers.len(), ORDERS);
    for Answer { token, id, mins, .. } in answers {
        assert_eq!(saved.get(token.as_str()), Some(&(id.as_str(), mins.as_str())), "the order {token}");
    }
    assert_eq!(saved.len(), ORDERS, "there are orders that nobody has placed");
}
