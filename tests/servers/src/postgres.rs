//! A PostgreSQL cluster.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Port;
use crate::guardian::Guardian;

/// How long it may take to start, also after a crash, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// A PostgreSQL cluster of its own, for one test or for many: `trust` is its authentication, `postgres` its superuser.
///
/// # Panics
///
/// All its functions do if PostgreSQL isn't there, or doesn't do what it is told.
pub struct Postgres {
    guardian: Guardian,
    programs: PathBuf,
    port: Port,
    databases: AtomicU32,
}

impl Postgres {
    /// Makes a cluster and starts it; `settings` are like `max_connections=500`.
    ///
    /// What is committed survives a [`crash`](Self::crash), but not a crash of the machine: `fsync` is off, unless it is in
    /// `settings`.
    pub fn start(settings: &[&str]) -> Self {
        Self::start_with(settings, &[])
    }

    /// As [`start`](Self::start), with files in the folder of its data, by name and content, that nobody else may read: a
    /// certificate, say, `server.crt`, and its key, `server.key`, for the setting `ssl=on`.
    pub fn start_with(settings: &[&str], files: &[(&str, &str)]) -> Self {
        let programs = programs();
        // Who isn't root runs the server, and who is has it run by the user that its package brings.
        let folder = output(as_user("mktemp").args(["-d", "-t", "mixio-postgres.XXXXXXXX"]));
        let data = format!("{folder}/data");
        let options = ["--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8", "--locale=C", "-D"];
        output(as_user(programs.join("initdb")).args(options).arg(&data));
        for (name, content) in files {
            let write = r#"umask 077 && printf %s "$2" >"$1""#;
            output(as_user("sh").args(["-c", write, "write", &format!("{data}/{name}"), content]));
        }

        let port = Port::reserve(Ipv4Addr::LOCALHOST);
        let mut server = vec![programs.join("postgres").to_string_lossy().into_owned(), "-D".into(), data];
        let fixed = [format!("port={}", port.address().port()), format!("unix_socket_directories={folder}")];
        let fixed = fixed.iter().map(String::as_str).chain(["listen_addresses=127.0.0.1", "fsync=off"]);
        for setting in fixed.chain(settings.iter().copied()) {
            server.extend(["-c".into(), setting.into()]);
        }
        // SIGQUIT ends all its processes at once. It recovers at the next start, as after any crash.
        let guardian = Guardian::new(as_user("sh"), &folder, ("QUIT", "INT"), &server);
        let this = Postgres { guardian, programs, port, databases: AtomicU32::new(0) };
        this.restart();
        this
    }

    /// Makes a new, empty database, and gives its URL.
    pub fn database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.execute("postgres", &format!("CREATE DATABASE {name}"));
        format!("postgres://postgres@{}/{name}", self.port.address())
    }

    /// Runs SQL in a database, whose name or URL is given, by `psql`; gives what that prints: a line a row, without decoration.
    pub fn execute(&self, database: &str, sql: &str) -> String {
        let name = database.rsplit('/').next().expect("a split gives something");
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.address().port().to_string(), "-d", name]);
        output(psql.args(["-v", "ON_ERROR_STOP=1", "-qAtX", "-c", sql]))
    }

    /// Ends it in the middle of whatever it does, with all connections.
    pub fn crash(&self) {
        self.guardian.crash();
    }

    /// Starts it again after a [`crash`](Self::crash), and waits until it takes connections.
    pub fn restart(&self) {
        let pid = self.guardian.start();
        let started = Instant::now();
        let mut ready = Command::new(self.programs.join("pg_isready"));
        ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.address().port().to_string()]);
        while !ready.status().expect("pg_isready runs").success() {
            // Its parent hasn't waited for it: it stays as a zombie.
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
            assert!(stat.is_ok_and(|stat| !stat.contains(") Z ")), "PostgreSQL has ended");
            assert!(started.elapsed() < PATIENCE, "PostgreSQL does not start");
            sleep(Duration::from_millis(20));
        }
    }
}

/// Where its programs are: Debian doesn't put them in the path.
fn programs() -> PathBuf {
    let mut folders: Vec<_> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    debian.sort();
    folders.extend(debian);
    let found = folders.into_iter().rfind(|folder| folder.join("initdb").exists());
    found.expect("these tests need PostgreSQL: apt-get install postgresql")
}

/// A command for whoever may run the server: it refuses root.
fn as_user(program: impl Into<PathBuf>) -> Command {
    let mut command = Command::new(program.into());
    // A folder that this user may enter, wherever we are.
    command.current_dir("/");
    if output(Command::new("id").arg("-u")) == "0" {
        let id = |flag| output(Command::new("id").args([flag, "postgres"])).parse().expect("a number");
        command.uid(id("-u")).gid(id("-g"));
    }
    command
}

/// What a command prints.
fn output(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().expect("the command is there");
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("it prints UTF-8").trim_end().into()
}
