//! A browser.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Process;

/// Chromedriver, by which a test drives a headless Chromium. All browsers end with it.
///
/// # Panics
///
/// If Chromium or its driver isn't there, or doesn't do what it is told.
pub struct Chromedriver {
    process: Process,
    browsers: AtomicU32,
}

impl Chromedriver {
    /// Starts it.
    pub fn start() -> Self {
        let driver = program("chromedriver");
        program("chromium");
        // In a session of its own, which its browsers belong to: so the guardian finds them all. Of what they leave in the folder for
        // temporary files, nothing stays either.
        let process = Process::start(Ipv4Addr::LOCALHOST, |address, folder| {
            let mut command = Command::new("setsid");
            command.arg(driver).arg(format!("--port={}", address.port())).env("TMPDIR", folder).env("HOME", folder);
            command
        });
        Chromedriver { process, browsers: AtomicU32::new(0) }
    }

    /// Where it takes the commands of the WebDriver protocol.
    pub fn url(&self) -> String {
        format!("http://{}", self.process.address())
    }

    /// The program that it is to start, for the capability `goog:chromeOptions`.
    pub fn browser(&self) -> PathBuf {
        program("chromium")
    }

    /// The arguments for one more browser: headless, calling nobody by itself, with a new and empty profile.
    pub fn arguments(&self) -> Vec<String> {
        let number = self.browsers.fetch_add(1, Ordering::Relaxed);
        let profile = self.process.folder().join(format!("profile{number}"));
        let fixed = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ];
        fixed.map(String::from).into_iter().chain([format!("--user-data-dir={}", profile.display())]).collect()
    }
}

fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.exists());
    found.unwrap_or_else(|| {
        panic!("{name} is missing, which these tests need: apt-get install chromium chromium-driver")
    })
}
