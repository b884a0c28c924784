//! What a coroutine's closure captures: over-aligned, large, and too large for the stack.

mod support;

use std::hint::black_box;
use std::mem::MaybeUninit;

use mixio::stack::{DefaultStack, MIN_STACK_SIZE, Stack as _, UnguardedStack};
use mixio::{Coroutine, CoroutineResult, Yielder};
use support::{Drops, assert_success, in_child, keep, message_of};

#[derive(Clone, Copy)]
#[repr(align(64))]
struct CacheLine(u64);

#[derive(Clone, Copy)]
#[repr(align(4096))]
struct Page(u64);

fn is_aligned<T>(value: &T) -> bool {
    black_box(std::ptr::from_ref(value).addr()).is_multiple_of(align_of::<T>())
}

#[test]
fn captures_aligned_to_64_bytes() {
    let captured = CacheLine(7);
    let mut coroutine = Coroutine::new(move |yielder, ()| {
        assert!(is_aligned(&captured));
        yielder.suspend(captured.0);
        assert!(is_aligned(&captured));
        captured.0 + 1
    });
    assert_eq!(coroutine.resume(()), CoroutineResult::Yield(7));
    assert_eq!(coroutine.resume(()), CoroutineResult::Return(8));
}

#[test]
fn captures_aligned_to_4096_bytes() {
    let captured = [Page(1), Page(2)];
    let mut coroutine = Coroutine::new(move |yielder, ()| {
        assert!(is_aligned(&captured));
        yielder.suspend(captured[0].0);
        assert!(is_aligned(&captured));
        captured[1].0
    });
    assert_eq!(coroutine.resume(()), CoroutineResult::Yield(1));
    assert_eq!(coroutine.resume(()), CoroutineResult::Return(2));
}

#[test]
fn over_aligned_captures_that_are_never_run_are_dropped_in_place() {
    struct Checked(Page, Drops);
    impl Drop for Checked {
        fn drop(&mut self) {
            assert!(is_aligned(&self.0));
            assert_eq!(self.0.0, 5);
            drop(self.1.counted());
        }
    }
    let drops = Drops::new();
    let captured = Checked(Page(5), drops.clone());
    drop(Coroutine::<(), (), ()>::new(move |_, ()| drop(captured)));
    assert_eq!(drops.count(), 1);
}

#[test]
fn large_captures() {
    // A debug build moves them about, and each move takes room on the stack.
    let large: [u16; 20_000] = std::array::from_fn(|n| n as u16);
    let mut coroutine = Coroutine::new(move |yielder, at: usize| {
        let at = yielder.suspend(large[at]);
        large[at]
    });
    assert_eq!(coroutine.resume(19_999), CoroutineResult::Yield(19_999));
    assert_eq!(coroutine.resume(12_345), CoroutineResult::Return(12_345));
}

#[test]
fn a_function_without_captures() {
    fn function(yielder: &Yielder<u8, u8>, input: u8) -> u8 {
        yielder.suspend(input + 1) + 2
    }
    let mut coroutine = Coroutine::new(function);
    assert_eq!(coroutine.resume(1), CoroutineResult::Yield(2));
    assert_eq!(coroutine.resume(3), CoroutineResult::Return(5));
}

#[test]
fn too_large_for_the_stack_is_a_panic_that_drops_everything() {
    let drops = Drops::new();
    // Not much larger: a debug build copies it many times, on a test thread's stack of 2 MiB.
    let (stack, captured) = (drops.stack_of(16 << 10), (drops.counted(), [0u8; 64 << 10]));
    // The guard counts as a part of the stack here.
    let whole = stack.base().get() - stack.limit().get();
    let message = message_of(|| {
        Coroutine::<(), (), (), _>::with_stack(stack, move |_, ()| {
            black_box(&captured);
        })
    });
    assert_eq!(
        message,
        format!(
            "the coroutine's closure captures {} bytes, too many for a stack of {} bytes: box some of them, or use a \
             larger stack",
            (64 << 10) + 8,
            whole,
        )
    );
    assert_eq!(drops.count(), 2, "the stack, and what the closure captured");
}

#[test]
fn just_too_large_for_a_small_stack() {
    // Its guard page is no room for the closure, though it lies between limit and base; above that the smallest stack has
    // less than two pages. In a child process, lest a fault there be the end of the other tests.
    let output = in_child("just_too_large_for_a_small_stack", || {
        let drops = Drops::new();
        let captured = (drops.counted(), [0u8; 2 * MIN_STACK_SIZE]);
        let stack = DefaultStack::new(MIN_STACK_SIZE).unwrap();
        assert!(stack.size() < size_of_val(&captured) || stack.guard_size() > 4096, "{stack:?}");
        let message = message_of(|| {
            Coroutine::<(), (), (), _>::with_stack(stack, move |_, ()| {
                black_box(&captured);
            })
        });
        assert!(message.starts_with("the coroutine's closure captures 8200 bytes, too many for"), "{message}");
        assert_eq!(drops.count(), 1);
    });
    assert_success(&output);
}

#[test]
fn an_alignment_that_pushes_it_off_the_stack() {
    const ALIGNMENT: usize = 32 << 10;
    #[repr(align(32768))]
    struct Aligned(u8);
    #[repr(align(32768))]
    struct Memory([MaybeUninit<u8>; 2 * ALIGNMENT]);

    // The stack begins where an aligned one would end, but for the control block: so there is one size of it lost.
    let memory = Box::leak(Box::new(Memory([MaybeUninit::uninit(); _])));
    keep(memory);
    // SAFETY: nothing runs on it.
    let stack = unsafe { UnguardedStack::borrowed(&mut memory.0[ALIGNMENT / 2..]) }.unwrap();
    let message = message_of(|| {
        let captured = Aligned(1);
        Coroutine::<(), (), (), _>::with_stack(stack, move |_, ()| {
            black_box(&captured);
            black_box(captured.0);
        })
    });
    assert!(message.starts_with("the coroutine's closure captures 32768 bytes, too many for a stack of 49152 bytes"));
}
