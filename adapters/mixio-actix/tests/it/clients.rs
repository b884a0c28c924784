//! Clients that go away in the middle.

use std::future::pending;
use std::sync::mpsc::{self, Receiver, Sender};

use actix_web::web;
use mixio::wait;
use mixio_actix::{attached, by_setting, handler};
use tokio::sync::Semaphore;

use super::host::Host;
use super::http::{Client, PATIENCE, get};

/// Says goodbye when it is dropped, after having waited.
struct Guard(Sender<&'static str>);

impl Drop for Guard {
    fn drop(&mut self) {
        wait(tokio::time::sleep(std::time::Duration::from_millis(1)));
        self.0.send("goodbye").unwrap();
    }
}

/// Waits for the gate, between two things that must both happen.
fn patient(tell: web::Data<Sender<&'static str>>, gate: web::Data<Semaphore>) -> &'static str {
    let tell = tell.get_ref().clone();
    tell.send("begun").unwrap();
    let guard = Guard(tell);
    drop(wait(gate.acquire()));
    guard.0.send("ended").unwrap();
    drop(guard);
    "answer"
}

fn host() -> (Host, Receiver<&'static str>, web::Data<Semaphore>) {
    let (tell, told) = mpsc::channel();
    let (tell, gate) = (web::Data::new(tell), web::Data::new(Semaphore::new(0)));
    let host = {
        let gate = gate.clone();
        Host::new(move |config| {
            config
                .app_data(tell.clone())
                .app_data(gate.clone())
                .route("/handler", web::get().to(handler(patient)))
                .route("/attached", web::get().to(attached(patient)))
                .route("/by_setting", web::get().to(by_setting(patient)))
                .route("/", web::get().to(handler(|| "here")));
        })
    };
    (host, told, gate)
}

fn next(told: &Receiver<&'static str>) -> &'static str {
    told.recv_timeout(PATIENCE).unwrap()
}

/// Whether the server has dropped the handler is to be seen by the attached one, which goes at the same time.
#[test]
fn a_detached_view_goes_on_to_its_end() {
    for way in ["/handler", "/by_setting"] {
        let (host, told, gate) = host();
        let mut client = Client::new(host.address);
        client.begin_get(way);
        assert_eq!(next(&told), "begun");
        let mut other = Client::new(host.address);
        other.begin_get("/attached");
        assert_eq!(next(&told), "begun");
        client.reset();
        other.reset();
        assert_eq!(next(&told), "goodbye"); // the attached one
        get(host.address, "/").assert(200, "here");
        gate.add_permits(1);
        assert_eq!(next(&told), "ended");
        assert_eq!(next(&told), "goodbye");
    }
}

#[test]
fn an_attached_view_is_cut_and_its_destructors_wait() {
    let (host, told, _gate) = host();
    for _ in 0..10 {
        let mut client = Client::new(host.address);
        client.begin_get("/attached");
        assert_eq!(next(&told), "begun");
        client.reset();
        assert_eq!(next(&told), "goodbye");
    }
    get(host.address, "/").assert(200, "here");
}

#[test]
fn an_attached_view_whose_client_stays_answers() {
    let (host, told, gate) = host();
    let mut client = Client::new(host.address);
    client.begin_get("/attached");
    assert_eq!(next(&told), "begun");
    // It has said all, and listens.
    client.close_write();
    gate.add_permits(1);
    client.receive().assert(200, "answer");
    assert_eq!(next(&told), "ended");
}

/// The end of the server drops what is left.
#[test]
fn the_end_of_the_server_unwinds_what_waits_for_ever() {
    struct Tell(Sender<&'static str>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.send("dropped").unwrap();
        }
    }
    let (tell, told) = mpsc::channel();
    let host = Host::new(move |config| {
        let tell = tell.clone();
        let endless = move || {
            let _tell = Tell(tell.clone());
            tell.send("begun").unwrap();
            wait(pending::<()>());
        };
        let view = move || {
            endless();
            "never"
        };
        config.route("/", web::get().to(handler(view)));
    });
    let mut client = Client::new(host.address);
    client.begin_get("/");
    assert_eq!(next(&told), "begun");
    drop(host);
    assert_eq!(next(&told), "dropped");
    assert!(client.try_receive().is_err());
}
