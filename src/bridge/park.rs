//! Waiting where there is nothing to suspend: the thread is parked.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use super::running::{self, Place};

/// Wakes one `park_on`.
struct Parker {
    thread: Thread,
    /// Whether a wake has come since the last poll. A flag of its own, and not just the thread's token: that one may
    /// be taken by a `park_on` nested in the poll of this one.
    woken: AtomicBool,
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Release: what the waker's thread has done is to be seen by the poll that follows.
        if !self.woken.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }
}

thread_local! {
    /// One for the next `park_on` of this thread, so that not each of them allocates. A late wake by an earlier one's
    /// future costs a poll too many, and nothing else.
    static SPARE: Cell<Option<Arc<Parker>>> = const { Cell::new(None) };
}

/// Polls the future on this thread, and parks the thread while it is pending.
///
/// Gives `None` if that must not be: the poll may be interrupted, by a coroutine of the user's own, and go on inside an
/// `as_async`.
pub(super) fn park_on<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    // A destructor of another thread-local may wait after this one is gone.
    let spare = SPARE.try_with(Cell::take).ok().flatten();
    let parker = spare.unwrap_or_else(|| Arc::new(Parker { thread: thread::current(), woken: AtomicBool::new(false) }));
    let waker = Waker::from(parker.clone());
    let mut context = Context::from_waker(&waker);
    let value = loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            break Some(value);
        }
        if !matches!(running::place(), Place::Outside) {
            break None;
        }
        // Acquire: see `wake_by_ref`.
        while !parker.woken.swap(false, Ordering::Acquire) {
            thread::park();
        }
    };
    let _ = SPARE.try_with(|spare| spare.set(Some(parker)));
    value
}
