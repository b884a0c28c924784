//! Where and when the figures were taken, and of which versions.

use std::collections::BTreeMap;

use serde::Serialize;

/// What a figure depends on besides the code.
#[derive(Serialize)]
pub struct Machine {
    /// The machine.
    #[serde(flatten)]
    pub here: mixio_figures::Machine,
    /// The peers and their versions.
    pub peers: BTreeMap<String, String>,
}

impl Machine {
    /// This one, today.
    pub fn here() -> Machine {
        Machine { here: mixio_figures::Machine::here(), peers: peers() }
    }
}

/// The dependencies that the manifest pins to one version: those are the peers.
fn peers() -> BTreeMap<String, String> {
    include_str!("../Cargo.toml")
        .lines()
        .filter_map(|line| {
            let (name, requirement) = line.split_once(" = ")?;
            let version = requirement.split_once("\"=")?.1.split('"').next()?;
            Some((name.to_owned(), version.to_owned()))
        })
        .collect()
}
