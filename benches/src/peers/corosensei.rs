use corosensei::Coroutine;

use super::{Body, Peer};

/// corosensei as it comes.
pub struct Corosensei(Coroutine<usize, usize, usize>);

impl Peer for Corosensei {
    #[inline(always)]
    fn new<B: Body>() -> Self {
        Corosensei(Coroutine::new(|yielder, value| B::run(value, |value| yielder.suspend(value))))
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
