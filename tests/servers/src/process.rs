//! Any program that serves.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::guardian::Guardian;
use crate::{Port, temporary_folder};

/// How long it may take to start, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that listens at a port, in a temporary folder of its own; it is killed when this is dropped, and also when the test is.
///
/// # Panics
///
/// All its functions do if the program doesn't do what it is to.
pub struct Process {
    guardian: Guardian,
    folder: PathBuf,
    port: Port,
}

impl Process {
    /// Starts it. `command` gets the address that it is to listen at, a [`Port`] of this one, and its folder, which is its current
    /// one, too.
    pub fn start(ip: Ipv4Addr, command: impl FnOnce(SocketAddr, &Path) -> Command) -> Self {
        let port = Port::reserve(ip);
        let folder = temporary_folder("process");
        let command = command(port.address(), &folder);
        // Of the command, the shell gets all but the program itself.
        let mut shell = Command::new("sh");
        shell.current_dir(&folder);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let text = |part: &OsStr| part.to_str().expect("the command is UTF-8").to_owned();
        let server: Vec<_> = [command.get_program()].into_iter().chain(command.get_args()).map(text).collect();
        let guardian = Guardian::new(shell, &text(folder.as_os_str()), ("KILL", "KILL"), &server);
        let this = Process { guardian, folder, port };
        this.restart();
        this
    }

    /// The address that it listens at, also after a [`restart`](Self::restart).
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Its folder, which is removed at the end. What it prints is in the file `log` there.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Ends it in the middle of whatever it does, by `SIGKILL`, with all processes of its session if it has one of its own.
    pub fn crash(&self) {
        self.guardian.crash();
    }

    /// Starts it again after a [`crash`](Self::crash), and waits until it takes connections.
    pub fn restart(&self) {
        self.guardian.start();
        let started = Instant::now();
        while TcpStream::connect(self.address()).is_err() {
            let log = || std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(started.elapsed() < PATIENCE, "the program does not start: {}", log());
            sleep(Duration::from_millis(10));
        }
    }
}
