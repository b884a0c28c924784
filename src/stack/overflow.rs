//! What is said when a coroutine runs off the end of its stack: which, and what to do about it.
//!
//! Touching a guard raises SIGSEGV, or SIGBUS on some systems. A handler that lies over whatever handled them before
//! looks whether the address is in the guard of a stack of ours: if so it reports and aborts, as `std` does for the
//! stack of a thread; if not, the fault is passed on. It runs on the thread's alternate signal stack, since the
//! coroutine's is exhausted. `std` gives one to the threads that it starts, and to the main thread.

use std::cell::{Cell, UnsafeCell};
use std::ffi::c_void;
use std::fmt::{self, Write as _};
use std::mem::MaybeUninit;
use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use super::pool::{Geometry, page_size};
use crate::arch::Control;

/// A range of addresses with stacks in it, where a fault may be an overflow. The handler reads it at any time, so it is
/// never freed, but may be used again for another range.
struct Range {
    /// Zero while it is not in use.
    start: AtomicUsize,
    length: AtomicUsize,
    stride: AtomicUsize,
    guard: AtomicUsize,
    colours: AtomicUsize,
    next: *const Range,
}

// SAFETY: `next` never changes, and leads to another one or nowhere; the rest is atomic.
unsafe impl Sync for Range {}

/// The first of a list that only ever grows.
static RANGES: AtomicPtr<Range> = AtomicPtr::new(ptr::null_mut());

/// Held while ranges are added. Also keeps whoever adds one from using one again that somebody else has found.
static ADDING: Mutex<()> = Mutex::new(());

fn ranges() -> impl Iterator<Item = &'static Range> {
    let mut next = RANGES.load(Ordering::Acquire).cast_const();
    std::iter::from_fn(move || {
        // SAFETY: no range is ever freed.
        let range = unsafe { next.as_ref() }?;
        next = range.next;
        Some(range)
    })
}

/// Keeps a range of addresses under watch.
pub(super) struct Watch(&'static Range);

/// Watches slots of this geometry at `start`.
pub(super) fn watch(start: usize, length: usize, geometry: Geometry) -> Watch {
    install();
    let _adding = ADDING.lock().unwrap_or_else(PoisonError::into_inner);
    let range = ranges().find(|range| range.start.load(Ordering::Relaxed) == 0).unwrap_or_else(|| {
        let range = Box::leak(Box::new(Range {
            start: AtomicUsize::new(0),
            length: AtomicUsize::new(0),
            stride: AtomicUsize::new(0),
            guard: AtomicUsize::new(0),
            colours: AtomicUsize::new(0),
            next: RANGES.load(Ordering::Relaxed),
        }));
        RANGES.store(range, Ordering::Release);
        range
    });
    range.length.store(length, Ordering::Relaxed);
    range.stride.store(geometry.stride, Ordering::Relaxed);
    range.guard.store(geometry.guard, Ordering::Relaxed);
    range.colours.store(geometry.colours, Ordering::Relaxed);
    // Release: whoever sees the start sees the rest.
    range.start.store(start, Ordering::Release);
    Watch(range)
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.start.store(0, Ordering::Release);
    }
}

/// An overflow: of which stack.
struct Overflow {
    base: usize,
    size: usize,
}

/// What a fault at this address is an overflow of, if it is one.
fn find(address: usize) -> Option<Overflow> {
    ranges().find_map(|range| {
        // Acquire: see `watch`.
        let start = range.start.load(Ordering::Acquire);
        let offset = address.checked_sub(start).filter(|_| start != 0)?;
        if offset >= range.length.load(Ordering::Relaxed) {
            return None;
        }
        let geometry = Geometry {
            stride: range.stride.load(Ordering::Relaxed),
            guard: range.guard.load(Ordering::Relaxed),
            colours: range.colours.load(Ordering::Relaxed),
        };
        // It may be used again for another range, meanwhile.
        if range.start.load(Ordering::Acquire) != start {
            return None;
        }
        let number = offset.checked_div(geometry.stride)?;
        if offset % geometry.stride >= geometry.guard {
            return None;
        }
        let limit = start + number * geometry.stride;
        let base = geometry.base(limit, number);
        Some(Overflow { base, size: base - limit - geometry.guard })
    })
}

