//! Panics, and what becomes of the others.

use std::rc::Rc;

use actix_web::{HttpResponse, ResponseError as _, web};
use mixio::wait;
use mixio_actix::{Failure, Views, attached, by_setting, handler};

use super::host::Host;
use super::http::Client;

const SORRY: &str = "something went wrong here";

fn fail_at_once() -> &'static str {
    panic!("on purpose")
}

fn fail_later(number: web::Path<u32>) -> String {
    // Unwound with it.
    let _kept = Rc::new(0);
    wait(tokio::task::yield_now());
    panic!("on purpose: {number}")
}

#[test]
fn a_panic_is_an_answer_and_the_connection_goes_on() {
    let host = Host::new(|config| {
        config
            .route("/handler", web::get().to(handler(fail_at_once)))
            .route("/handler/{number}", web::get().to(handler(fail_later)))
            .route("/attached", web::get().to(attached(fail_at_once)))
            .route("/attached/{number}", web::get().to(attached(fail_later)))
            .route("/by_setting", web::get().to(by_setting(fail_at_once)))
            .route("/by_setting/{number}", web::get().to(by_setting(fail_later)))
            .route("/", web::get().to(handler(|| "fine")));
    });
    let mut client = Client::new(host.address);
    for way in ["handler", "attached", "by_setting"] {
        client.get(&format!("/{way}")).assert(500, SORRY);
        client.get(&format!("/{way}/1")).assert(500, SORRY);
        client.get("/").assert(200, "fine");
    }
}

#[test]
fn a_payload_that_is_no_text() {
    let host = Host::new(|config| {
        config.route("/", web::get().to(handler(|| -> &'static str { std::panic::panic_any(5) })));
    });
    Client::new(host.address).get("/").assert(500, SORRY);
}

#[test]
fn a_stack_that_cannot_be_had() {
    let host = Host::new(|config| {
        config
            .route("/", web::get().to(handler(|| "never").stack_size(usize::MAX)))
            .route("/attached", web::get().to(attached(|| "never").stack_size(usize::MAX)));
    });
    let mut client = Client::new(host.address);
    client.get("/").assert(500, SORRY);
    client.get("/attached").assert(500, SORRY);
}

#[test]
fn a_response_of_the_applications_own() {
    fn respond(failure: Failure) -> HttpResponse {
        HttpResponse::build(failure.status_code()).insert_header(("x-failure", "yes")).body(format!("{failure:?}"))
    }
    let host = Host::new(|config| {
        config
            .route("/one", web::get().to(handler(fail_at_once).on_failure(respond)))
            .route("/all", web::get().to(Views::new().on_failure(respond).handler(fail_at_once)));
    });
    let mut client = Client::new(host.address);
    for path in ["/one", "/all"] {
        let reply = client.get(path);
        reply.assert(500, "Panicked");
        assert_eq!(reply.header("x-failure"), Some("yes"));
    }
}

/// For a middleware, which has nothing but the response.
#[test]
fn a_failure_is_found_in_its_response() {
    use actix_web::middleware::{ErrorHandlerResponse, ErrorHandlers};

    let host = Host::new(|config| {
        let errors = ErrorHandlers::new().default_handler(|response| {
            let failure = response.response().error().and_then(|error| error.as_error::<Failure>()).copied();
            assert_eq!(failure, Some(Failure::Panicked));
            let response = response.into_response(HttpResponse::ImATeapot().finish()).map_into_right_body();
            Ok(ErrorHandlerResponse::Response(response))
        });
        config.service(web::resource("/").wrap(errors).route(web::get().to(handler(fail_at_once))));
    });
    Client::new(host.address).get("/").assert(418, "");
}
