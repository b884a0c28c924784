//! A thousand alive at once: created and started, then finished and dropped.

use std::hint::black_box;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::Work;
use crate::bodies::Once;
use crate::drive::{Boxed, PendOnce, boxed, poll};
use crate::names::*;
use crate::peers::{Bridge, ByHand, ByHandReused, Corosensei, Generator, Mixio, Peer, Stackful};

const ALIVE: usize = 1_000;

pub(super) fn works() -> [Work; 2] {
    [
        Work::new("alive", "alive", "1,000 alive at once, create to drop, each", COROSENSEI)
            .operations(ALIVE)
            .with(MIXIO, coroutines::<Mixio>)
            .with(COROSENSEI, coroutines::<Corosensei>)
            .with(GENERATOR, coroutines::<Generator>)
            .with(STACKFUL, coroutines::<Stackful>)
            .without(MAY, "its coroutines run on its own threads: see the lifecycle"),
        Work::new("alive", "alive-futures", "1,000 alive at once as boxed futures, create to drop, each", NATIVE_BOXED)
            .operations(ALIVE)
            .with(MIXIO, bridged::<Mixio>)
            .with(BY_HAND, bridged::<ByHand>)
            .with(BY_HAND_REUSED, bridged::<ByHandReused>)
            .with(STACKFUL, bridged::<Stackful>)
            .with(NATIVE_BOXED, |iterations| futures(iterations, |value| boxed(native(value)))),
    ]
}

fn coroutines<P: Peer>(iterations: u64) -> Duration {
    let mut alive = Vec::with_capacity(ALIVE);
    let mut sum = 0;
    let start = Instant::now();
    for _ in 0..iterations {
        for value in 0..ALIVE {
            let mut coroutine = P::new::<Once>();
            sum += coroutine.resume(value);
            alive.push(coroutine);
        }
        for (value, coroutine) in alive.iter_mut().enumerate() {
            sum += coroutine.finish(value);
        }
        alive.clear();
    }
    let time = start.elapsed();
    black_box(sum);
    time
}

fn bridged<B: Bridge>(iterations: u64) -> Duration {
    futures(iterations, |value| boxed(B::as_async(move || B::wait(PendOnce::new(value)))))
}

async fn native(value: usize) -> usize {
    PendOnce::new(value).await
}

fn futures(iterations: u64, create: impl Fn(usize) -> Boxed<usize>) -> Duration {
    let mut alive = Vec::with_capacity(ALIVE);
    let mut sum = 0;
    let start = Instant::now();
    for _ in 0..iterations {
        for value in 0..ALIVE {
            let mut future = create(value);
            assert!(poll(future.as_mut()).is_pending());
            alive.push(future);
        }
        for future in &mut alive {
            let Poll::Ready(value) = poll(future.as_mut()) else { unreachable!("it is pending once only") };
            sum += value;
        }
        alive.clear();
    }
    let time = start.elapsed();
    black_box(sum);
    time
}
