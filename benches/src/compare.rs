//! Runs the contestants of a work in turns. On a machine that does other things too, only what was measured in the same
//! moment compares: so each round gives a ratio, and the median of those counts.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use mixio_figures::Ratio;

use crate::results::{Absent, Time, Timed};
use crate::works::{Contestant, Work};

/// How thoroughly to measure.
#[derive(Clone, Copy)]
pub struct Effort {
    /// How many rounds; a work may be content with fewer.
    pub rounds: usize,
    /// How long one sample is to take, about.
    pub sample: Duration,
}

impl Effort {
    /// For figures.
    pub const FULL: Effort = Effort { rounds: 21, sample: Duration::from_millis(15) };
    /// To see whether everything runs.
    pub const QUICK: Effort = Effort { rounds: 3, sample: Duration::from_micros(500) };
}

/// One contestant, and what came out.
struct Entry<'a> {
    contestant: &'a Contestant,
    /// For one sample.
    iterations: u64,
    /// Nanoseconds for each operation, by round; or what it said when it failed.
    samples: Result<Vec<f64>, String>,
}

/// Measures one work.
pub fn compare(work: &Work, effort: Effort) -> Timed {
    let rounds = effort.rounds.min(work.rounds);
    let mut entries: Vec<Entry<'_>> = work
        .contestants
        .iter()
        .map(|contestant| match calibrate(contestant, effort.sample) {
            Ok(iterations) => Entry { contestant, iterations, samples: Ok(Vec::with_capacity(rounds)) },
            Err(reason) => Entry { contestant, iterations: 0, samples: Err(reason) },
        })
        .collect();
    let count = entries.len();
    for round in 0..rounds {
        // Each goes first in turn.
        for turn in 0..count {
            let entry = &mut entries[(round + turn) % count];
            let Ok(samples) = &mut entry.samples else { continue };
            match attempt(entry.contestant, entry.iterations) {
                Ok(time) => samples.push(nanos(time) / (entry.iterations * work.operations) as f64),
                Err(reason) => entry.samples = Err(reason),
            }
        }
    }
    summarize(work, rounds, &entries)
}

/// How many iterations take as long as a sample is to take.
fn calibrate(contestant: &Contestant, sample: Duration) -> Result<u64, String> {
    let mut iterations = 1;
    loop {
        let time = attempt(contestant, iterations)?;
        let missing = nanos(sample) / nanos(time).max(1.0);
        if missing < 4.0 {
            return Ok(((iterations as f64 * missing).round() as u64).max(1));
        }
        // Not all at once: the first iterations are slower, or too short for the clock.
        iterations = (iterations as f64 * (missing * 0.5).min(100.0)) as u64;
    }
}

fn attempt(contestant: &Contestant, iterations: u64) -> Result<Duration, String> {
    // A contestant that has panicked is not run again, so whatever it left half done is never seen.
    catch_unwind(AssertUnwindSafe(|| contestant.run(iterations))).map_err(|payload| message(&*payload))
}

/// What a panic says.
pub fn message(payload: &(dyn Any + Send)) -> String {
    let message = payload.downcast_ref::<String>().map(String::as_str);
    message.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}

fn nanos(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

fn summarize(work: &Work, rounds: usize, entries: &[Entry<'_>]) -> Timed {
    let samples_of = |name: &str| entries.iter().find(|entry| entry.contestant.name == name)?.samples.as_ref().ok();
    let reference = samples_of(work.reference);
    let mut times = Vec::new();
    let mut absent: Vec<Absent> = work
        .absent
        .iter()
        .map(|&(contestant, reason)| Absent { contestant: contestant.into(), reason: reason.into() })
        .collect();
    for entry in entries {
        match &entry.samples {
            Ok(samples) => times.push(Time {
                contestant: entry.contestant.name.into(),
                iterations: entry.iterations * work.operations,
                nanoseconds: Ratio::of(samples.clone()).median,
                ratio: reference.map(|reference| Ratio::between(samples, reference)),
                samples: samples.clone(),
            }),
            Err(reason) => {
                absent.push(Absent { contestant: entry.contestant.name.into(), reason: format!("fails: {reason}") });
            }
        }
    }
    Timed {
        topic: work.topic.into(),
        work: work.name.clone(),
        title: work.title.clone(),
        reference: work.reference.into(),
        rounds,
        times,
        absent,
    }
}
