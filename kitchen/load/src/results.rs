//! What came out, as data.

use mixio_figures::{Machine, Ratio};
use serde::Serialize;

use crate::bars::Verdict;

/// Everything.
#[derive(Serialize)]
pub struct Results {
    /// Where and when.
    pub machine: Machine,
    /// Cargo's profile that all contestants were built in.
    pub profile: String,
    /// PostgreSQL's version and settings.
    pub postgres: Vec<String>,
    /// For how long the kitchen service cooks, in milliseconds.
    pub delay: u64,
    /// How many database connections each contestant has.
    pub connections: usize,
    /// The bars, and whether they were met.
    pub bars: Vec<Verdict>,
    /// All runs, as they were.
    pub runs: Vec<Run>,
}

/// What one run has shown. Times and requests are of its window.
#[derive(Clone, Serialize)]
pub struct Run {
    /// Who has served.
    pub contestant: String,
    /// How many clients there were at once.
    pub clients: usize,
    /// In which round.
    pub round: usize,
    /// How many orders were answered in a second.
    pub requests_per_second: f64,
    /// Half of the orders took less, in milliseconds.
    pub p50: f64,
    /// One of a hundred took more, in milliseconds.
    pub p99: f64,
    /// Processor time of the contestant for an order, in microseconds.
    pub processor_time: f64,
    /// The most memory that it had resident, in bytes.
    pub peak_memory: f64,
    /// How many threads it had at the end.
    pub threads: u64,
    /// How many orders were placed in all, within the window or not. All of them agree.
    pub orders: usize,
    /// Processor time of the kitchen service for an order, in microseconds.
    pub cook_processor_time: f64,
    /// Processor time of the clients for an order, in microseconds.
    pub clients_processor_time: f64,
    /// Which part of all processors' time was spent, by whomever.
    pub machine_busy: f64,
}

/// The runs of a contestant with so many clients, in the order of rounds.
pub fn of<'a>(runs: &'a [Run], contestant: &str, clients: usize) -> Vec<&'a Run> {
    let mut found: Vec<_> = runs.iter().filter(|run| run.contestant == contestant && run.clients == clients).collect();
    found.sort_by_key(|run| run.round);
    found
}

/// The median and the quartiles of one figure; none if there are no runs.
pub fn spread(runs: &[&Run], figure: fn(&Run) -> f64) -> Option<Ratio> {
    (!runs.is_empty()).then(|| Ratio::of(runs.iter().map(|run| figure(run)).collect()))
}

/// How many clients there were, each number once, in rising order.
pub fn clients(runs: &[Run]) -> Vec<usize> {
    let mut clients: Vec<_> = runs.iter().map(|run| run.clients).collect();
    clients.sort_unstable();
    clients.dedup();
    clients
}
