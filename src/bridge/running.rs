//! What runs on this thread: the record that a poll of an `as_async` makes and `wait` reads, by way of a thread-local.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::num::NonZero;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::task::TaskSlot;
use crate::coroutine::Yielder;
use crate::coroutine::set_aside::{Panics, set_aside};

/// For suspending the coroutine under an `as_async`. No value crosses: what `wait` needs is in the [`Poll`].
pub(super) type BridgeYielder = Yielder<(), ()>;

/// A poll of an `as_async` that is under way: lies in the frame of that poll.
///
/// It is valid for just as long as the poll lasts, and so is all that it refers to. Nobody may keep any of it over a
/// poll of something else: a future can be polled first in one `as_async` and then in another, or its poll may be
/// interrupted in the middle, when a coroutine of the user's own lies between the two.
struct Poll {
    /// The waker that the executor polls with; `None` if the `as_async` is being dropped, and in the records that stand
    /// for what is no poll: so if there is one then there is a yielder, too.
    waker: Option<NonNull<Waker>>,
    /// What a `wait` is to suspend: nothing while a callback runs, whose code is in the midst of the poll but doesn't belong
    /// to it, and nothing outside of any poll.
    yielder: Cell<Tagged>,
    /// Unlike that of any other poll on this thread. In the other records one of the constants below.
    number: u64,
    /// The poll that this one is nested in. Null in the record for being outside of any.
    outer: *const Poll,
    /// The function that is polled. Null in the other records.
    task: *const TaskSlot,
}

/// The number of the record for being outside of any poll.
const NOWHERE: u64 = 0;
/// The number of the record for the call of a waker.
const IN_WAKER: u64 = u64::MAX;
/// The number of the record for the call of a hook.
const IN_HOOK: u64 = u64::MAX - 1;

/// A yielder, or none; and in its lowest bit whether a `wait` there has more to do than just to suspend it.
#[derive(Clone, Copy)]
struct Tagged(NonNull<BridgeYielder>);

impl Tagged {
    const MORE: usize = 1;
    /// No yielder: there is always more to do then.
    const NONE: Self = Tagged(NonNull::without_provenance(NonZero::new(Self::MORE).expect("it isn't zero")));

    #[inline(always)]
    fn plain(yielder: NonNull<BridgeYielder>) -> Self {
        Tagged(yielder)
    }

    fn with_more(yielder: NonNull<BridgeYielder>) -> Self {
        Tagged(yielder.map_addr(|address| address | Self::MORE))
    }

    /// The yielder, if a `wait` has nothing to do but to suspend it.
    #[inline(always)]
    fn if_plain(self) -> Option<NonNull<BridgeYielder>> {
        (self.0.addr().get() & Self::MORE == 0).then_some(self.0)
    }

    fn yielder(self) -> Option<NonNull<BridgeYielder>> {
        NonNull::new(self.0.as_ptr().map_addr(|address| address & !Self::MORE))
    }
}

impl Poll {
    /// A record for what is no poll.
    const fn none(number: u64, outer: *const Poll) -> Self {
        Poll { waker: None, yielder: Cell::new(Tagged::NONE), number, outer, task: ptr::null() }
    }

    fn is_callback(&self) -> bool {
        self.number >= IN_HOOK
    }
}

/// Where no poll is under way.
static OUTSIDE: Outside = Outside(Poll::none(NOWHERE, ptr::null()));

struct Outside(Poll);

// SAFETY: nothing in it refers to anything, and nobody writes to it: `watch`, which writes to a record, does so only where
// there is a yielder.
unsafe impl Sync for Outside {}

/// What a thread keeps.
struct Thread {
    /// The innermost poll under way, or `OUTSIDE`.
    innermost: Cell<*const Poll>,
    /// How many polls there have been.
    polls: Cell<u64>,
    /// How often a `wait` was refused, because the `as_async` is being dropped.
    refusals: Cell<u32>,
    /// Where a destructor waits that nobody will resume.
    stranded: Cell<Option<&'static Location<'static>>>,
}

thread_local! {
    // Needs no destructor, so it can be read at any time, even while the thread ends. A `wait` may keep its address
    // over a switch: what is suspended here is resumed here, since nothing in the bridge is `Send`.
    static THREAD: Thread = const {
        Thread {
            innermost: Cell::new(&OUTSIDE.0),
            polls: Cell::new(0),
            refusals: Cell::new(0),
            stranded: Cell::new(None),
        }
    };
}

/// This thread's record.
///
/// Its address is computed here and not in each function that uses it, so that it is read from the thread pointer once.
#[inline(always)]
fn thread<'a>() -> &'a Thread {
    // SAFETY: it has no destructor, so it lives as long as its thread; and nothing in the bridge is `Send`, so that
    // whatever is reached through it stays on this thread. (Nobody keeps it any longer than a `wait` or a poll takes.)
    unsafe { &*THREAD.with(ptr::from_ref) }
}

/// Counts refusals from zero on, and goes on with the old count when it is dropped: a destructor may drop an `as_async` in
/// turn.
struct Refusals<'a> {
    thread: &'a Thread,
    before: u32,
}

