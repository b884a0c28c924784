//! What runs on this thread: the thread-local record that `as_async` keeps and `wait` reads.

use std::cell::Cell;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use crate::coroutine::Yielder;

/// For suspending the coroutine under an `as_async`. No value crosses: what `wait` needs is in [`RUNNING`].
pub(super) type BridgeYielder = Yielder<(), ()>;

/// The poll of an `as_async` that is under way on this thread, the innermost one, if any.
///
/// Everything here is valid for just as long as that poll lasts, and is set back when it ends. So nobody may keep any
/// of it: a future can be polled first in one `as_async` and then in another, or its poll may be interrupted in the
/// middle, when a coroutine of the user's own lies between the two.
struct Running {
    yielder: Cell<Option<NonNull<BridgeYielder>>>,
    /// The waker that the executor polls with; null if the `as_async` is being dropped.
    waker: Cell<*const Waker>,
    /// A number for the poll, unlike that of any other poll on this thread.
    poll: Cell<u64>,
    /// How many polls there have been.
    polls: Cell<u64>,
}

thread_local! {
    // Needs no destructor, so it can be read at any time, even while the thread ends. A `wait` may keep its address
    // over a switch: what is suspended here is resumed here, since nothing in the bridge is `Send`.
    static RUNNING: Running = const {
        Running {
            yielder: Cell::new(None),
            waker: Cell::new(std::ptr::null()),
            poll: Cell::new(0),
            polls: Cell::new(0),
        }
    };
}

/// The yielder of the coroutine that runs.
#[inline(always)]
pub(super) fn yielder() -> Option<NonNull<BridgeYielder>> {
    RUNNING.with(|running| running.yielder.get())
}

/// Whether the coroutine that runs does so to be unwound, and nobody will poll it again.
#[inline(always)]
pub(super) fn is_cancelled() -> bool {
    RUNNING.with(|running| running.waker.get().is_null())
}

/// The number of the poll under way.
#[inline(always)]
pub(super) fn poll() -> u64 {
    RUNNING.with(|running| running.poll.get())
}

/// A poll under way: until this is dropped, `wait` finds its coroutine and waker.
pub(super) struct Poll<'a> {
    outer: (Option<NonNull<BridgeYielder>>, *const Waker, u64),
    marker: PhantomData<(&'a Waker, *const ())>,
}

impl<'a> Poll<'a> {
    /// Begins a poll, or with no waker an unwinding.
    ///
    /// # Safety
    ///
    /// Until this is dropped the yielder's coroutine is alive, and all code that runs is on top of it.
    #[inline(always)]
    pub(super) unsafe fn begin(yielder: NonNull<BridgeYielder>, waker: Option<&'a Waker>) -> Self {
        RUNNING.with(|running| {
            let outer = (running.yielder.get(), running.waker.get(), running.poll.get());
            let number = running.polls.get() + 1;
            running.yielder.set(Some(yielder));
            running.waker.set(waker.map_or(std::ptr::null(), std::ptr::from_ref));
            running.poll.set(number);
            running.polls.set(number);
            Poll { outer, marker: PhantomData }
        })
    }
}

impl Drop for Poll<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        RUNNING.with(|running| {
            let (yielder, waker, poll) = self.outer;
            running.yielder.set(yielder);
            running.waker.set(waker);
            running.poll.set(poll);
        });
    }
}

/// The waker to poll a future with that is waited for: that of whatever poll is under way.
///
/// The executor's own is borrowed for one poll of the `as_async`, but the waited-for future may sit in the midst of its
/// poll for longer: its poll may wait in turn. So it gets this one, which looks the executor's up each time. A clone of
/// it is a clone of the executor's, not of this.
#[inline(always)]
pub(super) fn ambient_waker() -> ManuallyDrop<Waker> {
    let thread = RUNNING.with(std::ptr::from_ref);
    // SAFETY: the functions in the table fulfil the contract of a waker: they keep nothing, so any number of threads
    // may call them, and the data, the address of the thread's record, is compared but never dereferenced.
    ManuallyDrop::new(unsafe { Waker::new(thread.cast(), &AMBIENT) })
}

static AMBIENT: RawWakerVTable = RawWakerVTable::new(
    |thread| {
        let clone = ManuallyDrop::new(with_waker(thread, Waker::clone));
        RawWaker::new(clone.data(), clone.vtable())
    },
    // Only for whoever owns the waker, and nobody does.
    |thread| with_waker(thread, Waker::wake_by_ref),
    |thread| with_waker(thread, Waker::wake_by_ref),
    |_| (),
);

/// Calls `function` with the executor's waker, if there is a poll under way, or else with one that does nothing.
fn with_waker<T>(thread: *const (), function: impl FnOnce(&Waker) -> T) -> T {
    RUNNING.with(|running| {
        assert!(
            std::ptr::eq(thread, std::ptr::from_ref(running).cast()),
            "a future that is waited for has lent its waker to another thread; it must clone it first, and send the \
             clone"
        );
        // SAFETY: while a poll is under way its waker is borrowed; when none is, this is null.
        function(unsafe { running.waker.get().as_ref() }.unwrap_or(Waker::noop()))
    })
}
