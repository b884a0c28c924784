//! Synchronous Diesel on an asynchronous driver.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, ExpressionMethods as _, QueryDsl as _, RunQueryDsl as _, SqliteConnection};
use diesel_async::async_connection_wrapper::{AsyncConnectionWrapper, BlockOn};
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection as _, SimpleAsyncConnection as _};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};
use mixio::wait;
use tokio::time::timeout;

use crate::error::Error;
use crate::orders::Status;
use crate::schema::orders;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// Said to each connection. One writes at a time, and the others wait their turn. What is written stays written, even if
/// the power fails: with less than `FULL`, the kitchen might cook an order that is then forgotten.
const SETUP: &str = "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;";

/// How long to wait for a connection. Queries are short, so a longer queue means that the database is in trouble.
const PATIENCE: Duration = Duration::from_secs(5);

/// The asynchronous driver. SQLite knows only blocking calls, so this one makes them on other threads.
type Driver = SyncConnectionWrapper<SqliteConnection>;

/// A connection for ordinary, synchronous Diesel. It goes back to its pool when dropped.
pub type Connection = AsyncConnectionWrapper<Object<Driver>, Wait>;

/// How Diesel gets the driver's answers.
pub struct Wait;

impl BlockOn for Wait {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        wait(future)
    }

    fn get_runtime() -> Self {
        Wait
    }
}

/// A pool of connections for one worker: they call back to the thread on which they were opened.
pub struct Database {
    pool: Pool<Driver>,
}

impl Database {
    /// The database in this file. No connection is opened before one is needed.
    pub fn new(path: &str, connections: usize) -> Self {
        let mut config = ManagerConfig::default();
        config.recycling_method = RecyclingMethod::Fast;
        config.custom_setup = Box::new(|path| {
            Box::pin(async move {
                let mut driver = Driver::establish(path).await?;
                driver.batch_execute(SETUP).await.map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
                Ok(driver)
            })
        });
        let manager = AsyncDieselConnectionManager::new_with_config(path, config);
        let pool = Pool::builder(manager).max_size(connections).build();
        Database { pool: pool.expect("a pool without timeouts of its own can be built") }
    }

    /// A connection, when there is a free one.
    ///
    /// # Errors
    ///
    /// If none gets free soon, or none can be opened.
    pub fn connection(&self) -> Result<Connection, Error> {
        match wait(timeout(PATIENCE, self.pool.get())) {
            Ok(Ok(connection)) => Ok(connection.into()),
            Ok(Err(error)) => Err(Error::Database(error.to_string())),
            Err(_) => Err(Error::Database("no connection gets free".into())),
        }
    }
}

/// Creates the database, or brings it up to date. This blocks, and is for the program's start.
///
/// # Errors
///
/// With what to tell the user.
pub fn prepare(path: &str) -> Result<(), String> {
    let because = |reason: String| format!("cannot use the database {path:?}: {reason}");
    let mut connection = SqliteConnection::establish(path).map_err(|error| because(error.to_string()))?;
    connection
        .batch_execute(&format!("{SETUP} PRAGMA journal_mode = WAL;"))
        .map_err(|error| because(error.to_string()))?;
    connection.run_pending_migrations(MIGRATIONS).map_err(|error| because(error.to_string()))?;
    let placed = orders::table.filter(orders::status.eq(Status::Placed.as_str())).count();
    match placed.get_result::<i64>(&mut connection).map_err(|error| because(error.to_string()))? {
        0 => {}
        left => {
            tracing::warn!("orders left `placed` by an earlier run: {left}; the kitchen may have taken them or not")
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::dsl::sql;
    use diesel::sql_types::Integer;

    #[test]
    fn what_is_committed_is_on_the_disk() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        connection.batch_execute(SETUP).unwrap();
        let synchronous = diesel::select(sql::<Integer>("synchronous FROM pragma_synchronous"));
        assert_eq!(synchronous.get_result(&mut connection), Ok(2));
    }
}
