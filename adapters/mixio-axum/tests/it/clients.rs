//! Clients that go away in the middle.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use mixio::wait;
use mixio_axum::{local, pinned};
use tokio::sync::Semaphore;

use crate::host::Host;
use crate::http::{Client, PATIENCE, get as ask};

/// Says goodbye when it is dropped, after having waited.
struct Guard(Sender<&'static str>);

impl Drop for Guard {
    fn drop(&mut self) {
        wait(tokio::time::sleep(std::time::Duration::from_millis(1)));
        self.0.send("goodbye").unwrap();
    }
}

#[derive(Clone)]
struct Order {
    tell: Sender<&'static str>,
    gate: Arc<Semaphore>,
}

/// Waits for the gate, between two things that must both happen.
fn patient(State(Order { tell, gate }): State<Order>) -> &'static str {
    tell.send("begun").unwrap();
    let guard = Guard(tell);
    drop(wait(gate.acquire()));
    guard.0.send("ended").unwrap();
    drop(guard);
    "answer"
}

fn late_panic(order: State<Order>) {
    patient(order);
    panic!("on purpose");
}

macro_rules! order {
    ($way:ident, $host:ident) => {{
        let (tell, told) = mpsc::channel();
        let order = Order { tell, gate: Arc::new(Semaphore::new(0)) };
        let gate = order.gate.clone();
        let app = Router::new()
            .route("/detached", get($way(patient)))
            .route("/attached", get($way(patient).attached()))
            .route("/attached/shaped", get($way(patient).attached().stack_size(2 << 20)))
            .route("/panic", get($way(late_panic)))
            .route("/", get($way(|| "here")))
            .with_state(order);
        (Host::$host(app), told, gate)
    }};
}

fn next(told: &Receiver<&'static str>) -> &'static str {
    told.recv_timeout(PATIENCE).unwrap()
}

type Set = (Host, Receiver<&'static str>, Arc<Semaphore>);

/// Whether the server has dropped the handler is to be seen by the attached one, which goes at the same time.
fn detached((host, told, gate): Set) {
    for path in ["/detached", "/panic"] {
        let mut client = Client::new(host.address);
        client.begin_get(path);
        assert_eq!(next(&told), "begun");
        let mut other = Client::new(host.address);
        other.begin_get("/attached");
        assert_eq!(next(&told), "begun");
        client.reset();
        other.reset();
        assert_eq!(next(&told), "goodbye"); // the attached one
        ask(host.address, "/").assert(200, "here");
        gate.add_permits(1);
        assert_eq!(next(&told), "ended");
        assert_eq!(next(&told), "goodbye");
        gate.forget_permits(1);
    }
}

fn attached((host, told, _gate): Set) {
    for path in ["/attached", "/attached/shaped"] {
        for _ in 0..10 {
            let mut client = Client::new(host.address);
            client.begin_get(path);
            assert_eq!(next(&told), "begun");
            client.reset();
            assert_eq!(next(&told), "goodbye");
        }
    }
    ask(host.address, "/").assert(200, "here");
}

fn attached_and_there((host, told, gate): Set) {
    let mut client = Client::new(host.address);
    client.begin_get("/attached");
    assert_eq!(next(&told), "begun");
    gate.add_permits(1);
    client.receive().assert(200, "answer");
    assert_eq!(next(&told), "ended");
}

#[test]
fn a_detached_pinned_view_goes_on_to_its_end() {
    detached(order!(pinned, ordinary));
}

#[test]
fn a_detached_local_view_goes_on_to_its_end() {
    detached(order!(local, local));
}

#[test]
fn an_attached_pinned_view_is_cut_and_its_destructors_wait() {
    attached(order!(pinned, ordinary));
}

#[test]
fn an_attached_local_view_is_cut_and_its_destructors_wait() {
    attached(order!(local, local));
}

#[test]
fn attached_views_whose_client_stays_answer() {
    attached_and_there(order!(pinned, ordinary));
    attached_and_there(order!(local, local));
}
