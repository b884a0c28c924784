//! Plain functions as axum handlers, by [`mixio`].
//!
//! What an `async fn` would take and return, a plain `fn` takes and returns: extractors, and a response. Inside it may
//! [`wait`](mixio::wait), and so may everything that it calls; meanwhile its thread serves others.
//!
//! ```
//! use std::io::{self, Read as _, Write as _};
//! use std::time::Duration;
//!
//! use axum::Router;
//! use axum::extract::Path;
//! use axum::routing::get;
//! use mixio_axum::pinned;
//!
//! /// Nothing here says `async`.
//! fn greet(Path(name): Path<String>) -> String {
//!     mixio_tokio::time::sleep(Duration::from_millis(10));
//!     format!("Hello, {name}!")
//! }
//!
//! #[tokio::main]
//! async fn main() -> io::Result<()> {
//!     let app = Router::new().route("/{name}", get(pinned(greet)));
//!     let listener = tokio::net::TcpListener::bind("localhost:0").await?;
//!     let address = listener.local_addr()?;
//!     tokio::spawn(axum::serve(listener, app).into_future());
//!
//!     let client = tokio::task::spawn_blocking(move || {
//!         let mut stream = std::net::TcpStream::connect(address)?;
//!         stream.write_all(b"GET /Ann HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
//!         let mut answer = String::new();
//!         stream.read_to_string(&mut answer)?;
//!         Ok::<_, io::Error>(answer)
//!     });
//!     assert!(client.await??.ends_with("Hello, Ann!"));
//!     Ok(())
//! }
//! ```
//!
//! # Two ways
//!
//! axum's handlers are futures that may go from thread to thread, and a function's stack may not. So it is made on the thread
//! where it stays, and what comes back is a task's handle, which may:
//!
//! | | the server is on | a view runs on |
//! | --- | --- | --- |
//! | [`pinned()`] | any runtime, an ordinary one of many threads say | one of the workers of mixio-tokio |
//! | [`local()`] | a [`LocalRuntime`](tokio::runtime::LocalRuntime) | the thread of the server |
//!
//! In [`Io::Blocking`](mixio::Io::Blocking) both run on the pool of blocking threads instead, one view on each. The server needs
//! its runtime there too, and [`mixio_tokio::run`] has none then: make it as in the example of [`local()`].
//!
//! # Clients that leave
//!
//! axum drops a handler whose client goes away. Synchronous code doesn't expect to end in its middle, so a view goes on to its
//! end, unless it is [attached](View::attached). One that goes on is one that the end of the server has to wait for: [`Views`].
//!
//! # What is not carried
//!
//! A view is a task of its own: a `tracing` span that a layer has entered around the handler isn't around the view, nor is a
//! task-local of tokio's. Hand it over as an argument (an extension), and enter it by `mixio_tracing::in_span`.
//!
//! There is no `unsafe` in this crate.
#![forbid(unsafe_code)]

mod failure;
mod function;
mod spawn;
mod task;
mod view;
mod views;
pub mod way;

pub use failure::Failure;
pub use function::Function;
pub use view::{View, local, pinned};
pub use views::{Ticket, Views};
