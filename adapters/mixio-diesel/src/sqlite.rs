//! SQLite, on threads of tokio's or on that of the caller.

use std::any::Any;
use std::panic::resume_unwind;

use diesel::RunQueryDsl as _;
use diesel::associations::HasTable;
use diesel::backend::Backend;
use diesel::connection::{
    AnsiTransactionManager, CacheSize, Connection, ConnectionSealed, DynInstrumentation, Instrumentation,
    LoadConnection, MultiConnectionHelper, SimpleConnection, TransactionManager as _,
};
use diesel::dsl::{Find, Update};
use diesel::expression::{MixedAggregates, QueryMetadata, ValidGrouping, is_aggregate};
use diesel::migration::{CREATE_MIGRATIONS_TABLE, MigrationConnection};
use diesel::query_builder::{
    AsChangeset, CollectedQuery, IntoUpdateTarget, MoveableBindCollector, Query, QueryBuilder as _, QueryFragment,
    QueryId,
};
use diesel::query_dsl::methods::{ExecuteDsl, FindDsl};
use diesel::query_dsl::{LoadQuery, UpdateAndFetchResults};
use diesel::result::{ConnectionError, ConnectionResult, DatabaseErrorKind, Error as DieselError, QueryResult};
use diesel::row::IntoOwnedRow;
use diesel::sql_types::TypeMetadata;
use diesel::sqlite::Sqlite;
use diesel::{Identifiable, Table};
use mixio::Io;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::runtime::current_runtime;

/// A row as it is inside of Diesel's own connection.
type BorrowedRow = <diesel::SqliteConnection as LoadConnection>::Row<'static, 'static>;

/// A row that may leave the thread.
type OwnedRow = <BorrowedRow as IntoOwnedRow<'static, Sqlite>>::OwnedRow;

/// The values of a query's parameters, which may be moved to another thread.
type Parameters = <<Sqlite as Backend>::BindCollector<'static> as MoveableBindCollector<Sqlite>>::BindData;

/// A connection to SQLite for ordinary, synchronous Diesel, which doesn't block an event loop.
///
/// It takes the place of [`diesel::SqliteConnection`], in queries, transactions, migrations. The URL is what SQLite
/// understands: a path, `:memory:`, or `file:path?mode=ro` with its
/// [parameters](https://www.sqlite.org/c3ref/open.html#coreuriexamples).
///
/// SQLite knows only calls that block. So:
///
/// - opened in [`Io::Async`]: each is made on a thread of tokio's pool for blocking work, and waited for
///   by [`mixio::try_wait`]. The connection may be moved to other threads. Where nobody can wait, a query fails with an
///   error that says so, and the connection is of no use afterwards;
/// - opened in [`Io::Blocking`]: on the thread of the caller, by Diesel's own connection, with no runtime.
///
/// # Cancelled in the middle of a query
///
/// If the function that waits is unwound, because its [`AsAsync`](mixio::AsAsync) is dropped or cancelled, then a
/// call that was begun goes on to its end on the other thread, where the connection is then closed: what was done in a
/// transaction is rolled back. Whatever is asked of this connection afterwards fails, and a [pool](crate::pool) discards it.
///
/// # What differs from Diesel's
///
/// - The whole result of a query is in memory when it returns.
/// - [`with`](Self::with) lends Diesel's own connection, for what it has beside: SQL functions, collations, serialization.
/// - In `Io::Async` the file is closed on another thread, soon after the connection is dropped.
///
/// # Example
///
/// ```
/// use diesel::prelude::*;
/// use mixio_diesel::SqliteConnection;
///
/// fn answer() -> Result<i32, Box<dyn std::error::Error>> {
///     let mut connection = SqliteConnection::establish(":memory:")?;
///     Ok(diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("6 * 7")).get_result(&mut connection)?)
/// }
///
/// assert_eq!(mixio_tokio::run(|| answer().unwrap()), 42);
/// ```
pub struct SqliteConnection {
    /// None while it is lent to another thread, and from then on if nobody has waited for it to come back.
    inner: Option<Box<diesel::SqliteConnection>>,
    /// Where other threads come from. None if this is of `Io::Blocking`.
    runtime: Option<Handle>,
    /// What there is to be asked when the connection doesn't come back.
    substitute: Substitute,
}

struct Substitute {
    transactions: AnsiTransactionManager,
    /// Whether it says that it is of no use.
    given_up: bool,
    instrumentation: DynInstrumentation,
}

impl SqliteConnection {
    /// A transaction that is begun by `BEGIN IMMEDIATE`: it has the right to write from the beginning, and waits for it.
    ///
    /// # Errors
    ///
    /// As [`transaction`](Connection::transaction).
    pub fn immediate_transaction<T, E, F>(&mut self, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Self) -> Result<T, E>,
        E: From<DieselError>,
    {
        self.transaction_by("BEGIN IMMEDIATE", f)
    }

