//! The synchronous [redis] client on sockets that wait without blocking the thread, by [`mixio`].
//!
//! Where a connection comes from is all that changes. Commands, pipelines, transactions, scripts, values and errors are the
//! redis crate's.
//!
//! ```no_run
//! use mixio_redis::Client; // was redis::Client
//! use redis::{Commands, RedisResult};
//!
//! /// Plain code.
//! fn next(client: &Client, queue: &str) -> RedisResult<Option<(String, String)>> {
//!     client.get_connection()?.blpop(queue, 10.0) // waits, and the thread goes on with other work
//! }
//!
//! fn main() -> RedisResult<()> {
//!     mixio_tokio::run(|| {
//!         let client = Client::open("redis://localhost/")?;
//!         println!("{:?}", next(&client, "orders")?);
//!         Ok(())
//!     })
//! }
//! ```
//!
//! # The setting
//!
//! [`Io::current`](mixio::Io::current) says, when a connection is opened, what it is: in [`Io::Async`](mixio::Io) it waits, on a
//! tokio runtime that must be there; in [`Io::Blocking`](mixio::Io) it blocks the thread, and there is no runtime. Where it
//! [can't wait](mixio::WaitError), in a destructor that runs since an [`AsAsync`](mixio::AsAsync) is dropped say, that is an
//! I/O error around the [`WaitError`](mixio::WaitError), and the connection is closed.
//!
//! # What is not here
//!
//! TLS (`rediss`), clusters and sentinels: the redis crate opens the sockets for those itself. A receiver for RESP3's push
//! messages other than [`PubSub`]. The redis crate's `r2d2` pool blocks its thread when it is empty: keep a connection for each
//! task, or use a pool of async ones, such as deadpool, by [`wait`](mixio::wait).
#![forbid(unsafe_code)]

mod budget;
mod client;
mod connection;
mod due;
mod pub_sub;
mod setup;
mod stream;

pub use client::{Client, connect};
pub use connection::Connection;
pub use pub_sub::PubSub;
/// The version of the redis crate that this is for.
#[doc(no_inline)]
pub use redis;
