//! Arguments and results: what an `async fn` would have.

use std::rc::Rc;

use axum::body::Bytes;
use axum::extract::{FromRef, MatchedPath, Path, Query, Request, State};
use axum::handler::Handler as _;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Extension, Form, Json, Router};
use mixio::wait;
use mixio_axum::{local, pinned};
use serde::{Deserialize, Serialize};

use crate::host::Host;
use crate::http::Client;

#[derive(Deserialize, Serialize)]
struct Order {
    details: String,
    count: u32,
}

#[derive(Clone)]
struct App {
    name: &'static str,
    number: u32,
}

impl FromRef<App> for u32 {
    fn from_ref(app: &App) -> Self {
        app.number
    }
}

/// So that none is ready at once.
fn pause() {
    wait(tokio::task::yield_now());
}

fn path(Path((name, number)): Path<(String, u32)>) -> String {
    let kept = Rc::new(name);
    pause();
    format!("{kept} {number}")
}

fn query(Query(order): Query<Order>) -> String {
    format!("{} {}", order.count, order.details)
}

fn form(Form(order): Form<Order>) -> String {
    format!("{} {}", order.count, order.details)
}

fn json(Json(order): Json<Order>) -> Json<Order> {
    pause();
    Json(Order { count: order.count + 1, ..order })
}

fn state(State(app): State<App>, State(number): State<u32>) -> String {
    format!("{} {number}", app.name)
}

fn request(method: Method, uri: Uri, path: MatchedPath, request: Request) -> String {
    format!("{method} {uri} {} {}", path.as_str(), request.uri())
}

fn bytes(headers: HeaderMap, body: Bytes) -> Bytes {
    assert!(headers.contains_key("content-length"));
    body
}

fn optional(order: Result<Json<Order>, axum::extract::rejection::JsonRejection>) -> StatusCode {
    order.map_or(StatusCode::ACCEPTED, |_| StatusCode::CREATED)
}

fn brew(Path(number): Path<u32>) -> Result<&'static str, (StatusCode, String)> {
    pause();
    if number < 10 { Ok("coffee") } else { Err((StatusCode::IM_A_TEAPOT, format!("teapot {number}"))) }
}

/// What it returns isn't `Send`, and is made a response of where it is.
struct NotSend(Rc<u32>);

impl IntoResponse for NotSend {
    fn into_response(self) -> Response {
        pause();
        self.0.to_string().into_response()
    }
}

fn extension(Extension(seen): Extension<&'static str>) -> &'static str {
    seen
}

async fn layer(mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert("seen by the layer");
    let mut response = next.run(request).await;
    response.headers_mut().insert("x-layer", "yes".parse().unwrap());
    response
}

macro_rules! all {
    ($way:ident) => {
        Router::new()
            .route("/path/{name}/{number}", get($way(path)))
            .route("/query", get($way(query)))
            .route("/form", post($way(form)))
            .route("/json", post($way(json)))
            .route("/state", get($way(state)))
            .route("/request/{any}", any($way(request)))
            .route("/bytes", post($way(bytes)))
            .route("/optional", post($way(optional)))
            .route("/brew/{number}", get($way(brew)))
            .route("/not_send", get($way(|| NotSend(Rc::new(5)))))
            .route("/layered", get($way(extension).layer(from_fn(layer))))
            .route("/twelve/{a}", post($way(twelve)))
            .nest("/nested", Router::new().route("/", get($way(extension))).layer(from_fn(layer)))
            .fallback($way(|| (StatusCode::NOT_FOUND, "nothing here")))
            .with_state(App { name: "app", number: 7 })
    };
}

type Part = Path<String>;

#[expect(clippy::too_many_arguments, reason = "that's the test")]
fn twelve(
    a: Part,
    b: Method,
    c: Part,
    d: Query<Order>,
    e: Part,
    f: Part,
    g: Part,
    h: Part,
    i: Part,
    j: State<App>,
    k: Part,
    l: String,
) -> String {
    let parts = [a, c, e, f, g, h, i, k];
    let same = parts.iter().filter(|part| part.0 == "x").count();
    format!("{same} {b} {} {} {l}", d.count, j.name)
}

fn ask(host: &Host) {
    let mut client = Client::new(host.address);
    client.get("/path/ann/5").assert(200, "ann 5");
    assert_eq!(client.get("/path/ann/five").status, 400);
    client.get("/query?details=soup&count=2").assert(200, "2 soup");
    assert_eq!(client.get("/query?details=soup").status, 400);
    client.post("/form", "application/x-www-form-urlencoded", "details=soup&count=2").assert(200, "2 soup");
    assert_eq!(client.post("/form", "text/plain", "details=soup&count=2").status, 415);
    let order = r#"{"details":"soup","count":2}"#;
    client.post("/json", "application/json", order).assert(200, r#"{"details":"soup","count":3}"#);
    assert_eq!(client.post("/json", "application/json", "{").status, 400);
    client.get("/state").assert(200, "app 7");
    client.get("/request/x").assert(200, "GET /request/x /request/{any} /request/x");
    client.post("/bytes", "text/plain", "some bytes").assert(200, "some bytes");
    client.post("/optional", "application/json", order).assert(201, "");
    client.post("/optional", "text/plain", order).assert(202, "");
    client.get("/brew/5").assert(200, "coffee");
    client.get("/brew/50").assert(418, "teapot 50");
    client.get("/not_send").assert(200, "5");
    for path in ["/layered", "/nested"] {
        let reply = client.get(path);
        reply.assert(200, "seen by the layer");
        assert_eq!(reply.header("x-layer"), Some("yes"));
    }
    client.post("/twelve/x?details=&count=3", "text/plain", "body").assert(200, "8 POST 3 app body");
    client.get("/elsewhere").assert(404, "nothing here");
}

#[test]
fn pinned_on_an_ordinary_runtime() {
    ask(&Host::ordinary(all!(pinned)));
}

#[test]
fn pinned_on_a_local_runtime() {
    ask(&Host::local(all!(pinned)));
}

#[test]
fn local_on_a_local_runtime() {
    ask(&Host::local(all!(local)));
}
