//! A Redis server.

use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::guardian::Guardian;
use crate::{Port, temporary_folder};

/// How long it may take to start, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// A Redis server that keeps nothing.
///
/// # Panics
///
/// All its functions do if Redis isn't there, or doesn't do what it is told.
pub struct Redis {
    guardian: Guardian,
    port: Port,
    socket: String,
}

impl Redis {
    /// Starts it.
    pub fn start() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let here = std::env::split_paths(&path).any(|folder| folder.join("redis-server").exists());
        assert!(
            here || Path::new("/usr/bin/redis-server").exists(),
            "these tests need Redis: apt-get install redis-server"
        );
        let port = Port::reserve(Ipv4Addr::LOCALHOST);
        let folder = temporary_folder("redis");
        let folder = folder.to_str().expect("its name is UTF-8");
        let port_text = port.address().port().to_string();
        let socket = format!("{folder}/socket");
        let listen = ["redis-server", "--port", &port_text, "--bind", "127.0.0.1", "--unixsocket", &socket];
        let server: Vec<_> = listen.into_iter().chain(["--save", "", "--dir", folder]).map(String::from).collect();
        let guardian = Guardian::new(Command::new("sh"), folder, ("KILL", "INT"), &server);
        let this = Redis { guardian, port, socket };
        this.restart();
        this
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://{}/", self.port.address())
    }

    /// The URL of its Unix socket.
    pub fn unix_url(&self) -> String {
        format!("redis+unix://{}", self.socket)
    }

    /// Ends it in the middle of whatever it does, with all connections.
    pub fn crash(&self) {
        self.guardian.crash();
    }

    /// Starts it again after a [`crash`](Self::crash), and waits until it takes connections.
    pub fn restart(&self) {
        self.guardian.start();
        let started = Instant::now();
        // It listens at the one after the other.
        let is_there = || TcpStream::connect(self.port.address()).is_ok() && UnixStream::connect(&self.socket).is_ok();
        while !is_there() {
            assert!(started.elapsed() < PATIENCE, "Redis does not start");
            sleep(Duration::from_millis(10));
        }
    }
}
