//! Cancelled in flight: what becomes of the query, of the connection, and of who comes next.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_query;
use mixio::{AsAsync, as_async, wait};
use mixio_diesel::pool::{Library, Pool, PooledConnection};
use mixio_diesel::{PgConnection, RowByRow};
use tokio::task::LocalSet;

use crate::suite::server::{database, server};

type Pooled = PooledConnection<PgConnection>;

diesel::table! {
    marks (id) { id -> Integer, }
}

/// Longer than any test.
const SLEEP: &str = "SELECT pg_sleep(600)";

/// What each case has: a database with a table, and a pool of one connection.
struct Fixture {
    database: String,
    pool: Pool<PgConnection>,
}

impl Fixture {
    fn new(library: Library) -> Self {
        mixio::Io::Async.set();
        let database = database();
        server().execute(&database, "CREATE TABLE marks (id INTEGER PRIMARY KEY)");
        let builder = Pool::builder(&database).max_size(1).timeout(Duration::from_secs(30)).library(library);
        Fixture { pool: builder.build().unwrap(), database }
    }

    /// How many queries sleep on the server.
    fn sleepers(&self) -> i32 {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
        server().execute(&self.database, sql).parse().unwrap()
    }

    /// Lets everybody go on until that many queries sleep.
    async fn until(&self, sleepers: i32) {
        let started = Instant::now();
        while self.sleepers() != sleepers {
            assert!(started.elapsed() < Duration::from_secs(60), "{} sleep, not {sleepers}", self.sleepers());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn marks(&self) -> String {
        server().execute(&self.database, "SELECT id FROM marks")
    }

    /// Whoever comes next gets a connection that is in no transaction and answers at once.
    async fn is_as_before(&self) {
        self.until(0).await;
        let pool = self.pool.clone();
        as_async(move || {
            let mut connection = pool.get().unwrap();
            connection.transaction(|connection| {
                diesel::select(1.into_sql::<diesel::sql_types::Integer>()).get_result(connection)
            })
        })
        .await
        .map(|one: i32| assert_eq!(one, 1))
        .unwrap();
        let state = self.pool.state();
        assert_eq!((state.size, state.idle, state.waiting), (1, 1, 0));
        assert_eq!(self.marks(), "", "nothing was committed");
    }
}

fn sleeps(connection: &mut Pooled) {
    let slept = sql_query(SLEEP).execute(connection);
    panic!("it was to be cancelled: {slept:?}");
}

fn sleeps_in_transaction(connection: &mut Pooled) {
    let _ = connection.transaction(|connection| {
        diesel::insert_into(marks::table).values(marks::id.eq(1)).execute(connection)?;
        sleeps(connection);
        QueryResult::Ok(())
    });
}

fn sleeps_between_rows(connection: &mut Pooled) {
    let sql = diesel::dsl::sql::<diesel::sql_types::Text>;
    let query = diesel::select(sql(
        "repeat('x', 10000) || pg_sleep(CASE n WHEN 9 THEN 600 ELSE 0 END) FROM generate_series(1, 10) n",
    ));
    let rows = query.load_iter::<String, RowByRow>(connection).unwrap();
    assert!(rows.map(Result::unwrap).count() < 9, "it was to be cancelled");
}

/// In any of the ways in which a function can end in the middle.
async fn each_way(library: Library, reaper: bool, function: fn(&mut Pooled)) {
    if reaper {
        mixio_tokio::install_reaper();
    }
    for way in [drop_it, cancel_it] {
        let fixture = Fixture::new(library);
        let pool = fixture.pool.clone();
        let mut task = start(move || function(&mut pool.get().unwrap()));
        tokio::select! {
            biased;
            () = &mut task => unreachable!(),
            () = fixture.until(1) => {}
        }
        assert_eq!((fixture.pool.state().size, fixture.pool.state().idle), (1, 0));
        way(task).await;
        fixture.is_as_before().await;
    }
}

type Task = AsAsync<(), Box<dyn FnOnce()>>;
type Way = Pin<Box<dyn Future<Output = ()>>>;

fn start(function: impl FnOnce() + 'static) -> Task {
    as_async(Box::new(function))
}

fn drop_it(task: Task) -> Way {
    Box::pin(async move { drop(task) })
}

fn cancel_it(task: Task) -> Way {
    Box::pin(async move {
        let _ = task.cancel().await;
    })
}

/// Once.
async fn poll(task: &mut Task) {
    poll_fn(|context| {
        assert!(Pin::new(&mut *task).poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
}

fn on_a_local_set(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(LocalSet::new().run_until(test));
    // As from another thread.
    mixio::runtime::set_reaper(None);
}

macro_rules! cases {
    ($($name:ident: $function:ident;)*) => {
        $(
            mod $name {
                use super::*;

                #[test]
                fn with_a_reaper() {
                    on_a_local_set(each_way(Library::Deadpool, true, $function));
                }

                #[test]
                fn without() {
                    on_a_local_set(each_way(Library::Deadpool, false, $function));
                }

                #[test]
                fn with_bb8() {
                    on_a_local_set(each_way(Library::Bb8, true, $function));
                }
            }
        )*
    };
}

cases! {
    in_a_query: sleeps;
    in_a_transaction: sleeps_in_transaction;
    in_the_middle_of_a_result: sleeps_between_rows;
}

#[test]
fn in_a_nested_function() {
    on_a_local_set(async {
        mixio_tokio::install_reaper();
        for way in [drop_it, cancel_it] {
            let fixture = Fixture::new(Library::Deadpool);
            let pool = fixture.pool.clone();
            let mut task = start(move || {
                let mut connection = pool.get().unwrap();
                // What the outer one waits for is another one, in whose midst the query is.
                wait(as_async(move || sleeps(&mut connection)));
            });
            tokio::select! {
                biased;
                () = &mut task => unreachable!(),
                () = fixture.until(1) => {}
            }
            way(task).await;
            fixture.is_as_before().await;
        }
    });
}

#[test]
fn a_panic_in_a_transaction_commits_nothing() {
    on_a_local_set(async {
        let fixture = Fixture::new(Library::Deadpool);
        let pool = fixture.pool.clone();
        as_async(move || {
            let mut connection = pool.get().unwrap();
            let panic = catch_unwind(AssertUnwindSafe(|| {
                connection.transaction(|connection| {
                    diesel::insert_into(marks::table).values(marks::id.eq(1)).execute(connection)?;
                    if true {
                        panic!("in the middle");
                    }
                    QueryResult::Ok(())
                })
            }));
            assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"in the middle"));
        })
        .await;
        assert_eq!((fixture.pool.state().size, fixture.pool.state().idle), (0, 0), "it was discarded");
        fixture.is_as_before().await;
    });
}

#[test]
fn a_panic_outside_of_a_transaction_leaves_the_connection_as_it_is() {
    on_a_local_set(async {
        let fixture = Fixture::new(Library::Deadpool);
        let pool = fixture.pool.clone();
        as_async(move || {
            let mut pid = None;
            let panic = catch_unwind(AssertUnwindSafe(|| {
                let mut connection = pool.get().unwrap();
                pid = Some(backend(&mut connection));
                panic!("afterwards");
            }));
            assert!(panic.is_err());
            assert_eq!(Some(backend(&mut pool.get().unwrap())), pid, "it is the same");
        })
        .await;
        fixture.is_as_before().await;
    });
}

fn backend(connection: &mut Pooled) -> i32 {
    diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("pg_backend_pid()")).get_result(connection).unwrap()
}

#[test]
fn who_swallows_the_cancellation_gets_errors_from_the_connection() {
    on_a_local_set(async {
        mixio_tokio::install_reaper();
        let fixture = Fixture::new(Library::Deadpool);
        let pool = fixture.pool.clone();
        let said = Rc::new(Cell::new(false));
        let says = said.clone();
        let mut task = start(move || {
            let mut connection = pool.get().unwrap();
            let swallowed = catch_unwind(AssertUnwindSafe(|| sleeps(&mut connection)));
            assert!(swallowed.is_err());
            let error = sql_query("SELECT 1").execute(&mut connection).unwrap_err().to_string();
            assert!(error.contains("interrupted"), "{error}");
            let error = connection.transaction(|_| QueryResult::Ok(())).unwrap_err();
            assert!(matches!(error, diesel::result::Error::BrokenTransactionManager), "{error}");
            says.set(true);
        });
        tokio::select! {
            biased;
            () = &mut task => unreachable!(),
            () = fixture.until(1) => {}
        }
        let _ = task.cancel().await;
        assert!(said.get());
        fixture.is_as_before().await;
    });
}

/// It may be sent later, by the driver: then it is cancelled.
#[test]
fn a_query_that_was_not_even_sent_does_not_go_on() {
    on_a_local_set(async {
        let fixture = Fixture::new(Library::Deadpool);
        let pool = fixture.pool.clone();
        // A connection that is there.
        let backend = as_async(move || backend(&mut pool.get().unwrap())).await;
        let pool = fixture.pool.clone();
        let mut task = start(move || {
            // One message, that needs no preparation.
            let slept = pool.get().unwrap().batch_execute(SLEEP);
            panic!("it was to be cancelled: {slept:?}");
        });
        // One poll: the driver hasn't been polled since.
        poll(&mut task).await;
        drop(task);
        let is_there = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {backend}");
        let started = Instant::now();
        while server().execute(&fixture.database, &is_there) != "0" {
            assert!(started.elapsed() < Duration::from_secs(60), "the query goes on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        fixture.is_as_before().await;
    });
}

#[test]
fn whoever_waits_for_a_connection_may_go_away() {
    on_a_local_set(async {
        for library in [Library::Deadpool, Library::Bb8] {
            let fixture = Fixture::new(library);
            let pool = fixture.pool.clone();
            let held = as_async(move || pool.get().unwrap()).await;
            let pool = fixture.pool.clone();
            let mut task = start(move || drop(pool.get().unwrap()));
            poll(&mut task).await;
            assert_eq!(fixture.pool.state().waiting, 1);
            drop(task);
            assert_eq!(fixture.pool.state().waiting, 0);
            drop(held);
            fixture.is_as_before().await;
        }
    });
}

#[test]
fn a_cancel_token_makes_the_query_fail_and_leaves_the_connection() {
    on_a_local_set(async {
        let fixture = Fixture::new(Library::Deadpool);
        let database = fixture.database.clone();
        let connection = as_async(move || PgConnection::establish(&database).unwrap()).await;
        let token = connection.cancel_token();
        let mut task = Box::pin(as_async(move || {
            let mut connection = connection;
            let cancelled = sql_query(SLEEP).execute(&mut connection);
            (cancelled, sql_query("SELECT 1").execute(&mut connection))
        }));
        tokio::select! {
            biased;
            _ = &mut task => unreachable!(),
            () = fixture.until(1) => {}
        }
        // Once: another that comes late would cancel what is next.
        token.cancel_query(mixio_diesel::tokio_postgres::NoTls).await.unwrap();
        let (cancelled, after) = task.await;
        assert!(cancelled.unwrap_err().to_string().contains("user request"));
        assert_eq!(after, Ok(1));
    });
}
