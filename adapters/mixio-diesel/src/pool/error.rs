//! What can go wrong at a pool.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use diesel::ConnectionError;
use mixio::WaitError;

use super::State;

/// Why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum PoolError {
    /// All were in use, and none got free in time.
    Timeout {
        /// The time.
        limit: Duration,
        /// What was in the pool then.
        state: State,
    },
    /// One was free to be opened, but that took too long.
    Connect {
        /// The time.
        limit: Duration,
    },
    /// The database can't be connected to.
    Connection(ConnectionError),
    /// The function that [sets up](super::Builder::setup) a connection has failed.
    Setup(diesel::result::Error),
    /// Nobody can wait here.
    CannotWait(WaitError),
    /// The pool can't be built as it was asked for.
    Build(String),
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PoolError::Timeout { limit, state } => write!(
                f,
                "no connection got free within {limit:?}: {} of {} are in use, and {} wait",
                state.size - state.idle,
                state.max_size,
                state.waiting,
            ),
            PoolError::Connect { limit } => write!(f, "a connection couldn't be opened within {limit:?}"),
            PoolError::Connection(error) => write!(f, "cannot connect to the database: {error}"),
            PoolError::Setup(error) => write!(f, "cannot set up a connection: {error}"),
            PoolError::CannotWait(error) => write!(f, "cannot wait for a connection: {error}"),
            PoolError::Build(reason) => write!(f, "cannot build the pool: {reason}"),
        }
    }
}

impl Error for PoolError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            PoolError::Connection(error) => Some(error),
            PoolError::Setup(error) => Some(error),
            PoolError::CannotWait(error) => Some(error),
            PoolError::Timeout { .. } | PoolError::Connect { .. } | PoolError::Build(_) => None,
        }
    }
}

impl From<ConnectionError> for PoolError {
    fn from(error: ConnectionError) -> Self {
        PoolError::Connection(error)
    }
}
