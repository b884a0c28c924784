//! Tables, as Markdown.

use std::fmt::Write as _;

use mixio_figures::Ratio;
use mixio_figures::number::{short, thousands};

use crate::bars::{Bar, Verdict};
use crate::contestants;
use crate::results::{self, Run};

/// What mixio has to reach.
pub fn bars(bars: &[Verdict]) -> String {
    let mut text = "| mixio to | in | is | quartiles | bar | |\n| --- | --- | ---: | ---: | ---: | --- |\n".to_owned();
    for verdict in bars {
        let bar = match verdict.bar {
            Bar::AtLeast(bar) => format!("at least {}", short(bar)),
            Bar::AtMost(bar) => format!("at most {}", short(bar)),
        };
        let met = if verdict.met { "met" } else { "**not met**" };
        let (median, spread) = texts(verdict.reached);
        let _ = writeln!(text, "| {} | {} | {median} | {spread} | {bar} | {met} |", verdict.reference, verdict.title);
    }
    text
}

/// What came out with so many clients.
pub fn runs(runs: &[Run], clients: usize, delay: f64) -> String {
    let mut text = "| | requests/s | quartiles | possible | p50 ms | p99 ms | CPU µs a request | quartiles | peak MiB \
                    | threads | machine busy | rounds |\n\
                    | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    for contestant in contestants::ALL {
        let mine = results::of(runs, contestant.name, clients);
        let of = |figure| results::spread(&mine, figure).map_or_else(Default::default, texts);
        if mine.is_empty() {
            continue;
        }
        let (rate, rates) = of(|run| run.requests_per_second);
        let (time, times) = of(|run| run.processor_time);
        let _ = writeln!(
            text,
            "| {} | {rate} | {rates} | {} | {} | {} | {time} | {times} | {} | {} | {}% | {} |",
            contestant.name,
            short(contestant.ceiling(clients, delay)),
            of(|run| run.p50).0,
            of(|run| run.p99).0,
            of(|run| run.peak_memory / f64::from(1 << 20)).0,
            of(|run| run.threads as f64).0.trim_end_matches(".00").trim_end_matches(".0"),
            thousands(
                results::spread(&mine, |run| run.machine_busy * 100.0).map_or(0, |busy| busy.median.round() as u64)
            ),
            mine.len(),
        );
    }
    text
}

/// The median, and the quartiles.
fn texts(ratio: Ratio) -> (String, String) {
    (short(ratio.median), format!("{} to {}", short(ratio.lower), short(ratio.upper)))
}
