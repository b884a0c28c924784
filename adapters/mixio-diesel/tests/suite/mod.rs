//! A suite for connections: those of this crate, and Diesel's own for comparison.

pub mod schema;
pub mod server;
pub mod tls;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection, RunQueryDsl as _};

/// A connection to PostgreSQL, which creates its tables in a schema that nobody else has.
pub fn postgres<C: Connection>() -> C {
    static SCHEMAS: AtomicU32 = AtomicU32::new(0);
    let mut connection = C::establish(server::shared_database()).unwrap();
    let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
    connection.batch_execute(&format!("CREATE SCHEMA own{number}; SET search_path TO own{number}")).unwrap();
    connection
}

/// A connection whose server takes longer than it may is of no use from then on.
pub fn limit_answers(connection: &mut mixio_diesel::PgConnection) {
    connection.limit_answers(Some(Duration::from_secs(2)));
    let pid = diesel::dsl::sql::<diesel::sql_types::Integer>("pg_backend_pid()");
    let pid: i32 = diesel::select(pid).get_result(connection).unwrap();
    let started = Instant::now();
    let error = connection.batch_execute("SELECT pg_sleep(600)").unwrap_err();
    assert!(error.to_string().contains("does not answer in time"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(60));
    assert!(connection.batch_execute("SELECT 1").is_err());
    // And the server has been asked to give up, too.
    let is_active = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND state = 'active'");
    while server::server().execute("postgres", &is_active) != "0" {
        assert!(started.elapsed() < Duration::from_secs(60), "the query goes on");
        mixio_tokio::time::sleep(Duration::from_millis(20));
    }
}

/// A connection to a database of its own.
pub fn sqlite<C: Connection>() -> C {
    C::establish(":memory:").unwrap()
}

/// The suite, for one type of connection, which a function opens.
macro_rules! suite {
    ($name:ident, $connection:ty, $open:expr, $schema:ident $(, own: $is_sqlite:literal)?) => {
        mod $name {
            use diesel::connection::SimpleConnection as _;

            fn connection() -> $connection {
                let mut connection: $connection = $open;
                connection.batch_execute(crate::suite::schema::$schema).unwrap();
                connection.batch_execute(crate::suite::schema::ROWS).unwrap();
                connection
            }

            use super::run;

            mod common {
                include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/common.rs"));
            }

            $(
                const IS_SQLITE: bool = $is_sqlite;

                mod own {
                    include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/own.rs"));
                }
            )?
        }
    };
}
