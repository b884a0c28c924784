//! Kitchens that do not do what they should. The order is kept, once, and says how it went.

use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::thread;

use socket2::{Domain, Socket, Type};

use super::client::{get, post};
use super::fake_kitchen::{FakeKitchen, created, reply};
use super::host::Host;

fn order_at(kitchen: impl Fn(&str) -> String + Send + Sync + 'static, error: u16, status: &str) {
    let kitchen = FakeKitchen::new(kitchen);
    let host = Host::new(&["--kitchen-service", &kitchen.url]);
    let reply = post(host.address, "/", "details=pizza&user=ann");
    reply.assert_error(error);
    let [row] = host.rows().try_into().unwrap();
    assert_eq!((&reply.json()["order_id"], &reply.json()["status"]), (&row.id.into(), &status.into()));
    assert_eq!((row.status.as_str(), row.mins), (status, None));
    assert_eq!(kitchen.requests(), [format!("order_id={}&user=ann&details=pizza", row.id)]);
}

#[test]
fn error() {
    // It says that it won't.
    order_at(|_| reply("400 Bad Request", "{\"mins\": 40}"), 502, "rejected");
    order_at(|_| reply("404 Not Found", &"x".repeat(1 << 20)), 502, "rejected");
    // It may want to be asked later, and may have taken the order before it failed.
    order_at(|_| reply("429 Too Many Requests", ""), 502, "unanswered");
    order_at(|_| reply("500 Internal Server Error", "{\"mins\": 40}"), 502, "unanswered");
}

#[test]
fn garbage() {
    order_at(|_| reply("201 Created", "<html>\0"), 502, "unanswered");
    order_at(|_| reply("201 Created", ""), 502, "unanswered");
    order_at(|_| reply("201 Created", &"x".repeat(1 << 20)), 502, "unanswered");
}

#[test]
fn no_minutes() {
    for body in ["{}", "[]", "40"] {
        order_at(move |_| reply("201 Created", body), 502, "unanswered");
    }
    for mins in ["null", "-1", "\"40\"", "40.5", "1e99", "1441", "4294967336"] {
        let body = format!("{{\"order_id\": 1, \"mins\": {mins}}}");
        order_at(move |_| reply("201 Created", &body), 502, "unanswered");
    }
}

#[test]
fn another_order() {
    let others = ["", "\"order_id\": 2, ", "\"order_id\": null, ", "\"order_id\": \"1\", ", "\"order_id\": 1.5, "];
    for other in others {
        let body = format!("{{{other}\"mins\": 40}}");
        order_at(move |_| reply("201 Created", &body), 502, "unanswered");
    }
}

/// What the kitchen is said to have done.
fn reason(kitchen_service: &str) -> String {
    let host = Host::new(&["--kitchen-service", kitchen_service]);
    get(host.address, "/?details=pizza").json()["error"].as_str().unwrap().into()
}

#[test]
fn it_breaks_off_or_is_not_there() {
    for answer in ["", "HTTP/1.1 201 Created\r\ncontent-length: 20\r\n\r\n{\"mins\""] {
        let kitchen = FakeKitchen::new(|_| answer.into());
        let broke_off = "the kitchen broke off its answer, and may have taken the order; it will be asked again";
        assert_eq!(reason(&kitchen.url), broke_off);
    }
    let (_nobody, url) = nobody();
    assert_eq!(reason(&url), "the kitchen cannot be reached; it will be asked again");
}

#[test]
fn whether_it_will_be_asked_again() {
    for (status, says) in [
        ("404 Not Found", "the kitchen will not cook it (status 404)"),
        ("429 Too Many Requests", "the kitchen wants to be asked later (status 429); it will be asked again"),
        ("500 Internal Server Error", "the kitchen answered with status 500; it will be asked again"),
    ] {
        let kitchen = FakeKitchen::new(move |_| reply(status, ""));
        assert_eq!(reason(&kitchen.url), says);
    }
}

/// A kitchen's address where nobody listens, nor can, as long as the socket is there.
fn nobody() -> (Socket, String) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let url = format!("http://{}/", socket.local_addr().unwrap().as_socket().unwrap());
    (socket, url)
}

#[test]
fn another_status() {
    order_at(|_| reply("200 OK", "{\"order_id\": 1, \"mins\": 40}"), 502, "unanswered");
    order_at(|_| reply("307 Temporary Redirect\r\nlocation: /", ""), 502, "unanswered");
}

#[test]
fn not_even_http() {
    order_at(|_| "garbage\r\n\r\n".into(), 502, "unanswered");
    order_at(|_| String::new(), 502, "unanswered");
    order_at(|_| "HTTP/1.1 201 Created\r\ncontent-length: 20\r\n\r\n{\"mins\"".into(), 502, "unanswered");
}

#[test]
fn nobody_there() {
    let (_nobody, url) = nobody();
    let host = Host::new(&["--kitchen-service", &url]);
    get(host.address, "/?details=pizza").assert_error(502);
    host.wait_for_status("unanswered");
}

#[test]
fn silence() {
    let silent = |_: &str| loop {
        thread::park();
    };
    let kitchen = FakeKitchen::new(silent);
    let host = Host::new(&["--kitchen-service", &kitchen.url, "--kitchen-timeout", "200ms"]);
    let address = host.address;
    // Many can wait at once.
    let threads: Vec<_> = (0..20).map(|_| thread::spawn(move || get(address, "/?details=pizza"))).collect();
    for thread in threads {
        thread.join().unwrap().assert_error(504);
    }
    let rows = host.rows();
    assert_eq!(rows.len(), 20);
    assert!(rows.iter().all(|row| row.status == "unanswered"));
    assert!(kitchen.requests().len() <= 20);
}

/// The time is for the whole answer, not only for its head.
#[test]
fn half_an_answer_and_then_silence() {
    for answer in [
        "HTTP/1.1 201 Created\r\ncont",
        "HTTP/1.1 201 Created\r\ncontent-length: 20\r\n\r\n{\"mins\"",
        "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 201 Created\r\n\r\n{\"order_id\": 1, \"mins\": 40}",
    ] {
        let kitchen = FakeKitchen::falling_silent(|_| answer.into());
        let host = Host::new(&["--kitchen-service", &kitchen.url, "--kitchen-timeout", "500ms"]);
        let reply = get(host.address, "/?details=pizza");
        assert_eq!(reply.status, 504, "{answer:?}: {reply:?}");
        host.wait_for_status("unanswered");
    }
}

#[test]
fn a_good_one_after_all() {
    let kitchen = FakeKitchen::new(|form| created(form, 42));
    let host = Host::new(&["--kitchen-service", &kitchen.url]);
    let reply = post(host.address, "/", "details=pizza+%26+soup&user=ann");
    // What the kitchen says is passed on as it is.
    assert_eq!((reply.status, reply.body.as_str()), (200, "{\"mins\":42,\"order_id\":1}"));
    assert_eq!(host.wait_for_status("accepted").mins, Some(42));
    assert_eq!(kitchen.requests(), ["order_id=1&user=ann&details=pizza+%26+soup"]);
}

/// Another client asks then. The setting is that of a process, so this is a new one.
#[test]
fn all_of_it_on_blocking_io() {
    let mut tests = Command::new(env::current_exe().unwrap());
    tests.args(["bad_kitchens::", "--skip", "all_of_it_on_blocking_io"]).env("MIXIO", "blocking");
    let output = tests.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && !text.contains("running 0 tests"), "{text}");
}
