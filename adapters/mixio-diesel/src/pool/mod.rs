//! Pools of connections, over deadpool and bb8, whose queues are waited in.
//!
//! ```
//! use std::time::Duration;
//! use diesel::prelude::*;
//! use mixio_diesel::SqliteConnection;
//! use mixio_diesel::pool::Pool;
//! # fn show() -> Result<(), Box<dyn std::error::Error>> {
//! let pool: Pool<SqliteConnection> = Pool::builder(":memory:").max_size(4).timeout(Duration::from_secs(5)).build()?;
//!
//! let mut connection = pool.get()?;
//! let answer: i32 = diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("6 * 7")).get_result(&mut connection)?;
//! assert_eq!(answer, 42);
//! drop(connection); // it's free again
//! assert_eq!(pool.state().idle, 1);
//! # Ok(())
//! # }
//! # fn main() { mixio_tokio::run(|| show().unwrap()) }
//! ```
//!
//! # Who waits, and where
//!
//! [`Pool::get`] waits for a free connection as the setting says when the pool is built: by [`mixio::try_wait`] in
//! [`Io::Async`](mixio::Io), so that the thread goes on with other work; in [`Io::Blocking`](mixio::Io) the thread is
//! blocked, and no runtime is needed. (The condition variable of r2d2, Diesel's own pool, would block the event loop when
//! the pool is empty.) Connections are opened when they are needed, and by the one who needs it.
//!
//! The two libraries keep the queue and the count:
//!
//! - [deadpool](https://docs.rs/deadpool), the default. It is asked without its timeouts, so it needs no runtime: the time is
//!   kept here, by tokio's timer or by that of the blocked thread;
//! - [bb8](https://docs.rs/bb8), which starts tasks. In `Io::Blocking` it gets a runtime with one thread.
//!
//! # No connection is handed on dirty
//!
//! A connection that comes back is kept only if it is in no transaction and nobody was torn away from its answers.
//! Otherwise it is closed, without waiting for anything, and what it was in the middle of is rolled back: so after a panic
//! inside of a transaction, and when the [`AsAsync`](mixio::AsAsync) that used it is dropped. One whose server is
//! known to be gone isn't handed out. [`Builder::test_on_check_out`] asks the server each time.
//!
//! What a session has set (`SET search_path`, a temporary table, `LISTEN`) stays set: the pool can't know. What is left of a
//! result that was read row by row, or of a `COPY`, arrives before the answer to the next query. A
//! [token](crate::pg::PgConnection::cancel_token) cancels whatever query is under way when it is used, also that of whoever has
//! the connection then. A transaction that was begun by SQL (`batch_execute("BEGIN")`) is unknown to Diesel, and so to the
//! pool. A transaction of [`begin_test_transaction`](diesel::Connection::begin_test_transaction) stays open, as in Diesel's
//! pool.

mod builder;
#[cfg_attr(not(feature = "deadpool"), allow(dead_code, reason = "bb8 keeps the time by the clock of tokio"))]
mod clock;
mod error;
mod place;
mod poolable;
mod pooled;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mixio::{Io, as_async, in_coroutine, try_wait};

use builder::Opening;
pub use builder::{Builder, Library};
pub use error::PoolError;
use place::Keeper;
pub use poolable::Poolable;
pub use pooled::{PooledConnection, PooledTransactionManager};

/// A pool of connections. Clones are handles to the same pool, for any thread.
///
/// See the [module](self) for what it keeps and where it waits.
pub struct Pool<C: Poolable> {
    shared: Arc<Shared<C>>,
}

struct Shared<C: Poolable> {
    keeper: Keeper<C>,
    opening: Opening<C>,
    timeout: Duration,
    test_on_check_out: bool,
    waiting: AtomicUsize,
    io: Io,
}

/// How many connections a pool has, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct State {
    /// How many there may be.
    pub max_size: usize,
    /// How many there are, with those that are being opened.
    pub size: usize,
    /// How many of them nobody uses.
    pub idle: usize,
    /// How many callers wait for one.
    pub waiting: usize,
}

impl<C: Poolable> Pool<C> {
    /// A pool of connections to what the URL says. The types of connection know which URLs they take.
    pub fn builder(url: impl Into<String>) -> Builder<C> {
        Builder::new(url.into())
    }

    /// A connection, when there is a free one. It is free again when it's dropped.
    ///
    /// # Errors
    ///
    /// If none gets free in time ([`Builder::timeout`]), none can be opened, or it can't be waited for here.
    ///
    /// # Panics
    ///
    /// With the panic of a function that the [`Builder`] was given.
    pub fn get(&self) -> Result<PooledConnection<C>, PoolError> {
        let shared = &*self.shared;
        let deadline = clock::after(shared.timeout);
        loop {
            let mut pooled = match shared.keeper.try_place() {
                Some(place) => place,
                None => {
                    let _waits = Waits::count(&shared.waiting);
                    shared.keeper.place(shared.io, deadline, || self.exhausted())?
                }
            };
            if pooled.is_empty() {
                pooled.fill(self.open(deadline)?);
                return Ok(pooled);
            }
            if !shared.test_on_check_out {
                return Ok(pooled);
            }
            if let Some(tested) = self.test(pooled, deadline)? {
                return Ok(tested);
            }
            if Instant::now() >= deadline {
                return Err(PoolError::Connect { limit: shared.timeout });
            }
        }
    }

    /// What there is in the pool at this moment.
    pub fn state(&self) -> State {
        let waiting = self.shared.waiting.load(Ordering::Relaxed);
        self.shared.keeper.state(waiting)
    }

    fn open(&self, deadline: Instant) -> Result<C, PoolError> {
        let shared = &*self.shared;
        let limit = deadline.saturating_duration_since(Instant::now());
        let opening = shared.opening.clone();
        self.within(limit, move || opening.open(limit))?.unwrap_or(Err(PoolError::Connect { limit: shared.timeout }))
    }

    /// The connection, if its server answers. Otherwise it is closed.
    fn test(
        &self,
        mut pooled: PooledConnection<C>,
        deadline: Instant,
    ) -> Result<Option<PooledConnection<C>>, PoolError> {
        let limit = deadline.saturating_duration_since(Instant::now());
        let tested = self.within(limit, move || match pooled.batch_execute("SELECT 1") {
            Ok(()) => Some(pooled),
            Err(_) => {
                pooled.discard();
                None
            }
        });
        Ok(tested?.flatten())
    }

    /// Calls the function where it can be left alone when the time is up; `None` if it is.
    fn within<T: 'static>(&self, limit: Duration, call: impl FnOnce() -> T + 'static) -> Result<Option<T>, PoolError> {
        if self.shared.io == Io::Blocking || !in_coroutine() || tokio::runtime::Handle::try_current().is_err() {
            return Ok(Some(call()));
        }
        // In a coroutine of its own, which is dropped when the time is up.
        let called = as_async(call);
        let called = try_wait(async { tokio::time::timeout(limit, called).await });
        called.map(Result::ok).map_err(PoolError::CannotWait)
    }

    fn exhausted(&self) -> PoolError {
        PoolError::Timeout { limit: self.shared.timeout, state: self.state() }
    }
}

impl<C: Poolable> Clone for Pool<C> {
    fn clone(&self) -> Self {
        Pool { shared: self.shared.clone() }
    }
}

impl<C: Poolable> std::fmt::Debug for Pool<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the URL: there may be a password in it.
        f.debug_struct("Pool").field("state", &self.state()).finish_non_exhaustive()
    }
}

/// A caller who waits, for as long as this lives.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn count(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Waits(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
