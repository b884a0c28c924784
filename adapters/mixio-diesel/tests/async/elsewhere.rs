//! Where a connection of `Io::Async` is used elsewhere than in a coroutine.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_query;
use mixio_diesel::pool::{Library, Pool, PoolError};
use mixio_diesel::{PgConnection, SqliteConnection};

use crate::pool::open;
use crate::suite::server::shared_database;

#[test]
fn without_a_runtime_it_cannot_be_opened_and_says_so() {
    mixio::Io::Async.set();
    for error in [
        PgConnection::establish(shared_database()).err().unwrap(),
        SqliteConnection::establish(":memory:").err().unwrap(),
    ] {
        assert!(error.to_string().contains("no tokio runtime"), "{error}");
    }
    let pool: Pool<SqliteConnection> = Pool::builder(":memory:").build().unwrap();
    assert!(matches!(pool.get(), Err(PoolError::Connection(_))));
}

fn on_a_thread_of_its_own<C: Connection + 'static>(url: &'static str, ask: fn(&mut C) -> QueryResult<usize>) {
    mixio::Io::Async.set();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut connection = {
        let _entered = runtime.enter();
        C::establish(url).unwrap()
    };
    // The thread is parked while the runtime's own thread drives the connection.
    assert!(ask(&mut connection).is_ok());
    let connection = std::thread::spawn(move || {
        assert!(ask(&mut connection).is_ok());
        connection
    });
    let mut connection = connection.join().unwrap();
    runtime.shutdown_background();
    // It doesn't wait for ever.
    let error = ask(&mut connection).unwrap_err().to_string();
    assert!(error.contains("closed") || error.contains("ended"), "{error}");
}

#[test]
fn on_a_thread_it_is_driven_by_the_runtime_where_it_was_opened() {
    on_a_thread_of_its_own::<PgConnection>(shared_database(), |connection| sql_query("SELECT 1").execute(connection));
    on_a_thread_of_its_own::<SqliteConnection>(":memory:", |connection| sql_query("SELECT 1").execute(connection));
}

/// What is made while the thread has a runtime, of which another thread takes care.
fn with_a_runtime<T>(make: impl FnOnce() -> T) -> (tokio::runtime::Runtime, T) {
    mixio::Io::Async.set();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let made = {
        let _entered = runtime.enter();
        make()
    };
    (runtime, made)
}

#[test]
fn notifications_are_waited_for_on_a_thread_without_a_runtime() {
    let (_runtime, mut connection) = with_a_runtime(|| PgConnection::establish(shared_database()).unwrap());
    connection.batch_execute("LISTEN elsewhere").unwrap();
    assert!(connection.wait_for_notification(Some(Duration::from_millis(10))).unwrap().is_none());
    connection.batch_execute("NOTIFY elsewhere, 'here'").unwrap();
    let arrived = connection.wait_for_notification(Some(Duration::from_secs(60))).unwrap();
    assert_eq!(arrived.unwrap().payload, "here");
}

#[test]
fn a_pool_is_waited_for_on_a_thread_without_a_runtime() {
    for library in [Library::Deadpool, Library::Bb8] {
        let (_runtime, (hurried, held, pool)) = with_a_runtime(|| {
            let build = |limit| {
                let builder = Pool::<PgConnection>::builder(shared_database()).max_size(1).library(library);
                builder.timeout(Duration::from_secs(limit)).build().unwrap()
            };
            let hurried = build(1);
            let held = open(&hurried);
            let pool = build(60);
            drop(pool.get().unwrap());
            (hurried, held, pool)
        });
        assert!(matches!(hurried.get(), Err(PoolError::Timeout { .. })));
        drop(held);
        assert_eq!(sql_query("SELECT 1").execute(&mut hurried.get().unwrap()), Ok(1));
        let waits = pool.clone();
        let held = pool.get().unwrap();
        let waiting = std::thread::spawn(move || sql_query("SELECT 1").execute(&mut waits.get().unwrap()));
        while pool.state().waiting == 0 && !waiting.is_finished() {
            std::thread::yield_now();
        }
        drop(held);
        assert_eq!(waiting.join().unwrap(), Ok(1));
    }
}

#[test]
fn on_the_thread_of_an_executor_it_is_an_error() {
    mixio::Io::Async.set();
    mixio_tokio::install();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = mixio::as_async(|| PgConnection::establish(shared_database()).unwrap()).await;
        let error = sql_query("SELECT 1").execute(&mut connection).unwrap_err().to_string();
        assert!(error.contains("cannot wait") && error.contains("as_async"), "{error}");
        let mut connection = mixio::as_async(|| SqliteConnection::establish(":memory:").unwrap()).await;
        // It isn't ready at once.
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let error = connection.with(move |_| held.recv().is_ok()).unwrap_err().to_string();
        drop(hold);
        assert!(error.contains("cannot wait"), "{error}");
    });
}

#[test]
fn plain_code_has_a_loop() {
    mixio::Io::Async.set();
    let _loop = mixio_tokio::start_loop();
    let mut connection = PgConnection::establish(shared_database()).unwrap();
    assert_eq!(sql_query("SELECT 1").execute(&mut connection), Ok(1));
    let pool: Pool<SqliteConnection> = Pool::builder(":memory:").max_size(1).build().unwrap();
    assert_eq!(sql_query("SELECT 1").execute(&mut pool.get().unwrap()).map(drop), Ok(()));
}
