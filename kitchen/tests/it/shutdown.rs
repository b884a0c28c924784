//! Clients that go away, and the server's own end, in the middle of an order.

use std::thread;
use std::time::{Duration, Instant};

use super::client::{PATIENCE, begin_post, get, receive, reset, send};
use super::fake_kitchen::patient_kitchen;
use super::host::Host;
use super::notifications::{connect, next};

#[test]
fn an_order_ends_although_its_client_has_gone() {
    let (kitchen, is_asked, go_on) = patient_kitchen();
    let host = Host::new(&["--kitchen-service", &kitchen.url, "--kitchen-timeout", "30s"]);
    let client = begin_post(host.address, "/", "details=pizza&user=ann");
    is_asked.recv_timeout(PATIENCE).unwrap();
    reset(client);
    // The server has time to notice.
    thread::sleep(Duration::from_millis(200));
    assert_eq!(get(host.address, "/connect/").status, 200);
    assert_eq!(host.wait_for_status("placed").mins, None);
    go_on.send(()).unwrap();
    assert_eq!(host.wait_for_status("accepted").mins, Some(40));
    assert_eq!(kitchen.requests().len(), 1);
}

#[test]
fn stopping_waits_for_orders_and_takes_no_more() {
    let (kitchen, is_asked, go_on) = patient_kitchen();
    let mut host = Host::new(&["--kitchen-service", &kitchen.url, "--kitchen-timeout", "30s"]);
    let gone = begin_post(host.address, "/", "details=pizza&user=gone");
    is_asked.recv_timeout(PATIENCE).unwrap();
    reset(gone);
    host.begin_stop();
    let start = Instant::now();
    let refused = loop {
        // A page is a view as well, and needs no kitchen.
        let reply = get(host.address, "/connect/");
        if reply.status != 200 {
            break reply;
        }
        assert!(start.elapsed() < PATIENCE, "it does not stop");
    };
    refused.assert_error(503);
    get(host.address, "/?details=pizza").assert_error(503);
    // The kitchen goes on, since orders may be on their way to it.
    assert_eq!(get(host.address, "/kitchen/?order_id=1").status, 201);
    go_on.send(()).unwrap();
    host.stop();
    let [row] = host.rows().try_into().unwrap();
    assert_eq!(row.status, "accepted");
}

#[test]
fn stopping_answers_the_orders_that_it_waits_for() {
    let mut host = Host::new(&["--kitchen-delay", "500ms"]);
    let clients = [(); 5].map(|()| begin_post(host.address, "/", "details=pizza"));
    let start = Instant::now();
    while host.rows().len() < clients.len() {
        assert!(start.elapsed() < PATIENCE);
    }
    host.stop();
    for client in clients {
        assert_eq!(receive(client).status, 200);
    }
    assert!(host.rows().iter().all(|row| row.status == "accepted"));
}

#[test]
fn stopping_does_not_wait_for_ever() {
    let (kitchen, is_asked, _go_on) = patient_kitchen();
    let arguments = ["--kitchen-service", &kitchen.url, "--kitchen-timeout", "60s", "--shutdown-timeout", "1500ms"];
    let mut host = Host::new(&arguments);
    let _client = begin_post(host.address, "/", "details=pizza&user=ann");
    is_asked.recv_timeout(PATIENCE).unwrap();
    let start = Instant::now();
    host.stop();
    let took = start.elapsed();
    // Not what the kitchen may take, which is a minute.
    assert!(Duration::from_millis(1500) <= took && took < Duration::from_secs(20), "{took:?}");
    // Nobody knows what the kitchen does with it, but it is known.
    let [row] = host.rows().try_into().unwrap();
    assert_eq!(row.status, "placed");
}

/// An order that ends late, and a request that never does.
#[test]
fn stopping_takes_as_long_as_is_set_and_tells_of_orders_until_then() {
    let (kitchen, is_asked, go_on) = patient_kitchen();
    let timeout = Duration::from_millis(2500);
    let arguments = ["--kitchen-service", &kitchen.url, "--kitchen-timeout", "60s", "--shutdown-timeout", "2500ms"];
    let mut host = Host::new(&arguments);
    let mut socket = connect(host.address, "?user=ann");
    let _stuck = send(host.address, "POST / HTTP/1.1\r\nhost: kitchen\r\ncontent-length: 9\r\n\r\n");
    let client = begin_post(host.address, "/", "details=pizza&user=ann");
    is_asked.recv_timeout(PATIENCE).unwrap();
    let start = Instant::now();
    host.begin_stop();
    thread::sleep(Duration::from_millis(300));
    go_on.send(()).unwrap();
    let answer = receive(client).json();
    assert_eq!(next(&mut socket), answer);
    host.stop();
    let took = start.elapsed();
    // The request that is stuck is given up after ten seconds otherwise.
    assert!(timeout <= took && took < timeout * 3, "{took:?}");
}

#[test]
fn stopping_in_the_middle_of_a_query() {
    let mut host = Host::new(&["--shutdown-timeout", "200ms"]);
    assert_eq!(get(host.address, "/?details=pizza").status, 200);
    let _lock = host.lock_database();
    // SQLite goes on trying for five seconds, longer than the server may take.
    let _client = begin_post(host.address, "/", "details=soup");
    assert_eq!(get(host.address, "/kitchen/?order_id=1").status, 201);
    host.stop();
    assert_eq!(host.rows().len(), 1);
}
