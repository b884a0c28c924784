//! Waiting until a deadline, with a runtime and without.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use mixio::{Io, WaitError, in_coroutine, try_wait};
use tokio::runtime::Handle;
use tokio::time::timeout_at;

/// The end of a time that begins now. One that doesn't come is far away.
pub(super) fn after(limit: Duration) -> Instant {
    const FAR_AWAY: Duration = Duration::from_secs(86400 * 365 * 30);
    let now = Instant::now();
    now.checked_add(limit).unwrap_or(now + FAR_AWAY)
}

/// Waits for the future, by the coroutine or the thread. `None` when the time is up.
pub(super) fn wait_until<F: Future>(io: Io, deadline: Instant, future: F) -> Result<Option<F::Output>, WaitError> {
    // The thread keeps the time itself where nobody else would.
    if io == Io::Blocking || (Handle::try_current().is_err() && !in_coroutine()) {
        return Ok(park_until(deadline, future));
    }
    Ok(try_wait(async { timeout_at(deadline.into(), future).await })?.ok())
}

/// Waits for the future by the thread, which may be one that tokio polls. `None` when the time is up.
pub(super) fn park_until<F: Future>(deadline: Instant, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(value);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        thread::park_timeout(left);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
