//! PostgreSQL, by tokio-postgres.

mod copy;
mod error;
mod link;
mod load;
mod row;
mod waiter;

use std::any::Any;
use std::time::{Duration, Instant};

use diesel::associations::HasTable;
use diesel::connection::statement_cache::{PrepareForCache, StatementCache};
use diesel::connection::{
    AnsiTransactionManager, CacheSize, Connection, ConnectionSealed, DynInstrumentation, Instrumentation,
    InstrumentationEvent, MultiConnectionHelper, SimpleConnection, StrQueryHelper, TransactionManager as _,
};
use diesel::debug_query;
use diesel::dsl::Update;
use diesel::expression::{MixedAggregates, ValidGrouping, is_aggregate};
use diesel::migration::{CREATE_MIGRATIONS_TABLE, MigrationConnection};
use diesel::pg::{
    GetPgMetadataCache, Pg, PgMetadataCache, PgMetadataLookup, PgNotification, PgTypeMetadata, TransactionBuilder,
};
use diesel::query_builder::bind_collector::RawBytesBindCollector;
use diesel::query_builder::{AsChangeset, IntoUpdateTarget, QueryFragment, QueryId};
use diesel::query_dsl::{LoadQuery, UpdateAndFetchResults};
use diesel::result::{ConnectionError, ConnectionResult, Error as DieselError, QueryResult};
use diesel::sql_types::TypeMetadata;
use diesel::{RunQueryDsl as _, Table};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::types::{Kind, Type};
use tokio_postgres::{CancelToken, Config, NoTls, Socket, Statement};

pub use copy::{CopyIn, CopyOut};
use link::Link;
pub use load::{PgCursor, PgRowByRowCursor, RowByRow};
use row::Parameter;
pub use row::{PgField, PgRow};

/// A connection to PostgreSQL for ordinary, synchronous Diesel, whose I/O is asynchronous.
///
/// It takes the place of [`diesel::PgConnection`](https://docs.diesel.rs/2.3.x/diesel/pg/struct.PgConnection.html), in
/// queries, transactions, migrations. libpq isn't needed. The URL is of the form
/// `postgres://user:password@host:port/database`, with the parameters of [`Config`].
///
/// # Where it waits
///
/// - Opened in [`Io::Async`](mixio::Io): by [`mixio::try_wait`], on a tokio runtime, which also drives the connection. It
///   may be moved to other threads, coroutines or not, as long as that runtime is driven by somebody else than who waits.
///   Where nobody can wait, a query fails with an error that says so, and the connection is of no use afterwards.
/// - Opened in [`Io::Blocking`](mixio::Io): the thread is blocked. Each connection has a small runtime of its own, which runs
///   while it is waited for. Not for code that tokio polls: there it panics.
///
/// # Cancelled in the middle of a query
///
/// If the function that waits is unwound, because its [`AsAsync`](mixio::AsAsync) is dropped or cancelled, then the query
/// is cancelled on the server, without anybody waiting for that. The connection is of no use from then on: whatever is
/// asked of it fails, and a [pool](crate::pool) discards it. What had been done in a transaction is rolled back. Whether
/// a single statement outside of one was, or came to its end before, nobody knows.
///
/// If the runtime itself ends then the socket is closed, and the server finds out when it has something to send, or as
/// soon as its setting `client_connection_check_interval` says.
///
/// # What differs from Diesel's
///
/// - Row by row: [`RowByRow`] takes the place of `PgRowByRowLoadingMode`, which Diesel ties to libpq. Without it, the
///   whole result is in memory when a query returns, as with Diesel's.
/// - `COPY`: [`copy_in`](Self::copy_in) and [`copy_out`](Self::copy_out), by SQL. Diesel's `copy_from` and `copy_to` are
///   tied to libpq.
/// - TLS by [`establish_with`](Self::establish_with), and a connector of your choice. The plain
///   [`establish`](diesel::Connection::establish) knows none, and fails if the URL asks for it.
/// - A transaction that was begun by SQL (`batch_execute("BEGIN")`) is unknown to Diesel, and so to a pool. With libpq the
///   state of the server would tell.
/// - Notices of the server are ignored, where libpq prints them.
///
/// # Example
///
/// ```no_run
/// use diesel::prelude::*;
/// use mixio_diesel::PgConnection;
///
/// fn answer(url: &str) -> Result<i32, Box<dyn std::error::Error>> {
///     let mut connection = PgConnection::establish(url)?;
///     Ok(diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("6 * 7")).get_result(&mut connection)?)
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let answer = mixio_tokio::run(|| answer("postgres://postgres@localhost/postgres").map_err(|error| error.to_string()))?;
/// assert_eq!(answer, 42);
/// # Ok(())
/// # }
/// ```
pub struct PgConnection {
    link: Link,
    statements: StatementCache<Pg, Statement>,
    types: PgMetadataCache,
    transactions: AnsiTransactionManager,
    /// Whether the transaction manager knows that the connection is of no use.
    given_up: bool,
    /// The error in a result, after what was asked for of it, or of a copy that was given up: the transaction has failed, and nobody
    /// knows.
    unseen: Option<DieselError>,
    instrumentation: DynInstrumentation,
}

