//! `/healthz`.

use std::time::Instant;

use super::client::{PATIENCE, Reply, begin_post, get, receive, receive_all, send};
use super::fake_kitchen::patient_kitchen;
use super::host::Host;
use super::notifications::connect;

#[track_caller]
fn assert_fails(host: &Host, reason: &str) {
    assert_failing(&get(host.address, "/healthz"), reason);
}

#[track_caller]
fn assert_failing(reply: &Reply, reason: &str) {
    let json = reply.json();
    assert_eq!((reply.status, &json["status"], &json["error"]), (503, &"failing".into(), &reason.into()));
}

#[test]
fn orders_can_be_taken() {
    let host = Host::new(&[]);
    let _socket = connect(host.address, "?user=ann");
    let reply = get(host.address, "/healthz");
    assert_eq!((reply.status, reply.body.as_str()), (200, r#"{"sockets":1,"status":"ok","views":0}"#));
    let head = "HEAD /healthz HTTP/1.1\r\nhost: kitchen\r\nconnection: close\r\n\r\n";
    assert!(receive_all(send(host.address, head)).starts_with("HTTP/1.1 200 "));
}

#[test]
fn the_database_is_gone() {
    let host = Host::new(&[]);
    host.lose_database();
    assert_fails(&host, "the database is not available");
}

#[test]
fn the_database_hangs() {
    let host = Host::new(&["--connections", "1"]);
    let _lock = host.lock_database();
    // It has the only connection, and SQLite goes on trying for five seconds.
    let client = begin_post(host.address, "/", "details=pizza");
    let start = Instant::now();
    let reply = loop {
        let reply = get(host.address, "/healthz");
        if reply.status != 200 {
            break reply;
        }
        assert!(start.elapsed() < PATIENCE, "the order does not come");
    };
    assert_failing(&reply, "no answer in time: the database hangs, or no thread is free");
    receive(client).assert_error(503);
    assert_eq!(get(host.address, "/healthz").status, 200);
}

#[test]
fn the_server_is_being_stopped() {
    let (kitchen, is_asked, go_on) = patient_kitchen();
    let mut host = Host::new(&["--kitchen-service", &kitchen.url, "--kitchen-timeout", "30s"]);
    let client = begin_post(host.address, "/", "details=pizza");
    is_asked.recv_timeout(PATIENCE).unwrap();
    assert_eq!(get(host.address, "/healthz").json()["views"], 1);
    host.begin_stop();
    let start = Instant::now();
    while get(host.address, "/healthz").status == 200 {
        assert!(start.elapsed() < PATIENCE, "it does not stop");
    }
    assert_fails(&host, "the server is being stopped");
    go_on.send(()).unwrap();
    assert_eq!(receive(client).status, 200);
    host.stop();
}