impl<'a> Refusals<'a> {
    fn count(thread: &'a Thread) -> Self {
        Refusals { thread, before: thread.refusals.replace(0) }
    }
}

impl Drop for Refusals<'_> {
    fn drop(&mut self) {
        self.thread.refusals.set(self.before);
    }
}

/// Makes a poll the innermost, and sets that back however the function is left that has one of these.
struct SetInnermost<'a> {
    thread: &'a Thread,
    poll: &'a Poll,
}

impl<'a> SetInnermost<'a> {
    /// The poll's `outer` is what was the innermost before.
    #[inline(always)]
    fn set(thread: &'a Thread, poll: &'a Poll) -> Self {
        thread.innermost.set(poll);
        SetInnermost { thread, poll }
    }
}

impl Drop for SetInnermost<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.thread.innermost.set(self.poll.outer);
    }
}

/// Calls `resume` such that `wait` finds this yielder, waker and task. Without a waker the coroutine is resumed to end.
///
/// Panics that are under way around it must have been [set aside](aside_from_panics): what panics there are when the coroutine
/// suspends itself are taken to be its own.
///
/// # Safety
///
/// Until `resume` returns the yielder's coroutine and the task are alive, and all code of the user's that runs does so on top
/// of the coroutine: not the panic hook, say, nor a destructor of what the coroutine has returned.
#[inline(always)]
pub(super) unsafe fn poll_with<T>(
    yielder: NonNull<BridgeYielder>,
    waker: Option<&Waker>,
    task: &TaskSlot,
    is_watched: bool,
    resume: impl FnOnce() -> T,
) -> T {
    let thread = thread();
    let number = thread.polls.get() + 1;
    thread.polls.set(number);
    let waker = waker.map(NonNull::from);
    let _refusals = waker.is_none().then(|| Refusals::count(thread));
    let more = waker.is_none() || is_watched;
    let yielder = Cell::new(if more { Tagged::with_more(yielder) } else { Tagged::plain(yielder) });
    let poll = Poll { waker, yielder, number, outer: thread.innermost.get(), task };
    let _innermost = SetInnermost::set(thread, &poll);
    resume()
}

/// Calls `poll` without the panics that are under way: what it runs has nothing to do with them.
#[cold]
pub(super) fn aside_from_panics<T>(poll: impl FnOnce() -> T) -> T {
    /// Restores them when it is dropped.
    struct Restore(Option<Panics>);

    impl Drop for Restore {
        fn drop(&mut self) {
            if let Some(panics) = self.0.take() {
                panics.restore();
            }
        }
    }

    let _restore = Restore(Some(set_aside()));
    poll()
}

/// The innermost poll, for the moment.
#[inline(always)]
fn innermost<T>(read: impl FnOnce(&Poll) -> T) -> T {
    // SAFETY: it lies in the frame that made it the innermost, which sets that back before it goes; or it is `OUTSIDE`.
    read(unsafe { &*thread().innermost.get() })
}

/// The number of the innermost poll.
#[inline(always)]
pub(super) fn number() -> u64 {
    innermost(|poll| poll.number)
}

/// The yielder, if this is still the poll with that number, and one in which `wait` may suspend without more ado.
#[inline(always)]
pub(super) fn yielder_in(number: u64) -> Option<NonNull<BridgeYielder>> {
    innermost(|poll| if poll.number == number { poll.yielder.get().if_plain() } else { None })
}

/// Where code runs, as `wait` sees it.
pub(super) enum Place {
    /// On top of this coroutine, for the moment.
    Coroutine(NonNull<BridgeYielder>),
    /// In a waker that was called on top of one.
    Waker,
    /// In a hook that was called on top of one.
    Hook,
    /// Anywhere else.
    Outside,
}

/// Where this runs.
pub(super) fn place() -> Place {
    innermost(|poll| match (poll.yielder.get().yielder(), poll.number) {
        (Some(yielder), _) => Place::Coroutine(yielder),
        (None, IN_WAKER) => Place::Waker,
        (None, IN_HOOK) => Place::Hook,
        (None, _) => Place::Outside,
    })
}

/// Whether this runs on top of a coroutine that somebody will resume if it is suspended.
pub(super) fn can_suspend() -> bool {
    innermost(|poll| poll.waker.is_some())
}

/// A poll, or a call of a waker or a hook: to be compared while it lasts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Innermost(*const Poll);

/// The innermost one of this thread.
pub(super) fn innermost_now() -> Innermost {
    Innermost(thread().innermost.get())
}

/// Has every further `wait` in the poll under way do more than suspend the coroutine, if there is one.
pub(super) fn watch() {
    around_callbacks(|poll| {
        if let Some(yielder) = poll.yielder.get().yielder() {
            poll.yielder.set(Tagged::with_more(yielder));
        }
    });
}

