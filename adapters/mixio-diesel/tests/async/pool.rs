//! The pools: waiting, running out, and what they are told to do with their connections.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection as _, TransactionManager as _};
use diesel::prelude::*;
use diesel::sql_query;
use mixio::wait;
use mixio_diesel::pool::{Builder, Library, Pool, PoolError, PooledConnection};
use mixio_diesel::{AnyConnection, PgConnection, SqliteConnection};

use crate::suite::server::shared_database;

type NewBuilder = fn(&str) -> Builder<PgConnection>;

fn each_library(test: fn(NewBuilder)) {
    crate::run(move || {
        test(|url| Pool::builder(url).library(Library::Deadpool));
        test(|url| Pool::builder(url).library(Library::Bb8));
    });
}

/// Opens a connection, which may take longer than the pool's limit, on a machine that has other things to do.
pub fn open(pool: &Pool<PgConnection>) -> PooledConnection<PgConnection> {
    for _ in 0..30 {
        match pool.get() {
            Err(PoolError::Connect { .. }) => {}
            opened => return opened.unwrap(),
        }
    }
    panic!("no connection can be opened in time");
}

#[test]
fn whoever_comes_too_late_waits_and_then_gives_up() {
    each_library(|builder| {
        let pool = builder(shared_database()).max_size(2).timeout(Duration::from_secs(2)).build().unwrap();
        let held = [open(&pool), open(&pool)];
        let Err(error) = pool.get() else { panic!() };
        assert!(matches!(error, PoolError::Timeout { .. }), "{error:?}");
        assert!(error.to_string().contains("2 of 2 are in use"), "{error}");
        drop(held);
        let state = pool.state();
        assert_eq!((state.max_size, state.size, state.idle, state.waiting), (2, 2, 2, 0));
        pool.get().unwrap();
    });
}

#[test]
fn whoever_waits_gets_the_one_that_is_given_back() {
    each_library(|builder| {
        let pool = builder(shared_database()).max_size(1).timeout(Duration::from_secs(60)).build().unwrap();
        let held = pool.get().unwrap();
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let pool = pool.clone();
                mixio_tokio::spawn_local(move || {
                    let mut connection = pool.get().unwrap();
                    sql_query("SELECT pg_sleep(0.01)").execute(&mut connection).unwrap()
                })
            })
            .collect();
        while pool.state().waiting < 3 {
            wait(tokio::task::yield_now());
        }
        drop(held);
        waiting.into_iter().for_each(|task| assert_eq!(wait(task).unwrap(), 1));
        assert_eq!((pool.state().size, pool.state().idle, pool.state().waiting), (1, 1, 0));
    });
}

#[test]
fn a_discarded_connection_makes_room_for_who_waits() {
    each_library(|builder| {
        let pool = builder(shared_database()).max_size(1).timeout(Duration::from_secs(60)).build().unwrap();
        let mut dirty = pool.get().unwrap();
        let waits = pool.clone();
        let waiting = mixio_tokio::spawn_local(move || waits.get().unwrap().batch_execute("SELECT 1").unwrap());
        while pool.state().waiting < 1 {
            wait(tokio::task::yield_now());
        }
        // In a transaction that nobody ends.
        AnsiTransactionManager::begin_transaction(&mut *dirty).unwrap();
        drop(dirty);
        wait(waiting).unwrap();
        assert_eq!((pool.state().size, pool.state().idle), (1, 1));
    });
}

