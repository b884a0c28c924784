//! The same views on either database, on either kind of I/O; and the migrations.

use std::collections::HashSet;
use std::fs;
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use diesel::{Connection as _, RunQueryDsl as _, SqliteConnection};
use mixio_test_servers::Postgres;

use super::client::{PATIENCE, get, post};
use super::program::{Program, kitchen};

/// It ends with the test program.
pub(crate) static POSTGRES: LazyLock<Postgres> = LazyLock::new(|| Postgres::start(&[]));

/// Each kind of database, empty, by each kind of URL; PostgreSQL is the first.
fn databases() -> (tempfile::TempDir, [String; 5]) {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let urls = [
        POSTGRES.database(),
        file("plain?"),
        format!("sqlite://{}", file("url")),
        format!("sqlite:{}", file("short")),
        format!("file:{}?mode=rwc", file("as%20SQLite")),
    ];
    (directory, urls)
}

#[test]
fn either_io_on_either_database() {
    let (_directory, databases) = databases();
    for (n, database) in databases.iter().enumerate() {
        for io in ["async", "blocking"] {
            let mut command = kitchen();
            command.env("MIXIO", io).env("DATABASE_URL", database).args(["--kitchen-delay", "50ms", "--threads", "8"]);
            let (program, address) = Program::start(&mut command);
            let order = move |n| post(address, "/", &format!("details=meal+{n}&user=ann"));
            let orders: Vec<_> = (0..30).map(|n| thread::spawn(move || order(n))).collect();
            let replies: Vec<_> = orders.into_iter().map(|order| order.join().unwrap()).collect();
            let ids: HashSet<_> = replies.iter().map(|reply| reply.json()["order_id"].as_i64()).collect();
            assert!(replies.iter().all(|reply| reply.status == 200), "{io}, {database}: {replies:?}");
            assert_eq!(ids.len(), 30, "{io}, {database}");
            assert_eq!(get(address, "/?details=").status, 400);
            program.signal("INT");
            program.assert_ends_well();
        }
        if n == 0 {
            let counts = "SELECT status, count(*), count(mins), count(DISTINCT token) FROM orders GROUP BY status";
            assert_eq!(POSTGRES.execute(database, counts), "accepted|60|60|60");
        }
    }
}

pub(crate) fn run(command: &mut Command) -> (Output, String) {
    let output = command.output().unwrap();
    let text = String::from_utf8([output.stdout.clone(), output.stderr.clone()].concat()).unwrap();
    (output, text)
}

#[test]
fn migrations_are_checked_and_applied() {
    let (directory, databases) = databases();
    let files = || fs::read_dir(&directory).unwrap().count();
    for database in &databases {
        for (arguments, code, says) in [
            (["migrate", "--check"], 1, "2 migrations are missing"),
            (["migrate", "--database"], 0, "applied 2026-11-21-000000_create_orders"),
            (["migrate", "--check"], 0, "up to date"),
            (["migrate", "--database"], 0, "up to date"),
        ] {
            let before = files();
            let mut command = kitchen();
            command.env("DATABASE_URL", database).args(arguments);
            if arguments[1] == "--database" {
                command.arg(database);
            }
            let (output, text) = run(&mut command);
            assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
            assert!(text.contains(says), "{arguments:?}: {text}");
            // What is only checked isn't so much as made.
            assert!(arguments[1] != "--check" || files() == before, "{arguments:?} has made {database}");
        }
    }
    // The path is the one that SQLite reads.
    for name in ["plain?", "url", "short", "as SQLite"] {
        assert!(directory.path().join(name).exists(), "{name}");
    }
}

#[test]
fn many_may_migrate_at_once() {
    let (_directory, databases) = databases();
    for database in &databases {
        let migrate = || kitchen().args(["migrate", "--database", database]).spawn().unwrap();
        let programs: Vec<_> = (0..8).map(|_| migrate()).collect();
        let outputs: Vec<_> = programs.into_iter().map(|program| program.wait_with_output().unwrap()).collect();
        assert!(outputs.iter().all(|output| output.status.success()), "{database}: {outputs:?}");
        let applied = outputs.iter().filter(|output| output.stdout.starts_with(b"applied ")).count();
        assert_eq!(applied, 1, "{database}: {outputs:?}");
    }
}

