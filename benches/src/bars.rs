//! What mixio has to reach: medians of ratios in interleaved rounds, on x86-64.

use mixio_figures::Ratio;
use serde::Serialize;

use crate::names::*;
use crate::results::{Memory, Timed};

/// A ratio that mixio must not exceed.
pub struct Bar {
    /// What is done.
    pub work: &'static str,
    /// Which mixio.
    pub contestant: &'static str,
    /// Who else does it.
    pub reference: &'static str,
    /// What mixio's time may be of the other's.
    pub at_most: f64,
}

/// The bars of issue 3 that are ratios.
///
/// A pending wait is judged twice. As a concrete future it is inlined into the loop that polls, by hand more so than in
/// mixio; boxed is how executors keep it.
pub const BARS: [Bar; 11] = [
    bar("switch", MIXIO, COROSENSEI, 0.80),
    bar("bridge-pending", MIXIO, BY_HAND, 0.60),
    bar("bridge-pending", MIXIO_FUTURE, BY_HAND_BOXED, 0.60),
    bar("bridge-ready", MIXIO, NATIVE_BOXED, 0.50),
    bar("depth-8", MIXIO, NATIVE_BOXED, 0.13),
    bar("depth-128", MIXIO, NATIVE_BOXED, 0.014),
    bar("lifecycle-future", MIXIO, NATIVE_BOXED, 1.6),
    bar("alive", MIXIO, COROSENSEI, 0.01),
    bar("cancel-drop", MIXIO, COROSENSEI, 0.08),
    bar("many-1000-shuffled-little", MIXIO, COROSENSEI, 0.75),
    bar("many-10000-shuffled-512", MIXIO, COROSENSEI, 0.50),
];

const fn bar(work: &'static str, contestant: &'static str, reference: &'static str, at_most: f64) -> Bar {
    Bar { work, contestant, reference, at_most }
}

/// What a suspended coroutine may weigh, page tables included, in bytes.
pub const WEIGHT: f64 = 4.4 * 1024.0;

/// A bar, and what came out.
#[derive(Serialize)]
pub struct Verdict {
    /// What is done, for people.
    pub title: String,
    /// Which mixio.
    pub contestant: String,
    /// Who else does it; for what isn't a ratio, nobody.
    pub reference: Option<String>,
    /// The ratio, or the bytes.
    pub reached: Ratio,
    /// What it may be.
    pub at_most: f64,
    /// Whether the median is no more.
    pub met: bool,
}

impl Verdict {
    fn new(title: &str, contestant: &str, reference: Option<&str>, reached: Ratio, at_most: f64) -> Verdict {
        Verdict {
            title: title.into(),
            contestant: contestant.into(),
            reference: reference.map(Into::into),
            reached,
            at_most,
            met: reached.median <= at_most,
        }
    }
}

/// Judges times. A bar whose work or reference wasn't measured is left out.
pub fn judge(times: &[Timed]) -> Vec<Verdict> {
    let judge = |bar: &Bar| {
        let timed = times.iter().find(|timed| timed.work == bar.work)?;
        let (ours, theirs) = (timed.time(bar.contestant)?, timed.time(bar.reference)?);
        let reached = Ratio::between(&ours.samples, &theirs.samples);
        Some(Verdict::new(&timed.title, bar.contestant, Some(bar.reference), reached, bar.at_most))
    };
    BARS.iter().filter_map(judge).collect()
}

/// Judges weights, and how many there can be.
pub fn judge_memory(memory: &[Memory]) -> Vec<Verdict> {
    let of = |contestant: &str| memory.iter().find(|memory| memory.contestant == contestant);
    let exactly = |value: f64| Ratio { lower: value, median: value, upper: value };
    let weight = of(MIXIO).map(|ours| {
        let reached = exactly(ours.resident + ours.page_tables);
        Verdict::new("bytes for a suspended coroutine, page tables included", MIXIO, None, reached, WEIGHT)
    });
    let alive = |contestant| Some(of(contestant)?.alive.as_ref()?.number as f64);
    let number = alive(MIXIO_UNMAPPED).zip(alive(COROSENSEI)).map(|(ours, theirs)| {
        // No more than half, that is: as many again.
        let title = "how many the reference can have alive, for each of ours";
        Verdict::new(title, MIXIO_UNMAPPED, Some(COROSENSEI), exactly(theirs / ours), 0.5)
    });
    weight.into_iter().chain(number).collect()
}
