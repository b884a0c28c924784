//! Picks the file in `arch/` for this target, and states in types what each of those files provides.
//!
//! `arch/README.md` has the same contract in words. Nothing here or in `arch/` knows what a closure, a panic or a
//! `Future` is: one word goes each way over a switch, and what it means is up to `coroutine`.

use core::cell::Cell;
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::panic::Location;
use core::ptr::NonNull;

use crate::tools::Tools;

#[cfg_attr(mixio_arch = "x86_64", path = "../arch/x86_64.rs")]
#[cfg_attr(mixio_arch = "aarch64", path = "../arch/aarch64.rs")]
mod target;

use target::Fresh;
#[cfg(feature = "valgrind")]
pub(crate) use target::valgrind_request;
pub(crate) use target::{STACK_ALIGNMENT, call_on_stack};
use target::{atop_frame, root_frame};

/// What crosses a switch in one register. It may hold padding, so it is not a plain integer; it may hold a pointer,
/// so it is a pointer type and keeps that pointer's provenance.
pub(crate) type Word = MaybeUninit<*mut c_void>;

/// Where a coroutine goes on when it is resumed: code. Not a function's type, since there is nothing of use in it once the
/// coroutine has finished.
pub(crate) type Address = *const c_void;

/// What lies at the very base (the highest address) of a coroutine's stack.
///
/// While the coroutine runs the first two words form a frame record, as the frame-pointer chain wants it: `resumer` leads
/// to the record that the resumer pushed, so that a walk over frame pointers goes on there.
#[repr(C, align(16))]
pub(crate) struct Control {
    /// While the coroutine runs, or a function is called atop it: its resumer's stack pointer. Else, while it is suspended,
    /// of no meaning, but not null. Null before it starts, and once it has finished.
    resumer: Cell<*mut c_void>,
    /// An address in the root frame, the one that the entry function was "called" from.
    root: Cell<*const c_void>,
    // The assembly has no use for the rest.
    /// Where the coroutine was created: for the report when it runs off the end of its stack.
    created: Cell<Option<&'static Location<'static>>>,
    /// Whether it is suspended in the midst of a panic of its own, by a destructor.
    pub(crate) unwinding: Cell<bool>,
    /// Whether the thread was panicking, by somebody else's panic, when it was entered or last thrown into.
    pub(crate) others_panic: Cell<bool>,
    /// What is to be told to valgrind and the sanitizers.
    pub(crate) tools: Tools,
}

impl Control {
    fn new(created: &'static Location<'static>, tools: Tools) -> Self {
        Control {
            resumer: Cell::new(core::ptr::null_mut()),
            root: Cell::new(core::ptr::null()),
            created: Cell::new(Some(created)),
            unwinding: Cell::new(false),
            others_panic: Cell::new(false),
            tools,
        }
    }

    /// The place for it below the base of a stack.
    pub(crate) fn below(base: *mut c_void) -> *mut Control {
        base.cast::<Control>().wrapping_sub(1)
    }

    /// Where the coroutine was created that has last run on the stack with this base, if any has.
    ///
    /// # Safety
    ///
    /// What is below the base was last written by `prepare` or `mark`, or is all zeros; and nobody writes there meanwhile.
    #[cfg(feature = "std")]
    pub(crate) unsafe fn creation_on(base: usize) -> Option<&'static Location<'static>> {
        // SAFETY: as the caller says: and all zeros are no location.
        let control = unsafe { Control::below(core::ptr::with_exposed_provenance_mut(base)).as_ref() };
        control.and_then(|control| control.created.get())
    }

    /// Of a running coroutine: where its resumer's frames end.
    pub(crate) fn resumer(&self) -> *mut c_void {
        self.resumer.get()
    }

    /// Whether the coroutine has started, and not finished.
    pub(crate) fn has_frames(&self) -> bool {
        !self.resumer.get().is_null()
    }

    /// Whether the coroutine has been resumed at least once.
    pub(crate) fn started(&self) -> bool {
        !self.root.get().is_null()
    }

    /// Declares the stack free of frames: what `finish` does on the way out.
    pub(crate) fn clear(&self) {
        self.resumer.set(core::ptr::null_mut());
    }
}

/// How control came back from [`resume`]: one of the constants, or else the suspended coroutine's stack pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Status(*mut c_void);