impl PgConnection {
    /// Opens a connection by a configuration and a TLS connector, such as those of the crates `tokio-postgres-rustls` and
    /// `postgres-native-tls`; with an error if it takes longer than `limit`, if there is one. Requests to cancel a query are made by
    /// the connector, too.
    ///
    /// What is checked of the server's certificate is the connector's business. Whether TLS is used at all is the configuration's:
    /// `sslmode=require` in the URL makes an error of a server without it, and any other makes do with none.
    ///
    /// # Example
    ///
    /// A [pool](crate::pool::Builder::connector) of them, whatever the connector:
    ///
    /// ```
    /// # #[cfg(any(feature = "deadpool", feature = "bb8"))]
    /// # mod example {
    /// use diesel::ConnectionError;
    /// use mixio_diesel::pool::{Pool, PoolError};
    /// use mixio_diesel::{PgConnection, tokio_postgres};
    /// use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
    /// use tokio_postgres::{Config, Socket};
    ///
    /// fn pool<T>(url: &str, tls: T) -> Result<Pool<PgConnection>, PoolError>
    /// where
    ///     T: MakeTlsConnect<Socket, Stream: Send, TlsConnect: Send + TlsConnect<Socket, Future: Send>> + Clone + Send + Sync + 'static,
    /// {
    ///     let builder = Pool::builder(url).connector(move |url, limit| {
    ///         let config = url.parse::<Config>().map_err(|error| ConnectionError::InvalidConnectionUrl(error.to_string()))?;
    ///         PgConnection::establish_with(&config, tls.clone(), Some(limit))
    ///     });
    ///     builder.build()
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`establish`](diesel::Connection::establish): if there is no connection to be had, or no runtime; and when the time is
    /// up.
    pub fn establish_with<T>(config: &Config, tls: T, limit: Option<Duration>) -> ConnectionResult<Self>
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + 'static,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        Self::open(config, tls, limit, DynInstrumentation::default_instrumentation())
    }

    /// As [`establish`](diesel::Connection::establish), with an error if it takes longer than `limit`.
    ///
    /// # Errors
    ///
    /// As `establish`, and when the time is up.
    pub fn establish_within(url: &str, limit: Duration) -> ConnectionResult<Self> {
        Self::establish_url(url, Some(limit))
    }

    /// A transaction of another isolation level, or a read-only one.
    ///
    /// ```no_run
    /// # fn main() -> diesel::QueryResult<()> {
    /// # use diesel::Connection;
    /// # let mut connection = mixio_diesel::PgConnection::establish("").unwrap();
    /// connection.build_transaction().serializable().read_only().run(|connection| {
    ///     // ...
    ///     # let _ = connection;
    ///     diesel::QueryResult::Ok(())
    /// })
    /// # }
    /// ```
    pub fn build_transaction(&mut self) -> TransactionBuilder<'_, Self> {
        TransactionBuilder::new(self)
    }

    /// The [notifications](https://www.postgresql.org/docs/current/sql-listen.html) that have arrived. This doesn't wait.
    pub fn notifications_iter(&mut self) -> impl Iterator<Item = QueryResult<PgNotification>> + '_ {
        self.link.look();
        std::iter::from_fn(|| self.link.notification().map(Ok))
    }

    /// Waits for the next notification, for no longer than `limit` if there is one. `None` when the time is up.
    ///
    /// # Errors
    ///
    /// If the connection has ended.
    pub fn wait_for_notification(&mut self, limit: Option<Duration>) -> QueryResult<Option<PgNotification>> {
        self.link.next_notification(limit)
    }

    /// Limits how long each answer of the server may take; there is no limit at first. When the time is up the query fails, and it is
    /// with this connection as if it had been [cancelled in the middle](Self#cancelled-in-the-middle-of-a-query). In
    /// [`Io::Blocking`](mixio::Io) asking the server for that takes the thread's time: up to one second more.
    ///
    /// For a server that says nothing at all: its machine is gone, or the network. That of the server itself, `statement_timeout`,
    /// had better be shorter: after that one the connection goes on.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use diesel::Connection as _;
    /// # let mut connection = mixio_diesel::PgConnection::establish("").unwrap();
    /// connection.limit_answers(Some(Duration::from_secs(10)));
    /// ```
    pub fn limit_answers(&mut self, limit: Option<Duration>) {
        self.link.limit_answers(limit);
    }

    /// For somebody else to cancel the query that is under way when they use it. It fails then, with an error.
    pub fn cancel_token(&self) -> CancelToken {
        self.link.cancel_token()
    }

    fn establish_url(url: &str, limit: Option<Duration>) -> ConnectionResult<Self> {
        let mut instrumentation = DynInstrumentation::default_instrumentation();
        instrumentation.on_connection_event(InstrumentationEvent::start_establish_connection(url));
        let config = url.parse::<Config>();
        let config = config.map_err(|error| ConnectionError::InvalidConnectionUrl(error::describe(&error)));
        let opened = config.and_then(|config| Self::open(&config, NoTls, limit, DynInstrumentation::none()));
        let finished = InstrumentationEvent::finish_establish_connection(url, opened.as_ref().err());
        instrumentation.on_connection_event(finished);
        opened.map(|connection| PgConnection { instrumentation, ..connection })
    }

    fn open<T>(
        config: &Config,
        tls: T,
        limit: Option<Duration>,
        instrumentation: DynInstrumentation,
    ) -> ConnectionResult<Self>
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + 'static,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let started = Instant::now();
        let mut link = Link::open(config, tls, limit)?;
        link.limit_answers(limit.map(|limit| limit.saturating_sub(started.elapsed())));
        // The driver has asked for UTF-8. Diesel takes times for those of UTC.
        let prepared = link.run(|client| client.batch_execute("SET TIME ZONE 'UTC'"));
        prepared.map_err(ConnectionError::CouldntSetupConfiguration)?;
        link.limit_answers(None);
        Ok(PgConnection {
            link,
            statements: StatementCache::new(),
            types: PgMetadataCache::new(),
            transactions: AnsiTransactionManager::default(),
            given_up: false,
            unseen: None,
            instrumentation,
        })
    }

    /// Learns whether the server is still there, where nobody looks at the socket between queries.
    #[cfg(any(feature = "deadpool", feature = "bb8"))]
    pub(crate) fn look(&self) {
        self.link.look();
    }

    /// Prepares a query, if it isn't yet, and has it run.
    fn run_prepared<Q, T>(
        &mut self,
        query: &Q,
        run: impl FnOnce(&mut Link, Statement, Vec<Option<Vec<u8>>>) -> QueryResult<T>,
    ) -> QueryResult<T>
    where
        Q: QueryFragment<Pg> + QueryId,
    {
        self.instrumentation.on_connection_event(InstrumentationEvent::start_query(&debug_query(query)));
        let result = self.prepare_and_run(query, run);
        self.note(&result);
        let error = result.as_ref().err();
        self.instrumentation.on_connection_event(InstrumentationEvent::finish_query(&debug_query(query), error));
        result
    }

    fn prepare_and_run<Q, T>(
        &mut self,
        query: &Q,
        run: impl FnOnce(&mut Link, Statement, Vec<Option<Vec<u8>>>) -> QueryResult<T>,
    ) -> QueryResult<T>
    where
        Q: QueryFragment<Pg> + QueryId,
    {
        let mut parameters = RawBytesBindCollector::<Pg>::new();
        query.collect_binds(&mut parameters, self, &Pg)?;
        let statement = self.statements.cached_statement(
            query,
            &Pg,
            &parameters.metadata,
            &mut self.link,
            prepare,
            &mut *self.instrumentation,
        )?;
        let statement = Statement::clone(&statement);
        run(&mut self.link, statement, parameters.binds)
    }

    /// Tells the transaction manager what the server makes of an error: a transaction is good for nothing but a rollback.
    fn note<T>(&mut self, result: &QueryResult<T>) {
        let failed = match result {
            Ok(_) => {
                // The server does nothing in a transaction that has failed but end it, or go back to before the failure.
                self.unseen = None;
                false
            }
            Err(DieselError::DatabaseError(..)) => true,
            // It hasn't got to the server.
            Err(_) => return,
        };
        AnsiTransactionManager::transaction_manager_status_mut(self)
            .set_requires_rollback_maybe_up_to_top_level(failed);
    }

    /// Whether an error that nobody sees would undo what was done before.
    fn is_in_transaction(&mut self) -> bool {
        let status = AnsiTransactionManager::transaction_manager_status_mut(self);
        matches!(status.transaction_depth(), Ok(Some(_)))
    }
}

