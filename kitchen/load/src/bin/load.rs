//! `load`: runs the contestants in turns, and writes a page about it.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser as _;
use kitchen_load::contestants::{self, CONNECTIONS, MIXIO};
use kitchen_load::report::{page, plot, table};
use kitchen_load::results::Results;
use kitchen_load::schedule::{Effort, turns};
use kitchen_load::stage::{DELAY, POSTGRES, Stage};
use kitchen_load::{Error, alike, bars, measure};
use mixio_figures::Machine;

/// The kitchen under load, beside the same service in native async Rust and on pools of threads
#[derive(clap::Parser)]
struct Settings {
    /// Few orders: whether everything still runs, and the orders agree; the figures mean nothing
    #[arg(long)]
    quick: bool,
    /// Only so many clients at once; can be given many times
    #[arg(long, value_name = "N")]
    clients: Vec<usize>,
    /// How many rounds
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Where to write the page, the plot and the data
    #[arg(value_name = "FOLDER")]
    results: PathBuf,
}

fn main() -> ExitCode {
    match run(&Settings::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &Settings) -> Result<(), Error> {
    let mut effort = if settings.quick { Effort::quick() } else { Effort::full() };
    effort.rounds = settings.rounds.unwrap_or(effort.rounds).max(1);
    if !settings.clients.is_empty() {
        effort.clients = settings.clients.iter().map(|&clients| clients.max(1)).collect();
    }
    // The others are built along with this one.
    let programs = std::env::current_exe()?.parent().ok_or("no folder")?.to_owned();
    let stage = Stage::new(&programs, &programs.join("load-logs"))?;

    let expected = alike::behaviour(&stage, &MIXIO)?;
    for contestant in contestants::ALL {
        let other = alike::behaviour(&stage, contestant)?;
        alike::compare(&expected, &other)
            .map_err(|error| format!("{} is another service: {error}", contestant.name))?;
    }
    println!("all contestants are the same service");

    let mut runs = Vec::new();
    for turn in turns(&effort) {
        let (name, clients) = (turn.contestant.name, turn.plan.clients);
        let run = measure::run(&stage, turn.contestant, turn.plan, turn.round)
            .map_err(|error| format!("{name}, {clients} clients: {error}"))?;
        println!(
            "round {}, {clients} clients, {name}: {:.0} requests/s, p99 {:.0} ms, {:.0} µs CPU a request; {} orders agree",
            turn.round + 1,
            run.requests_per_second,
            run.p99,
            run.processor_time,
            run.orders,
        );
        runs.push(run);
    }
    let results = Results {
        machine: Machine::here(),
        // The folder is called by it.
        profile: programs.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        postgres: [stage.version()].into_iter().chain(POSTGRES.map(Into::into)).collect(),
        delay: DELAY,
        connections: CONNECTIONS,
        bars: bars::judge(&runs),
        runs,
    };
    write(&results, &settings.results)?;
    println!("\n{}", table::bars(&results.bars));
    match results.bars.iter().filter(|verdict| !verdict.met).count() {
        0 => Ok(()),
        // Those figures mean nothing.
        _ if settings.quick => Ok(()),
        unmet => Err(format!("{unmet} of {} bars are not met", results.bars.len()).into()),
    }
}

fn write(results: &Results, folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("results.json"), serde_json::to_string_pretty(results)?)?;
    plot::draw(&results.runs, &folder.join("load.svg"))?;
    fs::write(folder.join("README.md"), page::of(results, "load.svg"))?;
    Ok(())
}
