//! A function in an `as_async` that waits many times, polled until it is ready.
//!
//! The clock is read inside, so that neither the one stack nor the box is timed.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::{Work, inspected};
use crate::drive::{PendOnce, boxed, drive, ready};
use crate::names::*;
use crate::peers::{Bridge, ByHand, Mixio, Stackful};

const NO_BRIDGE: &str = "it has no bridge to futures";

pub(super) fn works() -> [Work; 2] {
    [
        Work::new("bridge", "bridge-pending", "`wait` for a future that is pending once", BY_HAND)
            .with(MIXIO, |iterations| drive(pending::<Mixio>(iterations)))
            .with(MIXIO_FUTURE, |iterations| drive(boxed(pending::<Mixio>(iterations))))
            .with(MIXIO_INSPECTED, |iterations| inspected(|| drive(boxed(pending::<Mixio>(iterations)))))
            .with(BY_HAND, |iterations| drive(pending::<ByHand>(iterations)))
            .with(BY_HAND_BOXED, |iterations| drive(boxed(pending::<ByHand>(iterations))))
            .with(STACKFUL, |iterations| drive(pending::<Stackful>(iterations)))
            .with(NATIVE, |iterations| drive(native_pending(iterations)))
            .with(NATIVE_BOXED, |iterations| drive(boxed(native_pending(iterations))))
            .without(GENERATOR, NO_BRIDGE)
            .without(MAY, NO_BRIDGE),
        Work::new("bridge", "bridge-ready", "`wait` for a future that is ready at once", NATIVE_BOXED)
            .with(MIXIO, |iterations| drive(at_once::<Mixio>(iterations)))
            .with(BY_HAND, |iterations| drive(at_once::<ByHand>(iterations)))
            .with(STACKFUL, |iterations| drive(at_once::<Stackful>(iterations)))
            .with(NATIVE, |iterations| drive(native_at_once(iterations)))
            .with(NATIVE_BOXED, |iterations| drive(boxed(native_at_once(iterations))))
            .without(GENERATOR, NO_BRIDGE)
            .without(MAY, NO_BRIDGE),
    ]
}

fn pending<B: Bridge>(iterations: u64) -> impl Future<Output = Duration> + use<B> {
    B::as_async(move || {
        let (start, mut sum) = (Instant::now(), 0);
        for value in 0..iterations as usize {
            sum += B::wait(PendOnce::new(value));
        }
        time(start, sum)
    })
}

async fn native_pending(iterations: u64) -> Duration {
    let (start, mut sum) = (Instant::now(), 0);
    for value in 0..iterations as usize {
        sum += PendOnce::new(value).await;
    }
    time(start, sum)
}

fn at_once<B: Bridge>(iterations: u64) -> impl Future<Output = Duration> + use<B> {
    B::as_async(move || {
        let (start, mut sum) = (Instant::now(), 0);
        for value in 0..iterations as usize {
            sum += B::wait(ready(value));
        }
        time(start, sum)
    })
}

async fn native_at_once(iterations: u64) -> Duration {
    let (start, mut sum) = (Instant::now(), 0);
    for value in 0..iterations as usize {
        sum += ready(value).await;
    }
    time(start, sum)
}

fn time(start: Instant, sum: usize) -> Duration {
    let time = start.elapsed();
    black_box(sum);
    time
}
