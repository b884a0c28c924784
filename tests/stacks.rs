//! Memory to run on: sizes, guards, exhaustion, memory of the user's.

mod support;

use std::error::Error;
use std::hint::black_box;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::ExitStatusExt as _;
use std::ptr;

use mixio::stack::{
    DEFAULT_STACK_SIZE, DefaultStack, MIN_STACK_SIZE, STACK_ALIGNMENT, Stack, StackError, StackPointer, UnguardedStack,
};
use mixio::{Coroutine, CoroutineResult, ScopedCoroutine, Yielder};
use support::{assert_success, in_child, in_limited_child, stderr};

const SIGSEGV: i32 = 11;
const SIGBUS: i32 = 7;

/// The size of a page, as the guard shows it.
fn page_size() -> usize {
    let stack = DefaultStack::new(MIN_STACK_SIZE).unwrap();
    stack.base().get() - stack.limit().get() - stack.size()
}

/// Writes to a good part of the stack that it runs on, and checks it.
#[inline(never)]
fn use_stack(bytes: usize) -> bool {
    const STEP: usize = 1024;
    let room: [u8; STEP] = black_box([bytes as u8; STEP]);
    let below = bytes <= 2 * STEP || use_stack(bytes - 2 * STEP);
    below && room.iter().all(|byte| *byte == bytes as u8)
}

#[test]
fn sizes_are_rounded_up_to_pages() {
    let page = page_size();
    assert!(page.is_power_of_two() && page >= 4096);
    for size in [1, 2, 15, 16, 4095, 4096, 4097, 10_000, 65_535, 65_536, 65_537, 1_000_001] {
        let stack = DefaultStack::new(size).unwrap();
        assert_eq!(stack.size(), size.max(MIN_STACK_SIZE).next_multiple_of(page), "for {size}");
        assert_eq!(stack.base().get() - stack.limit().get(), stack.size() + page);
        assert!(stack.base().get().is_multiple_of(STACK_ALIGNMENT));
    }
}

#[test]
fn the_smallest_one_runs_a_small_function() {
    let stack = DefaultStack::new(1).unwrap();
    let mut coroutine = Coroutine::with_stack(stack, |yielder, n: u32| yielder.suspend(n + 1) + 2);
    assert_eq!(coroutine.resume(1), CoroutineResult::Yield(2));
    assert_eq!(coroutine.resume(3), CoroutineResult::Return(5));
}

#[test]
fn the_default_is_one_mebibyte() {
    assert_eq!(DEFAULT_STACK_SIZE, 1 << 20);
    let stack = DefaultStack::default();
    assert_eq!(stack.size(), DEFAULT_STACK_SIZE);
    assert_eq!(format!("{stack:?}"), "DefaultStack { size: 1048576, .. }");
}

#[test]
fn almost_all_of_it_can_be_used() {
    for size in [64 << 10, 1 << 20, 16 << 20] {
        let stack = DefaultStack::new(size).unwrap();
        // A debug build needs more than the function asks for, below twice as much.
        let mut coroutine = Coroutine::<usize, (), bool, _>::with_stack(stack, |_, bytes| use_stack(bytes));
        assert_eq!(coroutine.resume(size / 2), CoroutineResult::Return(true));
    }
}

#[test]
fn of_no_size() {
    let error = DefaultStack::new(0).unwrap_err();
    assert!(matches!(error, StackError::TooSmall { size: 0 }));
    assert_eq!(error.to_string(), "a stack of 0 bytes is too small: it takes at least 4096, aligned");
    assert!(error.source().is_none());
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn of_more_than_an_address_space() {
    let largest = isize::MAX as usize;
    for size in [usize::MAX, usize::MAX - 4096, usize::MAX / 2 + 1, largest, largest - 4095] {
        let error = DefaultStack::new(size).unwrap_err();
        assert!(matches!(error, StackError::TooLarge { size: told } if told == size), "{error:?}");
        assert_eq!(error.to_string(), format!("no address space has room for a stack of {size} bytes"));
        assert!(error.source().is_none());
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::InvalidInput);
    }
}