/// Says it on the standard error: with no allocation and no lock, since the fault can be anywhere.
fn report(overflow: &Overflow) {
    /// Room for the report. What doesn't fit is cut off.
    struct Text {
        bytes: [u8; 1024],
        length: usize,
    }

    impl fmt::Write for Text {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = &mut self.bytes[self.length..];
            let length = text.len().min(room.len());
            room[..length].copy_from_slice(&text.as_bytes()[..length]);
            self.length += length;
            Ok(())
        }
    }

    let mut text = Text { bytes: [0; 1024], length: 0 };
    // SAFETY: the base is that of a stack of ours with a guard, so that it was used before, or is of zeros; what runs on
    // top of it stands still meanwhile, since this is its thread.
    let created: Option<&Location<'_>> = unsafe { Control::creation_on(overflow.base) };
    let _ = match created {
        Some(location) => {
            // The end of a long path says more than its start.
            let file = location.file();
            let file = file.get(file.len().saturating_sub(400)..).unwrap_or(file);
            let (line, column) = (location.line(), location.column());
            write!(text, "\nmixio: the coroutine created at {file}:{line}:{column} has overflowed its stack")
        }
        None => write!(text, "\nmixio: a coroutine has overflowed its stack"),
    };
    let _ = writeln!(
        text,
        " of {} bytes.\nTo give it a larger one: `as_async(..).stack_size(bytes)`; for a `Coroutine`, \
         `with_stack(DefaultStack::new(bytes)?, ..)`; for a pool, `StackPool::builder().stack_size(bytes)`.\n\
         fatal: stack overflow in a coroutine, aborting",
        overflow.size
    );
    let mut rest = &text.bytes[..text.length];
    while !rest.is_empty() {
        // SAFETY: it is memory of ours.
        let written = unsafe { libc::write(libc::STDERR_FILENO, rest.as_ptr().cast(), rest.len()) };
        match usize::try_from(written) {
            Ok(written) if written > 0 => rest = rest.get(written..).unwrap_or_default(),
            _ => break,
        }
    }
}

const SIGNALS: [libc::c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// Who handled the two signals before. Written once, before the handler is there.
struct Previous([UnsafeCell<MaybeUninit<libc::sigaction>>; 2]);

// SAFETY: written only by `install`, before anybody reads it.
unsafe impl Sync for Previous {}

/// Whether it was there for one time only, and that is over.
static SPENT: [AtomicBool; 2] = [const { AtomicBool::new(false) }; 2];

static PREVIOUS: Previous = Previous([const { UnsafeCell::new(MaybeUninit::zeroed()) }; 2]);

/// Installs the handler, once.
fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (signal, previous) in SIGNALS.into_iter().zip(&PREVIOUS.0) {
            // SAFETY: a null action only asks; there is room for the answer, and nobody reads it yet.
            if unsafe { libc::sigaction(signal, ptr::null(), previous.get().cast()) } != 0 {
                continue;
            }
            // SAFETY: it was written. What it blocks meanwhile stays blocked for it.
            let mut action = unsafe { previous.get().cast::<libc::sigaction>().read() };
            action.sa_sigaction = handle as *const () as usize;
            let kept = libc::SA_NODEFER | libc::SA_RESTART;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | (action.sa_flags & kept);
            // SAFETY: the handler does nothing that one may not do, and passes on what isn't ours.
            unsafe { libc::sigaction(signal, &action, ptr::null_mut()) };
        }
    });
}

/// What runs at each SIGSEGV and SIGBUS.
unsafe extern "C" fn handle(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel gives it, or whoever passes the signal on to us.
    let information = unsafe { &*info };
    // Positive: a fault, and not somebody's kill().
    if information.si_code > 0 {
        // SAFETY: of a fault there is an address.
        let address = unsafe { information.si_addr() }.addr();
        if let Some(overflow) = find(address) {
            report(&overflow);
            // SAFETY: it ends the process.
            unsafe { libc::abort() };
        }
    }
    // SAFETY: the arguments are those that we were given.
    unsafe { pass_on(signal, info, context) };
}

