//! On blocking I/O: no coroutine, and no runtime on any of these threads.
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

mod pool;
mod postgres;
mod tls;

use mixio_diesel::{AnyConnection, PgConnection, SqliteConnection};

fn run(f: impl FnOnce()) {
    mixio::Io::Blocking.set();
    f();
}

suite!(on_postgres, crate::PgConnection, crate::suite::postgres(), POSTGRES, own: false);
suite!(on_sqlite, crate::SqliteConnection, crate::suite::sqlite(), SQLITE, own: true);
suite!(on_any_postgres, crate::AnyConnection, crate::suite::postgres(), POSTGRES);
suite!(on_any_sqlite, crate::AnyConnection, crate::suite::sqlite(), SQLITE);
