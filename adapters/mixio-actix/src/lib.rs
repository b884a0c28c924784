//! Plain functions as actix-web handlers, by [`mixio`].
//!
//! What an `async fn` would take and return, a plain `fn` takes and returns: extractors, and a responder. Inside it may
//! [`wait`](mixio::wait), and so may everything that it calls; meanwhile its worker serves others.
//!
//! ```
//! use std::time::Duration;
//!
//! use actix_web::{App, HttpResponse, test, web};
//! use mixio_actix::handler;
//!
//! /// Nothing here says `async`.
//! fn order(details: String, kitchen: web::Data<Kitchen>) -> HttpResponse {
//!     HttpResponse::Created().body(kitchen.cook(&details))
//! }
//!
//! struct Kitchen;
//!
//! impl Kitchen {
//!     fn cook(&self, details: &str) -> String {
//!         mixio_tokio::time::sleep(Duration::from_millis(10));
//!         format!("one {details}")
//!     }
//! }
//!
//! # #[actix_web::main]
//! # async fn main() {
//! let app = App::new().app_data(web::Data::new(Kitchen)).route("/", web::post().to(handler(order)));
//! let app = test::init_service(app).await;
//! let request = test::TestRequest::post().set_payload("soup").to_request();
//! assert_eq!(test::call_and_read_body(&app, request).await, "one soup");
//! # }
//! ```
//!
//! # Which handler
//!
//! | | runs | if the client goes away | arguments and result |
//! | --- | --- | --- | --- |
//! | [`handler()`] | as a task of its worker | goes on to its end | anything |
//! | [`attached()`] | in the connection's own task | is unwound where it waits | anything |
//! | [`by_setting()`] | as `handler`; in [`Io::Blocking`](mixio::Io::Blocking) on a thread of the pool | goes on to its end | `Send` |
//!
//! actix-web drops a handler whose client goes away. Synchronous code doesn't expect to end in its middle, so the first is
//! what to take if in doubt. A view that goes on is one that the end of the server has to wait for: [`Views`].
//!
//! # Map
//!
//! | | |
//! | --- | --- |
//! | [`handler()`], [`attached()`], [`by_setting()`], [`View`] | plain functions as handlers |
//! | [`Failure`] | what is answered for a view that panics, or comes too late |
//! | [`Views`] | counts what runs, for a graceful end |
//! | [`BodyReader`], [`BodyError`] | a request's body as [`Read`](std::io::Read) |
//! | [`stream()`], [`BodyWriter`] | a response's body by [`Write`](std::io::Write) |
//! | [`SendResponse`] | a response that can leave its thread |
//!
//! # What is not carried
//!
//! A detached view is a task of its own: a `tracing` span that a middleware has entered around the handler isn't around the
//! view. Hand it over as an argument (an extractor), and enter it by `mixio_tracing::in_span`.
//!
//! There is no `unsafe` in this crate.
#![forbid(unsafe_code)]

mod body;
mod failure;
mod function;
mod guard;
mod send_response;
mod view;
mod views;
pub mod way;

pub use body::{BodyError, BodyReader, BodyWriter, DEFAULT_LIMIT, StreamBody, stream};
pub use failure::Failure;
pub use function::Function;
pub use send_response::SendResponse;
pub use view::{View, ViewFuture, attached, by_setting, handler};
pub use views::{Ticket, Views};