    /// A transaction that is begun by `BEGIN EXCLUSIVE`: nobody else reads or writes meanwhile.
    ///
    /// # Errors
    ///
    /// As [`transaction`](Connection::transaction).
    pub fn exclusive_transaction<T, E, F>(&mut self, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Self) -> Result<T, E>,
        E: From<DieselError>,
    {
        self.transaction_by("BEGIN EXCLUSIVE", f)
    }

    /// Lends Diesel's own connection to a function, which runs where its calls may block.
    ///
    /// # Errors
    ///
    /// If the connection is of no use any more, or it can't be waited for here.
    ///
    /// # Panics
    ///
    /// With the panic of the function. In [`Io::Async`] the connection is of no use after that.
    ///
    /// # Example
    ///
    /// ```
    /// use diesel::prelude::*;
    /// use mixio_diesel::SqliteConnection;
    ///
    /// # mixio_tokio::run(|| {
    /// let mut connection = SqliteConnection::establish(":memory:").unwrap();
    /// connection.with(|connection| {
    ///     connection.register_collation("RUSTNOCASE", |a, b| a.to_lowercase().cmp(&b.to_lowercase()))
    /// }).unwrap().unwrap();
    /// # });
    /// ```
    pub fn with<T, F>(&mut self, f: F) -> QueryResult<T>
    where
        F: FnOnce(&mut diesel::SqliteConnection) -> T + Send + 'static,
        T: Send + 'static,
    {
        let Some(runtime) = &self.runtime else {
            return self.inner.as_deref_mut().map(f).ok_or_else(interrupted);
        };
        let mut inner = self.inner.take().ok_or_else(interrupted)?;
        let mut task = Task(runtime.spawn_blocking(move || {
            let value = f(&mut inner);
            (inner, value)
        }));
        match mixio::try_wait(&mut task.0) {
            Ok(Ok((inner, value))) => {
                self.inner = Some(inner);
                Ok(value)
            }
            Ok(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
            Ok(Err(_)) => Err(unusable("the tokio runtime of this connection has ended".into())),
            Err(error) => Err(unusable(format!("cannot wait: {error}"))),
        }
    }

    /// As [`with`](Self::with), with a result of Diesel's.
    fn ask<T: Send + 'static>(
        &mut self,
        question: impl FnOnce(&mut diesel::SqliteConnection) -> QueryResult<T> + Send + 'static,
    ) -> QueryResult<T> {
        self.with(question)?
    }

    fn transaction_by<T, E, F>(&mut self, sql: &str, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Self) -> Result<T, E>,
        E: From<DieselError>,
    {
        AnsiTransactionManager::begin_transaction_sql(self, sql)?;
        match f(self) {
            Ok(value) => {
                AnsiTransactionManager::commit_transaction(self)?;
                Ok(value)
            }
            Err(error) => match AnsiTransactionManager::rollback_transaction(self) {
                Ok(()) | Err(DieselError::BrokenTransactionManager) => Err(error),
                Err(rollback) => Err(rollback.into()),
            },
        }
    }
}

/// Another thread's work. If it isn't waited for, and hasn't begun, then it isn't done.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cold]
fn interrupted() -> DieselError {
    unusable("this connection was interrupted while a query was under way, and can't be used".into())
}

fn unusable(reason: String) -> DieselError {
    DieselError::DatabaseError(DatabaseErrorKind::UnableToSendCommand, Box::new(reason))
}

/// What remains of a query that is to be made elsewhere.
fn collect(query: &(impl QueryFragment<Sqlite> + ?Sized)) -> QueryResult<CollectedQuery<Parameters>> {
    let mut parameters = <Sqlite as Backend>::BindCollector::default();
    query.collect_binds(&mut parameters, &mut (), &Sqlite)?;
    let mut sql = <Sqlite as Backend>::QueryBuilder::default();
    query.to_sql(&mut sql, &Sqlite)?;
    Ok(CollectedQuery::new(sql.finish(), query.is_safe_to_cache_prepared(&Sqlite)?, parameters.moveable()))
}

fn load<Q>(connection: &mut diesel::SqliteConnection, query: Q) -> QueryResult<Vec<OwnedRow>>
where
    Q: Query + QueryFragment<Sqlite> + QueryId,
    Sqlite: QueryMetadata<Q::SqlType>,
{
    let mut names = Default::default();
    LoadConnection::load(connection, query)?.map(|row| Ok(row?.into_owned(&mut names))).collect()
}

fn load_collected(
    connection: &mut diesel::SqliteConnection,
    query: &CollectedQuery<Parameters>,
) -> QueryResult<Vec<OwnedRow>> {
    load(connection, query)
}

impl ConnectionSealed for SqliteConnection {}

impl SimpleConnection for SqliteConnection {
    fn batch_execute(&mut self, sql: &str) -> QueryResult<()> {
        if self.runtime.is_none() {
            return self.inner.as_deref_mut().ok_or_else(interrupted)?.batch_execute(sql);
        }
        let sql = sql.to_owned();
        self.ask(move |connection| connection.batch_execute(&sql))
    }
}

