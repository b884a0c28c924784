//! Where to connect to.

use std::time::Duration;

use redis::{ConnectionInfo, IntoConnectionInfo, RedisResult};

use crate::Connection;

/// Connects to a Redis server: [`Client::open`], and [`Client::get_connection`].
///
/// # Errors
///
/// See there.
pub fn connect(server: impl IntoConnectionInfo) -> RedisResult<Connection> {
    Client::open(server)?.get_connection()
}

/// A server, and how to get in there: [`redis::Client`].
///
/// # Example
///
/// ```no_run
/// use mixio_redis::Client; // was redis::Client
/// use redis::{Commands, RedisResult};
///
/// fn greeting() -> RedisResult<String> {
///     let client = Client::open("redis://:password@localhost/1")?;
///     let mut connection = client.get_connection()?;
///     connection.get("greeting")
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    info: ConnectionInfo,
}

impl Client {
    /// Takes a URL, or whatever else the redis crate takes. Doesn't connect yet.
    ///
    /// | | |
    /// | --- | --- |
    /// | `redis://user:password@host:port/db` | TCP; all but the host may be left out |
    /// | `redis+unix:///path?db=1&user=..&pass=..` | a Unix socket |
    /// | `?protocol=resp3` | its newer protocol |
    ///
    /// # Errors
    ///
    /// If it is no such thing.
    pub fn open(server: impl IntoConnectionInfo) -> RedisResult<Self> {
        Ok(Client { info: server.into_connection_info()? })
    }

    /// Connects, as the setting says, and logs in. `TCP_NODELAY` is set.
    ///
    /// # Errors
    ///
    /// If the server can't be reached, or refuses. For `rediss`: there is no TLS here. In [`Io::Async`](mixio::Io) also if there
    /// is no runtime on this thread.
    pub fn get_connection(&self) -> RedisResult<Connection> {
        Connection::open(&self.info, None)
    }

    /// As [`get_connection`](Self::get_connection), in no more than `limit`. Afterwards the connection has no timeouts.
    ///
    /// If the name has several addresses, each but the last gets half of the time that is left.
    ///
    /// What isn't limited: looking up a name in [`Io::Blocking`](mixio::Io); a Unix socket whose queue is full; and a server that
    /// answers the login piece by piece, each within what is left.
    ///
    /// # Errors
    ///
    /// Those of [`get_connection`](Self::get_connection); and if it takes longer: [`is_timeout`](redis::RedisError::is_timeout).
    pub fn get_connection_with_timeout(&self, limit: Duration) -> RedisResult<Connection> {
        Connection::open(&self.info, Some(limit))
    }

    /// What it was opened with.
    pub fn get_connection_info(&self) -> &ConnectionInfo {
        &self.info
    }
}
