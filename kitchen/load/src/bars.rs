//! What mixio has to reach: medians of ratios, round by round.

use mixio_figures::Ratio;
use mixio_figures::number::thousands;
use serde::Serialize;

use crate::contestants::{MIXIO, NATIVE, THREADS};
use crate::results::{self, Run};
use crate::schedule::JUDGED;

/// A bar, and what came out.
#[derive(Serialize)]
pub struct Verdict {
    /// What is compared, for people.
    pub title: String,
    /// To whom mixio is.
    pub reference: String,
    /// The ratio.
    pub reached: Ratio,
    /// What it has to be.
    pub bar: Bar,
    /// Whether the median is.
    pub met: bool,
}

/// What a ratio has to be.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bar {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Bar {
    fn met(self, value: f64) -> bool {
        match self {
            Bar::AtLeast(bar) => value >= bar,
            Bar::AtMost(bar) => value <= bar,
        }
    }
}

/// Judges. What wasn't measured is left out.
pub fn judge(runs: &[Run]) -> Vec<Verdict> {
    let numbers = results::clients(runs);
    let rate: fn(&Run) -> f64 = |run| run.requests_per_second;
    let native = numbers.iter().flat_map(|&clients| {
        let rates = verdict(runs, "requests a second", clients, NATIVE.name, rate, Bar::AtLeast(0.95));
        let time = |run: &Run| run.processor_time;
        let times = verdict(runs, "CPU a request", clients, NATIVE.name, time, Bar::AtMost(1.15));
        [rates, times]
    });
    let threads = verdict(runs, "requests a second", JUDGED, THREADS.name, rate, Bar::AtLeast(5.0));
    native.chain([threads]).flatten().collect()
}

fn verdict(
    runs: &[Run],
    title: &str,
    clients: usize,
    reference: &str,
    figure: fn(&Run) -> f64,
    bar: Bar,
) -> Option<Verdict> {
    let theirs = results::of(runs, reference, clients);
    let ratios = results::of(runs, MIXIO.name, clients).into_iter().filter_map(|ours| {
        let theirs = theirs.iter().find(|theirs| theirs.round == ours.round)?;
        Some(figure(ours) / figure(theirs))
    });
    let ratios: Vec<f64> = ratios.collect();
    if ratios.is_empty() {
        return None;
    }
    let reached = Ratio::of(ratios);
    let title = format!("{title}, {} clients", thousands(clients as u64));
    Some(Verdict { title, reference: reference.into(), reached, bar, met: bar.met(reached.median) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(contestant: &str, clients: usize, round: usize, requests_per_second: f64, processor_time: f64) -> Run {
        Run {
            contestant: contestant.into(),
            clients,
            round,
            requests_per_second,
            processor_time,
            p50: 1.0,
            p99: 1.0,
            peak_memory: 1.0,
            threads: 1,
            orders: 1,
            cook_processor_time: 1.0,
            clients_processor_time: 1.0,
            machine_busy: 1.0,
        }
    }

    #[test]
    fn ratios_of_the_same_round() {
        let runs = [
            run(MIXIO.name, 10, 0, 100.0, 10.0),
            run(NATIVE.name, 10, 0, 100.0, 10.0),
            run(MIXIO.name, 10, 1, 9.0, 1.0),
            run(NATIVE.name, 10, 1, 10.0, 1.0),
            run(MIXIO.name, 10, 2, 900.0, 12.0),
            run(NATIVE.name, 10, 2, 1000.0, 10.0),
        ];
        let verdicts = judge(&runs);
        assert_eq!(verdicts.iter().map(|verdict| verdict.reached.median).collect::<Vec<_>>(), [0.9, 1.0]);
        assert_eq!(verdicts.iter().map(|verdict| verdict.met).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn threads_are_judged_where_the_issue_says() {
        let both = |clients| [run(MIXIO.name, clients, 0, 50.0, 1.0), run(THREADS.name, clients, 0, 10.0, 1.0)];
        assert!(judge(&both(10)).is_empty());
        assert!(judge(&both(JUDGED))[0].met);
        let mut slower = both(JUDGED);
        slower[0].requests_per_second = 49.0;
        assert!(!judge(&slower)[0].met);
    }
}
