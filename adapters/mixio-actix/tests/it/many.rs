//! Many at once on one thread.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Mutex;
use std::thread::ThreadId;

use actix_web::web;
use mixio::wait;
use mixio_actix::{attached, by_setting, handler};
use tokio::sync::Barrier;

use super::host::Host;
use super::http::Client;

const MANY: usize = 100;

/// Nobody leaves before all are in.
fn meet(barrier: web::Data<Barrier>, threads: web::Data<Mutex<Vec<ThreadId>>>) -> String {
    threads.lock().unwrap().push(std::thread::current().id());
    wait(barrier.wait());
    let mut threads = threads.lock().unwrap().clone();
    threads.dedup();
    format!("{} threads", threads.len())
}

#[test]
fn all_are_inside_at_the_same_time() {
    let barrier = web::Data::new(Barrier::new(MANY));
    let threads = web::Data::new(Mutex::new(Vec::<ThreadId>::new()));
    let host = Host::new(move |config| {
        config
            .app_data(barrier.clone())
            .app_data(threads.clone())
            .route("/handler", web::get().to(handler(meet)))
            .route("/attached", web::get().to(attached(meet)))
            .route("/by_setting", web::get().to(by_setting(meet)));
    });
    for way in ["/handler", "/attached", "/by_setting"] {
        let mut clients: Vec<_> = (0..MANY).map(|_| Client::new(host.address)).collect();
        clients.iter_mut().for_each(|client| client.begin_get(way));
        for mut client in clients {
            client.receive().assert(200, "1 threads");
        }
    }
}

/// What a view keeps need not be `Send`, and is its own.
#[test]
fn each_has_its_own() {
    let barrier = web::Data::new(Barrier::new(MANY));
    let host = Host::new(move |config| {
        let view = |number: web::Path<usize>, barrier: web::Data<Barrier>| {
            let own = Rc::new(Cell::new(*number));
            wait(barrier.wait());
            own.set(own.get() + 1);
            wait(barrier.wait());
            own.get().to_string()
        };
        config.app_data(barrier.clone()).route("/{number}", web::get().to(handler(view)));
    });
    let mut clients: Vec<_> = (0..MANY).map(|_| Client::new(host.address)).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.begin_get(&format!("/{number}"));
    }
    for (number, mut client) in clients.into_iter().enumerate() {
        client.receive().assert(200, &(number + 1).to_string());
    }
}

#[test]
fn a_large_stack() {
    fn depth(n: u32) -> u32 {
        if n == 0 { 0 } else { 1 + std::hint::black_box(depth(n - 1)) }
    }
    let host = Host::new(|config| {
        config.route("/", web::get().to(handler(|| depth(50_000).to_string()).stack_size(32 << 20)));
    });
    Client::new(host.address).get("/").assert(200, "50000");
}
