use std::future::Future;
use std::pin::Pin;

use stackful::generator::{Generator, GeneratorState, StackfulGenerator, YieldHandle};

use super::{Body, Bridge, Peer};

/// The crate stackful, as it comes.
pub struct Stackful(StackfulGenerator<'static, usize, usize, usize>);

impl Peer for Stackful {
    #[inline(always)]
    fn new<B: Body>() -> Self {
        Stackful(StackfulGenerator::new(|yielder: &YieldHandle<usize, usize>, value| {
            B::run(value, |value| yielder.yeet(value))
        }))
    }

    #[inline(always)]
    fn resume(&mut self, value: usize) -> usize {
        match Pin::new(&mut self.0).resume(value) {
            GeneratorState::Yielded(value) => value,
            GeneratorState::Complete(_) => panic!("it suspends"),
        }
    }

    #[inline(always)]
    fn finish(&mut self, value: usize) -> usize {
        match Pin::new(&mut self.0).resume(value) {
            GeneratorState::Yielded(_) => panic!("it returns"),
            GeneratorState::Complete(value) => value,
        }
    }
}

impl Bridge for Stackful {
    #[inline(always)]
    fn as_async<T: 'static>(function: impl FnOnce() -> T + 'static) -> impl Future<Output = T> + 'static {
        stackful::stackful(function)
    }

    #[inline(always)]
    fn wait<F: Future>(future: F) -> F::Output {
        stackful::wait(future)
    }
}