/// Does what would have happened without our handler.
///
/// # Safety
///
/// The arguments are those of a signal handler.
unsafe fn pass_on(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let index = usize::from(signal != SIGNALS[0]);
    // SAFETY: `install` has written it before it installed the handler.
    let previous = unsafe { &*PREVIOUS.0[index].get().cast::<libc::sigaction>() };
    // SAFETY: as above.
    let is_fault = unsafe { (*info).si_code } > 0;
    let is_spent = previous.sa_flags & libc::SA_RESETHAND != 0 && SPENT[index].swap(true, Ordering::Relaxed);
    match if is_spent { libc::SIG_DFL } else { previous.sa_sigaction } {
        libc::SIG_IGN if !is_fault => {}
        // A fault can't be ignored.
        libc::SIG_DFL | libc::SIG_IGN => {
            // SAFETY: all zeros are a valid action, the default one.
            let default: libc::sigaction = unsafe { std::mem::zeroed() };
            // SAFETY: it is one.
            unsafe { libc::sigaction(signal, &default, ptr::null_mut()) };
            if !is_fault {
                // Nothing would raise it again when this returns, as the fault will.
                // SAFETY: it is sent to this thread, and stays pending until we return.
                unsafe { libc::raise(signal) };
            }
        }
        handler if previous.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: that is what such a handler is.
            let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut c_void) =
                unsafe { std::mem::transmute(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: that is what such a handler is.
            let handler: extern "C" fn(libc::c_int) = unsafe { std::mem::transmute(handler) };
            handler(signal);
        }
    }
}

thread_local! {
    // Needs no destructor, so that reading it is no more than that.
    static PREPARED: Cell<bool> = const { Cell::new(false) };
}

/// Sees to it that this thread has an alternate signal stack. Does next to nothing the second time.
#[inline(always)]
pub(crate) fn prepare_thread() {
    if !PREPARED.get() {
        prepare();
    }
}

#[cold]
#[inline(never)]
fn prepare() {
    thread_local! {
        static STACK: Cell<Option<SignalStack>> = const { Cell::new(None) };
    }

    PREPARED.set(true);
    // A thread that is about to end does without.
    let _ = STACK.try_with(|stack| stack.set(SignalStack::new()));
}

/// An alternate signal stack, for a thread that `std` hasn't started and hence given one.
struct SignalStack {
    start: *mut c_void,
    length: usize,
}

impl SignalStack {
    /// None if the thread has one, or if there is no memory for it.
    fn new() -> Option<Self> {
        let mut current = MaybeUninit::<libc::stack_t>::uninit();
        // SAFETY: it only asks, and there is room for the answer.
        if unsafe { libc::sigaltstack(ptr::null(), current.as_mut_ptr()) } != 0 {
            return None;
        }
        // SAFETY: it was written.
        if unsafe { current.assume_init() }.ss_flags & libc::SS_DISABLE == 0 {
            return None;
        }
        // Enough for the registers that a kernel may save there, and for other people's handlers.
        let (page, usable) = (page_size(), (64 << 10usize).max(libc::SIGSTKSZ));
        let length = usable.next_multiple_of(page) + page;
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANON);
        // SAFETY: it takes addresses that nothing is mapped at.
        let start = unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return None;
        }
        let stack = SignalStack { start, length };
        // SAFETY: the page is our own, and nothing is in it. If this fails there is no guard, as for most such stacks.
        unsafe { libc::mprotect(start, page, libc::PROT_NONE) };
        let new = libc::stack_t { ss_sp: start.wrapping_byte_add(page), ss_flags: 0, ss_size: length - page };
        // SAFETY: the memory stays until the thread uses another one, or none.
        (unsafe { libc::sigaltstack(&new, ptr::null_mut()) } == 0).then_some(stack)
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        let mut current = MaybeUninit::<libc::stack_t>::uninit();
        // SAFETY: it only asks, and there is room for the answer.
        if unsafe { libc::sigaltstack(ptr::null(), current.as_mut_ptr()) } == 0 {
            // SAFETY: it was written.
            let current = unsafe { current.assume_init() }.ss_sp;
            // Somebody may have put another one in its place.
            if (self.start.addr()..self.start.addr() + self.length).contains(&current.addr()) {
                let none = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: self.length };
                // SAFETY: no handler runs on it now.
                unsafe { libc::sigaltstack(&none, ptr::null_mut()) };
            }
        }
        // SAFETY: it is ours, and nobody uses it any more.
        unsafe { libc::munmap(self.start, self.length) };
    }
}
