//! A server that goes away and comes back.

use std::path::Path;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_query;
use mixio::wait;
use mixio_diesel::PgConnection;
use mixio_diesel::pool::{Library, Pool};
use mixio_test_servers::Postgres;
use tokio::time::sleep;

fn until(is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(60), "it takes too long");
        wait(sleep(Duration::from_millis(10)));
    }
}

#[test]
fn a_pool_recovers() {
    crate::run(|| {
        // Not the one of all tests.
        let server = Postgres::start(&[]);
        for library in [Library::Deadpool, Library::Bb8] {
            let builder = Pool::<PgConnection>::builder(server.database()).max_size(3).library(library);
            let pool = builder.timeout(Duration::from_secs(60)).build().unwrap();
            let mut held = pool.get().unwrap();
            drop([pool.get().unwrap(), pool.get().unwrap()]);
            assert_eq!((pool.state().size, pool.state().idle), (3, 2));
            let sleeper = pool.clone();
            let sleeping = mixio_tokio::spawn_local(move || {
                sql_query("SELECT pg_sleep(600)").execute(&mut sleeper.get().unwrap()).unwrap_err().to_string()
            });
            let sleepers = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
            until(|| server.execute("postgres", sleepers) == "1");

            server.crash();
            let said = wait(sleeping).unwrap();
            assert!(!said.is_empty());
            assert!(sql_query("SELECT 1").execute(&mut held).is_err());
            assert!(held.transaction(|_| QueryResult::Ok(())).is_err());
            drop(held);
            let Err(error) = pool.get() else { panic!() };
            assert!(error.to_string().contains("connect"), "{error}");
            assert_eq!((pool.state().size, pool.state().idle), (0, 0));

            server.restart();
            let mut connections = [pool.get().unwrap(), pool.get().unwrap(), pool.get().unwrap()];
            for connection in &mut connections {
                assert_eq!(sql_query("SELECT 1").execute(connection), Ok(1));
            }
            drop(connections);
            assert_eq!((pool.state().size, pool.state().idle), (3, 3));
        }
    });
}

#[test]
fn a_connection_that_was_terminated_is_not_handed_out() {
    crate::run(|| {
        let url = crate::suite::server::database();
        for test in [false, true] {
            let pool: Pool<PgConnection> = Pool::builder(&url).max_size(1).test_on_check_out(test).build().unwrap();
            let pid = "pg_backend_pid()";
            let pid = |connection: &mut _| {
                diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>(pid)).get_result::<i32>(connection)
            };
            let before = pid(&mut pool.get().unwrap()).unwrap();
            crate::suite::server::server().execute(&url, &format!("SELECT pg_terminate_backend({before})"));
            if !test {
                // Then all that it had to say is here.
                let process = Path::new("/proc").join(before.to_string());
                until(|| !process.exists());
                // Of two things that happen while nobody looks, the driver may hear second.
                (0..2).for_each(|_| wait(sleep(Duration::from_millis(1))));
            }
            let after = pid(&mut pool.get().unwrap()).unwrap();
            assert_ne!(before, after);
            assert_eq!((pool.state().size, pool.state().idle), (1, 1));
        }
    });
}

/// The server has said that it ends the connection, and the driver may not have seen the end yet.
#[test]
fn a_connection_whose_end_was_announced_is_not_handed_out() {
    crate::run(|| {
        let pool: Pool<PgConnection> = Pool::builder(crate::suite::server::database()).max_size(1).build().unwrap();
        for _ in 0..20 {
            let mut connection = pool.get().unwrap();
            let error =
                sql_query("SELECT pg_terminate_backend(pg_backend_pid())").execute(&mut connection).unwrap_err();
            assert!(error.to_string().contains("terminating connection"), "{error}");
            drop(connection);
            assert_eq!(sql_query("SELECT 1").execute(&mut pool.get().unwrap()), Ok(1));
        }
    });
}

#[test]
fn the_error_says_why_the_connection_has_ended() {
    crate::run(|| {
        let url = crate::suite::server::database();
        let mut connection = PgConnection::establish(&url).unwrap();
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
                    AND pid <> pg_backend_pid()";
        crate::suite::server::server().execute(&url, kill);
        let error = sql_query("SELECT 1").execute(&mut connection).unwrap_err();
        assert!(error.to_string().contains("terminating connection"), "{error}");
        let diesel::result::Error::DatabaseError(kind, _) = error else { panic!("{error}") };
        assert!(matches!(kind, diesel::result::DatabaseErrorKind::ClosedConnection), "{kind:?}");
    });
}
