//! The end of a server that waits for its views.

use std::sync::mpsc;
use std::time::Duration;

use actix_web::web;
use mixio::{FutureExt as _, wait};
use mixio_actix::Views;
use tokio::sync::Semaphore;

use super::host::Host;
use super::http::{Client, PATIENCE, get};

fn is_send<T: Send + Sync + Clone + 'static>(_: &T) {}

#[test]
fn stopping_waits_for_views_whose_client_has_gone_and_for_what_they_leave() {
    let views = Views::new();
    is_send(&views);
    let gate = web::Data::new(Semaphore::new(0));
    let (tell, told) = mpsc::channel();
    let host = {
        let (views, gate) = (views.clone(), gate.clone());
        Host::with_workers(2, move |config| {
            let (all, gate, tell) = (views.clone(), gate.clone(), tell.clone());
            let view = move || {
                tell.send("begun").unwrap();
                drop(wait(gate.acquire()));
                let (gate, tell) = (gate.clone(), tell.clone());
                all.spawn(move || {
                    tell.send("left").unwrap();
                    drop(wait(gate.acquire()));
                    tell.send("done").unwrap();
                });
                "answer"
            };
            let uncounted = mixio_actix::handler(|| "here");
            config
                .route("/", web::get().to(views.handler(view.clone())))
                .route("/attached", web::get().to(views.attached(view)))
                .route("/ping", web::get().to(views.by_setting(|| "pong")))
                .route("/uncounted", web::get().to(uncounted));
        })
    };
    let mut gone = Client::new(host.address);
    let mut stays = Client::new(host.address);
    gone.begin_get("/");
    stays.begin_get("/attached");
    for _ in 0..2 {
        assert_eq!(told.recv_timeout(PATIENCE), Ok("begun"));
    }
    gone.reset();
    get(host.address, "/ping").assert(200, "pong");
    assert_eq!(views.running(), 2);

    let (stopped, has_stopped) = mpsc::channel();
    let stop = views.stop();
    assert!(views.is_stopping());
    let waiting = std::thread::spawn(move || {
        stop.wait();
        stopped.send(()).unwrap();
    });
    for path in ["/ping", "/", "/attached"] {
        get(host.address, path).assert(503, "the server is being stopped");
    }
    get(host.address, "/uncounted").assert(200, "here");
    gate.add_permits(1);
    // One after the other, as a permit is given back. What is left is let in.
    stays.receive().assert(200, "answer");
    let mut rest: Vec<_> = (0..4).map(|_| told.recv_timeout(PATIENCE).unwrap()).collect();
    rest.sort_unstable();
    assert_eq!(rest, ["done", "done", "left", "left"]);
    has_stopped.recv_timeout(PATIENCE).unwrap();
    waiting.join().unwrap();
    assert_eq!(views.running(), 0);
}

#[test]
fn stopping_waits() {
    let views = Views::new();
    let ticket = views.enter().unwrap();
    let limit = |views: &Views| {
        let stop = views.stop();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { tokio::time::timeout(Duration::from_millis(20), stop).await.is_ok() })
    };
    assert!(!limit(&views));
    assert!(views.enter().is_none());
    assert!(!limit(&views));
    let stay = views.stay();
    drop(ticket);
    assert!(!limit(&views));
    drop(stay);
    assert!(limit(&views));
    // More than once is fine.
    assert!(limit(&views));
    assert!(views.clone().enter().is_none());
}

/// A view that panics, one that is cut, one that was never begun: all are counted out.
#[test]
fn all_ends_count() {
    let views = Views::new();
    let (tell, told) = mpsc::channel();
    let host = {
        let views = views.clone();
        Host::new(move |config| {
            let tell = tell.clone();
            let endless = move || -> &'static str {
                tell.send(()).unwrap();
                wait(std::future::pending())
            };
            let fail = || -> &'static str { panic!("on purpose") };
            config
                .route("/panic", web::get().to(views.handler(fail)))
                .route("/panic/attached", web::get().to(views.attached(fail)))
                .route("/attached", web::get().to(views.attached(endless)));
        })
    };
    assert_eq!(get(host.address, "/panic").status, 500);
    assert_eq!(get(host.address, "/panic/attached").status, 500);
    let mut client = Client::new(host.address);
    client.begin_get("/attached");
    told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(views.running(), 1);
    client.reset();
    wait(views.stop());
}

#[test]
fn a_panic_of_what_is_left_is_its_own() {
    let views = Views::new();
    let host = {
        let views = views.clone();
        Host::new(move |config| {
            let all = views.clone();
            let view = move || {
                all.spawn(|| panic!("on purpose"));
                "answer"
            };
            config.route("/", web::get().to(views.handler(view)));
        })
    };
    get(host.address, "/").assert(200, "answer");
    wait(views.stop());
    assert_eq!(get(host.address, "/").status, 503);
}
