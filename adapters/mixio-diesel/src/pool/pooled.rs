//! A connection of a pool, in use.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use diesel::connection::{
    CacheSize, Connection, ConnectionSealed, Instrumentation, LoadConnection, SimpleConnection, TransactionManager,
    TransactionManagerStatus,
};
use diesel::expression::QueryMetadata;
use diesel::migration::MigrationConnection;
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::query_dsl::UpdateAndFetchResults;
use diesel::result::{ConnectionError, ConnectionResult, QueryResult};

use super::Poolable;
use super::place::Place;

/// A connection of a [`Pool`](super::Pool). It goes back when it's dropped, or is closed if it isn't
/// [clean](super#no-connection-is-handed-on-dirty): neither waits.
///
/// It is a connection of Diesel's itself, and can be lent as the one inside, by `&mut *pooled`.
pub struct PooledConnection<C: Poolable> {
    /// None before it is opened, and when it was discarded.
    connection: Option<C>,
    /// Where to put it back. None only while it is dropped.
    place: Option<Place<C>>,
}

impl<C: Poolable> PooledConnection<C> {
    pub(super) fn new(mut place: Place<C>) -> Self {
        PooledConnection { connection: place.take(), place: Some(place) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.connection.is_none()
    }

    pub(super) fn fill(&mut self, connection: C) {
        self.connection = Some(connection);
    }

    /// Closes it: somebody else gets a new one.
    pub(super) fn discard(mut self) {
        self.connection = None;
    }
}

impl<C: Poolable> Drop for PooledConnection<C> {
    fn drop(&mut self) {
        let clean = self.connection.take().and_then(|mut connection| connection.is_clean().then_some(connection));
        if let Some(place) = self.place.take() {
            place.put_back(clean);
        }
    }
}

impl<C: Poolable> Deref for PooledConnection<C> {
    type Target = C;

    fn deref(&self) -> &C {
        self.connection.as_ref().expect("it was filled before it was handed out")
    }
}

impl<C: Poolable> DerefMut for PooledConnection<C> {
    fn deref_mut(&mut self) -> &mut C {
        self.connection.as_mut().expect("it was filled before it was handed out")
    }
}

impl<C: Poolable> ConnectionSealed for PooledConnection<C> {}

impl<C: Poolable> SimpleConnection for PooledConnection<C> {
    fn batch_execute(&mut self, sql: &str) -> QueryResult<()> {
        (**self).batch_execute(sql)
    }
}

impl<C: Poolable> Connection for PooledConnection<C> {
    type Backend = C::Backend;
    type TransactionManager = PooledTransactionManager<C>;

    /// Always an error: a pool has to be asked for one.
    fn establish(_: &str) -> ConnectionResult<Self> {
        Err(ConnectionError::BadConnection("a pooled connection comes from its pool".into()))
    }

    fn begin_test_transaction(&mut self) -> QueryResult<()> {
        (**self).begin_test_transaction()
    }

    fn execute_returning_count<T>(&mut self, source: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Self::Backend> + QueryId,
    {
        (**self).execute_returning_count(source)
    }

    fn transaction_state(
        &mut self,
    ) -> &mut <Self::TransactionManager as TransactionManager<Self>>::TransactionStateData {
        (**self).transaction_state()
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        (**self).instrumentation()
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        (**self).set_instrumentation(instrumentation);
    }

    fn set_prepared_statement_cache_size(&mut self, size: CacheSize) {
        (**self).set_prepared_statement_cache_size(size);
    }
}

impl<B, C: Poolable + LoadConnection<B>> LoadConnection<B> for PooledConnection<C> {
    type Cursor<'conn, 'query> = C::Cursor<'conn, 'query>;
    type Row<'conn, 'query> = C::Row<'conn, 'query>;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> QueryResult<Self::Cursor<'conn, 'query>>
    where
        T: Query + QueryFragment<Self::Backend> + QueryId + 'query,
        Self::Backend: QueryMetadata<T::SqlType>,
    {
        (**self).load(source)
    }
}

/// That of the connection inside.
pub struct PooledTransactionManager<C>(PhantomData<C>);

impl<C: Poolable> TransactionManager<PooledConnection<C>> for PooledTransactionManager<C> {
    type TransactionStateData = <C::TransactionManager as TransactionManager<C>>::TransactionStateData;

    fn begin_transaction(connection: &mut PooledConnection<C>) -> QueryResult<()> {
        C::TransactionManager::begin_transaction(connection)
    }

    fn rollback_transaction(connection: &mut PooledConnection<C>) -> QueryResult<()> {
        C::TransactionManager::rollback_transaction(connection)
    }

    fn commit_transaction(connection: &mut PooledConnection<C>) -> QueryResult<()> {
        C::TransactionManager::commit_transaction(connection)
    }

    fn transaction_manager_status_mut(connection: &mut PooledConnection<C>) -> &mut TransactionManagerStatus {
        C::TransactionManager::transaction_manager_status_mut(connection)
    }

    fn is_broken_transaction_manager(connection: &mut PooledConnection<C>) -> bool {
        C::TransactionManager::is_broken_transaction_manager(connection)
    }
}

impl<C: Poolable + MigrationConnection> MigrationConnection for PooledConnection<C> {
    fn setup(&mut self) -> QueryResult<usize> {
        (**self).setup()
    }
}

impl<Changes, Output, C> UpdateAndFetchResults<Changes, Output> for PooledConnection<C>
where
    C: Poolable + UpdateAndFetchResults<Changes, Output>,
{
    fn update_and_fetch(&mut self, changeset: Changes) -> QueryResult<Output> {
        (**self).update_and_fetch(changeset)
    }
}
