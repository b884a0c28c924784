//! What a pool is to be like.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use diesel::result::{ConnectionResult, QueryResult};
use mixio::Io;

use super::place::Keeper;
use super::{Pool, PoolError, Poolable, Shared};

/// The library that keeps the queue and the count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Library {
    /// [deadpool](https://docs.rs/deadpool).
    #[cfg(feature = "deadpool")]
    #[default]
    Deadpool,
    /// [bb8](https://docs.rs/bb8).
    #[cfg(feature = "bb8")]
    #[cfg_attr(not(feature = "deadpool"), default)]
    Bb8,
}

/// Builds a [`Pool`].
#[must_use = "a builder does nothing until it builds"]
pub struct Builder<C: Poolable> {
    library: Library,
    opening: Opening<C>,
    max_size: usize,
    timeout: Duration,
    test_on_check_out: bool,
}

type Connector<C> = dyn Fn(&str, Duration) -> ConnectionResult<C> + Send + Sync;
type Setup<C> = dyn Fn(&mut C) -> QueryResult<()> + Send + Sync;

/// How a connection is opened.
pub(super) struct Opening<C> {
    url: Arc<str>,
    connector: Arc<Connector<C>>,
    setup: Option<Arc<Setup<C>>>,
}

impl<C> Clone for Opening<C> {
    fn clone(&self) -> Self {
        Opening { url: self.url.clone(), connector: self.connector.clone(), setup: self.setup.clone() }
    }
}

impl<C> Opening<C> {
    pub(super) fn open(&self, limit: Duration) -> Result<C, PoolError> {
        let mut connection = (self.connector)(&self.url, limit)?;
        if let Some(setup) = &self.setup {
            setup(&mut connection).map_err(PoolError::Setup)?;
        }
        Ok(connection)
    }
}

impl<C: Poolable> Builder<C> {
    pub(super) fn new(url: String) -> Self {
        let opening = Opening { url: url.into(), connector: Arc::new(C::establish_within), setup: None };
        Builder {
            library: Library::default(),
            opening,
            max_size: 10,
            timeout: Duration::from_secs(30),
            test_on_check_out: false,
        }
    }

    /// How many connections there may be: 10, if it isn't said.
    pub fn max_size(mut self, connections: usize) -> Self {
        self.max_size = connections;
        self
    }

    /// How long [`Pool::get`] may take: 30 seconds, if it isn't said.
    ///
    /// Outside of [`as_async`](mixio::as_async()), and so in [`Io::Blocking`], neither a [`setup`](Self::setup) function nor a
    /// [test](Self::test_on_check_out) is interrupted when the time is up: they take as long as the server does.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Whether the server is asked (`SELECT 1`) before a connection is handed out: no, if it isn't said. Without that, a
    /// server that is gone is noticed when its socket was closed, and otherwise by the first query. One that doesn't answer is
    /// waited for until the [time](Self::timeout) is up.
    pub fn test_on_check_out(mut self, test: bool) -> Self {
        self.test_on_check_out = test;
        self
    }

    /// What to do with each connection after it was opened: plain code, such as
    /// `|connection| connection.batch_execute("SET statement_timeout = '5s'")`.
    pub fn setup(mut self, setup: impl Fn(&mut C) -> QueryResult<()> + Send + Sync + 'static) -> Self {
        self.setup_with(Arc::new(setup));
        self
    }

    fn setup_with(&mut self, setup: Arc<Setup<C>>) {
        self.opening.setup = Some(setup);
    }

    /// How to open a connection: by [`Poolable::establish_within`], if it isn't said. It is given the URL, and the time
    /// that is left.
    pub fn connector(
        mut self,
        connector: impl Fn(&str, Duration) -> ConnectionResult<C> + Send + Sync + 'static,
    ) -> Self {
        self.opening.connector = Arc::new(connector);
        self
    }

    /// Which library keeps the queue: deadpool, if there is a choice and it isn't said.
    pub fn library(mut self, library: Library) -> Self {
        self.library = library;
        self
    }

    /// Builds the pool, for [`Io::current`]. No connection is opened before one is needed.
    ///
    /// # Errors
    ///
    /// If its size is zero. With bb8 in `Io::Async` also outside of a tokio runtime, and in `Io::Blocking` if one can't
    /// be made.
    pub fn build(self) -> Result<Pool<C>, PoolError> {
        if self.max_size == 0 {
            return Err(PoolError::Build("its size is zero".into()));
        }
        let io = Io::current();
        let shared = Shared {
            keeper: Keeper::new(self.library, io, self.max_size, self.timeout)?,
            opening: self.opening,
            timeout: self.timeout,
            test_on_check_out: self.test_on_check_out,
            waiting: AtomicUsize::new(0),
            io,
        };
        Ok(Pool { shared: Arc::new(shared) })
    }
}
