//! What a pool has to know of a connection.

use std::time::Duration;

use diesel::connection::{Connection, TransactionManager};
use diesel::result::ConnectionResult;

/// A connection that a pool can keep. For one of your own (an `enum` that derives
/// [`MultiConnection`](diesel::MultiConnection), say) `impl Poolable for MyConnection {}` is enough.
pub trait Poolable: Connection + 'static {
    /// Opens one, in no more than `limit` if it can keep to that.
    ///
    /// # Errors
    ///
    /// As [`establish`](Connection::establish), and if the time is up.
    fn establish_within(url: &str, limit: Duration) -> ConnectionResult<Self> {
        let _ = limit;
        Self::establish(url)
    }

    /// Whether it may be used by somebody else, as far as is known without asking the server. It is called when a
    /// connection is given back, in destructors too: it mustn't wait.
    fn is_clean(&mut self) -> bool {
        !Self::TransactionManager::is_broken_transaction_manager(self)
    }

    /// Whether the server is known to be gone. It is called before a connection is handed out.
    fn is_alive(&mut self) -> bool {
        self.is_clean()
    }
}

#[cfg(feature = "postgres")]
impl Poolable for crate::PgConnection {
    fn establish_within(url: &str, limit: Duration) -> ConnectionResult<Self> {
        Self::establish_within(url, limit)
    }

    fn is_alive(&mut self) -> bool {
        self.look();
        self.is_clean()
    }
}

#[cfg(feature = "sqlite")]
impl Poolable for crate::SqliteConnection {}

#[cfg(all(feature = "postgres", feature = "sqlite"))]
impl Poolable for crate::AnyConnection {
    fn establish_within(url: &str, limit: Duration) -> ConnectionResult<Self> {
        Self::establish_within(url, limit)
    }

    fn is_alive(&mut self) -> bool {
        match self.as_postgres() {
            Some(connection) => connection.is_alive(),
            None => self.is_clean(),
        }
    }
}