#[test]
fn of_absurd_sizes() {
    // Within a limit: some systems have room for 64 TiB of addresses where nothing is touched, and an emulator would
    // then take real memory for its tables.
    let output = in_limited_child("of_absurd_sizes", LIMITED, || {
        for size in [1 << 40, 1 << 46, 1 << 57, (isize::MAX as usize) & !0xffff_ffff] {
            assert_exhausted(DefaultStack::new(size).unwrap_err(), size);
        }
        assert!(DefaultStack::new(1 << 20).is_ok());
    });
    assert_success(&output);
}

/// An address space of 8 GiB, as an emulator needs some for itself.
const LIMITED: &str = "ulimit -c 0; ulimit -v 8388608";

/// Fails unless that is what the error says, to everybody who asks.
fn assert_exhausted(error: StackError, expected: usize) {
    assert!(matches!(error, StackError::Exhausted { size, .. } if size == expected), "{error:?}");
    let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::OutOfMemory);
    assert_eq!(
        error.to_string(),
        format!(
            "the operating system gives no stack of {expected} bytes: {source} (each takes two mappings: see sysctl \
             vm.max_map_count, and ulimit -v and the cgroup's limit for memory)"
        )
    );
    let error = io::Error::from(error);
    assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
    assert!(error.get_ref().unwrap().is::<StackError>());
}

#[test]
fn exhausted() {
    let output = in_limited_child("exhausted", LIMITED, || {
        let size = 1 << 30;
        let mut stacks = Vec::new();
        let error = loop {
            match DefaultStack::new(size) {
                Ok(stack) => stacks.push(stack),
                Err(error) => break error,
            }
            assert!(stacks.len() <= 8, "the limit doesn't hold");
        };
        assert!(stacks.len() > 1);
        assert_exhausted(error, size);
        // When one is given back there is room for another.
        drop(stacks.pop());
        let mut coroutine = Coroutine::<(), (), u8, _>::with_stack(DefaultStack::new(size).unwrap(), |_, ()| 1);
        assert_eq!(coroutine.resume(()), CoroutineResult::Return(1));
    });
    assert_success(&output);
}

#[test]
fn exhausted_mappings() {
    // Each takes two. Where the system allows more of them than usual there is nothing to see.
    let output = in_child("exhausted_mappings", || {
        const MANY: usize = 70_000;
        let mut coroutines = Vec::new();
        let error = loop {
            if coroutines.len() == MANY {
                return;
            }
            match Coroutine::<(), (), u8>::try_new(|_, ()| 1) {
                Ok(coroutine) => coroutines.push(coroutine),
                Err(error) => break error,
            }
        };
        assert_exhausted(error, DEFAULT_STACK_SIZE);
        assert!(coroutines.len() > 1000);
        // What there is goes on working.
        coroutines.truncate(coroutines.len() - 100);
        assert_eq!(coroutines[0].resume(()), CoroutineResult::Return(1));
        assert!(Coroutine::<(), (), u8>::try_new(|_, ()| 1).is_ok());
    });
    assert_success(&output);
}

#[test]
fn touching_the_guard_is_a_fault() {
    let output = in_child("touching_the_guard_is_a_fault", || {
        let stack = DefaultStack::new(64 << 10).unwrap();
        let lowest = ptr::with_exposed_provenance_mut::<u8>(stack.base().get() - stack.size());
        // SAFETY: it is the lowest byte of the stack's memory, which nobody uses.
        unsafe { lowest.write_volatile(1) };
        eprintln!("the last byte");
        // SAFETY: none: it must fault.
        unsafe { lowest.wrapping_sub(1).write_volatile(1) };
        eprintln!("not reached");
    });
    let signal = output.status.signal();
    assert!(signal == Some(SIGSEGV) || signal == Some(SIGBUS), "{:?}: {}", output.status, stderr(&output));
    let stderr = stderr(&output);
    assert!(stderr.contains("the last byte") && !stderr.contains("not reached"), "{stderr}");
}

