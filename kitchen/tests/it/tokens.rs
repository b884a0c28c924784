//! Ordering again by the same token, for want of an answer.

use super::client::{PATIENCE, begin_post, post, receive, reset};
use super::fake_kitchen::{FakeKitchen, created, patient_kitchen, reply};
use super::host::Host;

#[test]
fn the_same_token_is_the_same_order() {
    let kitchen = FakeKitchen::new(|form| created(form, 42));
    let host = Host::new(&["--kitchen-service", &kitchen.url]);
    let order = || post(host.address, "/", "user=ann&details=pizza&token=abc");
    let first = order();
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!((order().status, order().body), (200, first.body));
    assert_eq!(host.rows().len(), 1);
    assert_eq!(kitchen.requests().len(), 1);
    // Another's order can't be found out by its token.
    post(host.address, "/", "user=bob&details=pizza&token=abc").assert_error(400);
    post(host.address, "/", "user=ann&details=soup&token=abc").assert_error(400);
    assert_eq!(post(host.address, "/", "user=ann&details=pizza&token=abd").status, 200);
}

#[test]
fn odd_tokens() {
    let host = Host::new(&[]);
    for token in ["", "a+b", "%00", "%C3%BC", &"x".repeat(65)] {
        post(host.address, "/", &format!("details=pizza&token={token}")).assert_error(400);
    }
    assert!(host.rows().is_empty());
}

#[test]
fn while_it_is_being_placed() {
    let (kitchen, is_asked, go_on) = patient_kitchen();
    let host = Host::new(&["--kitchen-service", &kitchen.url, "--kitchen-timeout", "30s"]);
    let form = "user=ann&details=pizza&token=abc";
    let gone = begin_post(host.address, "/", form);
    is_asked.recv_timeout(PATIENCE).unwrap();
    let second = begin_post(host.address, "/", form);
    receive(second).assert_error(409);
    reset(gone);
    go_on.send(()).unwrap();
    host.wait_for_status("accepted");
    assert_eq!(post(host.address, "/", form).json()["mins"], 40);
    assert_eq!(kitchen.requests().len(), 1);
}

#[test]
fn a_refusal_stays_one() {
    let kitchen = FakeKitchen::new(|_| reply("400 Bad Request", ""));
    let host = Host::new(&["--kitchen-service", &kitchen.url]);
    for _ in 0..2 {
        post(host.address, "/", "user=ann&details=pizza&token=abc").assert_error(502);
    }
    assert_eq!(host.wait_for_status("rejected").mins, None);
    assert_eq!(kitchen.requests().len(), 1);
}
