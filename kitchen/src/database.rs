//! The database: which one, the URL says.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use diesel::backend::Backend;
use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::migration::{Migration, MigrationSource as _, MigrationVersion, Result as MigrationResult};
use diesel::sql_types::Bool;
use diesel::{QueryDsl as _, QueryResult, RunQueryDsl as _};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use mixio_diesel::pool::{Pool, PooledConnection};
use mixio_diesel::{AnyBackend, AnyConnection, PgConnection, SqliteConnection};
use mixio_tokio::thread::sleep;

use crate::database_url;
use crate::error::Error;
use crate::orders::Order;
use crate::schema::__diesel_schema_migrations;

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Said to each connection to SQLite. One writes at a time, and the others wait their turn. What is written stays written, even
/// if the power fails: with less than `FULL`, the kitchen might cook an order that is then forgotten.
const SQLITE_SETUP: &str = "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;";

/// Said to each connection to PostgreSQL.
const POSTGRES_SETUP: &str = "SET statement_timeout = '5s'; SET idle_in_transaction_session_timeout = '30s';";

/// Two programs don't migrate at once: each asks PostgreSQL for this lock, which goes with the connection. In SQLite a transaction
/// keeps the others out.
const TRY_LOCK: &str = "pg_try_advisory_lock(5012306)";
const WAIT_FOR_LOCK: &str = "SET lock_timeout = '30s'; SELECT pg_advisory_lock(5012306); RESET lock_timeout;";

/// How long to wait for a connection. Queries are short, so a longer queue means that the database is in trouble.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long PostgreSQL may say nothing: longer than a statement may take. Then its machine is gone, or the network between.
const SILENCE: Duration = Duration::from_secs(10);

/// A connection for ordinary, synchronous Diesel. It goes back to its pool when dropped.
pub type Connection = PooledConnection<AnyConnection>;

/// A pool of connections for one worker.
pub struct Database {
    pool: Pool<AnyConnection>,
}

impl Database {
    /// The database at a URL, as [`database_url::parse`] gives it. No connection is opened before one is needed.
    pub fn new(url: &str, connections: usize) -> Self {
        let pool = Pool::builder(url).max_size(connections).timeout(PATIENCE).setup(set_up).build();
        Database { pool: pool.expect("a pool of at least one can be built") }
    }

    /// A connection, when there is a free one.
    ///
    /// # Errors
    ///
    /// If none gets free soon, or none can be opened.
    pub fn connection(&self) -> Result<Connection, Error> {
        self.pool.get().map_err(|error| Error::Database(error.to_string()))
    }
}

fn set_up(connection: &mut AnyConnection) -> QueryResult<()> {
    match connection.as_postgres() {
        None => connection.batch_execute(SQLITE_SETUP),
        Some(postgres) => {
            postgres.limit_answers(Some(SILENCE));
            postgres.batch_execute(POSTGRES_SETUP)
        }
    }
}

/// Brings the database up to date, or creates it. Gives whether an earlier run has left orders that aren't settled.
///
/// # Errors
///
/// With what to tell the user.
pub fn prepare(url: &str) -> Result<bool, String> {
    apply(url)?;
    let unsettled =
        Database::new(url, 1).connection().and_then(|mut connection| Order::unsettled(&mut connection, 0, 1));
    unsettled.map(|unsettled| !unsettled.is_empty()).map_err(|error| because(&error))
}

/// `migrate`: brings the database up to date, or only checks whether it is. Gives what to tell the user.
///
/// # Errors
///
/// The same, if that didn't go well.
pub fn migrate(url: &str, check: bool) -> Result<String, String> {
    let names = if check { missing(url)? } else { apply(url)? };
    let lines: Vec<_> =
        names.iter().map(|name| format!("{} {name}", if check { "missing" } else { "applied" })).collect();
    match names.len() {
        0 => Ok("the database is up to date".into()),
        _ if !check => Ok(lines.join("\n")),
        1 => Err(format!("1 migration is missing: `kitchen migrate` applies it\n{}", lines[0])),
        many => Err(format!("{many} migrations are missing: `kitchen migrate` applies them\n{}", lines.join("\n"))),
    }
}

/// Applies what is missing. Where nothing is, this takes no more than the right to read.
fn apply(url: &str) -> Result<Vec<String>, String> {
    let mut connection = open(url)?;
    bring_up_to_date(&mut connection).map_err(|error| because(&error))
}