impl Connection for SqliteConnection {
    type Backend = Sqlite;
    type TransactionManager = AnsiTransactionManager;

    fn establish(url: &str) -> ConnectionResult<Self> {
        let (runtime, inner) = match Io::current() {
            Io::Blocking => (None, diesel::SqliteConnection::establish(url)?),
            Io::Async => {
                let runtime = current_runtime()?;
                let url = url.to_owned();
                let mut task = Task(runtime.spawn_blocking(move || diesel::SqliteConnection::establish(&url)));
                let bad = ConnectionError::BadConnection;
                let opened = mixio::try_wait(&mut task.0).map_err(|error| bad(format!("cannot wait: {error}")))?;
                (Some(runtime), opened.map_err(|error| bad(error.to_string()))??)
            }
        };
        let substitute = Substitute {
            transactions: AnsiTransactionManager::default(),
            given_up: false,
            instrumentation: DynInstrumentation::none(),
        };
        Ok(SqliteConnection { inner: Some(Box::new(inner)), runtime, substitute })
    }

    fn execute_returning_count<T>(&mut self, source: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Sqlite> + QueryId,
    {
        if self.runtime.is_none() {
            return self.inner.as_deref_mut().ok_or_else(interrupted)?.execute_returning_count(source);
        }
        let query = collect(source)?;
        self.ask(move |connection| connection.execute_returning_count(&query))
    }

    fn transaction_state(&mut self) -> &mut AnsiTransactionManager {
        if self.inner.is_none() && !self.substitute.given_up {
            // First: the transaction manager asks here for its state.
            self.substitute.given_up = true;
            AnsiTransactionManager::transaction_manager_status_mut(self).set_in_error();
        }
        match &mut self.inner {
            Some(inner) => inner.transaction_state(),
            None => &mut self.substitute.transactions,
        }
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        match &mut self.inner {
            Some(inner) => inner.instrumentation(),
            None => &mut *self.substitute.instrumentation,
        }
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        match &mut self.inner {
            Some(inner) => inner.set_instrumentation(instrumentation),
            None => self.substitute.instrumentation = instrumentation.into(),
        }
    }

    fn set_prepared_statement_cache_size(&mut self, size: CacheSize) {
        if let Some(inner) = &mut self.inner {
            inner.set_prepared_statement_cache_size(size);
        }
    }
}

impl LoadConnection for SqliteConnection {
    type Cursor<'conn, 'query> = SqliteCursor;
    type Row<'conn, 'query> = OwnedRow;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> QueryResult<SqliteCursor>
    where
        T: Query + QueryFragment<Sqlite> + QueryId + 'query,
        Sqlite: QueryMetadata<T::SqlType>,
    {
        let rows = if self.runtime.is_none() {
            load(self.inner.as_deref_mut().ok_or_else(interrupted)?, source)?
        } else {
            let query = collect(&source)?;
            self.ask(move |connection| load_collected(connection, &query))?
        };
        Ok(SqliteCursor(rows.into_iter()))
    }
}

/// A whole result.
pub struct SqliteCursor(std::vec::IntoIter<OwnedRow>);

impl Iterator for SqliteCursor {
    type Item = QueryResult<OwnedRow>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(Ok)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl MigrationConnection for SqliteConnection {
    fn setup(&mut self) -> QueryResult<usize> {
        diesel::sql_query(CREATE_MIGRATIONS_TABLE).execute(self)
    }
}

impl MultiConnectionHelper for SqliteConnection {
    fn to_any<'a>(lookup: &mut <Sqlite as TypeMetadata>::MetadataLookup) -> &mut (dyn Any + 'a) {
        lookup
    }

    fn from_any(lookup: &mut dyn Any) -> Option<&mut <Sqlite as TypeMetadata>::MetadataLookup> {
        lookup.downcast_mut()
    }
}

/// For `save_changes`.
impl<'b, Changes, Output> UpdateAndFetchResults<Changes, Output> for SqliteConnection
where
    Changes: Copy + Identifiable + AsChangeset<Target = <Changes as HasTable>::Table> + IntoUpdateTarget,
    Changes::Table: FindDsl<Changes::Id>,
    Update<Changes, Changes>: ExecuteDsl<SqliteConnection>,
    Find<Changes::Table, Changes::Id>: LoadQuery<'b, SqliteConnection, Output>,
    <Changes::Table as Table>::AllColumns: ValidGrouping<()>,
    <<Changes::Table as Table>::AllColumns as ValidGrouping<()>>::IsAggregate:
        MixedAggregates<is_aggregate::No, Output = is_aggregate::No>,
{
    fn update_and_fetch(&mut self, changeset: Changes) -> QueryResult<Output> {
        diesel::update(changeset).set(changeset).execute(self)?;
        Changes::table().find(changeset.id()).get_result(self)
    }
}

impl Drop for SqliteConnection {
    fn drop(&mut self) {
        if let Some(runtime) = &self.runtime {
            // Closing may write.
            let inner = self.inner.take();
            runtime.spawn_blocking(move || drop(inner));
        }
    }
}