/// Whether there is nothing to be known of what runs here: it is outside of any poll, or in one of a function without a task.
#[inline(always)]
pub(crate) fn runs_without_task() -> bool {
    innermost(|poll| {
        // SAFETY: it lasts as long as the poll.
        match unsafe { poll.task.as_ref() } {
            Some(slot) => slot.get().is_none(),
            None => !poll.is_callback(),
        }
    })
}

/// Calls `function` with the slot of the task that runs: in a callback, of the one that it was called by. `None` outside of any.
///
/// No code of the user's may run in `function`: the task could be suspended by it, and moved or dropped meanwhile.
pub(crate) fn with_task_slot<T>(function: impl FnOnce(Option<&TaskSlot>) -> T) -> T {
    // SAFETY: it lasts as long as the poll.
    around_callbacks(|poll| function(unsafe { poll.task.as_ref() }))
}

/// The innermost poll that is no callback: in one, that which it was called by.
fn around_callbacks<T>(read: impl FnOnce(&Poll) -> T) -> T {
    let mut poll = innermost(ptr::from_ref);
    loop {
        // SAFETY: as in `innermost`; what is further out lasts longer.
        let record = unsafe { &*poll };
        if !record.is_callback() {
            return read(record);
        }
        poll = record.outer;
    }
}

/// Calls a hook, in which nobody can wait.
pub(super) fn in_hook<T>(hook: impl FnOnce() -> T) -> T {
    let thread = thread();
    let call = Poll::none(IN_HOOK, thread.innermost.get());
    let _innermost = SetInnermost::set(thread, &call);
    hook()
}

/// Makes it as if nothing were polled on this thread: what is doesn't go on, since the process ends.
///
/// `exit` runs the destructors of thread-locals, on top of what has called it.
pub(super) fn forget_polls() {
    thread().innermost.set(&OUTSIDE.0);
}

/// Has the polls of this thread [forgotten](forget_polls) when its thread-locals are destroyed, before those that were there
/// when its first function started: the executor's, say, which the waker of a poll may need.
#[inline(always)]
pub(super) fn prepare_end_of_thread() {
    struct ForgetPolls;

    impl Drop for ForgetPolls {
        fn drop(&mut self) {
            forget_polls();
        }
    }

    thread_local!(static END: ForgetPolls = const { ForgetPolls });
    // An error is that it has come to its end already.
    let _ = END.try_with(|_| ());
}

/// Notes that a destructor waits here for what nobody will tell it.
pub(super) fn strand(place: &'static Location<'static>) {
    thread().stranded.set(Some(place));
}

/// What [`strand`] has noted, once.
pub(super) fn stranded() -> Option<&'static Location<'static>> {
    thread().stranded.take()
}

/// Whether this is, or may be, a destructor of a coroutine that runs only to be dropped.
pub(super) fn is_ended() -> bool {
    innermost(|poll| poll.waker.is_none() && poll.yielder.get().yielder().is_some()) && std::thread::panicking()
}

/// Whether a `wait` for what is pending is to be refused: the coroutine runs only to be dropped, and this is, or may be,
/// a destructor, where no panic can be raised to unwind it.
///
/// Code that won't take no for an answer is told so 1,000 times; then it is suspended, and its stack leaked.
pub(super) fn is_refused() -> bool {
    is_ended() && thread().refusals.replace(refusals() + 1) < 1000
}

/// How often [`is_refused`] has said so to the coroutine that runs.
pub(super) fn refusals() -> u32 {
    thread().refusals.get()
}

/// The waker to poll a future with that is waited for: that of whatever poll is under way.
///
/// The executor's own is borrowed for one poll of the `as_async`, but the waited-for future may sit in the midst of its
/// poll for longer: its poll may wait in turn. So it gets this one, which looks the executor's up each time. A clone of
/// it is a clone of the executor's, not of this.
#[inline(always)]
pub(super) fn ambient_waker() -> ManuallyDrop<Waker> {
    let thread = ptr::from_ref(thread());
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
    let thread = thread();
    assert!(
        ptr::eq(address, ptr::from_ref(thread).cast()),
        "a future that is waited for has lent its waker to another thread; it must clone it first, and send the clone"
    );
    // SAFETY: as in `innermost`.
    let mut poll = unsafe { &*thread.innermost.get() };
    // A waker may call an ambient one in turn, if its `as_async` is itself polled by a `wait`. What it is to find is the poll
    // around the one that it was called for.
    let mut calls = 0;
    while poll.yielder.get().yielder().is_none() || calls > 0 {
        // SAFETY: as above: what is further out lasts longer.
        let Some(outer) = (unsafe { poll.outer.as_ref() }) else { return function(Waker::noop()) };
        match poll.number {
            IN_WAKER => calls += 1,
            IN_HOOK => {}
            _ => calls -= 1,
        }
        poll = outer;
    }
    let call = Poll::none(IN_WAKER, thread.innermost.get());
    let _innermost = SetInnermost::set(thread, &call);
    // SAFETY: the waker is borrowed for as long as the poll lasts.
    function(poll.waker.map_or(Waker::noop(), |waker| unsafe { waker.as_ref() }))
}
