//! Coroutines on stacks in statics and locals, without std.

#![no_std]

use core::cell::Cell;
use core::ffi::c_int;
use core::mem::MaybeUninit;

use mixio::stack::UnguardedStack;
use mixio::{Coroutine, CoroutineResult, ScopedCoroutine, Yielder, on_stack};

type Memory = [MaybeUninit<u8>; 64 << 10];

fn fibonacci(yielder: &Yielder<(), u64>) {
    let (mut a, mut b) = (0, 1);
    loop {
        yielder.suspend(a);
        (a, b) = (b, a + b);
    }
}

fn dropped_while_suspended_leaks() -> bool {
    struct Counted<'a>(&'a Cell<u32>);
    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    static mut MEMORY: Memory = [MaybeUninit::uninit(); 64 << 10];
    static DROPS: DropCount = DropCount(Cell::new(0));
    struct DropCount(Cell<u32>);
    // SAFETY: this program has one thread.
    unsafe impl Sync for DropCount {}

    // SAFETY: this function runs once, and nothing else refers to it.
    let memory = unsafe { (&raw mut MEMORY).as_mut_unchecked() };
    // SAFETY: 64 KiB are plenty for what runs on it.
    let Ok(stack) = (unsafe { UnguardedStack::borrowed(memory) }) else { return false };
    let mut coroutine = Coroutine::with_stack(stack, |yielder: &Yielder<(), ()>, ()| {
        let _counted = Counted(&DROPS.0);
        yielder.suspend(());
    });
    coroutine.resume(());
    drop(coroutine);
    DROPS.0.get() == 0
}

/// Gives the number of the check that failed, or 0.
pub fn checks() -> c_int {
    let mut memory: Memory = [MaybeUninit::uninit(); 64 << 10];

    // SAFETY: 64 KiB are plenty for what runs on it.
    let Ok(mut stack) = (unsafe { UnguardedStack::borrowed(&mut memory) }) else { return 1 };

    let tenth = ScopedCoroutine::with_stack(&mut stack, |yielder, ()| fibonacci(yielder)).scope(|mut coroutine| {
        let mut last = None;
        for _ in 0..=10 {
            last = coroutine.resume(()).as_yield();
        }
        // SAFETY: what is on its stack needs no destructor; without this the scope would abort.
        unsafe { coroutine.force_reset() };
        last
    });
    if tenth != Some(55) {
        return 2;
    }

    let sum = ScopedCoroutine::with_stack(&mut stack, |yielder: &Yielder<[u64; 3], ()>, first: [u64; 3]| {
        let second = yielder.suspend(());
        first.iter().chain(&second).sum::<u64>()
    })
    .scope(|mut coroutine| {
        coroutine.resume([1, 2, 3]);
        coroutine.resume([4, 5, 6])
    });
    if sum != CoroutineResult::Return(21) {
        return 3;
    }

    if on_stack(&mut stack, || 6 * 7) != 42 {
        return 4;
    }
    if !dropped_while_suspended_leaks() {
        return 5;
    }
    // SAFETY: nothing will run on it.
    if (unsafe { UnguardedStack::borrowed(&mut []) }).is_ok() {
        return 6;
    }
    0
}
