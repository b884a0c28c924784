//! Cancelled in flight, on SQLite: the call goes on elsewhere, and its connection with it.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_query;
use mixio::{as_async, wait};
use mixio_diesel::SqliteConnection;
use mixio_diesel::pool::Pool;

/// A few tenths of a second.
const SLOW: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) \
                    INSERT INTO marks SELECT max(i) FROM n";

fn dropped_in_flight(reaper: bool) {
    mixio::Io::Async.set();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(tokio::task::LocalSet::new().run_until(async move {
        if reaper {
            mixio_tokio::install_reaper();
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db").display().to_string();
        let setup = |connection: &mut SqliteConnection| connection.batch_execute("PRAGMA busy_timeout = 60000");
        let pool: Pool<SqliteConnection> = Pool::builder(path).max_size(1).setup(setup).build().unwrap();
        let create = pool.clone();
        as_async(move || create.get().unwrap().batch_execute("CREATE TABLE marks (id INTEGER)").unwrap()).await;

        let slow = pool.clone();
        let mut task = Box::pin(as_async(move || {
            slow.get().unwrap().transaction(|connection| sql_query(SLOW).execute(connection)).unwrap();
        }));
        // It is in the transaction when the table is locked.
        let other = pool_of_others(folder.path());
        tokio::select! {
            biased;
            () = &mut task => panic!("it was to be dropped before"),
            () = until_locked(other.clone()) => {}
        }
        drop(task);
        while pool.state().size > 0 {
            tokio::task::yield_now().await;
        }
        as_async(move || {
            let mut connection = pool.get().unwrap();
            let count = sql_query("INSERT INTO marks VALUES (7)").execute(&mut connection);
            assert_eq!(count, Ok(1), "it waits for the other to be rolled back");
            let marks = diesel::dsl::sql::<diesel::sql_types::Text>("group_concat(id) FROM marks");
            assert_eq!(diesel::select(marks).get_result(&mut connection), Ok("7".to_string()));
        })
        .await;
    }));
    mixio::runtime::set_reaper(None);
}

fn pool_of_others(folder: &std::path::Path) -> Pool<SqliteConnection> {
    Pool::builder(folder.join("db").display().to_string()).build().unwrap()
}

async fn until_locked(pool: Pool<SqliteConnection>) {
    as_async(move || {
        let mut connection = pool.get().unwrap();
        while connection.batch_execute("BEGIN IMMEDIATE; ROLLBACK").is_ok() {
            wait(tokio::time::sleep(Duration::from_millis(1)));
        }
    })
    .await;
}

#[test]
fn with_a_reaper() {
    dropped_in_flight(true);
}

#[test]
fn without() {
    dropped_in_flight(false);
}

#[test]
fn after_a_panic_in_a_function_that_it_was_lent_to_it_is_of_no_use() {
    crate::run(|| {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        let lent = std::panic::AssertUnwindSafe(|| connection.with(|_| panic!("lent")));
        assert_eq!(std::panic::catch_unwind(lent).unwrap_err().downcast_ref(), Some(&"lent"));
        let error = connection.batch_execute("SELECT 1").unwrap_err().to_string();
        assert!(error.contains("interrupted"), "{error}");
    });
}
