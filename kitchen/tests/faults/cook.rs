//! A kitchen service that is a process of its own, and logs what it cooks. It is this test program, started in another way.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::PATIENCE;
use super::process::Process;

/// Where the child listens, and where it logs.
const ADDRESS: &str = "KITCHEN_TEST_COOK_ADDRESS";
const LOG: &str = "KITCHEN_TEST_COOK_LOG";

/// How long it takes to answer.
const DELAY: Duration = Duration::from_millis(20);

pub(crate) struct Cook {
    url: String,
    address: String,
    directory: TempDir,
    process: Process,
}

impl Cook {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.4:0").unwrap().local_addr().unwrap().to_string();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "cook::as_a_process", "--nocapture"]);
        command.env(ADDRESS, &address).env(LOG, log_in(&directory)).stdin(Stdio::null()).stdout(Stdio::null());
        let this = Cook { url: format!("http://{address}/"), address, directory, process: Process::new(command) };
        this.wait();
        this
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn kill(&self) {
        self.process.kill();
    }

    pub(crate) fn restart(&self) {
        self.process.start();
        self.wait();
    }

    /// A line for each order that was cooked: its id, and how long it takes.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(log_in(&self.directory)).unwrap()
    }

    fn wait(&self) {
        let started = Instant::now();
        while TcpStream::connect(&self.address).is_err() {
            assert!(started.elapsed() < PATIENCE && !self.process.has_ended(), "the cook does not start");
            sleep(Duration::from_millis(10));
        }
    }
}

fn log_in(directory: &TempDir) -> PathBuf {
    directory.path().join("log")
}

/// The child. In the test program itself it does nothing.
#[test]
fn as_a_process() {
    let (Ok(address), Ok(log)) = (std::env::var(ADDRESS), std::env::var(LOG)) else { return };
    let kitchen = Arc::new(Kitchen::open(log));
    for stream in TcpListener::bind(address).unwrap().incoming() {
        let kitchen = kitchen.clone();
        thread::spawn(move || kitchen.serve(stream.unwrap()));
    }
}

/// What it has cooked, which it knows again when it is started anew.
struct Kitchen {
    cooked: Mutex<(HashMap<u64, u64>, File)>,
}

impl Kitchen {
    fn open(log: String) -> Self {
        let lines = fs::read_to_string(&log).unwrap_or_default();
        let lines = lines.lines().map(|line| line.split_once(' ').unwrap());
        let cooked = lines.map(|(id, mins)| (id.parse().unwrap(), mins.parse().unwrap())).collect();
        Kitchen { cooked: Mutex::new((cooked, File::options().append(true).create(true).open(log).unwrap())) }
    }

    /// How long the order takes: which is decided, and noted, when it is first heard of.
    fn cook(&self, id: u64) -> u64 {
        let (cooked, log) = &mut *self.cooked.lock().unwrap();
        *cooked.entry(id).or_insert_with(|| {
            let mins = fastrand::u64(1..1000);
            // In one call, so that it is there or isn't.
            log.write_all(format!("{id} {mins}\n").as_bytes()).unwrap();
            mins
        })
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some(id) = read_order(&mut reader) {
            sleep(DELAY);
            let body = format!("{{\"order_id\":{id},\"mins\":{}}}", self.cook(id));
            let reply = format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            if stream.write_all(reply.as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// The id in the next form, if there is one.
fn read_order(reader: &mut BufReader<TcpStream>) -> Option<u64> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut form = vec![0; length];
    reader.read_exact(&mut form).ok()?;
    let form = String::from_utf8(form).ok()?;
    form.split('&').find_map(|field| field.strip_prefix("order_id="))?.parse().ok()
}
