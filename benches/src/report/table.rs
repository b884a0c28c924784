//! Tables, as Markdown.

use std::fmt::Write;

use mixio_figures::Ratio;
use mixio_figures::number::{short, thousands};

use crate::bars::Verdict;
use crate::results::{Instructions, Memory, Timed};

fn spread(ratio: Ratio) -> String {
    format!("{} to {}", short(ratio.lower), short(ratio.upper))
}

/// The fastest first; then who doesn't take part, and why.
pub fn times(timed: &Timed) -> String {
    let mut text = format!(
        "**{}** (`{}`; ratios to {}, medians of {} rounds)\n\n\
         | | ratio | quartiles | ns |\n| --- | ---: | ---: | ---: |\n",
        timed.title, timed.work, timed.reference, timed.rounds
    );
    let mut sorted: Vec<_> = timed.times.iter().collect();
    sorted.sort_by(|one, other| one.nanoseconds.total_cmp(&other.nanoseconds));
    for time in sorted {
        let (ratio, quartiles) =
            time.ratio.map_or(("".into(), "".into()), |ratio| (short(ratio.median), spread(ratio)));
        let _ = writeln!(text, "| {} | {ratio} | {quartiles} | {} |", time.contestant, short(time.nanoseconds));
    }
    for absent in &timed.absent {
        let _ = writeln!(text, "| {} | n/a | {} | |", absent.contestant, absent.reason.replace('\n', " "));
    }
    text
}

/// What mixio has to reach.
pub fn bars(bars: &[Verdict]) -> String {
    let mut text = "| | | to | is | quartiles | bar | |\n| --- | --- | --- | ---: | ---: | ---: | --- |\n".to_owned();
    for bar in bars {
        let (title, reference) = (&bar.title, bar.reference.as_deref().unwrap_or_default());
        let (reached, quartiles, at_most) = (short(bar.reached.median), spread(bar.reached), short(bar.at_most));
        let met = if bar.met { "met" } else { "**not met**" };
        let _ = writeln!(
            text,
            "| {title} | {} | {reference} | {reached} | {quartiles} | {at_most} | {met} |",
            bar.contestant
        );
    }
    text
}

/// What they weigh.
pub fn memory(memory: &[Memory]) -> String {
    let mut text = "| | bytes each | resident | page tables | mappings | of | alive at once |\n\
                    | --- | ---: | ---: | ---: | ---: | ---: | --- |\n"
        .to_owned();
    for memory in memory {
        let alive = match &memory.alive {
            None => "not tried".to_owned(),
            Some(alive) => match &alive.error {
                None => format!("{} and more", thousands(alive.number as u64)),
                Some(error) => format!("{}, then: {}", thousands(alive.number as u64), error.replace('\n', " ")),
            },
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {alive} |",
            memory.contestant,
            short(memory.resident + memory.page_tables),
            short(memory.resident),
            short(memory.page_tables),
            memory.mappings,
            thousands(memory.number as u64),
        );
    }
    text
}

/// How many instructions.
pub fn instructions(counted: &[Instructions]) -> String {
    let mut text = "| | | instructions |\n| --- | --- | ---: |\n".to_owned();
    for counted in counted {
        let _ = writeln!(text, "| {} | {} | {:.1} |", counted.title, counted.contestant, counted.instructions);
    }
    text
}
