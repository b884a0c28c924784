//! What a switch costs, beside corosensei: resume and suspend, one `usize` each way.
//!
//! `cargo bench` runs criterion on each, then both in turns, and prints the ratio: on a machine that does other things
//! too, only numbers from the same minute compare.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;

/// How many rounds both run in turns, and how many switches there and back each round has.
const ROUNDS: usize = 21;
const SWITCHES: u64 = 5_000_000;

// What comes out of one resumption doesn't go into the next: else, by way of `black_box`, the time is that of a store
// and a load which wait for each other, and hides the switch.

fn mixio(switches: u64) -> Duration {
    let mut coroutine = mixio::Coroutine::new(|yielder: &mixio::Yielder<usize, usize>, mut value| {
        loop {
            value = yielder.suspend(value + 1);
        }
    });
    let time = {
        let mut sum = 0;
        let start = Instant::now();
        for value in 0..switches as usize {
            let mixio::CoroutineResult::<usize, ()>::Yield(next) = coroutine.resume(value) else { break };
            sum += next;
        }
        black_box(sum);
        start.elapsed()
    };
    // SAFETY: nothing on its stack needs a destructor.
    unsafe { coroutine.force_reset() };
    time
}

fn corosensei(switches: u64) -> Duration {
    let mut coroutine = corosensei::Coroutine::new(|yielder: &corosensei::Yielder<usize, usize>, mut value| {
        loop {
            value = yielder.suspend(value + 1);
        }
    });
    let time = {
        let mut value = 0;
        let start = Instant::now();
        for _ in 0..switches {
            let corosensei::CoroutineResult::<usize, ()>::Yield(next) = coroutine.resume(black_box(value)) else {
                break;
            };
            value = next;
        }
        black_box(value);
        start.elapsed()
    };
    // SAFETY: nothing on its stack needs a destructor.
    unsafe { coroutine.force_reset() };
    time
}

fn in_turns() {
    let mut ratios = Vec::new();
    for round in 0..ROUNDS {
        // Each goes first half of the time.
        let (ours, theirs) = if round % 2 == 0 {
            (mixio(SWITCHES), corosensei(SWITCHES))
        } else {
            let theirs = corosensei(SWITCHES);
            (mixio(SWITCHES), theirs)
        };
        ratios.push(ours.as_secs_f64() / theirs.as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "switch, usize each way, mixio / corosensei: {:.3} (median of {ROUNDS} interleaved rounds of {SWITCHES}; \
         quartiles {:.3} to {:.3})",
        ratios[ROUNDS / 2],
        ratios[ROUNDS / 4],
        ratios[ROUNDS * 3 / 4],
    );
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("switch");
    group.bench_function("mixio", |bencher| bencher.iter_custom(mixio));
    group.bench_function("corosensei", |bencher| bencher.iter_custom(corosensei));
    group.finish();
    in_turns();
    criterion.final_summary();
}
