//! Runs the server in this process.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use actix_web::web::ServiceConfig;
use clap::Parser as _;
use diesel::prelude::*;
use kitchen::Settings;
use kitchen::schema::orders;
use kitchen::server::{serve, urls};
use mixio_actix::Views;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::client::PATIENCE;

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Queryable)]
pub(crate) struct Row {
    pub(crate) id: i64,
    pub(crate) user: String,
    pub(crate) details: String,
    pub(crate) status: String,
    pub(crate) mins: Option<i32>,
    pub(crate) _created_at: String,
    pub(crate) _token: String,
}

/// A server with one worker and a new database; stopped when dropped.
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), String>>>,
    directory: TempDir,
}

impl Host {
    pub(crate) fn new(arguments: &[&str]) -> Self {
        Host::with_urls(arguments, urls)
    }

    pub(crate) fn with_urls(arguments: &[&str], urls: fn(&mut ServiceConfig, &Views)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = database(&directory);
        let fixed = ["kitchen", "--listen", "127.0.0.1:0", "--database", &database];
        // What isn't about asking once more sees only the first time.
        let once: &[_] = if arguments.contains(&"--retry-after") { &[] } else { &["--retry-after", "60s"] };
        let settings = Settings::parse_from(fixed.iter().chain(once).chain(arguments));
        let (stop, stopped) = oneshot::channel();
        let (opened, address) = mpsc::channel();
        let thread = thread::spawn(move || {
            serve(settings, urls, |address| {
                opened.send(address).unwrap();
                async { drop(stopped.await) }
            })
        });
        let address = address.recv_timeout(PATIENCE).expect("the server starts");
        Host { address, stop: Some(stop), thread: Some(thread), directory }
    }

    pub(crate) fn begin_stop(&mut self) {
        self.stop = None;
    }

    pub(crate) fn stop(&mut self) {
        self.begin_stop();
        self.thread.take().unwrap().join().unwrap().unwrap();
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        rows(&database(&self.directory))
    }

    /// Keeps the server from writing, for as long as the connection is there.
    pub(crate) fn lock_database(&self) -> SqliteConnection {
        let mut connection = SqliteConnection::establish(&database(&self.directory)).unwrap();
        diesel::sql_query("BEGIN IMMEDIATE").execute(&mut connection).unwrap();
        connection
    }

    /// Takes the database's folder away.
    pub(crate) fn lose_database(&self) {
        std::fs::remove_dir_all(self.directory.path()).unwrap();
    }

    /// Waits until the only row has this status.
    pub(crate) fn wait_for_status(&self, status: &str) -> Row {
        wait_for_status(&database(&self.directory), status)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.begin_stop();
        // After a failure it may never end.
        if let Some(thread) = self.thread.take().filter(|_| !thread::panicking()) {
            thread.join().unwrap().unwrap();
        }
    }
}

fn database(directory: &TempDir) -> String {
    directory.path().join("kitchen.sqlite3").to_str().unwrap().into()
}

pub(crate) fn rows(database: &str) -> Vec<Row> {
    let mut connection = SqliteConnection::establish(database).unwrap();
    diesel::sql_query("PRAGMA busy_timeout = 5000").execute(&mut connection).unwrap();
    orders::table.order(orders::id).load(&mut connection).unwrap()
}

pub(crate) fn wait_for_status(database: &str, status: &str) -> Row {
    let start = Instant::now();
    loop {
        let rows = rows(database);
        assert!(rows.len() <= 1, "{rows:?}");
        match rows.first() {
            Some(row) if row.status == status => return row.clone(),
            _ => assert!(start.elapsed() < PATIENCE, "not {status}: {rows:?}"),
        }
        thread::sleep(Duration::from_millis(10));
    }
}
