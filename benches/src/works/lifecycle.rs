//! From creation to the drop of what has finished.

use std::hint::black_box;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::{Work, inspected};
use crate::bodies::{AtOnce, Body};
use crate::drive::{Boxed, boxed, poll, ready};
use crate::names::*;
use crate::peers::{Bridge, ByHand, ByHandReused, Corosensei, Generator, Mixio, Peer, Stackful};

pub(super) fn works() -> [Work; 2] {
    [
        Work::new(
            "lifecycle",
            "lifecycle-future",
            "create, wait for what is ready, drop; a boxed future",
            NATIVE_BOXED,
        )
        .with(MIXIO, bridged::<Mixio>)
        .with(MIXIO_INSPECTED, |iterations| inspected(|| bridged::<Mixio>(iterations)))
        .with(BY_HAND, bridged::<ByHand>)
        .with(BY_HAND_REUSED, bridged::<ByHandReused>)
        .with(STACKFUL, bridged::<Stackful>)
        .with(NATIVE_BOXED, |iterations| futures(iterations, |value| boxed(native(value))))
        .with(SPAWN_BLOCKING, spawn_blocking),
        Work::new("lifecycle", "lifecycle", "create, run to the end, drop; a coroutine", COROSENSEI)
            .with(MIXIO, coroutines::<Mixio>)
            .with(MIXIO_REUSED, mixio_reused)
            .with(COROSENSEI, coroutines::<Corosensei>)
            .with(COROSENSEI_REUSED, corosensei_reused)
            .with(GENERATOR, coroutines::<Generator>)
            .with(STACKFUL, coroutines::<Stackful>)
            .with(THREADS, threads)
            .with(MAY, may),
    ]
}

/// Does it with each value, and drops what comes out.
#[inline(always)]
fn time(iterations: u64, mut run: impl FnMut(usize) -> usize) -> Duration {
    let mut sum = 0;
    let start = Instant::now();
    for value in 0..iterations as usize {
        sum += run(value);
    }
    let time = start.elapsed();
    black_box(sum);
    time
}

fn coroutines<P: Peer>(iterations: u64) -> Duration {
    time(iterations, |value| P::new::<AtOnce>().finish(value))
}

fn mixio_reused(iterations: u64) -> Duration {
    use mixio::{Coroutine, stack::DefaultStack};
    let mut spare = DefaultStack::new(mixio::stack::DEFAULT_STACK_SIZE).ok();
    time(iterations, |value| {
        let stack = spare.take().expect("it was given back");
        let mut coroutine: Coroutine<usize, usize, usize> =
            Coroutine::with_stack(stack, |yielder, value| AtOnce::run(value, |value| yielder.suspend(value)));
        let value = coroutine.resume(value).as_return().expect("it returns");
        spare = Some(coroutine.into_stack());
        value
    })
}

fn corosensei_reused(iterations: u64) -> Duration {
    use corosensei::{Coroutine, stack::DefaultStack};
    let mut spare = Some(DefaultStack::default());
    time(iterations, |value| {
        let stack = spare.take().expect("it was given back");
        let mut coroutine: Coroutine<usize, usize, usize> =
            Coroutine::with_stack(stack, |yielder, value| AtOnce::run(value, |value| yielder.suspend(value)));
        let value = coroutine.resume(value).as_return().expect("it returns");
        spare = Some(coroutine.into_stack());
        value
    })
}

fn threads(iterations: u64) -> Duration {
    time(iterations, |value| std::thread::spawn(move || value + 1).join().expect("it doesn't panic"))
}

fn may(iterations: u64) -> Duration {
    time(iterations, |value| {
        // SAFETY: it runs to its end with no stack to speak of, and neither blocks nor touches a thread-local.
        let handle = unsafe { may::coroutine::spawn(move || value + 1) };
        handle.join().expect("it doesn't panic")
    })
}

fn bridged<B: Bridge>(iterations: u64) -> Duration {
    futures(iterations, |value| boxed(B::as_async(move || B::wait(ready(value)))))
}

async fn native(value: usize) -> usize {
    ready(value).await
}

fn futures(iterations: u64, create: impl Fn(usize) -> Boxed<usize>) -> Duration {
    time(iterations, |value| {
        let mut future = create(value);
        let Poll::Ready(value) = poll(future.as_mut()) else { unreachable!("it doesn't wait for what is pending") };
        value
    })
}

fn spawn_blocking(iterations: u64) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("tokio starts");
    runtime.block_on(async {
        let mut sum = 0;
        let start = Instant::now();
        for value in 0..iterations as usize {
            sum += tokio::task::spawn_blocking(move || value + 1).await.expect("it doesn't panic");
        }
        let time = start.elapsed();
        black_box(sum);
        time
    })
}
