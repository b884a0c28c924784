use std::future::Future;
use std::sync::OnceLock;

use mixio::Coroutine;
use mixio::stack::{DefaultStack, Guards, PooledStack, Stack, StackPool};

use super::{Body, Bridge, Peer};

/// Where mixio's coroutines get their stacks.
pub trait Stacks: 'static {
    /// What they get.
    type Stack: Stack + 'static;

    /// One.
    fn get() -> Self::Stack;
}

/// mixio on such stacks.
pub struct On<S: Stacks>(Coroutine<usize, usize, usize, S::Stack>);

impl<S: Stacks> Peer for On<S> {
    #[inline(always)]
    fn new<B: Body>() -> Self {
        On(Coroutine::with_stack(S::get(), |yielder, value| B::run(value, |value| yielder.suspend(value))))
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

/// Those that `Coroutine::new` takes.
pub struct AsItComes;

impl Stacks for AsItComes {
    type Stack = DefaultStack;

    #[inline(always)]
    fn get() -> DefaultStack {
        DefaultStack::default()
    }
}

/// mixio as it comes.
pub type Mixio = On<AsItComes>;

/// The stack of a [`MixioSmall`], in bytes.
pub const SMALL: usize = 16 << 10;

/// Small ones.
pub struct Small;

impl Stacks for Small {
    type Stack = DefaultStack;

    #[inline(always)]
    fn get() -> DefaultStack {
        DefaultStack::new(SMALL).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// mixio on small stacks.
pub type MixioSmall = On<Small>;

/// Stacks as on a kernel without `MADV_GUARD_INSTALL`: each is a mapping of its own, between two holes; or else it is two
/// mappings.
pub struct Fallback<const UNMAPPED: bool>;

impl<const UNMAPPED: bool> Stacks for Fallback<UNMAPPED> {
    type Stack = PooledStack;

    fn get() -> PooledStack {
        static POOLS: [OnceLock<StackPool>; 2] = [const { OnceLock::new() }; 2];
        let pool = POOLS[usize::from(UNMAPPED)].get_or_init(|| {
            let guards = if UNMAPPED { Guards::Unmapped } else { Guards::Protected };
            StackPool::builder().guards(guards).build().expect("this system has them")
        });
        pool.get().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// mixio on such stacks.
pub type MixioFallback<const UNMAPPED: bool> = On<Fallback<UNMAPPED>>;

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
