//! One type for both databases.

use std::borrow::Cow;
use std::time::Duration;

use diesel::connection::{
    CacheSize, Connection, ConnectionSealed, Instrumentation, LoadConnection, SimpleConnection, TransactionManager,
    TransactionManagerStatus,
};
use diesel::expression::QueryMetadata;
use diesel::migration::MigrationConnection;
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::result::{ConnectionError, ConnectionResult, QueryResult};

pub use multi::MultiBackend as AnyBackend;

use crate::{PgConnection, SqliteConnection};

/// What Diesel derives.
#[allow(missing_docs, unreachable_pub, clippy::large_enum_variant, reason = "what is derived wants it so")]
mod multi {
    use super::{PgConnection, SqliteConnection};

    #[derive(diesel::MultiConnection)]
    pub enum Connections {
        Postgres(PgConnection),
        Sqlite(SqliteConnection),
    }
}
use multi::Connections;

/// A connection whose database the URL chooses, for ordinary, synchronous Diesel.
///
/// | URL | |
/// | --- | --- |
/// | `postgres://..`, `postgresql://..` | [`PgConnection`] |
/// | `sqlite://path`, `sqlite:path`, `file:path`, a path, `:memory:` | [`SqliteConnection`]; the first three are SQLite's [URI](https://sqlite.org/uri.html) `file:path`, which may end in `?mode=ro` |
/// | any other that has a scheme | [`ConnectionError::InvalidConnectionUrl`] |
///
/// Inside is a [`#[derive(MultiConnection)]`](diesel::MultiConnection) of Diesel's: what that can do, this can. So
/// queries are those that both databases understand; [`as_postgres`](Self::as_postgres) and
/// [`as_sqlite`](Self::as_sqlite) are for the others, upserts say. Who needs SQL types of their own in both derives
/// such an `enum` themselves, of the two connections.
///
/// # Example
///
/// ```
/// use diesel::prelude::*;
/// use mixio_diesel::AnyConnection;
///
/// diesel::table! {
///     orders (id) { id -> Integer, details -> Text, }
/// }
///
/// fn place(url: &str) -> Result<i32, Box<dyn std::error::Error>> {
///     let mut connection = AnyConnection::establish(url)?;
///     # use diesel::connection::SimpleConnection;
///     # connection.batch_execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, details TEXT NOT NULL)")?;
///     let order = diesel::insert_into(orders::table).values(orders::details.eq("pizza"));
///     Ok(order.returning(orders::id).get_result(&mut connection)?)
/// }
///
/// assert_eq!(mixio_tokio::run(|| place("sqlite::memory:").unwrap()), 1);
/// ```
pub struct AnyConnection(Connections);

impl AnyConnection {
    /// As [`establish`](Connection::establish), with an error if connecting to PostgreSQL takes longer than `limit`.
    ///
    /// # Errors
    ///
    /// As `establish`, and when the time is up.
    pub fn establish_within(url: &str, limit: Duration) -> ConnectionResult<Self> {
        Self::open(url, |url| PgConnection::establish_within(url, limit))
    }

    // What is derived would try one after the other, and forget what went wrong.
    fn open(url: &str, postgres: impl FnOnce(&str) -> ConnectionResult<PgConnection>) -> ConnectionResult<Self> {
        match Database::of(url)? {
            Database::Postgres(url) => postgres(url).map(Self::from),
            Database::Sqlite(path) => SqliteConnection::establish(&path).map(Self::from),
        }
    }

    /// The connection to PostgreSQL, if it is one.
    pub fn as_postgres(&mut self) -> Option<&mut PgConnection> {
        match &mut self.0 {
            Connections::Postgres(connection) => Some(connection),
            Connections::Sqlite(_) => None,
        }
    }

    /// The connection to SQLite, if it is one.
    pub fn as_sqlite(&mut self) -> Option<&mut SqliteConnection> {
        match &mut self.0 {
            Connections::Postgres(_) => None,
            Connections::Sqlite(connection) => Some(connection),
        }
    }
}

impl From<PgConnection> for AnyConnection {
    fn from(connection: PgConnection) -> Self {
        AnyConnection(Connections::Postgres(connection))
    }
}

impl From<SqliteConnection> for AnyConnection {
    fn from(connection: SqliteConnection) -> Self {
        AnyConnection(Connections::Sqlite(connection))
    }
}

/// What a URL says.
pub(crate) enum Database<'a> {
    Postgres(&'a str),
    Sqlite(Cow<'a, str>),
}

impl<'a> Database<'a> {
    pub(crate) fn of(url: &'a str) -> ConnectionResult<Self> {
        let scheme = url.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| is_scheme(scheme));
        match scheme {
            Some("postgres" | "postgresql") => Ok(Database::Postgres(url)),
            Some("sqlite") => {
                // As Diesel takes those with two slashes.
                let path = &url["sqlite:".len()..];
                Ok(Database::Sqlite(format!("file:{}", path.strip_prefix("//").unwrap_or(path)).into()))
            }
            None | Some("file") => Ok(Database::Sqlite(url.into())),
            // Not the URL itself: there may be a password in it.
            Some(other) => Err(ConnectionError::InvalidConnectionUrl(format!(
                "the scheme {other:?} is none of \"postgres\", \"postgresql\", \"sqlite\" and \"file\""
            ))),
        }
    }
}

