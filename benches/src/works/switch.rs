//! Resume and suspend, a `usize` each way.
//!
//! What comes out of one resumption doesn't go into the next: else, by way of `black_box`, the time is that of a store
//! and a load which wait for each other, and hides the switch.

use std::cell::Cell;
use std::hint::black_box;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Work;
use crate::bodies::Echo;
use crate::drive::{self, PendOnce};
use crate::names::*;
use crate::peers::{Corosensei, Generator, Mixio, Peer, Stackful};

pub(super) fn work() -> Work {
    Work::new("switch", "switch", "resume and suspend, one `usize` each way", COROSENSEI)
        .with(MIXIO, switch::<Mixio>)
        .with(COROSENSEI, switch::<Corosensei>)
        .with(GENERATOR, switch::<Generator>)
        .with(STACKFUL, switch::<Stackful>)
        .with(NATIVE, native)
        .with(NATIVE_BOXED, native_boxed)
        .without(MAY, "its coroutines are resumed by its scheduler only; under it lies the crate generator")
}

fn switch<P: Peer>(iterations: u64) -> Duration {
    let mut coroutine = P::new::<Echo>();
    time(iterations, |value| coroutine.resume(value))
}

#[inline(always)]
fn time(iterations: u64, mut resume: impl FnMut(usize) -> usize) -> Duration {
    // The first is no switch yet, but a start.
    resume(0);
    let mut sum = 0;
    let start = Instant::now();
    for value in 0..iterations as usize {
        sum += resume(value);
    }
    let time = start.elapsed();
    black_box(sum);
    time
}

/// Futures take no values: they go by a cell.
async fn echo(cell: Rc<Cell<usize>>) -> usize {
    loop {
        cell.set(cell.get() + 1);
        PendOnce::new(0).await;
    }
}

fn native(iterations: u64) -> Duration {
    let cell = Rc::new(Cell::new(0));
    let mut future = pin!(echo(cell.clone()));
    black_box(&mut future);
    time(iterations, |value| exchange(&cell, value, || drive::poll(future.as_mut()).is_ready()))
}

fn native_boxed(iterations: u64) -> Duration {
    let cell = Rc::new(Cell::new(0));
    let mut future = drive::boxed(echo(cell.clone()));
    time(iterations, |value| exchange(&cell, value, || drive::poll(future.as_mut()).is_ready()))
}

#[inline(always)]
fn exchange(cell: &Cell<usize>, value: usize, poll: impl FnOnce() -> bool) -> usize {
    cell.set(value);
    assert!(!poll(), "it never ends");
    cell.get()
}
