//! What the program logs.

use std::collections::HashMap;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};
use std::{env, thread};

use clap::Parser as _;
use kitchen::{Settings, logs};
use serde_json::Value;

use super::client::{PATIENCE, get, post};
use super::fake_kitchen::{FakeKitchen, created};
use super::host::Host;
use super::orders::broken_urls;
use super::program::{Program, kitchen};

/// Hundreds of orders interleave on one thread, and each record of a view tells whose it is.
#[test]
fn each_record_belongs_to_its_request() {
    const ORDERS: usize = 200;
    /// So many want the database at once. It is slow here and there, and may not take more in time.
    const CROWD: usize = 20;
    let (all, turn, done) = (Barrier::new(ORDERS), AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let served = done.clone();
    let service = FakeKitchen::new(move |form| {
        // It has all of them in hand before it answers the first one.
        all.wait();
        let turn = turn.fetch_add(1, SeqCst);
        while turn >= served.load(SeqCst) + CROWD {
            thread::sleep(Duration::from_millis(1));
        }
        created(form, 40)
    });
    let directory = tempfile::tempdir().unwrap();
    let environment = [
        ("KITCHEN_LOG", "kitchen=debug"),
        ("KITCHEN_LOG_FORMAT", "json"),
        ("KITCHEN_SERVICE", &service.url),
        ("KITCHEN_TIMEOUT", "100s"),
    ];
    let (program, address) =
        Program::start_reading(kitchen().current_dir(&directory).env_remove("DATABASE_URL").envs(environment));
    let start = Instant::now();
    let threads: Vec<_> = (0..ORDERS)
        .map(|n| {
            while n >= service.requests().len() + CROWD {
                assert!(start.elapsed() < PATIENCE, "{n} orders have been placed");
                thread::sleep(Duration::from_millis(1));
            }
            let done = done.clone();
            thread::spawn(move || {
                let reply = post(address, "/", &format!("details=meal&user=user{n}"));
                done.fetch_add(1, SeqCst);
                (format!("user{n}"), reply.json()["order_id"].clone())
            })
        })
        .collect();
    let answers: HashMap<_, _> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    program.signal("INT");
    let log = program.assert_ends_well();
    let records: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))).collect();

    let mut orders: HashMap<&str, (&str, Vec<&str>)> = HashMap::new();
    let (mut placed_first, mut accepted) = (0, 0);
    for record in records.iter().filter(|record| record["target"] == "kitchen::views") {
        let [span] = record["spans"].as_array().unwrap().as_slice() else { panic!("not in one span: {record}") };
        assert_eq!((&span["name"], &span["method"], &span["path"]), (&"request".into(), &"POST".into(), &"/".into()));
        let user = span["user"].as_str().unwrap();
        assert_eq!(span["order_id"], answers[user], "{record}");
        let message = record["message"].as_str().unwrap();
        accepted += usize::from(message == "the order is accepted");
        placed_first += usize::from(message == "the order is placed" && accepted == 0);
        let order = orders.entry(span["id"].as_str().unwrap()).or_insert((user, Vec::new()));
        assert_eq!(order.0, user, "two requests of one id");
        order.1.push(message);
    }
    assert_eq!(orders.len(), ORDERS);
    for (_, messages) in orders.values() {
        assert_eq!(*messages, ["the order is placed", "the order is accepted"]);
    }
    assert_eq!(placed_first, ORDERS, "they do not interleave");
    let answered: Vec<_> = records.iter().filter(|record| record["message"] == "answered").collect();
    assert_eq!(answered.len(), ORDERS);
    for record in answered {
        assert!(record["status"] == 200 && record["spans"].as_array().unwrap().len() == 1, "{record}");
    }
}

#[test]
fn as_text_or_not_at_all() {
    for (filter, seen) in [("info", true), ("kitchen=warn", false), ("off", false)] {
        let directory = tempfile::tempdir().unwrap();
        let mut command = kitchen();
        command.current_dir(&directory).env_remove("DATABASE_URL").env("KITCHEN_LOG", filter);
        let (program, address) = Program::start(&mut command);
        assert_eq!(get(address, "/?details=soup&user=ann").status, 200);
        program.signal("INT");
        let log = program.assert_ends_well();
        assert_eq!(log.contains("user=\"ann\" order_id=1}: kitchen::views: the order is accepted"), seen, "{log}");
        assert_eq!(log.is_empty(), !seen, "{log}");
    }
    let output = kitchen().args(["--log", "kitchen=loud"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_panic_is_a_record_of_its_request() {
    // What is logged, and what is done about panics, is for the whole process: so in one of its own.
    const CHILD: &str = "KITCHEN_TEST_PANICS";
    if env::var_os(CHILD).is_some() {
        logs::init(&Settings::parse_from(["kitchen", "--log-format", "json"]).logs);
        let host = Host::with_urls(&[], broken_urls);
        return get(host.address, "/broken/?user=ann").assert_error(500);
    }
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "logs::a_panic_is_a_record_of_its_request", "--nocapture"]).env(CHILD, "1");
    let log = String::from_utf8(child.output().unwrap().stderr).unwrap();
    let mut records = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let panic = records.find(|record| record["message"] == "panicked: this view is broken, as the test wants it");
    let panic = panic.unwrap_or_else(|| panic!("it is not there: {log}"));
    assert_eq!((&panic["spans"][0]["path"], &panic["spans"][0]["user"]), (&"/broken/".into(), &"ann".into()));
    assert!(panic["place"].as_str().unwrap().contains("orders.rs:"), "{panic}");
}