#[test]
fn running_off_the_end_is_a_fault() {
    let output = in_child("running_off_the_end_is_a_fault", || {
        let below = DefaultStack::new(64 << 10).unwrap();
        let stack = DefaultStack::new(64 << 10).unwrap();
        let mut coroutine = Coroutine::<(), (), bool, _>::with_stack(stack, |_, ()| {
            eprintln!("runs");
            use_stack(1 << 30)
        });
        assert!(coroutine.resume(()).as_return().is_some());
        eprintln!("not reached");
        drop(below);
    });
    let stderr = stderr(&output);
    assert!(output.status.signal().is_some(), "{:?}: {stderr}", output.status);
    assert!(stderr.contains("runs") && !stderr.contains("not reached"), "{stderr}");
}

#[test]
fn a_borrowed_one_comes_back() {
    let mut stack = DefaultStack::new(64 << 10).unwrap();
    let (base, limit) = (stack.base(), stack.limit());
    // As what it is lent as, not as what is lent.
    fn ends(stack: impl Stack) -> (StackPointer, StackPointer) {
        (stack.base(), stack.limit())
    }
    assert_eq!(ends(&mut stack), (base, limit));
    for n in 0..10 {
        ScopedCoroutine::with_stack(&mut stack, |yielder: &Yielder<u32, u32>, first| yielder.suspend(first + n)).scope(
            |mut coroutine| {
                assert_eq!(coroutine.resume(1), CoroutineResult::Yield(n + 1));
                // Some are unwound, some finish.
                if n % 2 == 0 {
                    assert_eq!(coroutine.resume(2), CoroutineResult::Return(2));
                }
            },
        );
    }
    assert_eq!((stack.base(), stack.limit()), (base, limit));
}

#[test]
fn used_a_thousand_times() {
    let mut stack = DefaultStack::new(64 << 10).unwrap();
    let base = stack.base();
    for n in 0..1_000u32 {
        let mut coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<u32, u32>, first| {
            let second = yielder.suspend(first + n);
            assert!(second != 7, "the seventh");
            second
        });
        assert_eq!(coroutine.resume(1), CoroutineResult::Yield(1 + n));
        // However it ends: it returns, panics, or is unwound.
        match n % 3 {
            0 => assert_eq!(coroutine.resume(n + 8), CoroutineResult::Return(n + 8)),
            1 => assert_eq!(support::message_of(|| coroutine.resume(7)), "the seventh"),
            _ => coroutine.force_unwind(),
        }
        stack = coroutine.into_stack();
        assert_eq!(stack.base(), base);
    }
}

#[test]
fn given_back_when_dropped() {
    // One after the other more than a process can have at once, 32,750 or so if nobody has changed vm.max_map_count.
    for n in 0..40_000 {
        assert!(DefaultStack::new(DEFAULT_STACK_SIZE).is_ok(), "number {n}");
    }
}

#[test]
fn moved_to_another_thread() {
    // The stack itself is no coroutine: it may go where it is needed.
    let stack = DefaultStack::new(64 << 10).unwrap();
    let stack = std::thread::spawn(move || {
        let mut coroutine = Coroutine::<u8, (), u8, _>::with_stack(stack, |_, n| n + 1);
        assert_eq!(coroutine.resume(1), CoroutineResult::Return(2));
        coroutine.into_stack()
    })
    .join()
    .unwrap();
    let mut coroutine = Coroutine::<u8, (), u8, _>::with_stack(stack, |_, n| n + 2);
    assert_eq!(coroutine.resume(1), CoroutineResult::Return(3));
}

/// Memory that begins at an aligned address.
#[repr(align(64))]
struct Block([MaybeUninit<u8>; 64 << 10]);

