//! Arguments and results: what an `async fn` would have.

use std::cell::Cell;
use std::fmt;
use std::io::Read as _;
use std::rc::Rc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError, web};
use mixio::wait;
use mixio_actix::{BodyReader, Views, attached, by_setting, handler};
use serde::{Deserialize, Serialize};

use super::host::Host;
use super::http::{Client, get};

#[derive(Deserialize, Serialize)]
struct Order {
    details: String,
    count: u32,
}

/// So that none is ready at once.
fn pause() {
    wait(tokio::task::yield_now());
}

#[test]
fn each_extractor() {
    let host = Host::new(|config| {
        let path = |path: web::Path<(String, u32)>| {
            pause();
            format!("{} {}", path.0, path.1)
        };
        let query = |order: web::Query<Order>| format!("{} {}", order.count, order.details);
        let form = |order: web::Form<Order>| format!("{} {}", order.count, order.details);
        let json = |order: web::Json<Order>| {
            pause();
            web::Json(Order { count: order.count + 1, details: order.into_inner().details })
        };
        let data = |data: web::Data<Cell<u32>>| {
            data.set(data.get() + 1);
            data.get().to_string()
        };
        let request = |request: HttpRequest| {
            pause();
            // It's that of this route still.
            format!("{} {:?}", request.path(), request.match_pattern())
        };
        let payload = |payload: web::Payload| {
            let mut text = String::new();
            BodyReader::new(payload).read_to_string(&mut text).unwrap();
            text
        };
        config
            .app_data(web::Data::new(Cell::new(0_u32)))
            .route("/path/{name}/{number}", web::get().to(handler(path)))
            .route("/query", web::get().to(handler(query)))
            .route("/form", web::post().to(handler(form)))
            .route("/json", web::post().to(handler(json)))
            .route("/data", web::get().to(handler(data)))
            .route("/request/{any}", web::get().to(handler(request)))
            .route("/payload", web::post().to(handler(payload)))
            .route("/bytes", web::post().to(handler(|bytes: web::Bytes| bytes)));
    });
    // All by one connection.
    let mut client = Client::new(host.address);
    client.get("/path/ann/5").assert(200, "ann 5");
    client.get("/path/ann/five").assert(404, "can not parse \"five\" to a u32");
    client.get("/query?details=soup&count=2").assert(200, "2 soup");
    assert_eq!(client.get("/query?details=soup").status, 400);
    let form = "application/x-www-form-urlencoded";
    client.post("/form", form, "details=soup&count=2").assert(200, "2 soup");
    // A body that nobody reads ends the connection, which is actix-web's.
    assert_eq!(Client::new(host.address).post("/form", "text/plain", "details=soup&count=2").status, 415);
    let json = "application/json";
    client.post("/json", json, r#"{"details":"soup","count":2}"#).assert(200, r#"{"details":"soup","count":3}"#);
    assert_eq!(client.post("/json", json, "{").status, 400);
    client.get("/data").assert(200, "1");
    client.get("/data").assert(200, "2");
    client.get("/request/x").assert(200, r#"/request/x Some("/request/{any}")"#);
    client.post("/payload", "text/plain", "a body").assert(200, "a body");
    client.post("/bytes", "text/plain", "some bytes").assert(200, "some bytes");
}

#[derive(Debug)]
struct Teapot(u32);

impl fmt::Display for Teapot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "teapot {}", self.0)
    }
}

impl ResponseError for Teapot {
    fn status_code(&self) -> StatusCode {
        StatusCode::IM_A_TEAPOT
    }
}

fn brew(number: web::Path<u32>) -> Result<&'static str, Teapot> {
    pause();
    if *number < 10 { Ok("coffee") } else { Err(Teapot(*number)) }
}

fn question_mark(number: web::Path<String>) -> actix_web::Result<impl Responder> {
    let number: u32 = number.parse().map_err(actix_web::error::ErrorBadRequest)?;
    Ok((number.to_string(), StatusCode::ACCEPTED))
}

fn not_send(request: HttpRequest) -> HttpResponse {
    let shared = Rc::new(request.path().len());
    pause();
    HttpResponse::Created().insert_header(("x-length", shared.to_string())).finish()
}

#[test]
fn each_result() {
    let host = Host::new(|config| {
        config
            .route("/brew/{number}", web::get().to(handler(brew)))
            .route("/attached/{number}", web::get().to(attached(brew)))
            .route("/by_setting/{number}", web::get().to(by_setting(brew)))
            .route("/question_mark/{number}", web::get().to(handler(question_mark)))
            .route("/not_send", web::get().to(handler(not_send)))
            .route("/none", web::get().to(handler(|| None::<String>)))
            .default_service(web::to(handler(|| HttpResponse::NotFound().body("nothing here"))));
    });
    let mut client = Client::new(host.address);
    for way in ["brew", "attached", "by_setting"] {
        client.get(&format!("/{way}/5")).assert(200, "coffee");
        client.get(&format!("/{way}/50")).assert(418, "teapot 50");
    }
    client.get("/question_mark/7").assert(202, "7");
    client.get("/question_mark/seven").assert(400, "invalid digit found in string");
    let reply = client.get("/not_send");
    reply.assert(201, "");
    assert_eq!(reply.header("x-length"), Some("9"));
    assert_eq!(client.get("/none").status, 404);
    client.get("/elsewhere").assert(404, "nothing here");
}

#[test]
fn twelve_arguments() {
    type Part = web::Path<String>;
    #[expect(clippy::too_many_arguments, reason = "that's the test")]
    fn view(
        a: Part,
        b: HttpRequest,
        c: Part,
        d: web::Query<Order>,
        e: Part,
        f: Part,
        g: Part,
        h: Part,
        i: Part,
        j: Part,
        k: Part,
        l: String,
    ) -> String {
        let parts = [a, c, e, f, g, h, i, j, k];
        let same = parts.iter().filter(|part| part.as_str() == "x").count();
        format!("{same} {} {} {l}", b.method(), d.count)
    }
    let host = Host::new(|config| {
        config.route("/{part}", web::post().to(handler(view)));
    });
    Client::new(host.address).post("/x?details=&count=3", "text/plain", "body").assert(200, "9 POST 3 body");
}

#[test]
fn a_closure_with_a_state_of_its_own() {
    let views = Views::new();
    let host = Host::new(move |config| {
        let greeting = Rc::new(String::from("hello"));
        config.route("/", web::get().to(views.handler(move || greeting.to_string())));
    });
    get(host.address, "/").assert(200, "hello");
}
