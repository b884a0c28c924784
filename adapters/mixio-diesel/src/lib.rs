//! Ordinary, synchronous Diesel on asynchronous drivers: PostgreSQL, SQLite, or whichever the URL names.
#![forbid(unsafe_code)]

#[cfg(all(feature = "postgres", feature = "sqlite"))]
mod any;
#[cfg(feature = "postgres")]
pub mod pg;
#[cfg(any(feature = "deadpool", feature = "bb8"))]
pub mod pool;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod waiter;

#[cfg(all(feature = "postgres", feature = "sqlite"))]
pub use any::{AnyBackend, AnyConnection};
#[cfg(feature = "postgres")]
pub use pg::{PgConnection, RowByRow};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteConnection;
#[cfg(feature = "postgres")]
pub use tokio_postgres;
