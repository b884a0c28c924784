//! On asynchronous I/O: whatever waits is a coroutine.
#![cfg(all(feature = "postgres", feature = "sqlite", feature = "deadpool", feature = "bb8"))]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::duplicate_mod,
    reason = "tests; and a suite that is compiled for each connection"
)]

#[macro_use]
#[path = "../suite/mod.rs"]
mod suite;

mod any;
mod cancel;
mod cancel_sqlite;
mod copy;
mod elsewhere;
mod pool;
mod postgres;
mod restart;
mod tls;

use diesel::SqliteConnection as DieselsConnection;
use mixio_diesel::pool::{Pool, PooledConnection};
use mixio_diesel::{AnyConnection, PgConnection, SqliteConnection};

fn run(f: impl FnOnce() + 'static) {
    mixio::Io::Async.set();
    mixio_tokio::run(f);
}

fn pooled() -> PooledConnection<SqliteConnection> {
    Pool::builder(":memory:").build().unwrap().get().unwrap()
}

suite!(on_postgres, crate::PgConnection, crate::suite::postgres(), POSTGRES, own: false);
suite!(on_sqlite, crate::SqliteConnection, crate::suite::sqlite(), SQLITE, own: true);
suite!(on_any_postgres, crate::AnyConnection, crate::suite::postgres(), POSTGRES);
suite!(on_any_sqlite, crate::AnyConnection, crate::suite::sqlite(), SQLITE);
suite!(on_pooled_sqlite, crate::PooledConnection<crate::SqliteConnection>, crate::pooled(), SQLITE, own: true);
// For comparison.
suite!(on_diesels_sqlite, crate::DieselsConnection, crate::suite::sqlite(), SQLITE, own: true);