fn prepare(link: &mut Link, sql: &str, _: PrepareForCache, types: &[PgTypeMetadata]) -> QueryResult<Statement> {
    let types = types.iter().map(type_of).collect::<QueryResult<Vec<_>>>()?;
    link.run(|client| async move { client.prepare_typed(sql, &types).await })
}

fn type_of(metadata: &PgTypeMetadata) -> QueryResult<Type> {
    let oid = metadata.oid().map_err(|error| DieselError::SerializationError(Box::new(error)))?;
    // The driver doesn't ask for more than the number of a type that it is given.
    Ok(Type::from_oid(oid).unwrap_or_else(|| Type::new("known to Diesel".into(), oid, Kind::Simple, "".into())))
}

fn execute(link: &mut Link, statement: Statement, parameters: Vec<Option<Vec<u8>>>) -> QueryResult<usize> {
    let parameters = parameters.into_iter().map(Parameter);
    let rows = link.run(|client| async move { client.execute_raw(&statement, parameters).await })?;
    rows.try_into().map_err(|error| DieselError::DeserializationError(Box::new(error)))
}

impl ConnectionSealed for PgConnection {}

impl SimpleConnection for PgConnection {
    fn batch_execute(&mut self, sql: &str) -> QueryResult<()> {
        self.instrumentation.on_connection_event(InstrumentationEvent::start_query(&StrQueryHelper::new(sql)));
        let result = match self.unseen.take() {
            // The server would roll back, and say that all is well. All else fails there, or undoes the damage.
            Some(error) if sql == "COMMIT" => Err(error),
            _ => self.link.run(|client| client.batch_execute(sql)),
        };
        self.note(&result);
        let error = result.as_ref().err();
        self.instrumentation.on_connection_event(InstrumentationEvent::finish_query(&StrQueryHelper::new(sql), error));
        result
    }
}

