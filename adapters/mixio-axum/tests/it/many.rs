//! Many at once on one thread.

use std::num::NonZero;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use mixio::wait;
use mixio_axum::{local, pinned};
use mixio_tokio::Workers;
use tokio::sync::Barrier;

use crate::host::Host;
use crate::http::Client;

const MANY: usize = 100;

#[derive(Clone)]
struct Meeting {
    barrier: Arc<Barrier>,
    threads: Arc<Mutex<Vec<ThreadId>>>,
}

impl Meeting {
    fn new() -> Self {
        Meeting { barrier: Arc::new(Barrier::new(MANY)), threads: Arc::default() }
    }
}

/// Nobody leaves before all are in.
fn meet(State(meeting): State<Meeting>) -> String {
    let here = thread::current().id();
    meeting.threads.lock().unwrap().push(here);
    wait(meeting.barrier.wait());
    assert_eq!(thread::current().id(), here, "it stays where it has started");
    let threads = meeting.threads.lock().unwrap();
    format!("alone: {}", threads.iter().all(|&thread| thread == here))
}

fn ask(host: &Host, answer: &str) {
    let mut clients: Vec<_> = (0..MANY).map(|_| Client::new(host.address)).collect();
    clients.iter_mut().for_each(|client| client.begin_get("/"));
    for mut client in clients {
        client.receive().assert(200, answer);
    }
}

#[test]
fn local_views() {
    for view in [local(meet), local(meet).attached()] {
        ask(&Host::local(Router::new().route("/", get(view)).with_state(Meeting::new())), "alone: true");
    }
}

#[test]
fn pinned_views_on_one_worker() {
    let one = Arc::new(Workers::new(NonZero::<usize>::MIN).unwrap());
    for view in [pinned(meet).on(&one), pinned(meet).on(&one).attached()] {
        ask(&Host::ordinary(Router::new().route("/", get(view)).with_state(Meeting::new())), "alone: true");
    }
}

#[test]
fn pinned_views_on_some_workers() {
    let three = Arc::new(Workers::new(NonZero::new(3).unwrap()).unwrap());
    let view = pinned(meet).on(&three);
    ask(&Host::ordinary(Router::new().route("/", get(view)).with_state(Meeting::new())), "alone: false");
}

#[test]
fn a_large_stack() {
    fn depth(n: u32) -> u32 {
        if n == 0 { 0 } else { 1 + std::hint::black_box(depth(n - 1)) }
    }
    let view = || {
        wait(tokio::task::yield_now());
        depth(50_000).to_string()
    };
    let app = Router::new()
        .route("/pinned", get(pinned(view).stack_size(32 << 20)))
        .route("/local", get(local(view).stack_size(32 << 20)));
    let host = Host::local(app);
    let mut client = Client::new(host.address);
    client.get("/pinned").assert(200, "50000");
    client.get("/local").assert(200, "50000");
}