impl Status {
    /// The entry function returned: the word is its value.
    pub(crate) const RETURNED: Status = Status(core::ptr::without_provenance_mut(0));
    /// The entry function caught a panic at its root: the word points to the payload.
    pub(crate) const PANICKED: Status = Status(core::ptr::without_provenance_mut(1));

    /// The coroutine's stack pointer, for the next [`resume`], if it has suspended itself.
    #[inline(always)]
    pub(crate) fn suspended(self) -> Option<NonNull<c_void>> {
        if self.0 > Self::PANICKED.0 { NonNull::new(self.0) } else { None }
    }
}

/// The function that a fresh coroutine enters: the first word, its control block, and what `prepare` was given.
/// It never returns: it ends in [`finish`].
pub(crate) type Entry = unsafe extern "C" fn(Word, NonNull<Control>, *mut c_void) -> !;

/// Says on a stack what runs there, for one on which there is no coroutine.
///
/// # Safety
///
/// `base` is aligned to [`STACK_ALIGNMENT`]; a [`Control`] below it is writable and unused.
pub(crate) unsafe fn mark(base: *mut c_void, created: &'static Location<'static>) {
    // SAFETY: as the caller says.
    unsafe { Control::below(base).write(Control::new(created, Tools::NONE)) };
}

/// How to drop the closure of a coroutine that is never entered.
pub(crate) type DropClosure = unsafe fn(*mut c_void);

/// Makes a stack ready for its first [`resume`], which will call `entry(word, control, closure)`, where `control` is
/// the control block below `base`. Gives the stack pointer and the address to resume it with.
///
/// `created` is the place in the program to name when the coroutine runs off the end of its stack.
///
/// # Safety
///
/// `base` and `top` are aligned to [`STACK_ALIGNMENT`], and a [`Control`] fits between them; it and the [`Fresh`] below
/// `top` are writable and unused, and so is everything that `entry` will need below that.
#[inline]
pub(crate) unsafe fn prepare(
    base: *mut c_void,
    top: *mut c_void,
    entry: Entry,
    closure: *mut c_void,
    drop_closure: DropClosure,
    created: &'static Location<'static>,
    tools: Tools,
) -> (NonNull<c_void>, Address) {
    // SAFETY: the caller vouches for the memory below `base`. The root frame fills it in.
    unsafe { Control::below(base).write(Control::new(created, tools)) };
    // SAFETY: the caller vouches for the memory below `top`.
    let fresh = unsafe { top.cast::<Fresh>().sub(1) };
    // SAFETY: as above; the alignment of `top`, and of both sizes, makes it aligned.
    unsafe { fresh.write(Fresh::new(entry, closure, drop_closure)) };
    // SAFETY: it is inside the stack's memory, so it isn't null.
    (unsafe { NonNull::new_unchecked(fresh.cast()) }, root_frame as Address)
}

/// The closure that `prepare` was given, and how to drop it.
///
/// # Safety
///
/// `sp` is what `prepare` gave, for a coroutine that hasn't been resumed.
pub(crate) unsafe fn fresh_closure(sp: NonNull<c_void>) -> (*mut c_void, DropClosure) {
    // SAFETY: that is what lies there, as the caller says.
    let fresh = unsafe { sp.cast::<Fresh>().as_ref() };
    (fresh.closure, fresh.drop_closure)
}

/// What [`call_atop`] hands over to [`atop_frame`].
#[cfg(feature = "std")]
#[repr(C)]
struct AtopCall {
    resume_at: Address,
    function: unsafe extern "C" fn(*mut c_void),
    argument: *mut c_void,
}

/// Calls `function(argument)` atop a suspended coroutine: to unwinders, its caller is the coroutine at the place where it
/// is suspended, and the coroutine's resumer is whoever calls this.
///
/// The function runs on the stack of whoever calls this. The coroutine stays suspended, with the same `sp` and
/// `resume_at`.
///
/// # Safety
///
/// `sp` and `resume_at` are what the last [`resume`] gave for the coroutine that `control` belongs to: it has suspended
/// itself, and has not been resumed since. We are on its thread. `function` neither resumes it nor gives up its stack, can be
/// called with `argument`, and does not unwind.
#[cfg(feature = "std")]
pub(crate) unsafe fn call_atop(
    sp: NonNull<c_void>,
    resume_at: Address,
    control: NonNull<Control>,
    function: unsafe extern "C" fn(*mut c_void),
    argument: *mut c_void,
) {
    let mut call = AtopCall { resume_at, function, argument };
    let word = Word::new((&raw mut call).cast());
    // SAFETY: `atop_frame` is given what it takes, by the word, which lives until it comes back; for the rest the caller
    // vouches. (The architecture's own, since there is no switch that tools are to know of.)
    unsafe { target::resume(sp, atop_frame as Address, control, word, core::ptr::null_mut()) };
}

