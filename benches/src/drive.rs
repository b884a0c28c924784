//! Futures to wait for, and the loop that polls.

use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::atomic::{Ordering, compiler_fence};
use std::task::{Context, Poll, Waker};

/// A future as executors keep them.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T>>>;

/// Boxes a future, such that the compiler forgets which it was.
#[inline(always)]
pub(crate) fn boxed<T>(future: impl Future<Output = T> + 'static) -> Boxed<T> {
    black_box(Box::pin(future))
}

/// Pending once, then ready. It wakes nobody, since whoever polls here polls on.
pub(crate) struct PendOnce {
    value: usize,
    has_pended: bool,
}

impl PendOnce {
    #[inline(always)]
    pub(crate) fn new(value: usize) -> Self {
        PendOnce { value, has_pended: false }
    }
}

impl Future for PendOnce {
    type Output = usize;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<usize> {
        if self.has_pended {
            return Poll::Ready(self.value);
        }
        self.has_pended = true;
        Poll::Pending
    }
}

/// A future that is ready at once, which the compiler doesn't know.
#[inline(always)]
pub(crate) fn ready(value: usize) -> impl Future<Output = usize> {
    black_box(std::future::ready(value))
}

/// One poll.
#[inline(always)]
pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    // Else the compiler, which sees into a native future, might merge the polls into one loop without any state.
    compiler_fence(Ordering::SeqCst);
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls until the future is ready.
#[inline(always)]
pub(crate) fn drive<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    // Its state is to be in memory, as that of a future in an executor is.
    black_box(&mut future);
    loop {
        if let Poll::Ready(value) = poll(future.as_mut()) {
            break value;
        }
    }
}
