//! What inspection tells of views.

use actix_web::web;
use mixio::{inspect, wait};
use mixio_actix::{attached, handler};
use tokio::sync::{Semaphore, mpsc};

use super::host::Host;
use super::http::Client;

fn a_view_to_be_seen(begun: web::Data<mpsc::UnboundedSender<()>>, gate: web::Data<Semaphore>) -> &'static str {
    begun.send(()).unwrap();
    drop(wait(gate.acquire()));
    "seen"
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
                .route("/named", web::get().to(attached(a_view_to_be_seen).named("a name to be seen")));
        })
    };
    let mut clients = ["/", "/named"].map(|path| {
        let mut client = Client::new(host.address);
        client.begin_get(path);
        client
    });
    for _ in 0..2 {
        wait(has_begun.recv()).unwrap();
    }
    let dump = inspect::dump();
    let names: Vec<_> = dump.functions().iter().filter_map(|function| function.name()).collect();
    for name in ["it::names::a_view_to_be_seen", "a name to be seen"] {
        assert!(names.contains(&name), "{dump}");
    }
    gate.add_permits(1);
    for client in &mut clients {
        client.receive().assert(200, "seen");
    }
    assert!(format!("{:?}", handler(a_view_to_be_seen)).contains("a_view_to_be_seen"));
}