/// Switches into the coroutine, until it suspends itself or finishes: as the architecture's own, with a word to the tools.
///
/// # Safety
///
/// `sp` and `resume_at` are what [`prepare`] or the last `resume` gave for the coroutine; they are used only once, on the
/// thread that the coroutine's frames expect. `throw` is null if the coroutine is fresh.
#[inline(always)]
pub(crate) unsafe fn resume(
    sp: NonNull<c_void>,
    resume_at: Address,
    control: NonNull<Control>,
    word: Word,
    throw: *mut c_void,
) -> (Word, Status, Address) {
    // SAFETY: `prepare` has put it there, and it stays as long as the stack.
    let switches = unsafe { &control.as_ref().tools.switches };
    // SAFETY: here it comes.
    unsafe { switches.going_inside() };
    // SAFETY: as the caller says.
    let outcome = unsafe { target::resume(sp, resume_at, control, word, throw) };
    // SAFETY: we are back.
    unsafe { switches.arrived_outside() };
    outcome
}

/// Switches back to the resumer, until the next [`resume`]: gives its word and what it throws.
///
/// # Safety
///
/// `control` is that of the coroutine that is running, and the code that calls this runs on top of it: on its
/// stack, or on one that its frames lent out and still wait for.
#[inline(always)]
pub(crate) unsafe fn suspend(control: NonNull<Control>, word: Word) -> (Word, *mut c_void) {
    // SAFETY: as in `resume`.
    let switches = unsafe { &control.as_ref().tools.switches };
    // SAFETY: here it comes.
    unsafe { switches.going_outside() };
    // SAFETY: as the caller says.
    let resumption = unsafe { target::suspend(control, word) };
    // SAFETY: we are back.
    unsafe { switches.arrived_inside() };
    resumption
}

/// Switches back to the resumer for good.
///
/// # Safety
///
/// As for [`suspend`]; and nothing on the coroutine's stack is used again, but for what `word` leads to, which the
/// resumer reads before it lets go of the stack.
#[inline(always)]
pub(crate) unsafe fn finish(control: NonNull<Control>, word: Word, status: Status) -> ! {
    // SAFETY: as in `resume`.
    let switches = unsafe { &control.as_ref().tools.switches };
    // SAFETY: here it comes; and what `word` may lead to is a local of the function that was entered.
    unsafe { switches.going_outside_for_good() };
    // SAFETY: as the caller says.
    unsafe { target::finish(control, word, status) }
}

/// The signatures of the contract, checked for every architecture.
#[allow(clippy::type_complexity, reason = "spelt out, since this is where they are stated")]
const _: () = {
    let _: usize = STACK_ALIGNMENT;
    let _: fn(Entry, *mut c_void, DropClosure) -> Fresh = Fresh::new;
    assert!(size_of::<Fresh>().is_multiple_of(STACK_ALIGNMENT) && size_of::<Control>().is_multiple_of(STACK_ALIGNMENT));
    let _: unsafe extern "C" fn() = root_frame;
    let _: unsafe extern "C" fn() = atop_frame;
    let _: unsafe fn(NonNull<c_void>, Address, NonNull<Control>, Word, *mut c_void) -> (Word, Status, Address) =
        target::resume;
    let _: unsafe fn(NonNull<Control>, Word) -> (Word, *mut c_void) = target::suspend;
    let _: unsafe fn(NonNull<Control>, Word, Status) -> ! = target::finish;
    #[cfg(feature = "valgrind")]
    let _: unsafe fn(usize, &[usize; 6]) -> usize = valgrind_request;
    let _: unsafe extern "C" fn(*mut c_void, *mut c_void, unsafe extern "C" fn(*mut c_void)) = call_on_stack;
};
