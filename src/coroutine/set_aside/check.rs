//! Whether `std` counts panics as it is assumed to.

use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use super::spawn::spawn;
use super::token::{STACK_SIZE, Token};
use crate::stack::DefaultStack;

/// Whether panics that are raised on one thread and caught on another change the counts of both. None if there are no threads
/// or stacks for finding out.
///
/// It starts two threads the first time, and waits for them. They do nothing else, so that no harm is done where it isn't so.
pub(super) fn panics_can_move() -> Option<bool> {
    const UNKNOWN: u8 = 0;
    const YES: u8 = 1;
    const NO: u8 = 2;
    static KNOWN: AtomicU8 = AtomicU8::new(UNKNOWN);

    match KNOWN.load(Ordering::Relaxed) {
        UNKNOWN => {
            let outcome = on_thread(try_out)??;
            KNOWN.store(if outcome { YES } else { NO }, Ordering::Relaxed);
            Some(outcome)
        }
        known => Some(known == YES),
    }
}

/// Raises a panic here that another thread catches, and catches one that the other has raised.
fn try_out() -> Option<bool> {
    let stacks = [stack()?, stack()?];
    let raised_here = Token::raise(stack()?);
    let rises = thread::panicking();
    let (as_expected, raised_there) = on_thread(move || {
        let zero = !thread::panicking();
        let [first, second] = stacks.map(Token::raise);
        let two = thread::panicking();
        raised_here.catch();
        let one = thread::panicking();
        first.catch();
        (zero && two && one && !thread::panicking(), second)
    })?;
    raised_there.catch();
    Some(rises && as_expected && !thread::panicking())
}

fn stack() -> Option<DefaultStack> {
    DefaultStack::new(STACK_SIZE).ok()
}

/// Calls `function` on a new thread, and waits for its value.
fn on_thread<T: Send + 'static>(function: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    spawn(function).ok()?.join().ok()
}
