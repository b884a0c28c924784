//! The program under test.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::PATIENCE;
use super::clients::{self, Outcome};
use super::process::Process;

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    process: Process,
}

impl Server {
    pub(crate) fn start(database: &str, kitchen_service: &str) -> Self {
        // The address of a listener that is gone; nobody else takes one at this host.
        let address = TcpListener::bind("127.0.0.3:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kitchen"));
        command.args(["--listen", &address.to_string(), "--database", database, "--kitchen-service", kitchen_service]);
        command.args(["--retry-after", "100ms", "--kitchen-timeout", "2s"]);
        command.env("KITCHEN_LOG", "off").stdin(Stdio::null()).stdout(Stdio::null());
        let this = Server { address, process: Process::new(command) };
        this.wait();
        this
    }

    pub(crate) fn kill(&self) {
        self.process.kill();
    }

    pub(crate) fn restart(&self) {
        self.process.start();
        self.wait();
    }

    /// Until it takes connections.
    fn wait(&self) {
        let started = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            // It may find no database when it starts, and say so: then somebody has to start it once more.
            if self.process.has_ended() {
                self.process.start();
            }
            assert!(started.elapsed() < PATIENCE, "the server does not start");
            sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn still_serves(&self) -> bool {
        matches!(clients::place(self.address, "one more", false), Outcome::Taken { .. })
    }
}
