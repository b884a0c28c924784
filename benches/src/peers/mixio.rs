use std::future::Future;
use std::sync::OnceLock;

use mixio::Coroutine;
use mixio::stack::{DefaultStack, Guards, PooledStack, StackPool};

use super::{Body, Bridge, Peer};

/// mixio as it comes.
pub struct Mixio(Coroutine<usize, usize, usize>);

impl Peer for Mixio {
    #[inline(always)]
    fn new<B: Body>() -> Self {
        Mixio(Coroutine::new(|yielder, value| B::run(value, |value| yielder.suspend(value))))
    }

    #[inline(always)]
    fn resume(&mut self, value: usize) -> usize {
        self.0.resume(value).as_yield().expect("it suspends")
    }

    #[inline(always)]
    fn finish(&mut self, value: usize) -> usize {
        self.0.resume(value).as_return().expect("it returns")
    }
}

impl Bridge for Mixio {
    #[inline(always)]
    fn as_async<T: 'static>(function: impl FnOnce() -> T + 'static) -> impl Future<Output = T> + 'static {
        mixio::as_async(function)
    }

    #[inline(always)]
    fn wait<F: Future>(future: F) -> F::Output {
        mixio::wait(future)
    }
}

/// mixio as on a kernel without `MADV_GUARD_INSTALL`: each stack is a mapping of its own, between two holes; or else it is
/// two mappings.
pub struct MixioFallback<const UNMAPPED: bool>(Coroutine<usize, usize, usize, PooledStack>);

impl<const UNMAPPED: bool> Peer for MixioFallback<UNMAPPED> {
    #[inline(always)]
    fn new<B: Body>() -> Self {
        static POOLS: [OnceLock<StackPool>; 2] = [const { OnceLock::new() }; 2];
        let pool = POOLS[usize::from(UNMAPPED)].get_or_init(|| {
            let guards = if UNMAPPED { Guards::Unmapped } else { Guards::Protected };
            StackPool::builder().guards(guards).build().expect("this system has them")
        });
        let stack = pool.get().unwrap_or_else(|error| panic!("{error}"));
        MixioFallback(Coroutine::with_stack(stack, |yielder, value| B::run(value, |value| yielder.suspend(value))))
    }

    #[inline(always)]
    fn resume(&mut self, value: usize) -> usize {
        self.0.resume(value).as_yield().expect("it suspends")
    }

    #[inline(always)]
    fn finish(&mut self, value: usize) -> usize {
        self.0.resume(value).as_return().expect("it returns")
    }
}

/// The stack of a [`MixioSmall`], in bytes.
pub const SMALL: usize = 16 << 10;

/// mixio on small stacks.
pub struct MixioSmall(Coroutine<usize, usize, usize, DefaultStack>);

impl Peer for MixioSmall {
    #[inline(always)]
    fn new<B: Body>() -> Self {
        let stack = DefaultStack::new(SMALL).unwrap_or_else(|error| panic!("{error}"));
        MixioSmall(Coroutine::with_stack(stack, |yielder, value| B::run(value, |value| yielder.suspend(value))))
    }

    #[inline(always)]
    fn resume(&mut self, value: usize) -> usize {
        self.0.resume(value).as_yield().expect("it suspends")
    }

    #[inline(always)]
    fn finish(&mut self, value: usize) -> usize {
        self.0.resume(value).as_return().expect("it returns")
    }
}
