//! Panics, and what becomes of the others.

use std::rc::Rc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use mixio::wait;
use mixio_axum::{Failure, Views, local, pinned};

use crate::host::Host;
use crate::http::Client;

const SORRY: &str = "something went wrong here";

fn fail_at_once() {
    panic!("on purpose")
}

fn fail_later() -> String {
    // Unwound with it.
    let kept = Rc::new(0);
    wait(tokio::task::yield_now());
    panic!("on purpose: {kept}")
}

fn respond(failure: Failure) -> Response {
    (failure.status(), [("x-failure", "yes")], format!("{failure:?}")).into_response()
}

macro_rules! all {
    ($way:ident) => {{
        let find = async |request: Request, next: Next| {
            let response = next.run(request).await;
            match response.extensions().get::<Failure>() {
                Some(failure) => format!("found {failure:?}").into_response(),
                None => response,
            }
        };
        Router::new()
            .route("/found", get($way(fail_later)))
            .layer(from_fn(find))
            .route("/", get($way(|| "fine")))
            .route("/at_once", get($way(fail_at_once)))
            .route("/later", get($way(fail_later)))
            .route("/attached", get($way(fail_later).attached()))
            .route("/stack", get($way(fail_later).stack_size(1 << 20)))
            .route("/no_stack", get($way(|| "never").stack_size(usize::MAX)))
            .route("/no_text", get($way(|| -> () { std::panic::panic_any(5) })))
            .route("/one", get($way(fail_later).on_failure(respond)))
            .route("/all", get(Views::new().on_failure(respond).$way(fail_later)))
    }};
}

fn ask(host: &Host) {
    let mut client = Client::new(host.address);
    for path in ["/at_once", "/later", "/attached", "/stack", "/no_stack", "/no_text"] {
        client.get(path).assert(500, SORRY);
        client.get("/").assert(200, "fine");
    }
    for path in ["/one", "/all"] {
        let reply = client.get(path);
        reply.assert(500, "Panicked");
        assert_eq!(reply.header("x-failure"), Some("yes"));
    }
    client.get("/found").assert(200, "found Panicked");
}

#[test]
fn a_panic_of_a_pinned_view_is_a_response_and_the_connection_goes_on() {
    ask(&Host::ordinary(all!(pinned)));
}

#[test]
fn a_panic_of_a_local_view_is_a_response_and_the_connection_goes_on() {
    ask(&Host::local(all!(local)));
}

/// A local view elsewhere costs that connection, and nothing else.
#[test]
fn a_local_view_on_an_ordinary_runtime() {
    let app = Router::new().route("/local", get(local(|| "never"))).route("/", get(pinned(|| "fine")));
    let host = Host::ordinary(app);
    let mut client = Client::new(host.address);
    client.begin_get("/local");
    assert!(client.try_receive().is_err());
    Client::new(host.address).get("/").assert(200, "fine");
}
