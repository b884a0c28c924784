//! What came out, as data: the four programs pass it on as JSON, and `results.json` has all of it.

use mixio_figures::Ratio;
use serde::{Deserialize, Serialize};

use crate::bars::Verdict;
use crate::machine::Machine;

/// Everything.
#[derive(Serialize)]
pub struct Results {
    /// Where and when.
    pub machine: Machine,
    /// The bars, and whether they were met.
    pub bars: Vec<Verdict>,
    /// A work each.
    pub times: Vec<Timed>,
    /// A contestant each.
    pub memory: Vec<Memory>,
    /// A contestant and work each.
    pub instructions: Vec<Instructions>,
}

/// What came out for a work.
#[derive(Serialize, Deserialize)]
pub struct Timed {
    /// As in [`Work`](crate::works::Work).
    pub topic: String,
    /// As in [`Work`](crate::works::Work).
    pub work: String,
    /// As in [`Work`](crate::works::Work).
    pub title: String,
    /// As in [`Work`](crate::works::Work).
    pub reference: String,
    /// How many samples each contestant has.
    pub rounds: usize,
    /// Who has done it.
    pub times: Vec<Time>,
    /// Who hasn't.
    pub absent: Vec<Absent>,
}

impl Timed {
    /// What came out for one contestant.
    pub fn time(&self, contestant: &str) -> Option<&Time> {
        self.times.iter().find(|time| time.contestant == contestant)
    }
}

/// What came out for a contestant.
#[derive(Serialize, Deserialize)]
pub struct Time {
    /// Its name.
    pub contestant: String,
    /// How many operations each sample is of.
    pub iterations: u64,
    /// Of the samples the median: nanoseconds for an operation.
    pub nanoseconds: f64,
    /// To the reference, if that has done it.
    pub ratio: Option<Ratio>,
    /// Nanoseconds for an operation, by round.
    pub samples: Vec<f64>,
}

/// Who has not done a work.
#[derive(Serialize, Deserialize)]
pub struct Absent {
    /// Its name.
    pub contestant: String,
    /// Why not.
    pub reason: String,
}

/// What a suspended coroutine weighs.
#[derive(Serialize, Deserialize)]
pub struct Memory {
    /// Its name.
    pub contestant: String,
    /// How many there were.
    pub number: usize,
    /// Bytes resident for each.
    pub resident: f64,
    /// Bytes of page tables for each.
    pub page_tables: f64,
    /// Mappings of the process, for all.
    pub mappings: i64,
    /// How many there can be; `None` if that was not tried.
    pub alive: Option<Alive>,
}

/// How many there can be.
#[derive(Serialize, Deserialize)]
pub struct Alive {
    /// So many there were.
    pub number: usize,
    /// Why there were no more; `None` if nobody asked for more.
    pub error: Option<String>,
}

/// How many instructions an operation takes.
#[derive(Serialize, Deserialize)]
pub struct Instructions {
    /// As in [`Work`](crate::works::Work).
    pub work: String,
    /// As in [`Work`](crate::works::Work).
    pub title: String,
    /// Who does it.
    pub contestant: String,
    /// In user mode. A whole number, unless now and then an operation does more.
    pub instructions: f64,
}
