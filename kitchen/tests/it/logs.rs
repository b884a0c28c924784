//! What the program logs.

use std::collections::HashMap;
use std::thread;

use serde_json::Value;

use super::program::{Program, kitchen};
use super::client::{get, post};

/// Hundreds of orders interleave on one thread, and each record of a view tells whose it is.
#[test]
fn each_record_belongs_to_its_request() {
    const ORDERS: usize = 200;
    let directory = tempfile::tempdir().unwrap();
    let environment = [
        ("KITCHEN_LOG", "kitchen=debug"),
        ("KITCHEN_LOG_FORMAT", "json"),
        ("KITCHEN_DELAY", "500ms"),
        ("KITCHEN_TIMEOUT", "30s"),
    ];
    let (program, address) =
        Program::start_reading(kitchen().current_dir(&directory).env_remove("DATABASE_URL").envs(environment));
    let order = move |n| post(address, "/", &format!("details=meal&user=user{n}")).json()["order_id"].clone();
    let threads: Vec<_> = (0..ORDERS).map(|n| thread::spawn(move || (format!("user{n}"), order(n)))).collect();
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
    assert!(placed_first > 1, "they do not interleave");
    // Of the kitchen, too, each record is in one span, its own.
    let answered: Vec<_> = records.iter().filter(|record| record["message"] == "answered").collect();
    assert_eq!(answered.len(), 2 * ORDERS);
    for record in answered {
        let spans = record["spans"].as_array().unwrap();
        assert_eq!(spans.len(), 1, "{record}");
        let status = if spans[0]["path"] == "/kitchen/" { 201 } else { 200 };
        assert_eq!(record["status"], status, "{record}");
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
