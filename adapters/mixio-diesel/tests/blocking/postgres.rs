//! PostgreSQL without a runtime.

use std::io::{BufRead as _, Write as _};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_query;
use mixio_diesel::{PgConnection, RowByRow, SqliteConnection};

use crate::suite;
use crate::suite::server::shared_database;

#[test]
fn there_is_no_runtime_here() {
    crate::run(|| {
        assert!(tokio::runtime::Handle::try_current().is_err());
        assert!(!mixio::in_coroutine());
        let mut connection: PgConnection = suite::postgres();
        assert_eq!(sql_query("SELECT 1").execute(&mut connection), Ok(1));
        assert!(tokio::runtime::Handle::try_current().is_err());
    });
}

#[test]
fn a_connection_may_move_to_another_thread() {
    crate::run(|| {
        let mut postgres: PgConnection = suite::postgres();
        let mut sqlite: SqliteConnection = suite::sqlite();
        sqlite.batch_execute("CREATE TABLE marks (id INTEGER)").unwrap();
        let moved = std::thread::spawn(move || {
            sql_query("SELECT 1").execute(&mut postgres).unwrap();
            sqlite.batch_execute("INSERT INTO marks VALUES (1)").unwrap();
            (postgres, sqlite)
        });
        let (mut postgres, mut sqlite) = moved.join().unwrap();
        sql_query("SELECT 1").execute(&mut postgres).unwrap();
        sqlite.batch_execute("INSERT INTO marks VALUES (1)").unwrap();
    });
}

#[test]
fn a_connection_may_be_dropped_where_a_runtime_runs() {
    crate::run(|| {
        let connection: PgConnection = suite::postgres();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async move { drop(connection) });
    });
}

#[test]
fn rows_copies_and_notifications_come() {
    crate::run(|| {
        let mut connection: PgConnection = suite::postgres();
        let query = diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>("generate_series(1, 1000)::bigint"));
        let sum: i64 = query.load_iter::<i64, RowByRow>(&mut connection).unwrap().map(Result::unwrap).sum();
        assert_eq!(sum, 500_500);
        connection.batch_execute("CREATE TABLE lines (id INTEGER); LISTEN kitchen").unwrap();
        let mut copy = connection.copy_in("COPY lines FROM STDIN").unwrap();
        (0..1000).for_each(|id| writeln!(copy, "{id}").unwrap());
        assert_eq!(copy.finish(), Ok(1000));
        assert_eq!(connection.copy_out("COPY lines TO STDOUT").unwrap().lines().count(), 1000);
        let mut other = PgConnection::establish(shared_database()).unwrap();
        other.batch_execute("NOTIFY kitchen, 'one'").unwrap();
        let arrived = connection.wait_for_notification(Some(Duration::from_secs(60))).unwrap().unwrap();
        assert_eq!(arrived.payload, "one");
        assert!(connection.wait_for_notification(Some(Duration::from_millis(10))).unwrap().is_none());
        other.batch_execute("NOTIFY kitchen, 'two'").unwrap();
        let started = std::time::Instant::now();
        while connection.notifications_iter().next().is_none() {
            assert!(started.elapsed() < Duration::from_secs(60));
        }
    });
}

#[test]
fn an_answer_takes_no_longer_than_it_may() {
    crate::run(|| suite::limit_answers(&mut suite::postgres()));
}

#[test]
fn connecting_takes_no_longer_than_it_may() {
    crate::run(|| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("postgres://postgres@{}/x", listener.local_addr().unwrap());
        let Err(error) = PgConnection::establish_within(&url, Duration::from_millis(50)) else { panic!() };
        assert!(error.to_string().contains("within 50ms"), "{error}");
    });
}
