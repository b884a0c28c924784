//! Values that count themselves, and futures and wakers that do.

use std::future::pending;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{self, Context, Poll, Wake};

use mixio::{WaitError, try_wait};

use super::world;
use crate::plan::{Event, Id};

/// Counts as one value, and tells when it is dropped. It goes into everything that is to be counted.
struct Counted(Id);

impl Counted {
    fn new(id: Id) -> Self {
        Counted(world().created(id))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        world().dropped(self.0);
    }
}

/// What goes in and out of a coroutine.
pub(super) trait Carried: 'static {
    fn new(id: Id) -> Self;
    /// Its number; and it is as it was made.
    fn id(&self) -> Id;
}

/// Of one machine word.
pub(super) struct Word(Box<Counted>);

impl Carried for Word {
    fn new(id: Id) -> Self {
        Word(Box::new(Counted::new(id)))
    }

    fn id(&self) -> Id {
        self.0.0
    }
}

/// Of more.
pub(super) struct Large {
    counted: Counted,
    padding: [u64; 9],
}

impl Carried for Large {
    fn new(id: Id) -> Self {
        Large { counted: Counted::new(id), padding: [id.into(); 9] }
    }

    fn id(&self) -> Id {
        let id = self.counted.0;
        if self.padding != [id.into(); 9] {
            world().fail(|| format!("value {id} is no longer what it was"));
        }
        id
    }
}

/// What the program's own panics carry.
pub(super) struct Thrown(Counted);

impl Thrown {
    pub(super) fn new(id: Id) -> Self {
        Thrown(Counted::new(id))
    }

    pub(super) fn id(&self) -> Id {
        self.0.0
    }
}

/// A future that is pending so many times, and wakes its waker each time.
pub(super) struct Leaf {
    _counted: Counted,
    pending: u32,
    value: Id,
}

impl Leaf {
    pub(super) fn new(id: Id, pending: u32, value: Id) -> Self {
        Leaf { _counted: Counted::new(id), pending, value }
    }
}

/// Which waker was woken last on this thread, zero for none.
fn woken() -> &'static AtomicU32 {
    // Where a search for leaks finds them.
    static ALL: Mutex<Vec<&'static AtomicU32>> = Mutex::new(Vec::new());
    thread_local! {
        static WOKEN: &'static AtomicU32 = {
            let woken = Box::leak(Box::default());
            ALL.lock().unwrap_or_else(PoisonError::into_inner).push(woken);
            woken
        };
    }
    WOKEN.with(|woken| *woken)
}

impl Future for Leaf {
    type Output = Large;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Large> {
        let world = world();
        if self.pending == 0 || world.has_failed() {
            return Poll::Ready(Large::new(self.value));
        }
        self.pending -= 1;
        let clone = context.waker().clone();
        context.waker().wake_by_ref();
        drop(clone);
        let waker = woken().swap(0, Ordering::Relaxed);
        if waker != 0 {
            world.note(Event::Woken(waker));
        }
        Poll::Pending
    }
}

/// The waker of one poll. In it a `wait` is refused.
struct Waker(Id, &'static AtomicU32);

impl Wake for Waker {
    fn wake(self: Arc<Self>) {
        let is_refused = try_wait(pending::<()>()) == Err(WaitError::InWaker);
        self.1.store(if is_refused { self.0 } else { Id::MAX }, Ordering::Relaxed);
    }
}

pub(super) fn waker(id: Id) -> task::Waker {
    Arc::new(Waker(id, woken())).into()
}

/// A value that is captured by a closure.
pub(super) struct Captured(#[expect(dead_code, reason = "it is there to be dropped")] Counted);

impl Captured {
    pub(super) fn new(id: Id) -> Self {
        Captured(Counted::new(id))
    }
}
