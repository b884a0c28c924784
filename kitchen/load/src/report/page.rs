//! The page of results.

use std::fmt::Write as _;

use mixio_figures::number::{short, thousands};

use super::table;
use crate::contestants::{MIXIO, MORE_THREADS, THREADS};
use crate::results::{self, Results, Run};
use crate::schedule::JUDGED;

/// All of it, with this plot.
pub fn of(results: &Results, plot: &str) -> String {
    let (machine, runs) = (&results.machine, &results.runs[..]);
    let delay = results.delay as f64 / 1000.0;
    let orders: usize = runs.iter().map(|run| run.orders).sum();
    let mut page = format!(
        "# The kitchen under load\n\n\
         Written by `ci/load`: don't edit. The kitchen takes orders (`POST /`): each is a row in PostgreSQL, a call to a \
         kitchen service that takes {} ms, an update of the row, and an answer. Served by:\n\n\
         - **mixio**: `MIXIO=async kitchen --workers 1`: plain functions, on one event loop;\n\
         - **native async**: [the same service, written by hand](../src/bin/native) with `async` and `.await`: actix-web with \
         one worker, diesel-async, hyper's client; the same statements, checks and answers, which `ci/load` compares;\n\
         - **64 threads**, **256 threads**: `MIXIO=blocking kitchen --workers 1 --threads N`: the same binary and functions \
         on a pool of threads.\n\n\
         - {}, {} cores, {}\n- {}; all contestants in the profile `{}` of Cargo.toml (`service` is release with thin LTO)\n- {}\n- {}\n\n\
         **No order was lost or doubled**: after each of the {} runs its orders, {} in all, were the same in the database, \
         the kitchen service's log and the clients' answers: each once, with the same minutes, for the client that placed it. \
         Else there would be no page.\n\n\
         ## The bars\n\n{}\n",
        results.delay,
        machine.processor,
        machine.cores,
        machine.system,
        machine.rustc,
        results.profile,
        machine.date,
        results.postgres.join(", "),
        runs.len(),
        thousands(orders as u64),
        table::bars(&results.bars),
    );
    if let Some(ratio) = to_more_threads(runs) {
        let _ = writeln!(
            page,
            "Of the two pools the one of 64 threads is judged. (rouille starts 8 a core and Rocket 0.4 two, that's 16 and 4 \
             here; Tomcat and Jetty have 200.) While an order is cooked its thread waits, so N threads answer at most N / {delay} \
             requests a second, whatever the machine: 320 with 64, and 1,280 with 256. With {} clients no server can answer \
             more than {}: five times the larger pool's is impossible here. mixio answers {} times what that does.\n",
            thousands(JUDGED as u64),
            short(JUDGED as f64 / delay),
            short(ratio),
        );
    }
    let _ = writeln!(page, "![Requests a second, latency, CPU and memory by the number of clients]({plot})\n");
    for clients in results::clients(runs) {
        let (cook, generator) = others(runs, clients);
        let _ = writeln!(
            page,
            "## {} clients at once\n\n{}\n\
             CPU a request besides: the kitchen service {} µs, the clients {} µs; and PostgreSQL.\n",
            thousands(clients as u64),
            table::runs(runs, clients, delay),
            short(cook),
            short(generator),
        );
    }
    let _ = write!(
        page,
        "## How it is measured\n\n\
         - Each run has a new database, kitchen service and contestant: processes of their own, as are the clients, all on \
         this machine. They share its processors: where it is busy, less CPU a request makes for more requests a second.\n\
         - Each client has a connection, and places its next order when the last is answered. They begin one after the other, 0.4 ms apart or more. \
         After a warm-up, figures are of a window of 2 to 3 s: the orders answered in it, the latencies of those placed in it, \
         however late they are answered, and the CPU time of the contestant's process (user and system) during it. Memory is \
         the peak of resident memory (`VmHWM`) of the whole run.\n\
         - Contestants take turns, who is first in one round is last in the next, and a bar is judged by the median of the \
         ratios of the rounds. The pools of threads take part in one round only, but for {} clients.\n\
         - *possible* is what the kitchen service's {} ms allow: so many orders at once, divided by that time.\n\
         - All have {} database connections. [All runs as data](results.json).\n",
        thousands(JUDGED as u64),
        results.delay,
        results.connections,
    );
    page
}

/// mixio's requests a second to those of the larger pool.
fn to_more_threads(runs: &[Run]) -> Option<f64> {
    let rate = |name| results::spread(&results::of(runs, name, JUDGED), |run| run.requests_per_second);
    rate(THREADS.name)?;
    Some(rate(MIXIO.name)?.median / rate(MORE_THREADS.name)?.median)
}

/// Medians of what the cook and the clients need for a request, when mixio serves.
fn others(runs: &[Run], clients: usize) -> (f64, f64) {
    let mine = results::of(runs, MIXIO.name, clients);
    let of = |figure| results::spread(&mine, figure).map_or(0.0, |spread| spread.median);
    (of(|run| run.cook_processor_time), of(|run| run.clients_processor_time))
}
