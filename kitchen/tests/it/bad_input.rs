//! Requests that can't be served. None of them leaves an order.

use super::client::{get, post, receive, send};
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
    assert_eq!(receive(send(host.address, head)).status, 405);
    // Not a WebSocket's handshake.
    assert_eq!(get(host.address, "/ws/").status, 400);
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
