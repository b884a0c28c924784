//! One PostgreSQL for all tests of a program.

use std::sync::OnceLock;

use mixio_test_servers::Postgres;

static SERVER: OnceLock<Postgres> = OnceLock::new();

pub fn server() -> &'static Postgres {
    // Each test has connections of its own, at the same time as others.
    SERVER.get_or_init(|| Postgres::start(&["max_connections=300"]))
}

/// A database of its own.
pub fn database() -> String {
    server().database()
}

/// One for those who leave nothing behind.
pub fn shared_database() -> &'static str {
    static DATABASE: OnceLock<String> = OnceLock::new();
    DATABASE.get_or_init(database)
}
