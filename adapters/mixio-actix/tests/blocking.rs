//! The same views from threads: the setting is the process's, so this is one of its own.

#[path = "it/host.rs"]
mod host;
#[path = "../../../tests/support/http.rs"]
mod http;

use std::sync::mpsc;
use std::thread;

use actix_web::http::StatusCode;
use actix_web::web;
use actix_web::{HttpResponse, cookie::Cookie};
use host::Host;
use http::{Client, PATIENCE};
use mixio::{Io, in_coroutine};
use mixio_actix::{SendResponse, Views, by_setting, handler};

fn here() -> String {
    format!("{} {:?}", in_coroutine(), thread::current().id())
}

/// One after the other, since they set it.
#[test]
fn by_setting_it_is_a_thread_or_a_task() {
    Io::Blocking.set();
    a_thread();
    panics();
    a_client_that_leaves_and_a_server_that_stops();
    responses();
    it_is_asked_for_at_each_request();
}

fn a_thread() {
    // As many as are inside at once, so that each has a thread of its own.
    const MANY: usize = 8;
    let barrier = std::sync::Arc::new(std::sync::Barrier::new(MANY));
    let host = Host::new(move |config| {
        let barrier = barrier.clone();
        let view = move |number: web::Path<u32>| {
            // This blocks.
            barrier.wait();
            format!("{number} {}", in_coroutine())
        };
        config.route("/many/{number}", web::get().to(by_setting(view)));
        config.route("/here", web::get().to(by_setting(here))).route("/worker", web::get().to(handler(here)));
    });
    let mut clients: Vec<_> = (0..MANY).map(|_| Client::new(host.address)).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.begin_get(&format!("/many/{number}"));
    }
    for (number, client) in clients.iter_mut().enumerate() {
        client.receive().assert(200, &format!("{number} false"));
    }
    let (task, thread) = (clients[0].get("/worker").body, clients[0].get("/here").body);
    assert!(task.starts_with("true ") && thread.starts_with("false "), "{task} {thread}");
    assert_ne!(task.split_once(' ').unwrap().1, thread.split_once(' ').unwrap().1);
}

fn panics() {
    let host = Host::new(|config| {
        config.route("/", web::get().to(by_setting(|| -> &'static str { panic!("on purpose") })));
        config.route("/fine", web::get().to(by_setting(|| "fine")));
    });
    let mut client = Client::new(host.address);
    for _ in 0..3 {
        client.get("/").assert(500, "something went wrong here");
        client.get("/fine").assert(200, "fine");
    }
}

fn a_client_that_leaves_and_a_server_that_stops() {
    let views = Views::new();
    let (tell, told) = mpsc::channel();
    let (open, gate) = mpsc::channel();
    let gate = std::sync::Arc::new(std::sync::Mutex::new(gate));
    let host = {
        let views = views.clone();
        Host::new(move |config| {
            let (tell, gate, all) = (tell.clone(), gate.clone(), views.clone());
            let view = move || {
                tell.send("begun").unwrap();
                gate.lock().unwrap().recv().unwrap();
                let tell = tell.clone();
                all.spawn(move || {
                    assert!(!in_coroutine());
                    tell.send("left").unwrap();
                });
                "answer"
            };
            config.route("/", web::get().to(views.by_setting(view)));
        })
    };
    let mut client = Client::new(host.address);
    client.begin_get("/");
    assert_eq!(told.recv_timeout(PATIENCE), Ok("begun"));
    client.reset();
    let stop = views.stop();
    assert_eq!(views.running(), 1);
    http::get(host.address, "/").assert(503, "the server is being stopped");
    open.send(()).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok("left"));
    mixio::wait(stop);
}

fn responses() {
    let host = Host::new(|config| {
        let created = || {
            let mut response = HttpResponse::Created();
            response.insert_header(("x-one", "1")).append_header(("x-two", "2")).append_header(("x-two", "3"));
            SendResponse::new(response.cookie(Cookie::new("user", "ann")).content_type("text/plain").body("made"))
        };
        let closed = || SendResponse::new(HttpResponse::Ok().force_close().reason("Well").body("bye"));
        let none = || SendResponse::new(HttpResponse::NoContent().finish());
        let error = || -> Result<SendResponse, mixio_actix::Failure> { Err(mixio_actix::Failure::Panicked) };
        config
            .route("/created", web::get().to(by_setting(created)))
            .route("/closed", web::get().to(by_setting(closed)))
            .route("/none", web::get().to(by_setting(none)))
            .route("/stream", web::get().to(by_setting(|| SendResponse::new(stream()))))
            .route("/error", web::get().to(by_setting(error)))
            .route("/pair", web::get().to(by_setting(|| ("text", StatusCode::ACCEPTED))));
    });
    let mut client = Client::new(host.address);
    let created = client.get("/created");
    created.assert(201, "made");
    let headers = ["x-one: 1", "x-two: 2", "x-two: 3", "set-cookie: user=ann", "content-type: text/plain"];
    for header in headers {
        assert!(created.head.contains(&format!("{header}\r\n")), "{created:?}");
    }
    let none = client.get("/none");
    none.assert(204, "");
    assert_eq!(none.header("content-length"), None);
    assert_eq!(client.get("/stream").status, 500);
    assert_eq!(client.get("/error").status, 500);
    client.get("/pair").assert(202, "text");
    let closed = client.get("/closed");
    closed.assert(200, "bye");
    assert!(
        closed.head.starts_with("http/1.1 200 well\r\n") && closed.head.contains("connection: close"),
        "{closed:?}"
    );
    assert!(client.try_receive().is_err());
}

fn stream() -> HttpResponse {
    HttpResponse::Ok().body(mixio_actix::stream(|_| Ok(())))
}

fn it_is_asked_for_at_each_request() {
    let host = Host::new(|config| {
        config.route("/", web::get().to(by_setting(here)));
    });
    let mut client = Client::new(host.address);
    for (io, is_task) in [(Io::Blocking, "false "), (Io::Async, "true "), (Io::Blocking, "false ")] {
        io.set();
        assert!(client.get("/").body.starts_with(is_task));
    }
}
