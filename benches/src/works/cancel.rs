//! Dropping what is suspended, with a value on its stack that has a destructor.

use std::time::{Duration, Instant};

use super::Work;
use crate::bodies::{Guard, Guarded, dropped};
use crate::drive::{PendOnce, boxed, poll};
use crate::names::*;
use crate::peers::{Bridge, ByHand, Corosensei, Generator, Mixio, Peer, Stackful};

/// How many are suspended before the clock is read again: so many that reading it doesn't count.
const SUSPENDED: usize = 100;

pub(super) fn works() -> [Work; 2] {
    [
        contestants::<DropAlone>(Work::new("cancel", "cancel-drop", "drop while suspended", COROSENSEI)),
        contestants::<All>(Work::new("cancel", "cancel", "create, suspend and drop", COROSENSEI)),
    ]
}

fn contestants<T: Timed>(work: Work) -> Work {
    work.operations(SUSPENDED)
        .with(MIXIO, T::coroutines::<Mixio>)
        .with(COROSENSEI, T::coroutines::<Corosensei>)
        .with(GENERATOR, T::coroutines::<Generator>)
        .with(STACKFUL, T::coroutines::<Stackful>)
        .with(MIXIO_FUTURE, T::bridged::<Mixio>)
        .with(BY_HAND, T::bridged::<ByHand>)
        .with(NATIVE_BOXED, |iterations| T::time(iterations, || suspended(native())))
        .without(MAY, "a coroutine of it is cancelled by its scheduler")
        .without(THREADS, "a thread can't be cancelled")
}

/// What of it is timed.
trait Timed: 'static {
    fn time<D>(iterations: u64, create: impl Fn() -> D) -> Duration;

    fn coroutines<P: Peer>(iterations: u64) -> Duration {
        Self::time(iterations, || {
            let mut coroutine = P::new::<Guarded>();
            coroutine.resume(0);
            coroutine
        })
    }

    fn bridged<B: Bridge>(iterations: u64) -> Duration {
        Self::time(iterations, || {
            suspended(B::as_async(|| {
                let _guard = Guard;
                B::wait(PendOnce::new(0))
            }))
        })
    }
}

async fn native() -> usize {
    let _guard = Guard;
    PendOnce::new(0).await
}

/// The future, boxed and polled once.
fn suspended(future: impl Future<Output = usize> + 'static) -> impl Sized {
    let mut future = boxed(future);
    assert!(poll(future.as_mut()).is_pending());
    future
}

struct DropAlone;

impl Timed for DropAlone {
    #[inline(always)]
    fn time<D>(iterations: u64, create: impl Fn() -> D) -> Duration {
        let mut suspended = Vec::with_capacity(SUSPENDED);
        let mut time = Duration::ZERO;
        let before = dropped();
        for _ in 0..iterations {
            suspended.extend((0..SUSPENDED).map(|_| create()));
            let start = Instant::now();
            suspended.clear();
            time += start.elapsed();
        }
        assert_eq!(dropped() - before, iterations * SUSPENDED as u64, "each destructor runs once");
        time
    }
}

struct All;

impl Timed for All {
    #[inline(always)]
    fn time<D>(iterations: u64, create: impl Fn() -> D) -> Duration {
        let before = dropped();
        let start = Instant::now();
        for _ in 0..iterations * SUSPENDED as u64 {
            drop(create());
        }
        let time = start.elapsed();
        assert_eq!(dropped() - before, iterations * SUSPENDED as u64, "each destructor runs once");
        time
    }
}
