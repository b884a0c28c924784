//! The same views from threads: the setting is the process's, so this is one of its own.

#[path = "it/host.rs"]
mod host;
#[path = "../../../tests/support/http.rs"]
mod http;

use std::sync::{Arc, Barrier, mpsc};

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use host::Host;
use http::Client;
use mixio::{Io, in_coroutine};
use mixio_axum::{Views, local, pinned};

/// As many as are inside at once, so that each has a thread of its own.
const MANY: usize = 8;

fn app(views: &Views, gate: mpsc::Receiver<()>) -> Router {
    let (one, other) = (Arc::new(Barrier::new(MANY)), Arc::new(Barrier::new(MANY)));
    let meet = |barrier: Arc<Barrier>| {
        move |Path(number): Path<u32>| {
            // This blocks.
            barrier.wait();
            format!("{number} {}", in_coroutine())
        }
    };
    let gate = Arc::new(std::sync::Mutex::new(gate));
    let patient = move || gate.lock().unwrap().recv().unwrap();
    Router::new()
        .route("/pinned/{number}", get(pinned(meet(one))))
        .route("/local/{number}", get(local(meet(other)).attached().stack_size(1 << 20)))
        .route("/panic", get(pinned(|| -> () { panic!("on purpose") })))
        .route("/patient", get(views.pinned(patient)))
        .route("/here", get(local(|| in_coroutine().to_string())))
}

/// One after the other, since they set it.
#[test]
fn threads() {
    Io::Blocking.set();
    for start in [Host::ordinary, Host::local] {
        let views = Views::new();
        let (open, gate) = mpsc::channel();
        let host = start(app(&views, gate));
        for way in ["pinned", "local"] {
            let mut clients: Vec<_> = (0..MANY).map(|_| Client::new(host.address)).collect();
            for (number, client) in clients.iter_mut().enumerate() {
                client.begin_get(&format!("/{way}/{number}"));
            }
            for (number, client) in clients.iter_mut().enumerate() {
                client.receive().assert(200, &format!("{number} false"));
            }
        }
        let mut client = Client::new(host.address);
        client.get("/panic").assert(500, "something went wrong here");
        client.begin_get("/patient");
        while views.running() == 0 {
            std::thread::yield_now();
        }
        client.reset();
        let stop = views.stop();
        assert_eq!(views.running(), 1);
        http::get(host.address, "/patient").assert(503, "the server is being stopped");
        open.send(()).unwrap();
        mixio::wait(stop);
    }
    // It is asked for at each request.
    let host = Host::local(app(&Views::new(), mpsc::channel().1));
    let mut client = Client::new(host.address);
    for (io, is_task) in [(Io::Blocking, "false"), (Io::Async, "true"), (Io::Blocking, "false")] {
        io.set();
        client.get("/here").assert(200, is_task);
    }
}
