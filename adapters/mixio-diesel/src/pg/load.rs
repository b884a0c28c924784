//! Results: whole, or row by row.

use std::future::poll_fn;
use std::iter::FusedIterator;
use std::pin::{Pin, pin};
use std::thread;

use diesel::connection::{DefaultLoadingMode, LoadConnection};
use diesel::expression::QueryMetadata;
use diesel::pg::Pg;
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use futures_util::Stream as _;
use tokio_postgres::RowStream;

use super::row::{Parameter, PgRow};
use super::{Link, PgConnection};

/// A loading mode: rows are taken from the server as they are asked for, one after the other.
///
/// It takes the place of Diesel's `PgRowByRowLoadingMode`. A large result doesn't have to fit in memory. What is left when
/// the iterator is dropped still arrives, and the next query waits for that; in a transaction, the drop does. An error that
/// the server finds after the last row that was asked for makes a transaction fail; outside of one, nobody sees it.
///
/// ```no_run
/// # fn main() -> diesel::QueryResult<()> {
/// use diesel::prelude::*;
/// use mixio_diesel::{PgConnection, RowByRow};
///
/// diesel::table! {
///     users (id) { id -> Integer, name -> Text, }
/// }
///
/// # let mut connection = PgConnection::establish("").unwrap();
/// for user in users::table.load_iter::<(i32, String), RowByRow>(&mut connection)? {
///     let (id, name) = user?;
///     println!("{id}: {name}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RowByRow;

/// A whole result.
pub struct PgCursor(std::vec::IntoIter<tokio_postgres::Row>);

impl Iterator for PgCursor {
    type Item = QueryResult<PgRow>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|row| Ok(PgRow::new(row)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl FusedIterator for PgCursor {}

impl ExactSizeIterator for PgCursor {}

impl LoadConnection<DefaultLoadingMode> for PgConnection {
    type Cursor<'conn, 'query> = PgCursor;
    type Row<'conn, 'query> = PgRow;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> QueryResult<PgCursor>
    where
        T: Query + QueryFragment<Pg> + QueryId + 'query,
        Pg: QueryMetadata<T::SqlType>,
    {
        self.run_prepared(&source, |link, statement, parameters| {
            let parameters = parameters.into_iter().map(Parameter);
            let rows = link.run(|client| async move {
                let mut stream = pin!(client.query_raw(&statement, parameters).await?);
                let mut rows = Vec::new();
                while let Some(row) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
                    rows.push(row?);
                }
                Ok(rows)
            })?;
            Ok(PgCursor(rows.into_iter()))
        })
    }
}

/// A result of which not everything has arrived.
pub struct PgRowByRowCursor<'a> {
    connection: &'a mut PgConnection,
    /// None after the last row, and after an error.
    stream: Option<Pin<Box<RowStream>>>,
    /// Whether it was begun by a destructor that runs because of a panic.
    panicking: bool,
}

impl Iterator for PgRowByRowCursor<'_> {
    type Item = QueryResult<PgRow>;

    fn next(&mut self) -> Option<Self::Item> {
        let stream = self.stream.as_mut()?;
        let next = poll_fn(|context| stream.as_mut().poll_next(context));
        let row = self.connection.link.go_on(async { next.await.transpose() });
        if !matches!(row, Ok(Some(_))) {
            self.stream = None;
            self.connection.note(&row);
        }
        row.map(|row| row.map(PgRow::new)).transpose()
    }
}

impl FusedIterator for PgRowByRowCursor<'_> {}

impl Drop for PgRowByRowCursor<'_> {
    fn drop(&mut self) {
        if self.stream.is_some() && thread::panicking() && !self.panicking {
            // Nobody knows how much there is to come.
            self.connection.link.interrupt();
        } else if self.connection.is_in_transaction() {
            let rest = self.by_ref().find_map(Result::err);
            self.connection.unseen = rest;
        }
    }
}

impl LoadConnection<RowByRow> for PgConnection {
    type Cursor<'conn, 'query> = PgRowByRowCursor<'conn>;
    type Row<'conn, 'query> = PgRow;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> QueryResult<PgRowByRowCursor<'conn>>
    where
        T: Query + QueryFragment<Pg> + QueryId + 'query,
        Pg: QueryMetadata<T::SqlType>,
    {
        let stream = self.run_prepared(&source, start)?;
        Ok(PgRowByRowCursor { connection: self, stream: Some(Box::pin(stream)), panicking: thread::panicking() })
    }
}

fn start(
    link: &mut Link,
    statement: tokio_postgres::Statement,
    parameters: Vec<Option<Vec<u8>>>,
) -> QueryResult<RowStream> {
    let parameters = parameters.into_iter().map(Parameter);
    link.run(|client| async move { client.query_raw(&statement, parameters).await })
}
