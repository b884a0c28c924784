//! Counts of instructions, by valgrind: those repeat, so later changes can be compared with them on any machine.

use std::process::{Command, Output};

use crate::names::*;
use crate::results::Instructions;
use crate::works::{self, Contestant, Work};

/// What is counted.
const WORKS: [&str; 6] = ["switch", "bridge-pending", "bridge-ready", "lifecycle", "lifecycle-future", "cancel"];
/// For whom.
const CONTESTANTS: [&str; 9] = [
    MIXIO,
    MIXIO_FUTURE,
    MIXIO_INSPECTED,
    COROSENSEI,
    COROSENSEI_REUSED,
    BY_HAND,
    BY_HAND_BOXED,
    BY_HAND_REUSED,
    NATIVE_BOXED,
];

/// Few operations and many: what they have in common, getting ready and cleaning up, goes away in the difference.
const OPERATIONS: [u64; 2] = [1_000, 11_000];

fn works() -> impl Iterator<Item = Work> {
    works::all(&[]).into_iter().filter(|work| WORKS.contains(&&*work.name))
}

fn contestants(work: &Work) -> impl Iterator<Item = &Contestant> {
    work.contestants.iter().filter(|contestant| CONTESTANTS.contains(&contestant.name))
}

/// Does some work, so that a tool around this process can count.
///
/// # Panics
///
/// If there is no such work or contestant.
pub fn run(work: &str, contestant: &str, operations: u64) {
    let work = works().find(|other| other.name == work).expect("there is such a work");
    let contestant = contestants(&work).find(|other| other.name == contestant).expect("there is such a contestant");
    contestant.run(operations / work.operations);
}

/// Counts all, by this program again under valgrind.
///
/// # Panics
///
/// If valgrind is missing, or says something new.
pub fn all() -> Vec<Instructions> {
    let mut counted = Vec::new();
    for work in works() {
        for contestant in contestants(&work) {
            let [few, many] = OPERATIONS.map(|operations| count(&work.name, contestant.name, operations));
            counted.push(Instructions {
                work: work.name.clone(),
                title: work.title.clone(),
                contestant: contestant.name.into(),
                instructions: (many - few) as f64 / (OPERATIONS[1] - OPERATIONS[0]) as f64,
            });
        }
    }
    counted
}

fn count(work: &str, contestant: &str, operations: u64) -> i64 {
    let program = std::env::current_exe().expect("this program has a path");
    // Not callgrind: it follows calls, for which there is no need here, and loses its way where stacks are switched.
    let Output { status, stderr, .. } = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(program)
        .args([work, contestant, &operations.to_string()])
        .output()
        .expect("valgrind is installed");
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{work}, {contestant}, under valgrind: {status}\n{said}");
    let count = said.lines().find_map(|line| line.split_once("refs:"));
    count.and_then(|(_, count)| count.trim().replace(',', "").parse().ok()).expect("cachegrind says how many")
}
