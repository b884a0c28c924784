//! What inspection tells of views, and of bodies.

use std::io::Write as _;

use actix_web::{HttpResponse, web};
use mixio::{inspect, wait};
use mixio_actix::{StreamBody, attached, handler, stream};
use tokio::sync::{Semaphore, mpsc};

use super::host::Host;
use super::http::Client;

type Begun = web::Data<mpsc::UnboundedSender<()>>;
type Gate = web::Data<Semaphore>;

fn a_view_to_be_seen(begun: Begun, gate: Gate) -> &'static str {
    begun.send(()).unwrap();
    drop(wait(gate.acquire()));
    "seen"
}

fn a_body_to_be_seen(begun: Begun, gate: Gate) -> StreamBody<impl FnOnce() + 'static> {
    stream(move |body| write!(body, "{}", a_view_to_be_seen(begun, gate)))
}

fn body(begun: Begun, gate: Gate) -> HttpResponse {
    HttpResponse::Ok().body(a_body_to_be_seen(begun, gate))
}

/// The last is the one that counts.
fn named_body(begun: Begun, gate: Gate) -> HttpResponse {
    HttpResponse::Ok().body(a_body_to_be_seen(begun, gate).named("a draft").named("the name of a body"))
}

#[test]
fn a_dump_has_their_names() {
    inspect::enable();
    let gate = web::Data::new(Semaphore::new(0));
    let (begun, mut has_begun) = mpsc::unbounded_channel::<()>();
    let begun = web::Data::new(begun);
    let host = {
        let gate = gate.clone();
        Host::new(move |config| {
            config
                .app_data(begun.clone())
                .app_data(gate.clone())
                .route("/", web::get().to(handler(a_view_to_be_seen)))
                .route("/named", web::get().to(attached(a_view_to_be_seen).named("a name to be seen")))
                .route("/body", web::get().to(handler(body)))
                .route("/named-body", web::get().to(handler(named_body)));
        })
    };
    let mut clients = ["/", "/named", "/body", "/named-body"].map(|path| {
        let mut client = Client::new(host.address);
        client.begin_get(path);
        client
    });
    for _ in &clients {
        wait(has_begun.recv()).unwrap();
    }
    let dump = inspect::dump();
    let names: Vec<_> = dump.functions().iter().filter_map(|function| function.name()).collect();
    let expected = [
        "it::names::a_view_to_be_seen",
        "a name to be seen",
        "it::names::a_body_to_be_seen::{{closure}}",
        "the name of a body",
    ];
    for name in expected {
        assert_eq!(names.iter().filter(|found| **found == name).count(), 1, "{name}: {dump}");
    }
    gate.add_permits(1);
    for client in &mut clients {
        client.receive().assert(200, "seen");
    }
    assert!(format!("{:?}", handler(a_view_to_be_seen)).contains("a_view_to_be_seen"));
}