#[test]
fn each_connection_is_set_up_once() {
    each_library(|builder| {
        let count = Arc::new(AtomicUsize::new(0));
        let counts = count.clone();
        let setup = move |connection: &mut PgConnection| {
            counts.fetch_add(1, Ordering::Relaxed);
            connection.batch_execute("SET statement_timeout = '50ms'")
        };
        let pool = builder(shared_database()).max_size(1).setup(setup).build().unwrap();
        for _ in 0..3 {
            let mut connection = pool.get().unwrap();
            let slow = sql_query("SELECT pg_sleep(60)").execute(&mut connection);
            assert!(slow.unwrap_err().to_string().contains("statement timeout"));
        }
        assert_eq!(count.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_connection_that_cannot_be_had_leaves_the_pool_as_it_was() {
    each_library(|builder| {
        let pool = builder("postgres://postgres@127.0.0.1:1/x").max_size(1).build().unwrap();
        for _ in 0..3 {
            let Err(error) = pool.get() else { panic!() };
            assert!(matches!(error, PoolError::Connection(_)) && error.to_string().contains("refused"), "{error}");
        }
        assert_eq!((pool.state().size, pool.state().idle), (0, 0));
        let pool = builder(shared_database()).setup(|connection| connection.batch_execute("nonsense")).build().unwrap();
        let Err(error) = pool.get() else { panic!() };
        assert!(matches!(error, PoolError::Setup(_)) && error.to_string().contains("nonsense"), "{error}");
        assert_eq!((pool.state().size, pool.state().idle), (0, 0));
    });
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for_for_ever() {
    each_library(|builder| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("postgres://postgres@{}/x", listener.local_addr().unwrap());
        let pool = builder(&url).timeout(Duration::from_millis(100)).build().unwrap();
        let started = Instant::now();
        let Err(error) = pool.get() else { panic!() };
        assert!(error.to_string().contains("within"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(30));
        assert_eq!(pool.state().size, 0);
        // Nor a setup that never ends.
        let setup = |connection: &mut PgConnection| connection.batch_execute("SELECT pg_sleep(600)");
        let pool = builder(shared_database()).setup(setup).timeout(Duration::from_secs(2)).build().unwrap();
        let Err(error) = pool.get() else { panic!() };
        assert!(matches!(error, PoolError::Connect { .. }), "{error}");
        assert_eq!(pool.state().size, 0);
    });
}

/// The same server, by a detour that can be cut: from then on nothing comes through, and nothing is closed.
fn detour(url: &str) -> (String, Arc<AtomicBool>) {
    let address = url.split(['@', '/']).nth(3).unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let by_detour = url.replace(&address, &listener.local_addr().unwrap().to_string());
    let cut = Arc::new(AtomicBool::new(false));
    let is_cut = cut.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (client, server) = (stream.unwrap(), TcpStream::connect(&address).unwrap());
            for (mut from, mut to) in [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)] {
                let is_cut = is_cut.clone();
                thread::spawn(move || {
                    let mut buffer = [0; 4096];
                    while let Ok(size @ 1..) = from.read(&mut buffer) {
                        while is_cut.load(Ordering::Relaxed) {
                            thread::park();
                        }
                        to.write_all(&buffer[..size])?;
                    }
                    to.shutdown(Shutdown::Write)
                });
            }
        }
    });
    (by_detour, cut)
}

#[test]
fn a_test_that_is_not_answered_ends_in_time() {
    each_library(|builder| {
        let (url, cut) = detour(shared_database());
        let limit = Duration::from_secs(2);
        let pool = builder(&url).max_size(1).test_on_check_out(true).timeout(limit).build().unwrap();
        for _ in 0..2 {
            drop(open(&pool));
        }
        cut.store(true, Ordering::Relaxed);
        let asks = pool.clone();
        let asked = mixio_tokio::spawn_local(move || asks.get().map(drop));
        let asked = wait(async { tokio::time::timeout(Duration::from_secs(60), asked).await });
        let error = asked.expect("it ends").unwrap().unwrap_err();
        assert!(matches!(error, PoolError::Connect { .. }), "{error:?}");
        let started = Instant::now();
        while pool.state().size > 0 {
            assert!(started.elapsed() < Duration::from_secs(60), "{:?}", pool.state());
            wait(tokio::time::sleep(Duration::from_millis(1)));
        }
    });
}

#[test]
fn a_pool_serves_many_threads() {
    mixio::Io::Async.set();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let _entered = runtime.enter();
    for library in [Library::Deadpool, Library::Bb8] {
        let pool: Pool<PgConnection> = Pool::builder(shared_database()).max_size(3).library(library).build().unwrap();
        // Threads that are no coroutines, whose connections are driven by the runtime.
        let threads: Vec<_> = (0..6)
            .map(|_| {
                let (pool, handle) = (pool.clone(), runtime.handle().clone());
                std::thread::spawn(move || {
                    let _entered = handle.enter();
                    for _ in 0..20 {
                        assert_eq!(sql_query("SELECT 1").execute(&mut pool.get().unwrap()), Ok(1));
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let state = pool.state();
        assert!(state.size <= 3 && state.size == state.idle && state.waiting == 0, "{state:?}");
    }
}

#[test]
fn a_pool_of_either_database() {
    crate::run(|| {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = format!("sqlite://{}", folder.path().join("db").display());
        for url in [shared_database(), &sqlite] {
            let pool: Pool<AnyConnection> = Pool::builder(url).build().unwrap();
            let mut connection = pool.get().unwrap();
            let one = diesel::select(1.into_sql::<diesel::sql_types::Integer>()).get_result(&mut connection);
            assert_eq!(one, Ok(1));
            assert_eq!(connection.as_postgres().is_some(), url.starts_with("postgres"));
        }
        let pool: Pool<AnyConnection> = Pool::builder("mysql://localhost/x").build().unwrap();
        let Err(error) = pool.get() else { panic!() };
        assert!(error.to_string().contains("\"mysql\""), "{error}");
    });
}

#[test]
fn a_test_transaction_stays_open_in_the_pool() {
    crate::run(|| {
        let begin = |connection: &mut SqliteConnection| connection.begin_test_transaction();
        let pool: Pool<SqliteConnection> = Pool::builder(":memory:").max_size(1).setup(begin).build().unwrap();
        pool.get().unwrap().batch_execute("CREATE TABLE marks (id INTEGER)").unwrap();
        pool.get().unwrap().batch_execute("INSERT INTO marks VALUES (1)").unwrap();
    });
}

#[test]
fn a_pool_of_nothing_is_refused() {
    let built = Pool::<SqliteConnection>::builder(":memory:").max_size(0).build();
    assert!(matches!(built, Err(PoolError::Build(_))));
}

#[test]
fn a_pool_can_be_shared() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    fn sent<T: Send + 'static>() {}
    shared::<Pool<AnyConnection>>();
    sent::<mixio_diesel::pool::PooledConnection<AnyConnection>>();
}
