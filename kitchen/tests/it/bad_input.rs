//! Requests that can't be served. None of them leaves an order.

use std::io::Write as _;
use std::thread;
use std::time::Duration;

use super::client::{get, post, receive, receive_all, send};
use super::host::Host;

#[test]
fn no_details() {
    let host = Host::new(&[]);
    for path in ["/", "/?details=", "/?details=+%0A+", "/?detail=pizza"] {
        get(host.address, path).assert_error(400);
    }
    for form in ["", "details=", "details", "user=ann"] {
        post(host.address, "/", form).assert_error(400);
    }
    assert!(host.rows().is_empty());
}

#[test]
fn what_cannot_be_read() {
    let host = Host::new(&[]);
    get(host.address, "/?details=%FF").assert_error(400);
    get(host.address, "/?details=pizza&%FF=1").assert_error(400);
    get(host.address, "/?details=pizza&user=%00").assert_error(400);
    get(host.address, &format!("/?details=pizza&user={}", "x".repeat(65))).assert_error(400);
    let body = "POST / HTTP/1.1\r\nhost: kitchen\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    receive(send(host.address, body)).assert_error(400);
    get(host.address, "/kitchen/").assert_error(400);
    get(host.address, "/kitchen/?order_id=one").assert_error(400);
    assert!(host.rows().is_empty());
}

#[test]
fn what_is_not_there() {
    let host = Host::new(&[]);
    get(host.address, "/nowhere/").assert_error(404);
    let head = "DELETE / HTTP/1.1\r\nhost: kitchen\r\n\r\n";
    receive(send(host.address, head)).assert_error(405);
    // Not a WebSocket's handshake.
    get(host.address, "/ws/").assert_error(400);
    get(host.address, "/ws/?user=%FF").assert_error(400);
}

#[test]
fn another_method() {
    let host = Host::new(&[]);
    for (path, allowed) in [
        ("/", "get, post"),
        ("/kitchen/", "get, post"),
        ("/connect/", "get, head"),
        ("/orders/", "get, head"),
        ("/healthz", "get, head"),
        ("/inspect/", "get"),
        ("/ws/", "get"),
    ] {
        let head = format!("PUT {path} HTTP/1.1\r\nhost: kitchen\r\nconnection: close\r\n\r\n");
        let reply = receive_all(send(host.address, &head)).to_ascii_lowercase();
        assert!(reply.starts_with("http/1.1 405 ") && reply.contains("{\"error\":"), "{reply}");
        assert!(reply.contains(&format!("\r\nallow: {allowed}\r\n")), "{reply}");
    }
}

#[test]
fn another_method_with_a_body_and_then_an_order() {
    let host = Host::new(&[]);
    let kind = "host: kitchen\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length";
    let order = "details=pizza";
    let post = format!("POST / HTTP/1.1\r\nconnection: close\r\n{kind}: {}\r\n\r\n{order}", order.len());
    for (path, status) in [("/", "405"), ("/kitchen/", "405"), ("/nowhere/", "404")] {
        for (length, pause) in [(5, 0), (5, 100), (60_000, 0), (60_000, 100)] {
            let mut stream = send(host.address, &format!("PUT {path} HTTP/1.1\r\n{kind}: {length}\r\n\r\n"));
            thread::sleep(Duration::from_millis(pause));
            stream.write_all(format!("{}{post}", "x".repeat(length)).as_bytes()).unwrap();
            let replies = receive_all(stream);
            let statuses: Vec<_> = replies.match_indices("HTTP/1.1 ").map(|(at, _)| &replies[at + 9..][..3]).collect();
            assert_eq!(statuses, [status, "200"], "{path}, {length} bytes, {pause} ms later: {replies}");
        }
    }
    assert_eq!(host.rows().len(), 12);
}

#[test]
fn control_characters() {
    let host = Host::new(&[]);
    for code in ["00", "01", "0B", "0C", "1B", "7F", "C2%85"] {
        get(host.address, &format!("/?details=piz%{code}za")).assert_error(400);
        post(host.address, "/", &format!("details=pizza%{code}")).assert_error(400);
    }
    assert!(host.rows().is_empty());
    assert_eq!(get(host.address, "/?details=pizza%09soup%0D%0Asalad").status, 200);
    assert_eq!(host.rows()[0].details, "pizza\tsoup\r\nsalad");
}

#[test]
fn a_replacement_character_is_a_character() {
    let host = Host::new(&[]);
    assert_eq!(get(host.address, "/?details=pizza+%EF%BF%BD").status, 200);
    assert_eq!(host.rows()[0].details, "pizza \u{fffd}");
}

#[test]
fn cookies() {
    let host = Host::new(&[]);
    let with_cookie = |path: &str, cookie: &str| {
        receive(send(host.address, &format!("GET {path} HTTP/1.1\r\nhost: kitchen\r\ncookie: {cookie}\r\n\r\n")))
    };
    with_cookie("/?details=pizza", "user=%FF").assert_error(400);
    with_cookie("/?details=pizza", "a=b; user=%00").assert_error(400);
    with_cookie("/ws/", "user=%FF").assert_error(400);
    assert!(host.rows().is_empty());
    // Another program's cookie is none of our business.
    for cookie in ["user=ann", "other=%FF; user=%61nn", "superuser=bob; odd;user=ann", "user=100%"] {
        assert_eq!(with_cookie("/?details=pizza", cookie).status, 200);
    }
    assert_eq!(with_cookie("/?details=pizza&user=ann", "user=%FF").status, 200);
    let users: Vec<_> = host.rows().into_iter().map(|row| row.user).collect();
    assert_eq!(users, ["ann", "ann", "ann", "100%", "ann"]);
}

#[test]
fn details_up_to_a_limit() {
    let host = Host::new(&[]);
    let details = "x".repeat(4096);
    assert_eq!(get(host.address, &format!("/?details={details}")).status, 200);
    assert_eq!(post(host.address, "/", &format!("details={details}")).status, 200);
    get(host.address, &format!("/?details={details}x")).assert_error(413);
    post(host.address, "/", &format!("details={details}x")).assert_error(413);
    assert_eq!(host.rows().len(), 2);
}

#[test]
fn a_mebibyte_of_details() {
    let host = Host::new(&[]);
    let details = "x".repeat(1 << 20);
    post(host.address, "/", &format!("details={details}")).assert_error(413);
    // Such a head is refused before it reaches us.
    let reply = get(host.address, &format!("/?details={details}"));
    assert!([413, 414, 431].contains(&reply.status), "{reply:?}");
    assert!(host.rows().is_empty());
    assert_eq!(get(host.address, "/?details=soup").status, 200);
}

#[test]
fn a_chunked_mebibyte() {
    let host = Host::new(&[]);
    let kind = "content-type: application/x-www-form-urlencoded";
    let head = format!("POST / HTTP/1.1\r\nhost: kitchen\r\n{kind}\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunks = format!("1000\r\n{}\r\n", "x".repeat(4096)).repeat(256);
    receive(send(host.address, &format!("{head}8\r\ndetails=\r\n{chunks}0\r\n\r\n"))).assert_error(413);
    assert!(host.rows().is_empty());
}
