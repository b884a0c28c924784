//! Kitchens that do not do what they should. The order is kept, once, and says how it went.

use std::net::TcpListener;
use std::thread;

use super::client::{get, post};
use super::fake_kitchen::{FakeKitchen, created, reply};
use super::host::Host;

fn order_at(kitchen: impl Fn(&str) -> String + Send + Sync + 'static, error: u16, status: &str) {
    let kitchen = FakeKitchen::new(kitchen);
    let host = Host::new(&["--kitchen-service", &kitchen.url]);
    let reply = post(host.address, "/", "details=pizza&user=ann");
    reply.assert_error(error);
    let [row] = host.rows().try_into().unwrap();
    assert_eq!(reply.json()["order_id"], row.id);
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
        assert_eq!(reason(&kitchen.url), "the kitchen broke off its answer; it may have taken the order");
    }
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(reason(&format!("http://{free}/")), "the kitchen cannot be reached");
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
    // Nobody listens at the port of a listener that is gone.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let host = Host::new(&["--kitchen-service", &format!("http://{free}/")]);
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

#[test]
fn half_an_answer_and_then_silence() {
    let kitchen = FakeKitchen::new(|_| "HTTP/1.1 201 Created\r\ncontent-length: 20\r\n\r\n{\"mins\"".into());
    let keep_open = FakeKitchen::new(|_| "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n".into());
    for kitchen in [kitchen, keep_open] {
        let host = Host::new(&["--kitchen-service", &kitchen.url, "--kitchen-timeout", "500ms"]);
        let reply = get(host.address, "/?details=pizza");
        assert!([502, 504].contains(&reply.status), "{reply:?}");
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
