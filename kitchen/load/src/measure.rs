//! One run: a contestant, so many clients, and what it took.

use std::fs;
use std::time::Duration;

use nix::time::ClockId;
use tokio::net::TcpStream;
use tokio::runtime::LocalRuntime;

use crate::Error;
use crate::agreement::{self, Cooked};
use crate::contestants::Contestant;
use crate::crowd::{self, Plan};
use crate::http::Connection;
use crate::program::Program;
use crate::results::Run;
use crate::stage::{Scene, Stage};

/// What is read at the begin and at the end of the window.
struct Sample {
    contestant: Duration,
    cook: Duration,
    clients: Duration,
    machine: Machine,
}

/// Time of all processors together, in the kernel's ticks.
struct Machine {
    idle: u64,
    all: u64,
}

/// Starts a contestant, has it serve, and checks that no order was lost or doubled.
///
/// # Errors
///
/// If an order was, or something fails.
pub fn run(stage: &Stage, contestant: &Contestant, plan: Plan, round: usize) -> Result<Run, Error> {
    let scene = stage.start(contestant, plan.clients)?;
    let mut outcome = crowd::run(scene.contestant.address, plan, || sample(&scene))?;
    let (peak_memory, threads) = (scene.contestant.peak_memory()?, scene.contestant.threads()?);
    check_threads(contestant, plan.clients, threads)?;
    agreement::check(&outcome.answered, &scene.rows()?, &cooked(&scene.cook)?)?;
    scene.close()?;

    if outcome.in_window == 0 || outcome.latencies.is_empty() {
        return Err("no order was answered while it was measured".into());
    }
    outcome.latencies.sort_unstable();
    let percentile = |part: usize| {
        let at = (outcome.latencies.len() * part).div_ceil(100).max(1) - 1;
        outcome.latencies[at].as_secs_f64() * 1e3
    };
    let (first, last) = &outcome.samples;
    let microseconds =
        |of: fn(&Sample) -> Duration| of(last).saturating_sub(of(first)).as_secs_f64() * 1e6 / outcome.in_window as f64;
    let ticks = (last.machine.all - first.machine.all).max(1) as f64;
    Ok(Run {
        contestant: contestant.name.into(),
        clients: plan.clients,
        round,
        requests_per_second: outcome.in_window as f64 / outcome.window.as_secs_f64(),
        p50: percentile(50),
        p99: percentile(99),
        processor_time: microseconds(|sample| sample.contestant),
        peak_memory: peak_memory as f64,
        threads,
        orders: outcome.answered.len(),
        cook_processor_time: microseconds(|sample| sample.cook),
        clients_processor_time: microseconds(|sample| sample.clients),
        machine_busy: 1.0 - (last.machine.idle - first.machine.idle) as f64 / ticks,
    })
}

/// So that nobody is measured under another's name.
fn check_threads(contestant: &Contestant, clients: usize, threads: u64) -> Result<(), Error> {
    // Besides those of the pool there are a few for the server and its runtimes.
    let expected = match contestant.at_once {
        None => 1..=8,
        Some(at_once) => at_once.min(clients) as u64 + 1..=at_once as u64 + 16,
    };
    if expected.contains(&threads) {
        Ok(())
    } else {
        Err(format!("{threads} threads, and not {} to {}", expected.start(), expected.end()).into())
    }
}

fn sample(scene: &Scene<'_>) -> Result<Sample, Error> {
    Ok(Sample {
        contestant: scene.contestant.processor_time()?,
        cook: scene.cook.processor_time()?,
        clients: ClockId::CLOCK_PROCESS_CPUTIME_ID.now()?.into(),
        machine: machine()?,
    })
}

/// The cook's log.
///
/// # Errors
///
/// If the cook does not give it.
pub fn cooked(cook: &Program) -> Result<Vec<Cooked>, Error> {
    LocalRuntime::new()?.block_on(async {
        let mut connection = Connection::new(TcpStream::connect(cook.address).await?)?;
        connection.send(b"GET /log HTTP/1.1\r\nhost: cook\r\n\r\n").await?;
        let log = connection.receive().await?.ok_or("the cook does not give its log")?;
        Ok(serde_json::from_slice(log.body)?)
    })
}

fn machine() -> Result<Machine, Error> {
    let stat = fs::read_to_string("/proc/stat")?;
    let all: Vec<u64> =
        stat.lines().next().unwrap_or_default().split(' ').filter_map(|text| text.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; what follows is in user and nice already.
    let [_, _, _, idle, waiting, ..] = all[..] else { return Err("/proc/stat is odd".into()) };
    Ok(Machine { idle: idle + waiting, all: all.iter().take(8).sum() })
}
