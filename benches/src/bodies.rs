//! What the coroutines do: each body once, for all peers.

use std::cell::Cell;
use std::hint::black_box;

/// What runs in a coroutine: begins with the value of the first resumption.
pub trait Body: 'static {
    /// Runs, and suspends with one value to be resumed with another.
    fn run(value: usize, suspend: impl FnMut(usize) -> usize) -> usize;
}

/// Suspends for ever, and uses next to no stack.
pub(crate) struct Echo;

impl Body for Echo {
    #[inline(always)]
    fn run(mut value: usize, mut suspend: impl FnMut(usize) -> usize) -> usize {
        loop {
            value = suspend(value + 1);
        }
    }
}

/// Suspends for ever with 512 bytes of stack in use.
pub(crate) struct EchoOn512;

impl Body for EchoOn512 {
    #[inline(always)]
    fn run(mut value: usize, mut suspend: impl FnMut(usize) -> usize) -> usize {
        let mut words = in_use();
        loop {
            value = suspend(touch(&mut words, value));
        }
    }
}

/// The 512 bytes. Whoever holds them keeps them in memory: the compiler can't know who else has the address.
#[inline(always)]
pub(crate) fn in_use() -> [usize; 64] {
    let mut words = [0; 64];
    black_box(&mut words);
    words
}

/// Reads and writes one word of each line: what code does that goes on with its data. To clear or copy all of them each
/// time would hide the switch.
#[inline(always)]
pub(crate) fn touch(words: &mut [usize; 64], value: usize) -> usize {
    let words = black_box(words);
    let mut sum = value;
    for line in words.chunks_exact_mut(8) {
        line[0] += value;
        sum += line[0];
    }
    sum
}

/// Suspends once.
pub(crate) struct Once;

impl Body for Once {
    #[inline(always)]
    fn run(value: usize, mut suspend: impl FnMut(usize) -> usize) -> usize {
        suspend(value) + 1
    }
}

/// Doesn't suspend.
pub(crate) struct AtOnce;

impl Body for AtOnce {
    #[inline(always)]
    fn run(value: usize, _: impl FnMut(usize) -> usize) -> usize {
        value + 1
    }
}

/// Suspends for ever with a value on its stack that has a destructor.
pub(crate) struct Guarded;

impl Body for Guarded {
    #[inline(always)]
    fn run(value: usize, suspend: impl FnMut(usize) -> usize) -> usize {
        let _guard = Guard;
        Echo::run(value, suspend)
    }
}

thread_local! {
    static DROPPED: Cell<u64> = const { Cell::new(0) };
}

/// Counts how often it was dropped.
pub(crate) struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        DROPPED.set(DROPPED.get() + 1);
    }
}

/// How many guards were dropped on this thread.
pub(crate) fn dropped() -> u64 {
    DROPPED.get()
}
