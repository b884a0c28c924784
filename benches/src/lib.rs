//! mixio beside its peers: how long things take, what they weigh, and a report of it.
//!
//! | module | what is there |
//! | --- | --- |
//! | [`peers`] | each peer behind one of two traits, so that all are timed by the same loop |
//! | [`works`] | what is timed: a function per contestant |
//! | [`compare`] | runs the contestants of one work in turns, and takes ratios |
//! | [`bars`] | what mixio has to reach |
//! | [`memory`] | what a suspended coroutine weighs, each peer in a process of its own |
//! | [`instructions`] | counts of instructions by valgrind, which repeat exactly |
//! | [`results`] | all of that as data, for `results.json` |
//! | [`report`] | tables and plots of it |
//!
//! `ci/bench` runs all. `cargo run --release -p mixio-benches --bin compare -- switch` compares in one topic, and
//! `cargo bench -p mixio-benches -- switch` has criterion look at each contestant by itself.
#![recursion_limit = "512"] // An async fn 128 levels deep, to be compared with.

pub mod bars;
pub mod compare;
pub mod instructions;
pub mod machine;
pub mod memory;
pub mod names;
pub mod peers;
pub mod report;
pub mod results;
pub mod works;

mod bodies;
mod drive;
