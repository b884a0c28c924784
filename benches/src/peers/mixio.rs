use std::future::Future;

use mixio::Coroutine;
use mixio::stack::DefaultStack;

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