impl Connection for PgConnection {
    type Backend = Pg;
    type TransactionManager = AnsiTransactionManager;

    fn establish(url: &str) -> ConnectionResult<Self> {
        Self::establish_url(url, None)
    }

    fn execute_returning_count<T>(&mut self, source: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Pg> + QueryId,
    {
        self.run_prepared(source, execute)
    }

    fn transaction_state(&mut self) -> &mut AnsiTransactionManager {
        if !self.given_up && !self.link.is_usable() {
            // First: the transaction manager asks here for its state.
            self.given_up = true;
            AnsiTransactionManager::transaction_manager_status_mut(self).set_in_error();
        }
        &mut self.transactions
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        &mut *self.instrumentation
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.instrumentation = instrumentation.into();
    }

    fn set_prepared_statement_cache_size(&mut self, size: CacheSize) {
        self.statements.set_cache_size(size);
    }
}

impl GetPgMetadataCache for PgConnection {
    fn get_metadata_cache(&mut self) -> &mut PgMetadataCache {
        &mut self.types
    }
}

impl MigrationConnection for PgConnection {
    fn setup(&mut self) -> QueryResult<usize> {
        diesel::sql_query(CREATE_MIGRATIONS_TABLE).execute(self)
    }
}

impl MultiConnectionHelper for PgConnection {
    fn to_any<'a>(lookup: &mut <Pg as TypeMetadata>::MetadataLookup) -> &mut (dyn Any + 'a) {
        lookup.as_any()
    }

    fn from_any(lookup: &mut dyn Any) -> Option<&mut <Pg as TypeMetadata>::MetadataLookup> {
        lookup.downcast_mut::<Self>().map(|connection| connection as &mut dyn PgMetadataLookup)
    }
}

/// For `save_changes`.
impl<'b, Changes, Output> UpdateAndFetchResults<Changes, Output> for PgConnection
where
    Changes: Copy + AsChangeset<Target = <Changes as HasTable>::Table> + IntoUpdateTarget,
    Update<Changes, Changes>: LoadQuery<'b, PgConnection, Output>,
    <Changes::Table as Table>::AllColumns: ValidGrouping<()>,
    <<Changes::Table as Table>::AllColumns as ValidGrouping<()>>::IsAggregate:
        MixedAggregates<is_aggregate::No, Output = is_aggregate::No>,
{
    fn update_and_fetch(&mut self, changeset: Changes) -> QueryResult<Output> {
        diesel::update(changeset).set(changeset).get_result(self)
    }
}
