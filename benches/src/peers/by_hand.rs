//! The bridge that one would write on corosensei: what mixio saves its users from, and the bar for what it costs.
//!
//! It is lean and lacks what it takes to be sound: a future that is suspended in the midst of its poll keeps an old
//! waker, dropping may unwind into a `wait`, and so on.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

use super::Bridge;

/// What `wait` needs to know, for as long as one poll lasts.
#[derive(Clone, Copy)]
struct Current {
    yielder: Option<NonNull<Yielder<(), ()>>>,
    waker: Option<NonNull<Waker>>,
}

thread_local! {
    static CURRENT: Cell<Current> = const { Cell::new(Current { yielder: None, waker: None }) };
    static KEPT: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
}

/// Sets back what a poll has changed.
struct SetBack(Current);

impl Drop for SetBack {
    #[inline]
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

struct AsAsync<T: 'static, const KEEP: bool> {
    /// `None` only while it is dropped.
    coroutine: Option<Coroutine<(), (), T>>,
    /// Known from the first poll on.
    yielder: Option<NonNull<Yielder<(), ()>>>,
}

impl<T, const KEEP: bool> AsAsync<T, KEEP> {
    #[inline]
    fn new(function: impl FnOnce() -> T + 'static) -> Self {
        let stack = if KEEP { KEPT.with_borrow_mut(Vec::pop) } else { None };
        let stack = stack.unwrap_or_else(DefaultStack::default);
        let coroutine = Coroutine::with_stack(stack, |yielder, ()| {
            CURRENT.set(Current { yielder: Some(NonNull::from(yielder)), ..CURRENT.get() });
            function()
        });
        AsAsync { coroutine: Some(coroutine), yielder: None }
    }
}

impl<T, const KEEP: bool> Future for AsAsync<T, KEEP> {
    type Output = T;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        let waker = Some(NonNull::from(context.waker()));
        let _set_back = SetBack(CURRENT.replace(Current { yielder: this.yielder, waker }));
        match this.coroutine.as_mut().expect("it is not being dropped").resume(()) {
            CoroutineResult::Yield(()) => {
                this.yielder = CURRENT.get().yielder;
                Poll::Pending
            }
            CoroutineResult::Return(value) => Poll::Ready(value),
        }
    }
}

impl<T, const KEEP: bool> Drop for AsAsync<T, KEEP> {
    #[inline]
    fn drop(&mut self) {
        let Some(coroutine) = self.coroutine.take_if(|coroutine| KEEP && coroutine.done()) else { return };
        KEPT.with_borrow_mut(|kept| kept.push(coroutine.into_stack()));
    }
}

#[inline]
fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        let Current { yielder: Some(yielder), waker: Some(waker) } = CURRENT.get() else {
            panic!("`wait` outside of `as_async`")
        };
        // SAFETY: the poll that has set it borrows the waker until it returns, and sets CURRENT back then.
        let waker = unsafe { waker.as_ref() };
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(waker)) {
            return value;
        }
        // SAFETY: it is that of the coroutine which the poll has resumed, on whose stack this runs: the contestants
        // don't nest one in another, nor suspend in the midst of a future's poll.
        unsafe { yielder.as_ref() }.suspend(());
    }
}

/// The bridge with fresh stacks, of 1 MiB, as corosensei makes them.
pub struct ByHand;

impl Bridge for ByHand {
    #[inline(always)]
    fn as_async<T: 'static>(function: impl FnOnce() -> T + 'static) -> impl Future<Output = T> + 'static {
        AsAsync::<T, false>::new(function)
    }

    #[inline(always)]
    fn wait<F: Future>(future: F) -> F::Output {
        wait(future)
    }
}

/// The bridge with the stacks of finished functions kept for the next, by `into_stack`.
pub struct ByHandReused;

impl Bridge for ByHandReused {
    #[inline(always)]
    fn as_async<T: 'static>(function: impl FnOnce() -> T + 'static) -> impl Future<Output = T> + 'static {
        AsAsync::<T, true>::new(function)
    }

    #[inline(always)]
    fn wait<F: Future>(future: F) -> F::Output {
        wait(future)
    }
}