impl Block {
    fn new() -> Box<Self> {
        Box::new(Block([MaybeUninit::uninit(); _]))
    }
}

#[test]
fn memory_that_is_borrowed() {
    let mut block = Block::new();
    let range = block.0.as_ptr_range();
    for n in 0..3 {
        // SAFETY: what runs on it is small.
        let stack = unsafe { UnguardedStack::borrowed(&mut block.0) }.unwrap();
        assert_eq!((stack.limit().get(), stack.base().get()), (range.start.addr(), range.end.addr()));
        assert_eq!(format!("{stack:?}"), "UnguardedStack { size: 65536, .. }");
        ScopedCoroutine::with_stack(stack, |yielder: &Yielder<u32, u32>, first| yielder.suspend(first + n)).scope(
            |mut coroutine| {
                assert_eq!(coroutine.resume(1), CoroutineResult::Yield(n + 1));
                assert_eq!(coroutine.resume(2), CoroutineResult::Return(2));
            },
        );
    }
}

#[test]
fn memory_from_the_heap() {
    // SAFETY: what runs on it is small.
    let stack = unsafe { UnguardedStack::boxed(Box::new_uninit_slice(64 << 10)) }.unwrap();
    let mut coroutine = Coroutine::with_stack(stack, |yielder: &Yielder<u32, u32>, n| yielder.suspend(n + 1));
    assert_eq!(coroutine.resume(1), CoroutineResult::Yield(2));
    let moved = Box::new(coroutine);
    let mut coroutine = *moved;
    assert_eq!(coroutine.resume(3), CoroutineResult::Return(3));
    let stack = coroutine.into_stack();
    let mut coroutine = Coroutine::<(), (), bool, _>::with_stack(stack, |_, ()| use_stack(16 << 10));
    assert_eq!(coroutine.resume(()), CoroutineResult::Return(true));
}

#[test]
fn misaligned_memory_is_cut() {
    let mut block = Block::new();
    let start = block.0.as_ptr().addr();
    for (from, to) in [(1, 65_536), (0, 65_535), (15, 65_521), (16, 65_520), (7, 8_200)] {
        // SAFETY: what runs on it is small.
        let stack = unsafe { UnguardedStack::borrowed(&mut block.0[from..to]) }.unwrap();
        assert_eq!(stack.limit().get(), (start + from).next_multiple_of(STACK_ALIGNMENT));
        assert_eq!(stack.base().get(), (start + to) / STACK_ALIGNMENT * STACK_ALIGNMENT);
        ScopedCoroutine::with_stack(stack, |yielder: &Yielder<u32, u32>, n| yielder.suspend(n + 1)).scope(
            |mut coroutine| {
                assert_eq!(coroutine.resume(1), CoroutineResult::Yield(2));
                assert_eq!(coroutine.resume(3), CoroutineResult::Return(3));
            },
        );
    }
}

#[test]
fn memory_that_is_too_small() {
    let mut block = Block::new();
    let mut error = |from: usize, to: usize| {
        // SAFETY: nothing runs on it.
        unsafe { UnguardedStack::borrowed(&mut block.0[from..to]) }.map(|stack| stack.base()).err()
    };
    for (from, to) in
        [(0, 0), (0, 1), (3, 7), (0, MIN_STACK_SIZE - 1), (1, MIN_STACK_SIZE + 1), (8, MIN_STACK_SIZE + 15)]
    {
        let error = error(from, to).unwrap();
        assert!(matches!(error, StackError::TooSmall { size } if size == to - from), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!("a stack of {} bytes is too small: it takes at least 4096, aligned", to - from)
        );
    }
    assert!(error(0, MIN_STACK_SIZE).is_none());
    assert!(error(1, MIN_STACK_SIZE + 16).is_none());
    // SAFETY: nothing runs on it.
    let error = unsafe { UnguardedStack::boxed(Box::new_uninit_slice(100)) }.unwrap_err();
    assert!(matches!(error, StackError::TooSmall { size: 100 }));
}
