//! What is said when a coroutine runs off the end of its stack: which, and what to do about it.
//!
//! Touching a guard raises SIGSEGV, or SIGBUS on some systems. A handler that lies over whatever handled them before
//! looks whether the address is in the guard of a stack of ours: if so it reports and aborts, as `std` does for the
//! stack of a thread; if not, the fault is passed on. It runs on the thread's alternate signal stack, since the
//! coroutine's is exhausted. `std` gives one to the threads that it starts, and to the main thread.

mod signal_stack;
mod watch;

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::fmt::{self, Write as _};
use std::mem::MaybeUninit;
use std::panic::Location;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::arch::Control;
use crate::report::write;
pub(crate) use signal_stack::prepare_thread;
use watch::Overflow;
pub(super) use watch::{Watch, watch};

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
    write(&text.bytes[..text.length]);
}

/// Where a stack begins to be usable, if its guard is one of ours and lies at this address.
#[cfg(mixio_sanitizer = "address")]
pub(crate) fn usable_above(address: usize) -> Option<usize> {
    watch::find(address).map(|overflow| overflow.base - overflow.size)
}

const SIGNALS: [libc::c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// Who handled the two signals before. Written once, before the handler is there.
struct Previous([UnsafeCell<MaybeUninit<libc::sigaction>>; 2]);

// SAFETY: written only by `install`, before anybody reads it.
unsafe impl Sync for Previous {}

static PREVIOUS: Previous = Previous([const { UnsafeCell::new(MaybeUninit::zeroed()) }; 2]);

/// Whether it was there for one time only, and that is over.
static SPENT: [AtomicBool; 2] = [const { AtomicBool::new(false) }; 2];

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
        if let Some(overflow) = watch::find(address) {
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
