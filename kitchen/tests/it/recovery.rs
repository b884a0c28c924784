//! Orders that are left in the middle are settled by the server itself.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use super::client::post;
use super::fake_kitchen::{FakeKitchen, created, reply};
use super::host::Host;
use super::notifications::{connect, next};

#[test]
fn a_kitchen_that_answers_after_all() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let kitchen = FakeKitchen::new(|form| match ASKED.fetch_add(1, SeqCst) {
        0 => reply("500 Internal Server Error", ""),
        1 => "garbage".into(),
        _ => created(form, 40),
    });
    let host = Host::new(&["--kitchen-service", &kitchen.url, "--retry-after", "50ms"]);
    let mut socket = connect(host.address, "?user=ann");
    let reply = post(host.address, "/", "details=pizza&user=ann");
    reply.assert_error(502);
    // The customer is told when the food will come.
    let told = next(&mut socket);
    assert_eq!((&told["order_id"], &told["mins"]), (&reply.json()["order_id"], &40.into()));
    assert_eq!(host.wait_for_status("accepted").mins, Some(40));
    let first = kitchen.requests()[0].clone();
    assert_eq!(kitchen.requests(), [first.clone(), first.clone(), first]);
}

#[test]
fn a_kitchen_that_refuses_after_all() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let kitchen = FakeKitchen::new(|_| match ASKED.fetch_add(1, SeqCst) {
        0 => reply("503 Service Unavailable", ""),
        _ => reply("410 Gone", ""),
    });
    let host = Host::new(&["--kitchen-service", &kitchen.url, "--retry-after", "50ms"]);
    post(host.address, "/", "details=pizza").assert_error(502);
    host.wait_for_status("rejected");
}
