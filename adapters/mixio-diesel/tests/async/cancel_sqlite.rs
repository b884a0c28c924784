//! Cancelled in flight, on SQLite: the call goes on elsewhere, and its connection with it.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_query;
use mixio::as_async;
use mixio_diesel::SqliteConnection;
use mixio_diesel::pool::Pool;

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
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let (go_on, may_go_on) = std::sync::mpsc::channel();
        let mut task = Box::pin(as_async(move || {
            let insert = move |connection: &mut diesel::SqliteConnection| {
                let inserted = sql_query("INSERT INTO marks VALUES (1)").execute(connection);
                begun.send(()).unwrap();
                may_go_on.recv().unwrap();
                inserted
            };
            slow.get().unwrap().transaction(|connection| connection.with(insert)?).unwrap();
        }));
        tokio::select! {
            biased;
            () = &mut task => panic!("it was to be dropped before"),
            begun = has_begun => begun.unwrap(),
        }
        drop(task);
        let started = Instant::now();
        while pool.state().size > 0 {
            assert!(started.elapsed() < Duration::from_secs(60), "{:?}", pool.state());
            tokio::task::yield_now().await;
        }
        go_on.send(()).unwrap();
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
