//! Ordinary, synchronous Diesel on asynchronous drivers: PostgreSQL, SQLite, or whichever the URL names.
//!
//! Plain [Diesel](https://diesel.rs): the queries, transactions and migrations that one has, with no `async` and no
//! `.await`. To move, change the import of the connection. While a function waits for the database, the thread goes on
//! with other work, by [`mixio`]; or it blocks, as with Diesel's own connections: that is a setting,
//! [`mixio::Io`], or the environment variable `MIXIO`.
//!
//! ```
//! use diesel::prelude::*;
//! use mixio_diesel::SqliteConnection; // was diesel::SqliteConnection
//! # use diesel::connection::SimpleConnection;
//!
//! diesel::table! {
//!     posts (id) { id -> Integer, title -> Text, }
//! }
//!
//! /// Nothing here says `async`.
//! fn write_post(connection: &mut SqliteConnection, title: &str) -> QueryResult<i32> {
//!     connection.transaction(|connection| {
//!         let post = diesel::insert_into(posts::table).values(posts::title.eq(title));
//!         post.returning(posts::id).get_result(connection)
//!     })
//! }
//!
//! fn main() {
//!     // The only line that knows.
//!     mixio_tokio::run(|| {
//!         let mut connection = SqliteConnection::establish(":memory:").unwrap();
//!         # connection.batch_execute("CREATE TABLE posts (id INTEGER PRIMARY KEY, title TEXT NOT NULL)").unwrap();
//!         assert_eq!(write_post(&mut connection, "Hello"), Ok(1));
//!     });
//! }
//! ```
//!
//! # Map
//!
//! | | |
//! | --- | --- |
//! | [`PgConnection`] | PostgreSQL, by tokio-postgres; row by row, `COPY`, notifications (feature `postgres`) |
//! | [`SqliteConnection`] | SQLite, on other threads (feature `sqlite`) |
//! | [`AnyConnection`] | whichever of the two the URL names (both features) |
//! | [`pool`] | pools whose queue is waited in (features `deadpool`, `bb8`) |
//!
//! # The setting
//!
//! [`mixio::Io::current`] is asked when a connection is opened, and when a pool is built.
//!
//! | | `Io::Async` | `Io::Blocking` |
//! | --- | --- | --- |
//! | a query, inside of [`as_async`](mixio::as_async()) | this function waits, and no other | the thread is blocked. If tokio polls it: a panic of tokio's, with PostgreSQL |
//! | outside of it, on a plain thread | the thread is parked, while the runtime of the connection goes on elsewhere; after [`start_loop`](https://docs.rs/mixio-tokio) its loop runs | the thread is blocked |
//! | in a task, outside of [`as_async`](mixio::as_async()) | an error, if [`mixio_tokio::install`](https://docs.rs/mixio-tokio) was called | the thread is blocked, or a panic of tokio's with PostgreSQL |
//! | in a destructor, where nobody can wait any more | an error | the thread is blocked |
//! | needs | a tokio runtime with I/O and time (`enable_all`) where it is opened | nothing |
//!
//! All connections are `Send`. One of `Io::Async` belongs to the runtime where it was opened: when that has ended, its
//! queries fail.
//!
//! # Cancelled
//!
//! Functions may be dropped in the midst of a query: by a timeout, or because a client has gone away. Then the query is
//! cancelled on the server ([how](PgConnection#cancelled-in-the-middle-of-a-query)), a transaction is rolled
//! back, and no [pool](pool#no-connection-is-handed-on-dirty) hands that connection on.
//!
//! # Stacks
//!
//! Diesel in a debug build takes some 80 KiB of stack, in a release build 18: the default stacks of mixio have room for
//! that.
//!
//! # Features
//!
//! | feature | default | what it brings |
//! | --- | --- | --- |
//! | `postgres` | yes | [`PgConnection`]; libpq isn't needed |
//! | `sqlite` | yes | [`SqliteConnection`], with the system's SQLite; `libsqlite3-sys = { version = "0.38", features = ["bundled"] }` beside it compiles one in |
//! | `deadpool` | yes | [`pool`], over deadpool |
//! | `bb8` | | [`pool`], over bb8 |
//!
//! What Diesel itself can do is said by Diesel's features: `returning_clauses_for_sqlite_3_35`, `chrono` and so on.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(all(feature = "postgres", feature = "sqlite", any(feature = "deadpool", feature = "bb8"))),
    allow(rustdoc::broken_intra_doc_links, reason = "the page tells of what other features bring")
)]

#[cfg(all(feature = "postgres", feature = "sqlite"))]
mod any;
#[cfg(feature = "postgres")]
pub mod pg;
#[cfg(any(feature = "deadpool", feature = "bb8"))]
pub mod pool;
mod runtime;
#[cfg(feature = "sqlite")]
pub mod sqlite;

#[cfg(all(feature = "postgres", feature = "sqlite"))]
pub use any::{AnyBackend, AnyConnection, AnyTransactionManager};
#[cfg(feature = "postgres")]
pub use pg::{PgConnection, RowByRow};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteConnection;
#[cfg(feature = "postgres")]
pub use tokio_postgres;
