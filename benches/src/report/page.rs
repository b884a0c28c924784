//! The page of results.

use std::fmt::Write;

use super::{plots::Plot, table};
use crate::names::MISSING;
use crate::results::Results;

/// The topics, in the order in which they are told.
const TOPICS: [(&str, &str); 8] = [
    ("switch", "Switch"),
    ("bridge", "Bridge"),
    ("depth", "Call depth"),
    ("lifecycle", "Lifecycle"),
    ("alive", "1,000 alive at once"),
    ("cancel", "Cancel"),
    ("many", "Many, resumed in turns"),
    ("hop", "Another task, another thread"),
];

/// All of it, with these plots.
pub fn of(results: &Results, plots: &[Plot]) -> String {
    let machine = &results.machine.here;
    let peers: Vec<_> = results.machine.peers.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let missing: String = MISSING.iter().map(|(name, reason)| format!("- {name}: {reason}\n")).collect();
    let mut page = format!(
        "# mixio beside its peers\n\n\
         Written by `ci/bench`: don't edit. Less is better in every table.\n\n\
         The contestants of a work run in turns, and each round gives a ratio to the reference: here are the median of \
         those and the quartiles. Nanoseconds are for scale: they are this machine's, of that hour.\n\n\
         - {}, {} cores, {}\n- {}\n- {}\n- {}\n{}\n\
         ## The bars\n\n{}\n",
        machine.processor,
        machine.cores,
        machine.system,
        machine.rustc,
        machine.date,
        peers.join(", "),
        missing,
        table::bars(&results.bars),
    );
    for (topic, title) in TOPICS {
        let _ = writeln!(page, "## {title}\n");
        for plot in plots.iter().filter(|plot| plot.topic == topic) {
            let _ = writeln!(page, "![{}]({})\n", plot.title, plot.file);
        }
        for timed in results.times.iter().filter(|timed| timed.topic == topic) {
            let _ = writeln!(page, "{}", table::times(timed));
        }
    }
    let _ = write!(
        page,
        "## Memory\n\nOf a suspended coroutine with little stack in use, its handle included; each contestant in a \
         process of its own. [A million of them](million.txt) is what `examples/million.rs` prints.\n\n{}\n\
         ## Instructions\n\nOf one operation, in user mode, counted by cachegrind: they repeat.\n\n{}",
        table::memory(&results.memory),
        table::instructions(&results.instructions),
    );
    page
}
