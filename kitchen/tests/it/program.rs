//! The program, as a process.

use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::client::PATIENCE;

pub(crate) fn kitchen() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kitchen"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A program that is running. It does not outlive its test.
pub(crate) struct Program(Child, Option<JoinHandle<String>>);

impl Program {
    /// Starts it, and gives the address that it prints.
    pub(crate) fn start(command: &mut Command) -> (Self, SocketAddr) {
        let mut program = Program(command.args(["--listen", "127.0.0.1:0"]).spawn().unwrap(), None);
        let mut lines = BufReader::new(program.0.stdout.as_mut().unwrap()).lines().map(Result::unwrap);
        let first = lines.next().expect("it starts");
        let address = first.split_once("http://").unwrap().1.split('/').next().unwrap().parse().unwrap();
        let curl = lines.next().unwrap();
        assert_eq!(curl.trim(), format!("curl http://{address}/ -d user=ann -d details=pizza"));
        (program, address)
    }

    /// As [`start`](Self::start), for a program that logs more than fits in a pipe.
    pub(crate) fn start_reading(command: &mut Command) -> (Self, SocketAddr) {
        let (mut program, address) = Program::start(command);
        let errors = program.0.stderr.take().unwrap();
        program.1 = Some(thread::spawn(move || io::read_to_string(errors).unwrap()));
        (program, address)
    }

    /// Starts it where it can't print.
    pub(crate) fn silent(command: &mut Command) -> Self {
        Program(command.spawn().unwrap(), None)
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
        let log = match self.1.take() {
            Some(reader) => reader.join().unwrap(),
            None => io::read_to_string(self.0.stderr.as_mut().unwrap()).unwrap(),
        };
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