/// Not a path with a colon in it, nor one that begins with the letter of a drive.
fn is_scheme(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    text.len() > 1 && text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(allowed)
}

impl ConnectionSealed for AnyConnection {}

impl SimpleConnection for AnyConnection {
    fn batch_execute(&mut self, sql: &str) -> QueryResult<()> {
        self.0.batch_execute(sql)
    }
}

impl Connection for AnyConnection {
    type Backend = AnyBackend;
    type TransactionManager = AnyTransactionManager;

    fn establish(url: &str) -> ConnectionResult<Self> {
        Self::open(url, PgConnection::establish)
    }

    fn execute_returning_count<T>(&mut self, source: &T) -> QueryResult<usize>
    where
        T: QueryFragment<AnyBackend> + QueryId,
    {
        self.0.execute_returning_count(source)
    }

    fn transaction_state(&mut self) -> &mut Connections {
        &mut self.0
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        self.0.instrumentation()
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.0.set_instrumentation(instrumentation);
    }

    fn set_prepared_statement_cache_size(&mut self, size: CacheSize) {
        self.0.set_prepared_statement_cache_size(size);
    }

    fn begin_test_transaction(&mut self) -> QueryResult<()> {
        self.0.begin_test_transaction()
    }
}

impl LoadConnection for AnyConnection {
    type Cursor<'conn, 'query> = <Connections as LoadConnection>::Cursor<'conn, 'query>;
    type Row<'conn, 'query> = <Connections as LoadConnection>::Row<'conn, 'query>;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> QueryResult<Self::Cursor<'conn, 'query>>
    where
        T: Query + QueryFragment<AnyBackend> + QueryId + 'query,
        AnyBackend: QueryMetadata<T::SqlType>,
    {
        self.0.load(source)
    }
}

/// That of the connection inside.
pub struct AnyTransactionManager;

impl TransactionManager<AnyConnection> for AnyTransactionManager {
    type TransactionStateData = Connections;

    fn begin_transaction(connection: &mut AnyConnection) -> QueryResult<()> {
        Connections::begin_transaction(&mut connection.0)
    }

    fn rollback_transaction(connection: &mut AnyConnection) -> QueryResult<()> {
        Connections::rollback_transaction(&mut connection.0)
    }

    fn commit_transaction(connection: &mut AnyConnection) -> QueryResult<()> {
        Connections::commit_transaction(&mut connection.0)
    }

    fn transaction_manager_status_mut(connection: &mut AnyConnection) -> &mut TransactionManagerStatus {
        Connections::transaction_manager_status_mut(&mut connection.0)
    }

    fn is_broken_transaction_manager(connection: &mut AnyConnection) -> bool {
        Connections::is_broken_transaction_manager(&mut connection.0)
    }
}

impl MigrationConnection for AnyConnection {
    fn setup(&mut self) -> QueryResult<usize> {
        self.0.setup()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(url: &str) -> String {
        match Database::of(url) {
            Ok(Database::Postgres(url)) => format!("postgres {url}"),
            Ok(Database::Sqlite(path)) => format!("sqlite {path}"),
            Err(error) => format!("error {error}"),
        }
    }

    #[test]
    fn the_url_chooses_the_database() {
        for (url, expected) in [
            ("postgres://localhost/db", "postgres postgres://localhost/db"),
            ("postgresql://localhost/db", "postgres postgresql://localhost/db"),
            ("sqlite://db.sqlite", "sqlite file:db.sqlite"),
            ("sqlite:///var/db.sqlite", "sqlite file:/var/db.sqlite"),
            ("sqlite:/var/db.sqlite", "sqlite file:/var/db.sqlite"),
            ("sqlite:db.sqlite?mode=ro", "sqlite file:db.sqlite?mode=ro"),
            ("sqlite::memory:", "sqlite file::memory:"),
            (":memory:", "sqlite :memory:"),
            ("file:db.sqlite?mode=ro", "sqlite file:db.sqlite?mode=ro"),
            ("db.sqlite", "sqlite db.sqlite"),
            ("/var/a:b.sqlite", "sqlite /var/a:b.sqlite"),
            ("./a:b.sqlite", "sqlite ./a:b.sqlite"),
            (r"C:\db.sqlite", r"sqlite C:\db.sqlite"),
        ] {
            assert_eq!(database(url), expected);
        }
    }

    #[test]
    fn an_unknown_scheme_is_refused_without_a_word_of_the_password() {
        let error = database("mysql://ann:secret@localhost/db");
        assert!(error.starts_with("error") && error.contains("\"mysql\"") && !error.contains("secret"), "{error}");
    }
}
