//! From a future's wrapper that sets something for each poll to a hook.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::ptr::NonNull;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::hooks::{Hook, with_hook};
use super::running;
use crate::coroutine::{Coroutine, CoroutineResult, Yielder};

/// Calls `function` with what a future's wrapper sets for the length of each poll: it is set while the function runs, and
/// not while it is suspended.
///
/// `wrap` is given a future, and is to give one that polls it: `|inside| KEY.scope(value, inside)` for a task-local of tokio,
/// `|inside| inside.instrument(span)` for a `tracing` span, and so on. If it can't, and is ready at once, then `function` runs
/// without.
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
    /// Of the wrapper's coroutine, exactly while that one runs.
    yielder: Rc<Cell<Option<NonNull<WrapperYielder>>>>,
}

type WrapperYielder = Yielder<bool, Side>;

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
        if let Some(yielder) = self.yielder.take() {
            // SAFETY: its coroutine runs, so it lives, and this runs on top of it.
            unsafe { yielder.as_ref() }.suspend(Side::Inside);
            self.yielder.set(Some(yielder));
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
            let runs = Rc::new(Cell::new(Some(NonNull::from(yielder))));
            let mut future = pin!(wrap(Inside { yielder: runs.clone() }));
            while future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
                runs.set(None);
                if !yielder.suspend(Side::Outside) {
                    break;
                }
                runs.set(Some(NonNull::from(yielder)));
            }
            runs.set(None);
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
