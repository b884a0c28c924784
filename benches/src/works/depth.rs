//! A wait at the bottom of many calls. A stack is resumed where it is; a native future is polled through each level.

use std::future::Future;
use std::hint::black_box;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use super::Work;
use crate::drive::{PendOnce, drive};
use crate::names::*;
use crate::peers::{Bridge, ByHand, Mixio, Stackful};

pub(super) fn works() -> [Work; 4] {
    [work::<Leaf>(1), work::<Levels8>(8), work::<Levels32>(32), work::<Levels128>(128)]
}

fn work<L: Level>(depth: usize) -> Work {
    let title = format!("`wait` for a future that is pending once, at call depth {depth}");
    Work::new("depth", format!("depth-{depth}"), title, NATIVE_BOXED)
        .with(MIXIO, move |iterations| on_stack::<Mixio>(depth, iterations))
        .with(BY_HAND, move |iterations| on_stack::<ByHand>(depth, iterations))
        .with(STACKFUL, move |iterations| on_stack::<Stackful>(depth, iterations))
        .with(NATIVE, |iterations| drive(L::descend(iterations)).1)
        .with(NATIVE_BOXED, move |iterations| drive(boxed_levels(depth, iterations)).1)
}

/// The depth from below, which keeps each level from being a tail call, and the time of the waits.
type Found = (usize, Duration);

fn on_stack<B: Bridge>(depth: usize, waits: u64) -> Duration {
    #[inline(never)]
    fn descend<B: Bridge>(depth: usize, waits: u64) -> Found {
        if depth > 1 {
            let (below, time) = black_box(descend::<B>(depth - 1, waits));
            return (below + 1, time);
        }
        let (start, mut sum) = (Instant::now(), 0);
        for value in 0..waits as usize {
            sum += B::wait(PendOnce::new(value));
        }
        found(start, sum)
    }
    drive(B::as_async(move || descend::<B>(depth, waits))).1
}

fn found(start: Instant, sum: usize) -> Found {
    let time = start.elapsed();
    black_box(sum);
    (1, time)
}

/// A recursive async fn, which takes a box a level: allocated as it descends, once for all waits.
async fn boxed_levels(depth: usize, waits: u64) -> Found {
    if depth > 1 {
        let (below, time) = black_box(Box::pin(boxed_levels(depth - 1, waits)).await);
        return (below + 1, time);
    }
    let (start, mut sum) = (Instant::now(), 0);
    for value in 0..waits as usize {
        sum += PendOnce::new(value).await;
    }
    found(start, sum)
}

/// An async fn at some depth, unlike those at other depths: it takes no box.
trait Level: 'static {
    fn descend(waits: u64) -> impl Future<Output = Found>;
}

struct Leaf;

impl Level for Leaf {
    async fn descend(waits: u64) -> Found {
        let (start, mut sum) = (Instant::now(), 0);
        for value in 0..waits as usize {
            sum += PendOnce::new(value).await;
        }
        found(start, sum)
    }
}

/// A level that calls the one below.
struct Under<L>(PhantomData<L>);

impl<L: Level> Level for Under<L> {
    async fn descend(waits: u64) -> Found {
        let (below, time) = black_box(L::descend(waits).await);
        (below + 1, time)
    }
}

type Levels8 = Under<Under<Under<Under<Under<Under<Under<Leaf>>>>>>>;
type Under8<L> = Under<Under<Under<Under<Under<Under<Under<Under<L>>>>>>>>;
type Levels32 = Under8<Under8<Under8<Levels8>>>;
type Under32<L> = Under8<Under8<Under8<Under8<L>>>>;
type Levels128 = Under32<Under32<Under32<Levels32>>>;
