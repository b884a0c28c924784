//! The pools on plain threads.

use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_query;
use mixio_diesel::pool::{Builder, Library, Pool, PoolError};
use mixio_diesel::{PgConnection, SqliteConnection};
use mixio_test_servers::Postgres;

use crate::suite::server::{database, server, shared_database};

type NewBuilder = fn(&str) -> Builder<PgConnection>;

fn each_library(test: fn(NewBuilder)) {
    crate::run(move || {
        test(|url| Pool::builder(url).library(Library::Deadpool));
        test(|url| Pool::builder(url).library(Library::Bb8));
    });
}

#[test]
fn whoever_comes_too_late_waits_and_then_gives_up() {
    each_library(|builder| {
        let pool = builder(shared_database()).max_size(1).timeout(Duration::from_secs(2)).build().unwrap();
        let held = pool.get().unwrap();
        let Err(error) = pool.get() else { panic!() };
        assert!(matches!(error, PoolError::Timeout { .. }), "{error:?}");
        drop(held);
        pool.get().unwrap();
        let state = pool.state();
        assert_eq!((state.size, state.idle, state.waiting), (1, 1, 0));
    });
}

#[test]
fn many_threads_share_few_connections() {
    each_library(|builder| {
        let pool = builder(shared_database()).max_size(3).timeout(Duration::from_secs(60)).build().unwrap();
        thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        assert_eq!(sql_query("SELECT pg_sleep(0.001)").execute(&mut pool.get().unwrap()), Ok(1));
                    }
                });
            }
        });
        let state = pool.state();
        assert!(state.size <= 3 && state.size == state.idle && state.waiting == 0, "{state:?}");
    });
}

#[test]
fn a_panic_in_a_transaction_commits_nothing() {
    each_library(|builder| {
        let database = database();
        server().execute(&database, "CREATE TABLE marks (id INTEGER)");
        let pool = builder(&database).max_size(1).build().unwrap();
        let panics = pool.clone();
        let panicked = thread::spawn(move || {
            panics.get().unwrap().transaction(|connection| {
                connection.batch_execute("INSERT INTO marks VALUES (1)")?;
                if true {
                    panic!("in the middle");
                }
                QueryResult::Ok(())
            })
        });
        assert!(panicked.join().is_err());
        assert_eq!((pool.state().size, pool.state().idle), (0, 0), "it was discarded");
        let ok = pool.get().unwrap().transaction(|connection| connection.batch_execute("SELECT 1"));
        assert_eq!(ok, Ok(()));
        assert_eq!(server().execute(&database, "SELECT count(*) FROM marks"), "0");
    });
}

#[test]
fn it_recovers_from_a_restart_of_the_server() {
    crate::run(|| {
        let server = Postgres::start(&[]);
        for library in [Library::Deadpool, Library::Bb8] {
            let builder = Pool::<PgConnection>::builder(server.database()).library(library);
            let pool = builder.timeout(Duration::from_secs(60)).build().unwrap();
            drop([pool.get().unwrap(), pool.get().unwrap()]);
            server.crash();
            let Err(error) = pool.get() else { panic!() };
            assert!(matches!(error, PoolError::Connection(_)), "{error}");
            assert_eq!((pool.state().size, pool.state().idle), (0, 0));
            server.restart();
            assert_eq!(sql_query("SELECT 1").execute(&mut pool.get().unwrap()), Ok(1));
        }
    });
}

#[test]
fn sqlite_is_shared() {
    crate::run(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db").display().to_string();
        let setup = |connection: &mut SqliteConnection| {
            connection.batch_execute("PRAGMA busy_timeout = 60000; PRAGMA journal_mode = WAL")
        };
        let pool: Pool<SqliteConnection> = Pool::builder(path).max_size(4).setup(setup).build().unwrap();
        pool.get().unwrap().batch_execute("CREATE TABLE marks (id INTEGER)").unwrap();
        let started = Instant::now();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        pool.get().unwrap().batch_execute("INSERT INTO marks VALUES (1)").unwrap();
                    }
                });
            }
        });
        let count = diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>("count(*) FROM marks"));
        assert_eq!(count.get_result(&mut pool.get().unwrap()), Ok(80_i64), "in {:?}", started.elapsed());
    });
}