fn bring_up_to_date(connection: &mut AnyConnection) -> MigrationResult<Vec<String>> {
    if let Some(sqlite) = connection.as_sqlite() {
        use_wal(sqlite)?;
    }
    if missing_in(connection)?.is_empty() {
        return Ok(Vec::new());
    }
    // Once nobody else can do the same, what is missing is looked up again.
    if let Some(sqlite) = connection.as_sqlite() {
        return sqlite.immediate_transaction(|connection| run_pending(connection, SQLITE));
    }
    connection.as_postgres().map_or(Ok(()), lock_migrations)?;
    run_pending(connection, POSTGRES)
}

fn lock_migrations(connection: &mut PgConnection) -> MigrationResult<()> {
    let is_free = diesel::select(sql::<Bool>(TRY_LOCK));
    if is_free.get_result(connection)? {
        return Ok(());
    }
    tracing::warn!("another program migrates this database: waiting for it");
    connection
        .batch_execute(WAIT_FOR_LOCK)
        .map_err(|error| format!("another program migrates it, and goes on doing so ({error})").into())
}

/// SQLite doesn't wait for a lock here, whatever it was told: another program may be doing the same.
fn use_wal(connection: &mut SqliteConnection) -> QueryResult<()> {
    let start = Instant::now();
    loop {
        match connection.batch_execute("PRAGMA journal_mode = WAL") {
            Err(error) if error.to_string().contains("is locked") && start.elapsed() < PATIENCE => {
                sleep(Duration::from_millis(10));
            }
            done => return done,
        }
    }
}

fn run_pending<DB: Backend>(
    connection: &mut impl MigrationHarness<DB>,
    source: EmbeddedMigrations,
) -> MigrationResult<Vec<String>> {
    let pending = connection.pending_migrations(source)?;
    for migration in &pending {
        connection.run_migration(migration)?;
    }
    Ok(names(&pending))
}

/// Which are missing. This changes nothing: what isn't there yet isn't made.
fn missing(url: &str) -> Result<Vec<String>, String> {
    if is_no_file(url) {
        let all: MigrationResult<Vec<Box<dyn Migration<AnyBackend>>>> = SQLITE.migrations();
        return all.map(|all| names(&all)).map_err(|error| because(&error));
    }
    missing_in(&mut open(url)?).map_err(|error| because(&error))
}

/// As Diesel's `pending_migrations`, which begins by making the table in which the applied ones are noted: not everybody may do that
/// who may use the database, and nobody where a standby replicates it.
fn missing_in(connection: &mut AnyConnection) -> MigrationResult<Vec<String>> {
    let (source, is_noted) = match connection.as_sqlite() {
        Some(_) => (SQLITE, "EXISTS (SELECT 1 FROM sqlite_master WHERE name = '__diesel_schema_migrations')"),
        None => (POSTGRES, "to_regclass('__diesel_schema_migrations') IS NOT NULL"),
    };
    let mut applied: HashSet<MigrationVersion<'static>> = HashSet::new();
    if diesel::select(sql::<Bool>(is_noted)).get_result(connection)? {
        let versions = __diesel_schema_migrations::table.select(__diesel_schema_migrations::version);
        applied.extend(versions.load(connection)?);
    }
    let mut migrations: Vec<Box<dyn Migration<AnyBackend>>> = source.migrations()?;
    migrations.retain(|migration| !applied.contains(&migration.name().version().as_owned()));
    Ok(names(&migrations))
}

/// Whether it would be an SQLite file that isn't there yet: SQLite makes a file of what it opens.
fn is_no_file(url: &str) -> bool {
    database_url::file(url).is_some_and(|file| matches!(file.try_exists(), Ok(false)))
}

fn names<DB: Backend>(migrations: &[Box<dyn Migration<DB>>]) -> Vec<String> {
    migrations.iter().map(|migration| migration.name().to_string()).collect()
}

/// # Errors
///
/// With what to tell the user.
fn open(url: &str) -> Result<AnyConnection, String> {
    let mut connection = AnyConnection::establish_within(url, PATIENCE).map_err(|error| because(&error))?;
    // To PostgreSQL nothing is said here: a migration may take long.
    if let Some(sqlite) = connection.as_sqlite() {
        sqlite.batch_execute(SQLITE_SETUP).map_err(|error| because(&error))?;
    }
    Ok(connection)
}

/// On a line, without the URL: there may be a password in it.
fn because(error: &dyn std::fmt::Display) -> String {
    format!("cannot use the database: {}", error.to_string().replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::Connection as _;
    use diesel::sql_types::Integer;

    #[test]
    fn what_is_committed_is_on_the_disk() {
        let mut connection = diesel::SqliteConnection::establish(":memory:").unwrap();
        connection.batch_execute(SQLITE_SETUP).unwrap();
        let synchronous = diesel::select(sql::<Integer>("synchronous FROM pragma_synchronous"));
        assert_eq!(synchronous.get_result(&mut connection), Ok(2));
    }
}
