//! Functions that were dropped while they waited, and are unwound in peace.

use std::rc::Rc;
use std::time::Duration;

use mixio::runtime::{Reaped, Reaper, set_reaper};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::check::install;

/// How long the end of [`run`](crate::run), of a [`LoopGuard`](crate::LoopGuard) and of each of the
/// [`Workers`](crate::Workers) waits for functions that are being unwound: five seconds. Those that still wait for
/// something are then unwound at once.
pub const REAPING_LIMIT: Duration = Duration::from_secs(5);

/// Has functions that are dropped while they wait, on this thread, unwound by tasks: their destructors may wait.
///
/// So `abort` of a task that is an [`AsAsync`](mixio::AsAsync), a [`timeout`](tokio::time::timeout) or `select!` around
/// one, or a client that goes away, let a destructor still say goodbye, or roll back: see
/// [there](mixio::AsAsync#dropping). Does [`install`](crate::install), too.
///
/// [`run`](crate::run), [`start_loop`](crate::start_loop) and the workers of [`spawn_pinned`](crate::spawn_pinned) have
/// done this. It is for local sets and runtimes of one's own, once for each. When that has ended, functions are unwound
/// at once again. While it is there and nobody drives it, they wait for somebody who does.
///
/// # Panics
///
/// Outside of a [`LocalSet`](tokio::task::LocalSet) and a [`LocalRuntime`](tokio::runtime::LocalRuntime).
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use mixio::wait;
/// use tokio::sync::oneshot;
/// use tokio::task::LocalSet;
///
/// struct Session(Option<oneshot::Sender<&'static str>>);
///
/// impl Drop for Session {
///     fn drop(&mut self) {
///         wait(tokio::time::sleep(Duration::from_millis(1))); // over the network, say
///         let _ = self.0.take().unwrap().send("goodbye");
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// LocalSet::new().run_until(async {
///     mixio_tokio::install_reaper();
///     let (said, heard) = oneshot::channel();
///     let task = mixio_tokio::spawn_local(move || {
///         let _session = Session(Some(said));
///         wait(std::future::pending::<()>());
///     });
///     tokio::task::yield_now().await;
///     task.abort();
///     assert_eq!(heard.await, Ok("goodbye"));
/// }).await;
/// # }
/// ```
pub fn install_reaper() {
    install();
    set_reaper(Some(Rc::new(Inbox::open())));
}

/// Takes functions for a task that unwinds them.
struct Inbox {
    sender: UnboundedSender<Counted>,
    /// Of those that have not been unwound yet.
    under_way: TaskTracker,
}

impl Inbox {
    /// Starts the task.
    fn open() -> Self {
        let (sender, receiver) = unbounded_channel();
        tokio::task::spawn_local(unwind_each(receiver));
        Inbox { sender, under_way: TaskTracker::new() }
    }
}

impl Reaper for Inbox {
    fn reap(&self, reaped: Reaped) -> Result<(), Reaped> {
        // An error is that the task has ended, with its runtime.
        let counted = Counted { reaped, counts: self.under_way.token() };
        self.sender.send(counted).map_err(|declined| declined.0.reaped)
    }
}

/// A task for each, since one may panic.
async fn unwind_each(mut receiver: UnboundedReceiver<Counted>) {
    while let Some(Counted { reaped, counts }) = receiver.recv().await {
        tokio::task::spawn_local(async move {
            reaped.await;
            drop(counts);
        });
    }
}

struct Counted {
    reaped: Reaped,
    counts: TaskTrackerToken,
}

/// The reaper of this thread for a while: what there was before is back when this is dropped.
pub(crate) struct Reaping {
    under_way: TaskTracker,
    before: Option<Rc<dyn Reaper>>,
}

impl Reaping {
    /// On a runtime that has been entered.
    pub(crate) fn start() -> Self {
        install();
        let inbox = Inbox::open();
        let under_way = inbox.under_way.clone();
        Reaping { under_way, before: set_reaper(Some(Rc::new(inbox))) }
    }

    /// Ready when all have been unwound, or the [time](REAPING_LIMIT) is up.
    pub(crate) async fn finish(&self) {
        self.finish_by(Instant::now() + REAPING_LIMIT).await;
    }

    pub(crate) async fn finish_by(&self, deadline: Instant) {
        // A task that was aborted last is dropped when it has its turn. So have all that were to have one, when a new task has.
        let _ = tokio::task::spawn_local(async {}).await;
        self.under_way.close();
        // If the time is up the others are unwound when the runtime drops its tasks.
        let _ = timeout_at(deadline, self.under_way.wait()).await;
    }
}

impl Drop for Reaping {
    fn drop(&mut self) {
        set_reaper(self.before.take());
    }
}
