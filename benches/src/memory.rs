//! What a suspended coroutine weighs, and how many there can be. Each contestant is measured in a process of its own:
//! what others have freed would be reused.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use serde::de::DeserializeOwned;

use crate::bodies::Echo;
use crate::compare::message;
use crate::drive::{Boxed, PendOnce, boxed, poll};
use crate::names::*;
use crate::peers::{Bridge, ByHand, Corosensei, Generator, Mixio, MixioFallback, MixioSmall, Peer, Stackful};
use crate::results::{Alive, Memory};

/// How to keep some number of them suspended, and have a look before and after.
type Hold = fn(usize, &mut dyn FnMut()) -> Alive;

const CONTESTANTS: [(&str, Hold); 11] = [
    (MIXIO, coroutines::<Mixio>),
    (MIXIO_SMALL, coroutines::<MixioSmall>),
    (MIXIO_FUTURE, bridged::<Mixio>),
    (MIXIO_UNMAPPED, coroutines::<MixioFallback<true>>),
    (MIXIO_PROTECTED, coroutines::<MixioFallback<false>>),
    (COROSENSEI, coroutines::<Corosensei>),
    (BY_HAND, bridged::<ByHand>),
    (GENERATOR, coroutines::<Generator>),
    (STACKFUL, coroutines::<Stackful>),
    (NATIVE_BOXED, native),
    (THREADS, threads),
];

/// No more threads than this: other programs on the machine need some, too.
const THREADS_AT_MOST: usize = 1_000;

fn coroutines<P: Peer>(number: usize, look: &mut dyn FnMut()) -> Alive {
    let create = || {
        let mut coroutine = P::new::<Echo>();
        coroutine.resume(0);
        coroutine
    };
    hold(create, number, look)
}

fn bridged<B: Bridge>(number: usize, look: &mut dyn FnMut()) -> Alive {
    hold(|| suspended(boxed(B::as_async(|| B::wait(PendOnce::new(0))))), number, look)
}

fn native(number: usize, look: &mut dyn FnMut()) -> Alive {
    hold(|| suspended(boxed(async { PendOnce::new(0).await })), number, look)
}

fn suspended(mut future: Boxed<usize>) -> Boxed<usize> {
    assert!(poll(future.as_mut()).is_pending());
    future
}

fn threads(number: usize, look: &mut dyn FnMut()) -> Alive {
    let (tell, told) = mpsc::channel();
    let create = || {
        let tell = tell.clone();
        thread::spawn(move || {
            tell.send(()).expect("somebody listens");
            thread::park();
        });
        told.recv().expect("it has started");
    };
    hold(create, number, look)
}

fn hold<T>(create: impl Fn() -> T, number: usize, look: &mut dyn FnMut()) -> Alive {
    let mut held = Vec::with_capacity(number);
    look();
    // What `create` leaves behind when it panics is never used again.
    let created = catch_unwind(AssertUnwindSafe(|| (0..number).for_each(|_| held.push(create()))));
    look();
    let alive = Alive { number: held.len(), error: created.err().map(|payload| message(&*payload)) };
    // The process ends soon, and that is quicker.
    std::mem::forget(held);
    alive
}

/// Measures one contestant in this process.
///
/// # Panics
///
/// If there is no such contestant, or no `/proc` as Linux has it.
pub fn weigh(name: &str, number: usize) -> Memory {
    let number = if name == THREADS { number.min(THREADS_AT_MOST) } else { number };
    let mut seen = Vec::new();
    let held = contestant(name)(number, &mut || seen.push(Usage::now()));
    let [before, after] = &seen[..] else { unreachable!("it looks twice") };
    let each = |bytes: i64| bytes as f64 / held.number.max(1) as f64;
    Memory {
        contestant: name.into(),
        number: held.number,
        resident: each(after.resident - before.resident),
        page_tables: each(after.page_tables - before.page_tables),
        mappings: after.mappings - before.mappings,
        alive: None,
    }
}

/// How many of one contestant there can be in this process, up to a limit.
///
/// # Panics
///
/// If there is no such contestant.
pub fn count(name: &str, limit: usize) -> Alive {
    contestant(name)(limit, &mut || ())
}

fn contestant(name: &str) -> Hold {
    CONTESTANTS.iter().find(|(other, _)| *other == name).expect("there is such a contestant").1
}

/// What the process has, in bytes and numbers.
struct Usage {
    resident: i64,
    page_tables: i64,
    mappings: i64,
}

impl Usage {
    fn now() -> Usage {
        let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
        let fields: BTreeMap<&str, &str> = status.lines().filter_map(|line| line.split_once(':')).collect();
        let bytes = |field: &str| {
            let kilobytes = fields.get(field).and_then(|value| value.split_whitespace().next()?.parse::<i64>().ok());
            1024 * kilobytes.expect("Linux says it in kB")
        };
        let mappings = fs::read_to_string("/proc/self/maps").expect("Linux has it").lines().count();
        Usage { resident: bytes("VmRSS"), page_tables: bytes("VmPTE"), mappings: mappings as i64 }
    }
}

/// Measures each in a process of its own, which is this program again: with `number` of them, and `limit` to be tried.
pub fn all(number: usize, limit: usize) -> Vec<Memory> {
    let measure = |&(name, _): &(&str, Hold)| {
        let mut memory: Memory = child("weigh", name, number).unwrap_or_else(|error| panic!("{name}: {error}"));
        if name != THREADS {
            memory.alive =
                Some(child("count", name, limit).unwrap_or_else(|error| Alive { number: 0, error: Some(error) }));
        }
        memory
    };
    CONTESTANTS.iter().map(measure).collect()
}

fn child<T: DeserializeOwned>(what: &str, name: &str, number: usize) -> Result<T, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(program)
        .args([what, name, &number.to_string()])
        // For a backtrace there may be no mappings left.
        .env_remove("RUST_BACKTRACE")
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {}", output.status, said.lines().last().unwrap_or_default()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}
