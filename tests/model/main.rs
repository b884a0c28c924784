//! Random programs of coroutines and `as_async`s, against a model of them.
//!
//! A program is a list of operations (`program`). The model says what is to come of each (`model`, `plan`); then they are
//! done (`machine`), and what comes of them is compared. One that fails is made shorter (`shrink`), and printed. All of that
//! happens in child processes (`child`), since what has gone wrong may be memory.
//!
//! `MIXIO_FUZZ_STEPS` says how many steps are to be done in all, `MIXIO_FUZZ_SEED` which program is the first.
//! `MIXIO_FUZZ_ONLY` says which operations of that one are to be done; then it is the only one.

#[path = "../support/mod.rs"]
mod support;

mod child;
mod machine;
mod model;
mod plan;
mod program;
mod shrink;

use std::collections::HashSet;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use machine::Pools;
use plan::{Event, Payload};
use program::{Op, POOLS};

/// How many threads run programs at once, over the same pools.
const THREADS: u64 = 4;

#[test]
fn random_programs() {
    child::main("random_programs", |settings| {
        let pools = Pools::new();
        let mut done = Done::default();
        if let Some(ops) = settings.only_program() {
            done.run(settings.seed, &ops, &pools);
            done.compare(&pools);
            return;
        }
        for seed in settings.seed.. {
            done.run(seed, &program::generate(seed), &pools);
            done.compare(&pools);
            if done.steps >= settings.steps {
                break;
            }
        }
        eprintln!("{done:?}");
    });
}

#[test]
fn on_several_threads_over_the_same_pools() {
    child::main("on_several_threads_over_the_same_pools", |settings| {
        let pools = Pools::new();
        let next = AtomicU64::new(settings.seed);
        let work = || {
            let mut done = Done::default();
            while done.steps < settings.steps / THREADS as usize {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                done.run(seed, &program::generate(seed), &pools);
            }
            done
        };
        let all = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join().expect("a thread")).reduce(Done::and).expect("threads")
        });
        all.compare(&pools);
        eprintln!("{all:?}");
    });
}

/// The programs that were run: how many, and what is left of them.
#[derive(Debug, Default)]
struct Done {
    programs: usize,
    steps: usize,
    leaked_stacks: [usize; POOLS],
}

impl Done {
    fn run(&mut self, seed: u64, ops: &[Op], pools: &Pools) {
        child::say(seed);
        let plan = model::plan(ops);
        self.programs += 1;
        self.steps += plan.steps.len();
        for (sum, leaked) in self.leaked_stacks.iter_mut().zip(plan.leaked_stacks) {
            *sum += leaked;
        }
        if let Err(difference) = machine::run(plan, pools) {
            child::fail(&format!("program {seed}: {difference}"));
        }
    }

    /// The counters of the pools are back where they were, but for what was leaked.
    fn compare(&self, pools: &Pools) {
        let alive = pools.alive();
        if alive != self.leaked_stacks {
            child::fail(&format!("{alive:?} stacks are in use; the model expects {:?}", self.leaked_stacks));
        }
    }

    fn and(self, other: Self) -> Self {
        let mut leaked_stacks = self.leaked_stacks;
        for (sum, leaked) in leaked_stacks.iter_mut().zip(other.leaked_stacks) {
            *sum += leaked;
        }
        Done { programs: self.programs + other.programs, steps: self.steps + other.steps, leaked_stacks }
    }
}

/// Few programs have all kinds of steps and events in them, and most kinds of panics.
#[test]
fn programs_of_all_kinds() {
    let (mut steps, mut events, mut payloads) = (HashSet::new(), HashSet::new(), HashSet::new());
    for seed in 0..500 {
        let plan = model::plan(&program::generate(seed));
        steps.extend(plan.steps.iter().map(mem::discriminant));
        events.extend(plan.events.iter().map(mem::discriminant));
        payloads.extend(plan.events.iter().filter_map(|event| match event {
            Event::Caught(payload) => Some(mem::discriminant(payload)),
            _ => None,
        }));
    }
    // All there are.
    assert_eq!((steps.len(), events.len()), (25, 13));
    // Those about coroutines that can't be unwound are rare: somebody else's panic comes first.
    for payload in [Payload::Thrown(0), Payload::Forced(0), Payload::Stranded, Payload::Finished, Payload::NotFinished]
    {
        assert!(payloads.contains(&mem::discriminant(&payload)), "{payload:?} is missing");
    }
}
