//! What a contestant needs around it: a database, a kitchen service, limits.

use std::path::{Path, PathBuf};
use std::process::Command;

use mixio_test_servers::Postgres;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::Error;
use crate::contestants::Contestant;
use crate::program::Program;

/// For how long the kitchen service cooks, in milliseconds.
pub const DELAY: u64 = 200;

/// PostgreSQL's settings: enough connections; and nothing that it does by the minute, since that would hit one contestant and
/// not the other. `fsync` is off, too: a commit goes to the kernel, and does not wait for the disk.
pub const POSTGRES: [&str; 5] =
    ["max_connections=100", "fsync=off", "autovacuum=off", "max_wal_size=8GB", "checkpoint_timeout=1h"];

/// Where the programs are, and what all runs share.
pub struct Stage {
    programs: PathBuf,
    logs: PathBuf,
    postgres: Postgres,
}

/// A contestant with a database and a kitchen service of its own.
pub struct Scene<'a> {
    stage: &'a Stage,
    database: String,
    /// The contestant.
    pub contestant: Program,
    /// The kitchen service.
    pub cook: Program,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its key.
    pub id: u64,
    /// Who has placed the order.
    pub user: String,
    /// What is to be cooked.
    pub details: String,
    /// How far it is.
    pub status: String,
    /// How long it takes.
    pub mins: Option<u64>,
}

impl Stage {
    /// Starts PostgreSQL. Programs come from one folder, and what they say to their standard error goes to another.
    ///
    /// # Errors
    ///
    /// If something is missing.
    pub fn new(programs: &Path, logs: &Path) -> Result<Self, Error> {
        // Those of the last time would be misleading.
        if logs.exists() {
            std::fs::remove_dir_all(logs)?;
        }
        std::fs::create_dir_all(logs)?;
        Ok(Stage { programs: programs.into(), logs: logs.into(), postgres: Postgres::start(&POSTGRES) })
    }

    /// PostgreSQL's version.
    pub fn version(&self) -> String {
        format!("PostgreSQL {}", self.postgres.execute("postgres", "SHOW server_version"))
    }

    /// Starts a contestant, with all that it needs, for so many clients at once.
    ///
    /// # Errors
    ///
    /// If a program does not start, or may not have as many files as there will be connections.
    pub fn start(&self, contestant: &Contestant, clients: usize) -> Result<Scene<'_>, Error> {
        // The contestant has the most: a connection with each client, and for each of those one with the cook.
        raise_file_limit(2 * clients as u64 + 500)?;
        let database = self.postgres.database();
        let log = |name: &str| self.logs.join(format!("{}.log", name.replace(' ', "-")));
        let migrate =
            Command::new(self.programs.join("kitchen")).args(["migrate", "--database", &database]).output()?;
        if !migrate.status.success() {
            return Err(format!("kitchen migrate: {}", String::from_utf8_lossy(&migrate.stderr)).into());
        }
        let delay = ["--delay".to_owned(), DELAY.to_string()];
        let cook = Program::start(&self.programs.join("cook"), &delay, &[], &log("cook"))?;
        let arguments = contestant.arguments(&database, &format!("http://{}/", cook.address));
        let program = self.programs.join(contestant.program);
        let contestant = Program::start(&program, &arguments, contestant.settings, &log(contestant.name))?;
        Ok(Scene { stage: self, database, contestant, cook })
    }
}

impl Scene<'_> {
    /// All orders in the database.
    ///
    /// # Errors
    ///
    /// If a row can't be read.
    pub fn rows(&self) -> Result<Vec<Row>, Error> {
        let query = r#"SELECT id, "user", details, status, mins FROM orders ORDER BY id"#;
        self.stage.postgres.execute(&self.database, query).lines().map(row).collect()
    }

    /// Stops all, and removes the database.
    ///
    /// # Errors
    ///
    /// If the contestant does not end well.
    pub fn close(self) -> Result<(), Error> {
        // Who closes first keeps the port for a minute: better the cook's one than thousands of the contestant's.
        self.cook.end();
        self.contestant.stop()?;
        let name = self.database.rsplit('/').next().unwrap_or_default();
        self.stage.postgres.execute("postgres", &format!("DROP DATABASE {name} WITH (FORCE)"));
        Ok(())
    }
}

/// A row as psql prints it.
fn row(line: &str) -> Result<Row, Error> {
    let [id, user, details, status, mins] = line.split('|').collect::<Vec<_>>()[..] else {
        return Err(format!("an odd row: {line:?}").into());
    };
    let mins = if mins.is_empty() { None } else { Some(mins.parse()?) };
    Ok(Row { id: id.parse()?, user: user.into(), details: details.into(), status: status.into(), mins })
}

/// For us and the programs that we start.
fn raise_file_limit(files: u64) -> Result<(), Error> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if hard < files {
        return Err(format!("a process may have {hard} files open, and {files} are needed: see `ulimit -Hn`").into());
    }
    if soft < files {
        setrlimit(Resource::RLIMIT_NOFILE, files, hard)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        let expected =
            Row { id: 7, user: "a".into(), details: "b c".into(), status: "accepted".into(), mins: Some(31) };
        assert_eq!(row("7|a|b c|accepted|31").unwrap(), expected);
        assert_eq!(row("7|a|b c|placed|").unwrap().mins, None);
        assert!(row("7|a|b|c|placed|").is_err());
        assert!(row("x|a|b|placed|").is_err());
    }
}
