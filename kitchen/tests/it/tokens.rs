//! Orders that are sent again, and the list by which a client finds out.

use std::thread;

use super::client::{begin_post, get, post, receive};
use super::fake_kitchen::{FakeKitchen, created, patient_kitchen, reply};
use super::host::Host;

const ORDER: &str = "details=pizza&user=ann&token=abc-1";

#[test]
fn an_order_that_is_sent_again_is_taken_once() {
    let kitchen = FakeKitchen::new(|form| created(form, 42));
    // With one connection, since an order must not want two at a time.
    let host = Host::new(&["--kitchen-service", &kitchen.url, "--connections", "1"]);
    let first = post(host.address, "/", ORDER);
    assert_eq!(first.status, 200, "{first:?}");
    for _ in 0..3 {
        let again = post(host.address, "/", ORDER);
        assert_eq!((again.status, &again.body), (200, &first.body));
    }
    assert_eq!((host.rows().len(), kitchen.requests().len()), (1, 1));
    // Another token, another user, or none: another order.
    for other in ["details=pizza&user=ann&token=abc-2", "details=pizza&user=bob&token=abc-1", "details=pizza&user=ann"]
    {
        assert_eq!(post(host.address, "/", other).status, 200);
    }
    assert_eq!((host.rows().len(), kitchen.requests().len()), (4, 4));
}

#[test]
fn it_is_taken_once_if_it_is_sent_many_times_at_once() {
    let host = Host::new(&["--kitchen-delay", "100ms", "--workers", "2"]);
    let address = host.address;
    let threads: Vec<_> = (0..20).map(|_| thread::spawn(move || post(address, "/", ORDER).status)).collect();
    let statuses: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(statuses.contains(&200) && statuses.iter().all(|status| [200, 202, 409].contains(status)), "{statuses:?}");
    assert_eq!(host.rows().len(), 1);
}

#[test]
fn it_may_be_with_the_kitchen_still() {
    let (kitchen, is_asked, go_on) = patient_kitchen();
    let host = Host::new(&["--kitchen-service", &kitchen.url, "--kitchen-timeout", "30s"]);
    let client = begin_post(host.address, "/", ORDER);
    is_asked.recv().unwrap();
    let again = post(host.address, "/", ORDER);
    assert_eq!((again.status, &again.json()["status"], &again.json()["order_id"]), (202, &"placed".into(), &1.into()));
    go_on.send(()).unwrap();
    assert_eq!(receive(client).status, 200);
    host.wait_for_status("accepted");
    assert_eq!(post(host.address, "/", ORDER).json()["mins"], 40);
}

#[test]
fn it_fails_again_if_it_has_failed() {
    for answer in ["400 Bad Request", "500 Internal Server Error"] {
        let kitchen = FakeKitchen::new(move |_| reply(answer, ""));
        let host = Host::new(&["--kitchen-service", &kitchen.url]);
        for _ in 0..2 {
            let reply = post(host.address, "/", ORDER);
            reply.assert_error(502);
            assert_eq!(reply.json()["order_id"], 1);
        }
        assert_eq!(kitchen.requests().len(), 1);
    }
}

#[test]
fn a_token_belongs_to_one_order() {
    let host = Host::new(&[]);
    assert_eq!(post(host.address, "/", ORDER).status, 200);
    post(host.address, "/", "details=soup&user=ann&token=abc-1").assert_error(400);
    for wrong in ["", "+", "a+b", "%C3%BC", &"x".repeat(65)] {
        post(host.address, "/", &format!("details=soup&user=ann&token={wrong}")).assert_error(400);
    }
    assert_eq!(host.rows().len(), 1);
}

#[test]
fn the_list_has_the_latest_of_the_user() {
    let host = Host::new(&[]);
    assert_eq!(get(host.address, "/orders/?user=ann").body, "{\"orders\":[]}");
    for n in 1..=25 {
        post(host.address, "/", &format!("details=meal+{n}&user=ann&token={n}"));
    }
    post(host.address, "/", "details=%3Cb%3Esoup&user=bob");
    let list = get(host.address, "/orders/?user=ann").json();
    let numbers: Vec<_> =
        list["orders"].as_array().unwrap().iter().map(|order| order["order_id"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (6..=25).rev().collect::<Vec<_>>());
    let list = get(host.address, "/orders/?user=bob").json();
    let [order] = list["orders"].as_array().unwrap().as_slice() else { panic!("{list}") };
    assert_eq!((&order["details"], &order["status"]), (&"<b>soup".into(), &"accepted".into()));
    assert!(order["token"].is_string());
    assert!(order["mins"].as_i64().is_some_and(|mins| (30..60).contains(&mins)), "{order}");
    let created = order["created_at"].as_str().unwrap();
    assert!(created.len() == 19 && created.starts_with("20") && created.as_bytes()[10] == b' ', "{created}");
}
