//! The end of a server that waits for its views.

use std::num::NonZero;
use std::sync::{Arc, mpsc};

use axum::Router;
use axum::routing::get;
use mixio::wait;
use mixio_axum::{Views, pinned};
use mixio_tokio::Workers;
use tokio::sync::Semaphore;

use crate::host::Host;
use crate::http::{Client, PATIENCE, get as ask};

macro_rules! stop {
    ($way:ident, $host:ident) => {{
        let views = Views::new();
        let gate = Arc::new(Semaphore::new(0));
        let (tell, told) = mpsc::channel();
        let view = {
            let (gate, all) = (gate.clone(), views.clone());
            move || {
                tell.send("begun").unwrap();
                drop(wait(gate.acquire()));
                let (ticket, tell) = (all.stay(), tell.clone());
                std::thread::spawn(move || {
                    let _ticket = ticket;
                    tell.send("left").unwrap();
                });
                "answer"
            }
        };
        let app = Router::new()
            .route("/", get(views.$way(view.clone())))
            .route("/attached", get(views.$way(view).attached()))
            .route("/ping", get(views.$way(|| "pong")));
        let host = Host::$host(app);
        let mut gone = Client::new(host.address);
        let mut stays = Client::new(host.address);
        let mut cut = Client::new(host.address);
        gone.begin_get("/");
        stays.begin_get("/");
        cut.begin_get("/attached");
        for _ in 0..3 {
            assert_eq!(told.recv_timeout(PATIENCE), Ok("begun"));
        }
        ask(host.address, "/ping").assert(200, "pong");
        assert!(views.running() >= 3);
        gone.reset();
        cut.reset();
        let (stop, stopped) = (views.stop(), mpsc::channel());
        let waiting = std::thread::spawn(move || {
            wait(stop);
            stopped.0.send(()).unwrap();
        });
        for path in ["/", "/ping", "/attached"] {
            ask(host.address, path).assert(503, "the server is being stopped");
        }
        assert!(stopped.1.try_recv().is_err());
        gate.add_permits(2);
        stays.receive().assert(200, "answer");
        for _ in 0..2 {
            assert_eq!(told.recv_timeout(PATIENCE), Ok("left"));
        }
        stopped.1.recv_timeout(PATIENCE).unwrap();
        waiting.join().unwrap();
        assert_eq!(views.running(), 0);
    }};
}

#[test]
fn stopping_waits_for_pinned_views_whose_client_has_gone_and_for_what_they_leave() {
    stop!(pinned, ordinary);
}

#[test]
fn stopping_waits_for_local_views_whose_client_has_gone_and_for_what_they_leave() {
    stop!(local, local);
}

/// Who waits for an answer gets one.
#[test]
fn workers_that_end_before_the_view() {
    let workers = Arc::new(Workers::new(NonZero::<usize>::MIN).unwrap());
    let (tell, told) = mpsc::channel();
    let view = move || {
        tell.send(()).unwrap();
        wait(std::future::pending::<()>());
    };
    let weak = Arc::downgrade(&workers);
    let app = Router::new().route("/", get(pinned(view).on(&workers)));
    drop(workers);
    // The request has the only view that there is now.
    let host = Host::ordinary(app);
    let mut client = Client::new(host.address);
    client.begin_get("/");
    told.recv_timeout(PATIENCE).unwrap();
    drop(host);
    // The server has gone, and with it the last who held them: which ends them.
    let start = std::time::Instant::now();
    while weak.strong_count() > 0 {
        assert!(start.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    assert!(client.try_receive().is_err());
}
