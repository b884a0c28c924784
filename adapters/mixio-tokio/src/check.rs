//! Telling code that tokio polls from code that may block its thread.

use std::sync::Once;
use std::task::{Context, Poll, Waker};

use mixio::runtime::add_executor_check;
use tokio::task::coop::{has_budget_remaining, poll_proceed};

use crate::own_runtime;

/// Tells mixio how to find out whether code is polled by tokio, for all threads of the process.
///
/// From then on, a [`wait`](mixio::wait) for what is pending, in a task but not inside of [`mixio::as_async()`], panics
/// with a sentence, and [`try_wait`](mixio::try_wait) gives [`WaitError::OnExecutor`](mixio::WaitError::OnExecutor).
/// Otherwise it would park the thread, and stall the runtime. What may block still parks: plain threads,
/// `spawn_blocking`, `block_in_place`.
///
/// All else in this crate does this by the way. It is for programs that use mixio on a runtime of their own.
///
/// It goes by tokio's budget for [cooperation](tokio::task::coop), which whatever is polled has, so what is under
/// [`unconstrained`](tokio::task::unconstrained) isn't recognized: it parks. Nor are the destructors of tasks that are dropped with
/// a runtime, but for those of [`run`](crate::run), [`start_loop`](crate::start_loop) and [`Workers`](crate::Workers).
///
/// # Example
///
/// ```
/// use mixio::{WaitError, try_wait};
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() {
///     mixio_tokio::install();
///     let (sender, mut receiver) = tokio::sync::oneshot::channel();
///     tokio::spawn(async { sender.send("a letter") });
///
///     assert_eq!(try_wait(&mut receiver), Err(WaitError::OnExecutor));
///     let letter = mixio::as_async(|| mixio::wait(receiver)).await; // is how it is done
///     assert_eq!(letter, Ok("a letter"));
/// }
/// ```
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| add_executor_check(|| own_runtime::ends() || is_polled()));
}

/// Whether the code that calls is polled by tokio.
///
/// Then it has a budget, which is spent step by step until nothing is left, and given back. Code that may block has
/// none to spend.
pub(crate) fn is_polled() -> bool {
    /// No budget is larger: tokio keeps it in a byte.
    const STEPS: u32 = 1 << u8::BITS;

    if !has_budget_remaining() {
        return true;
    }
    let mut context = Context::from_waker(Waker::noop());
    // Dropped, this sets the budget back to what it was before the first step.
    let Poll::Ready(_restore) = poll_proceed(&mut context) else { return true };
    for _ in 0..STEPS {
        if !has_budget_remaining() {
            return true;
        }
        match poll_proceed(&mut context) {
            Poll::Ready(step) => step.made_progress(),
            Poll::Pending => return true,
        }
    }
    false
}