/// SQLite's own patience doesn't cover all that is done then.
#[test]
fn a_file_that_is_locked_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("orders");
    let file = file.to_str().unwrap();
    for arguments in [&["migrate", "--check"][..], &["migrate"]] {
        let mut connection = SqliteConnection::establish(file).unwrap();
        diesel::sql_query("BEGIN EXCLUSIVE").execute(&mut connection).unwrap();
        let program = kitchen().args(arguments).args(["--database", file]).spawn().unwrap();
        sleep(Duration::from_millis(500));
        drop(connection);
        let output = program.wait_with_output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(text.contains("2 migrations are missing") || text.contains("applied "), "{arguments:?}: {text}");
    }
}

#[test]
fn who_waits_for_another_program_says_so() {
    let database = POSTGRES.database();
    let url = database.clone();
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted";
    let other = thread::spawn(move || POSTGRES.execute(&url, "SELECT pg_advisory_lock(5012306); SELECT pg_sleep(1)"));
    let start = Instant::now();
    while POSTGRES.execute(&database, locks) == "0" {
        assert!(start.elapsed() < PATIENCE);
    }
    let (output, text) = run(kitchen().args(["migrate", "--database", &database]));
    assert!(output.status.success() && text.contains("another program migrates this database"), "{text}");
    other.join().unwrap();
}

/// A connection whose server is there and says nothing, as when its machine has lost its power.
#[test]
fn a_database_that_falls_silent() {
    thread::scope(|scope| {
        for io in ["async", "blocking"] {
            scope.spawn(move || falls_silent(io));
        }
    });
}

fn falls_silent(io: &str) {
    let database = POSTGRES.database();
    let mut command = kitchen();
    command.env("MIXIO", io).args(["--database", &database, "--connections", "1", "--retry-after", "100ms"]);
    let (program, address) = Program::start(&mut command);
    assert_eq!(get(address, "/?details=pizza").status, 200, "{io}");
    let others = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
    let servers = POSTGRES.execute(&database, &format!("SELECT pid FROM pg_stat_activity WHERE {others}"));
    let servers: Vec<_> = servers.lines().map(Stopped::new).collect();
    assert!(!servers.is_empty());
    get(address, "/?details=soup").assert_error(503);
    // The next one gets a new connection.
    assert_eq!(get(address, "/?details=cake").status, 200, "{io}");
    // The kitchen looks for what may have been left, and finds nothing yet.
    sleep(Duration::from_secs(1));
    drop(servers);
    // What it was told before, it does now. Nobody waits for that order any more, but the kitchen is to hear of it.
    let start = Instant::now();
    while POSTGRES.execute(&database, "SELECT status FROM orders WHERE details = 'soup'") != "accepted" {
        assert!(start.elapsed() < PATIENCE, "{io}: {}", POSTGRES.execute(&database, "SELECT * FROM orders"));
        sleep(Duration::from_millis(100));
    }
    program.signal("INT");
    program.assert_ends_well();
}

/// A process that is stopped for so long.
struct Stopped(String);

impl Stopped {
    fn new(pid: &str) -> Self {
        let this = Stopped(pid.into());
        this.signal("STOP");
        this
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args(["-s", name, &self.0]).status().unwrap().success());
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.signal("CONT");
    }
}

#[test]
fn a_database_that_is_not_there() {
    for url in ["postgres://nobody@127.0.0.1:1/nowhere", "sqlite:///nowhere/at/all"] {
        for command in [&["migrate"][..], &[]] {
            let (output, text) = run(kitchen().args(["--database", url, "--listen", "127.0.0.1:0"]).args(command));
            assert_eq!(output.status.code(), Some(1), "{text}");
            assert!(text.starts_with("kitchen: cannot use the database") && text.lines().count() == 1, "{text}");
        }
    }
}

#[test]
fn the_setting_is_checked() {
    let (output, text) = run(kitchen().env("MIXIO", "sometimes").args(["--listen", "127.0.0.1:0"]));
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("MIXIO") && text.contains("neither"), "{text}");
}
