//! The program, as a process.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::client::PATIENCE;

pub(crate) fn kitchen() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kitchen"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A program that is running. It does not outlive its test.
pub(crate) struct Program(Child);

impl Program {
    /// Starts it, and gives the address that it prints.
    pub(crate) fn start(command: &mut Command) -> (Self, SocketAddr) {
        let mut program = Program(command.args(["--listen", "127.0.0.1:0"]).spawn().unwrap());
        let mut lines = BufReader::new(program.0.stdout.as_mut().unwrap()).lines().map(Result::unwrap);
        let first = lines.next().expect("it starts");
        let address = first.split_once("http://").unwrap().1.split('/').next().unwrap().parse().unwrap();
        let curl = lines.next().unwrap();
        assert_eq!(curl.trim(), format!("curl http://{address}/ -d user=ann -d details=pizza"));
        (program, address)
    }

    /// Starts it where it can't print.
    pub(crate) fn silent(command: &mut Command) -> Self {
        Program(command.spawn().unwrap())
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.0.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    #[track_caller]
    pub(crate) fn assert_ends_well(mut self) -> String {
        let start = Instant::now();
        let status = loop {
            match self.0.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(start.elapsed() < PATIENCE, "it does not stop"),
            }
            thread::sleep(Duration::from_millis(10));
        };
        let mut log = String::new();
        self.0.stderr.as_mut().unwrap().read_to_string(&mut log).unwrap();
        assert_eq!(status.code(), Some(0), "{log}");
        log
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
