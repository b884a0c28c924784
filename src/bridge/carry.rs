//! From a future's wrapper that sets something for each poll to a hook.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::ptr::NonNull;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::hooks::{Hook, with_hook};
use super::running::{self, Innermost};
use crate::coroutine::{Coroutine, CoroutineResult, Yielder};

/// Calls `function` with what a future's wrapper sets for the length of each poll: it is set while the function runs, and
/// not while it is suspended.
///
/// `wrap` is given a future, and is to give one that polls it: `|inside| KEY.scope(value, inside)` for a task-local of tokio,
/// and so on. (For `tracing` spans there is the crate `mixio_tracing`.) If it can't, and is ready at once, or doesn't poll it, or only
/// inside another [`as_async`](fn@crate::as_async), then `function` runs without.
///
/// (The wrapper lives on a stack of its own, where its poll is begun when the function is resumed and ended when it is
/// suspended. That costs two switches more.)
///
/// # Panics
///
/// With the panics of `function`, and of the wrapper.
///
/// # Example
///
/// ```
/// use mixio::hooks::carry;
/// use mixio::{as_async, wait};
///
/// tokio::task_local!(static USER: &'static str);
///
/// fn page() -> String {
///     wait(tokio::task::yield_now()); // the neighbours run
///     format!("hello, {}", USER.get())
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let ann = as_async(|| carry(|inside| USER.scope("ann", inside), page));
/// let bob = as_async(|| carry(|inside| USER.scope("bob", inside), page));
/// assert_eq!(tokio::join!(ann, bob), ("hello, ann".into(), "hello, bob".into()));
/// # });
/// ```
pub fn carry<F, R>(wrap: impl FnOnce(Inside) -> F + 'static, function: impl FnOnce() -> R) -> R
where
    F: Future + 'static,
{
    let wrapper = Rc::new(Wrapper::new(wrap));
    // However the function is left, the wrapper is left first.
    let _left = Left(&wrapper);
    running::in_hook(|| wrapper.resume());
    with_hook(wrapper.clone(), function)
}

/// The future that [`carry`] has wrapped. It is never ready.
pub struct Inside {
    polled: Rc<Cell<Option<Polled>>>,
}

type WrapperYielder = Yielder<bool, Side>;

/// The poll of a wrapper, exactly while it is under way and its coroutine runs.
#[derive(Clone, Copy)]
struct Polled {
    yielder: NonNull<WrapperYielder>,
    /// The call of the hook that has resumed the coroutine.
    call: Innermost,
}

/// Sets what [`Inside`] finds, for the length of one poll, however it ends.
struct Polling<'a>(&'a Cell<Option<Polled>>);

impl<'a> Polling<'a> {
    fn new(polled: &'a Cell<Option<Polled>>, yielder: &WrapperYielder) -> Self {
        polled.set(Some(Polled { yielder: NonNull::from(yielder), call: running::innermost_now() }));
        Polling(polled)
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

/// Where the wrapper's coroutine is suspended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// In the midst of the wrapper's poll: what that sets is set.
    Inside,
    /// Between two polls.
    Outside,
}

impl Future for Inside {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        // Not in the midst of what the wrapper polls or calls by way of the bridge, such as an `as_async`: the record of that lies
        // on the wrapper's stack, and refers to the call of the hook, which is over when the wrapper goes on.
        if let Some(Polled { yielder, call }) = self.polled.get()
            && call == running::innermost_now()
        {
            self.polled.set(None);
            // SAFETY: its coroutine runs, so it lives, and this runs on top of it.
            unsafe { yielder.as_ref() }.suspend(Side::Inside);
            self.polled.set(Some(Polled { yielder, call: running::innermost_now() }));
        }
        Poll::Pending
    }
}

impl fmt::Debug for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inside").finish_non_exhaustive()
    }
}

/// A wrapper, and where it is.
struct Wrapper {
    /// It is resumed with whether it is to go on.
    coroutine: RefCell<Coroutine<bool, Side, ()>>,
    side: Cell<Side>,
}

impl Wrapper {
    fn new<F: Future + 'static>(wrap: impl FnOnce(Inside) -> F + 'static) -> Self {
        let coroutine = Coroutine::new(move |yielder: &WrapperYielder, _| {
            let polled = Rc::default();
            let mut future = pin!(wrap(Inside { polled: Rc::clone(&polled) }));
            let mut poll = || {
                let _polling = Polling::new(&polled, yielder);
                future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            };
            while poll().is_pending() && yielder.suspend(Side::Outside) {}
        });
        Wrapper { coroutine: RefCell::new(coroutine), side: Cell::new(Side::Outside) }
    }

    /// Goes to that side, if it isn't there, and the wrapper lets us.
    fn go(&self, side: Side) {
        // In use if the wrapper suspends the function that it is a hook of: it has been refused that.
        let Ok(mut coroutine) = self.coroutine.try_borrow_mut() else { return };
        while self.side.get() != side && !coroutine.done() {
            // For if it panics.
            self.side.set(Side::Outside);
            match coroutine.resume(true) {
                CoroutineResult::Yield(reached) => self.side.set(reached),
                CoroutineResult::Return(()) => return,
            }
            if side == Side::Inside {
                // It need not poll what it wraps.
                return;
            }
        }
    }
}

impl Hook for Wrapper {
    fn suspend(&self) {
        self.go(Side::Outside);
    }

    fn resume(&self) {
        self.go(Side::Inside);
    }
}

/// Leaves a wrapper for good when it is dropped.
struct Left<'a>(&'a Rc<Wrapper>);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        running::in_hook(|| {
            self.0.go(Side::Outside);
            if let Ok(mut coroutine) = self.0.coroutine.try_borrow_mut()
                && !coroutine.done()
            {
                // Told to end, which is cheaper than to be unwound.
                coroutine.resume(false);
            }
        });
    }
}
