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
    /// `None` while a waker is called: its code, which the executor may bring, runs in the midst of the poll, but
    /// doesn't belong to it, and can't suspend what polls.
    yielder: Option<NonNull<BridgeYielder>>,
    /// The waker that the executor polls with; `None` if the `as_async` is being dropped.
    waker: Option<NonNull<Waker>>,
    /// Unlike that of any other poll on this thread.
    number: u64,
    /// How often a `wait` was refused, because the `as_async` is being dropped.
    refusals: Cell<u32>,
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

/// Calls `resume` such that `wait` finds this yielder and waker. Without a waker the coroutine is resumed to end.
///
/// # Safety
///
/// Until `resume` returns the yielder's coroutine is alive, and all code of the user's that runs does so on top of it:
/// not the panic hook, say, nor a destructor of what the coroutine has returned.
#[inline(always)]
pub(super) unsafe fn poll_with<T>(
    yielder: NonNull<BridgeYielder>,
    waker: Option<&Waker>,
    resume: impl FnOnce() -> T,
) -> T {
    THREAD.with(|thread| {
        let number = thread.polls.get() + 1;
        thread.polls.set(number);
        let poll = Poll {
            yielder: Some(yielder),
            waker: waker.map(NonNull::from),
            number,
            refusals: Cell::new(0),
            outer: thread.innermost.get(),
        };
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

/// Where code runs, as `wait` sees it.
pub(super) enum Place {
    /// On top of this coroutine, for the moment.
    Coroutine(NonNull<BridgeYielder>),
    /// In a waker that was called on top of one.
    Waker,
    /// Anywhere else.
    Outside,
}

/// Where this runs.
#[inline(always)]
pub(super) fn place() -> Place {
    match innermost(|poll| poll.yielder) {
        Some(Some(yielder)) => Place::Coroutine(yielder),
        Some(None) => Place::Waker,
        None => Place::Outside,
    }
}

/// Whether a `wait` for what is pending is to be refused: the coroutine runs only to be dropped, and this is, or may be,
/// a destructor, where no panic can be raised to unwind it.
///
/// Code that won't take no for an answer is told so 1,000 times; then it is suspended, and its stack leaked.
#[inline(always)]
pub(super) fn is_refused() -> bool {
    innermost(|poll| {
        poll.waker.is_none() && std::thread::panicking() && poll.refusals.replace(poll.refusals.get() + 1) < 1000
    })
    .unwrap_or(false)
}

/// How often [`is_refused`] has said so to the coroutine that runs.
pub(super) fn refusals() -> u32 {
    innermost(|poll| poll.refusals.get()).unwrap_or(0)
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
        let mut poll = unsafe { thread.innermost.get().as_ref() };
        // A waker that calls an ambient one in turn: of an `as_async` that is itself polled by a `wait`. What it is to find
        // is the poll around.
        while let Some(Poll { yielder: None, outer, .. }) = poll {
            // SAFETY: as above: the poll around lasts longer.
            poll = unsafe { outer.as_ref() };
        }
        let Some(poll) = poll else { return function(Waker::noop()) };
        let calling = Poll { yielder: None, waker: None, number: 0, refusals: Cell::new(0), outer: poll.outer };
        let _set_back = SetBack::after(thread, &calling);
        // SAFETY: the waker is borrowed for as long as the poll lasts.
        function(poll.waker.map_or(Waker::noop(), |waker| unsafe { waker.as_ref() }))
    })
}
