//! Orders that go well.

use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use kitchen::error::Error;
use kitchen::request::Request;
use kitchen::server::{urls, view};
use mixio_actix::Views;
use serde_json::Value;

use super::client::{PATIENCE, begin_post, get, post, receive, receive_all, send};
use super::fake_kitchen::patient_kitchen;
use super::host::{Host, Row};
use super::notifications::{connect, next};

fn assert_answers(row: &Row, answer: &Value) {
    assert_eq!(answer["order_id"], row.id);
    let mins = answer["mins"].as_i64().unwrap();
    assert!((30..=59).contains(&mins), "{answer}");
    assert_eq!(row.mins.map(i64::from), Some(mins));
    assert_eq!(row.status, "accepted");
}

#[test]
fn by_query() {
    let host = Host::new(&[]);
    let reply = get(host.address, "/?details=one+pizza%2C+f%C3%BCnf+K%C3%A4se&user=ann");
    assert_eq!(reply.status, 200, "{reply:?}");
    let [row] = host.rows().try_into().unwrap();
    assert_answers(&row, &reply.json());
    assert_eq!((row.user.as_str(), row.details.as_str()), ("ann", "one pizza, fünf Käse"));
}

#[test]
fn by_form() {
    let host = Host::new(&[]);
    let reply = post(host.address, "/", "details=pizza&user=ann");
    assert_eq!(reply.status, 200, "{reply:?}");
    let [row] = host.rows().try_into().unwrap();
    assert_answers(&row, &reply.json());
    assert_eq!((row.user.as_str(), row.details.as_str()), ("ann", "pizza"));
}

#[test]
fn users_by_cookie_by_parameter_or_not_at_all() {
    let host = Host::new(&[]);
    let with_cookie = |path: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nhost: kitchen\r\ncookie: a=b; user=J%C3%B6rg\r\n\r\n");
        assert_eq!(receive(send(host.address, &head)).status, 200);
    };
    with_cookie("/?details=1");
    with_cookie("/?details=2&user=ann");
    assert_eq!(get(host.address, "/?details=3").status, 200);
    let users: Vec<_> = host.rows().into_iter().map(|row| row.user).collect();
    assert_eq!(users, ["Jörg", "ann", "anonymous"]);
}

#[test]
fn the_same_order_takes_the_same_time() {
    let host = Host::new(&[]);
    let mut times = HashSet::new();
    for id in 1..=200 {
        let replies = [
            post(host.address, "/kitchen/", &format!("order_id={id}")),
            get(host.address, &format!("/kitchen/?order_id={id}")),
        ];
        assert_eq!(replies[0].json(), replies[1].json());
        assert_eq!((replies[0].status, replies[1].status), (201, 201));
        assert_eq!(replies[0].json()["order_id"], id);
        times.insert(replies[0].json()["mins"].as_u64().unwrap());
    }
    assert_eq!(times, (30..=59).collect());
    assert!(host.rows().is_empty());
}

#[test]
fn fifty_at_once_are_fifty() {
    let host = Host::new(&["--kitchen-delay", "100ms"]);
    let address = host.address;
    let order = move |n| post(address, "/", &format!("details=meal+{n}&user=user{n}"));
    let threads: Vec<_> = (0..50).map(|n| thread::spawn(move || (n, order(n)))).collect();
    let replies: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let rows = host.rows();
    assert_eq!(rows.len(), 50);
    let mut seen = HashSet::new();
    for (n, reply) in replies {
        assert_eq!(reply.status, 200, "{reply:?}");
        let answer = reply.json();
        assert!(seen.insert(answer["order_id"].as_i64().unwrap()), "two orders have one id");
        let row = rows.iter().find(|row| answer["order_id"] == row.id).unwrap();
        assert_answers(row, &answer);
        assert_eq!((row.user.clone(), row.details.clone()), (format!("user{n}"), format!("meal {n}")));
    }
}

#[test]
fn with_more_workers() {
    let host = Host::new(&["--workers", "3", "--connections", "1"]);
    let address = host.address;
    let threads: Vec<_> = (0..30).map(|_| thread::spawn(move || get(address, "/?details=soup"))).collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap().status == 200));
    assert_eq!(host.rows().len(), 30);
}

#[test]
fn the_page() {
    let host = Host::new(&[]);
    let reply = get(host.address, "/connect/");
    assert_eq!(reply.status, 200);
    assert!(reply.body.starts_with("<!DOCTYPE html>") && reply.body.contains("new WebSocket("));
    let head = "HEAD /connect/ HTTP/1.1\r\nhost: kitchen\r\nconnection: close\r\n\r\n";
    let reply = receive_all(send(host.address, head));
    assert!(reply.starts_with("HTTP/1.1 200 ") && reply.ends_with("\r\n\r\n"), "{reply}");
    assert!(reply.contains("content-security-policy: frame-ancestors 'none'\r\n"), "{reply}");
}

fn broken_view(_: &Request) -> Result<HttpResponse, Error> {
    panic!("this view is broken, as the test wants it");
}

pub(crate) fn broken_urls(config: &mut ServiceConfig, all: &Views) {
    urls(config, all);
    config.service(web::resource("/broken/").route(web::get().to(view(all, broken_view))));
}

#[test]
fn a_panic_in_a_view_is_an_error_of_that_request_only() {
    let host = Host::with_urls(&[], broken_urls);
    for _ in 0..3 {
        get(host.address, "/broken/").assert_error(500);
        assert_eq!(get(host.address, "/?details=soup").status, 200);
    }
}

#[test]
fn a_database_that_is_not_available() {
    let host = Host::new(&[]);
    let lock = host.lock_database();
    let address = host.address;
    // More than there are connections, so some wait for one in vain.
    let threads: Vec<_> = (0..10).map(|_| thread::spawn(move || get(address, "/?details=soup"))).collect();
    // What needs no database goes on.
    assert_eq!(get(address, "/kitchen/?order_id=1").status, 201);
    for thread in threads {
        thread.join().unwrap().assert_error(503);
    }
    drop(lock);
    assert!(host.rows().is_empty());
    assert_eq!(get(address, "/?details=soup").status, 200);
}

/// The database gets lost when the kitchen has taken the order. The customer is told nevertheless, and the order is settled
/// when the database is back.
#[test]
fn a_database_that_is_not_available_for_the_second_time() {
    let (kitchen, is_asked, go_on) = patient_kitchen();
    let arguments = ["--kitchen-service", &kitchen.url, "--kitchen-timeout", "30s", "--retry-after", "100ms"];
    let host = Host::new(&arguments);
    let mut socket = connect(host.address, "?user=ann");
    let client = begin_post(host.address, "/", "details=pizza&user=ann");
    is_asked.recv_timeout(PATIENCE).unwrap();
    let lock = host.lock_database();
    go_on.send(()).unwrap();
    let start = Instant::now();
    let told = next(&mut socket);
    // SQLite goes on trying for five seconds.
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    let reply = receive(client);
    assert_eq!((reply.status, reply.json()), (200, told));
    assert_eq!(host.wait_for_status("placed").mins, None);
    drop(lock);
    // The kitchen is asked once more, and says the same.
    go_on.send(()).unwrap();
    assert_eq!(host.wait_for_status("accepted").mins, Some(40));
    let requests = kitchen.requests();
    assert!(requests.len() == 2 && requests[0] == requests[1], "{requests:?}");
}
