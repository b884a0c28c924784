//! Where and when figures were taken.

use std::fs;
use std::process::Command;

use serde::Serialize;

/// What a figure depends on besides the code.
#[derive(Serialize)]
pub struct Machine {
    /// The processor, as it calls itself.
    pub processor: String,
    /// How many of them the process may use.
    pub cores: usize,
    /// Its name and release.
    pub system: String,
    /// The compiler.
    pub rustc: String,
    /// The day, UTC.
    pub date: String,
}

impl Machine {
    /// This one, today.
    pub fn here() -> Machine {
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Machine {
            processor: model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, model)| model.trim().to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            system: output("uname", &["-sr"]),
            rustc: output("rustc", &["--version"]),
            date: output("date", &["-u", "+%Y-%m-%d"]),
        }
    }
}

/// What a program prints, or a question mark.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().map(|output| output.stdout).unwrap_or_default();
    match String::from_utf8_lossy(&output).trim() {
        "" => "?".to_owned(),
        text => text.to_owned(),
    }
}
