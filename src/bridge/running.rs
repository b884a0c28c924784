//! What runs on this thread: the record that a poll of an `as_async` makes and `wait` reads, by way of a thread-local.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use crate::coroutine::Yielder;

/// For suspending the coroutine under an `as_async`. No value crosses: what `wait` needs is in the [`Poll`].
pub(super) type BridgeYielder = Yielder<(), ()>;

/// A poll of an `as_async` that is under way: lies in the frame of that poll.
///
/// It is valid for just as long as the poll lasts, and so is all that it refers to. Nobody may keep any of it over a
/// poll of something else: a future can be polled first in one `as_async` and then in another, or its poll may be
/// interrupted in the middle, when a coroutine of the user's own lies between the two.
struct Poll {
    yielder: NonNull<BridgeYielder>,
    /// The waker that the executor polls with; `None` if the `as_async` is being dropped.
    waker: Option<NonNull<Waker>>,
    /// Unlike that of any other poll on this thread.
    number: u64,
    /// The poll that this one is nested in.
    outer: *const Poll,
}

/// What a thread keeps.
struct Thread {
    /// The innermost poll under way, or null.
    innermost: Cell<*const Poll>,
    /// How many polls there have been.
    polls: Cell<u64>,
}

thread_local! {
    // Needs no destructor, so it can be read at any time, even while the thread ends. A `wait` may keep its address
    // over a switch: what is suspended here is resumed here, since nothing in the bridge is `Send`.
    static THREAD: Thread = const { Thread { innermost: Cell::new(std::ptr::null()), polls: Cell::new(0) } };
}

/// Sets the innermost poll back, however the function that changed it is left.
struct SetBack<'a> {
    thread: &'a Thread,
    innermost: *const Poll,
}

impl<'a> SetBack<'a> {
    #[inline(always)]
    fn after(thread: &'a Thread, innermost: *const Poll) -> Self {
        SetBack { thread, innermost: thread.innermost.replace(innermost) }
    }
}

impl Drop for SetBack<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.thread.innermost.set(self.innermost);
    }
}

/// Calls `resume` such that `wait` finds this yielder and waker. Without a waker the coroutine is resumed to be unwound.
///
/// # Safety
///
/// Until `resume` returns the yielder's coroutine is alive, and all code that runs is on top of it.
#[inline(always)]
pub(super) unsafe fn poll_with<T>(
    yielder: NonNull<BridgeYielder>,
    waker: Option<&Waker>,
    resume: impl FnOnce() -> T,
) -> T {
    THREAD.with(|thread| {
        let number = thread.polls.get() + 1;
        thread.polls.set(number);
        let poll = Poll { yielder, waker: waker.map(NonNull::from), number, outer: thread.innermost.get() };
        let _set_back = SetBack::after(thread, &poll);
        resume()
    })
}

/// The innermost poll, for the moment.
#[inline(always)]
fn innermost<T>(read: impl FnOnce(&Poll) -> T) -> Option<T> {
    let poll = THREAD.with(|thread| thread.innermost.get());
    // SAFETY: it lies in the frame that made it the innermost, which sets that back before it goes.
    unsafe { poll.as_ref() }.map(read)
}

/// The number of the innermost poll.
#[inline(always)]
pub(super) fn number() -> Option<u64> {
    innermost(|poll| poll.number)
}

/// For suspending the coroutine that runs: valid now.
#[inline(always)]
pub(super) fn yielder() -> Option<NonNull<BridgeYielder>> {
    innermost(|poll| poll.yielder)
}

/// Whether the coroutine that runs does so to be unwound, so that nobody will poll it again.
#[inline(always)]
pub(super) fn is_cancelled() -> bool {
    innermost(|poll| poll.waker.is_none()).unwrap_or(false)
}

/// The waker to poll a future with that is waited for: that of whatever poll is under way.
///
/// The executor's own is borrowed for one poll of the `as_async`, but the waited-for future may sit in the midst of its
/// poll for longer: its poll may wait in turn. So it gets this one, which looks the executor's up each time. A clone of
/// it is a clone of the executor's, not of this.
#[inline(always)]
pub(super) fn ambient_waker() -> ManuallyDrop<Waker> {
    let thread = THREAD.with(std::ptr::from_ref);
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
fn with_waker<T>(address: *const (), function: impl FnOnce(&Waker) -> T) -> T {
    THREAD.with(|thread| {
        assert!(
            std::ptr::eq(address, std::ptr::from_ref(thread).cast()),
            "a future that is waited for has lent its waker to another thread; it must clone it first, and send the \
             clone"
        );
        // SAFETY: as in `innermost`.
        let Some(poll) = (unsafe { thread.innermost.get().as_ref() }) else { return function(Waker::noop()) };
        // Of an `as_async` that is itself polled by a `wait`, the waker is an ambient one, or leads to one: that is to
        // find the poll around this one.
        let _set_back = SetBack::after(thread, poll.outer);
        // SAFETY: the waker is borrowed for as long as the poll lasts.
        function(poll.waker.map_or(Waker::noop(), |waker| unsafe { waker.as_ref() }))
    })
}
