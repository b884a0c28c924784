//! Memory to run on: sizes, guards, exhaustion, memory of the user's.

mod support;

use std::error::Error;
use std::hint::black_box;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::ExitStatusExt as _;
use std::ptr;

use mixio::stack::{
    DEFAULT_STACK_SIZE, DefaultStack, Guards, MIN_STACK_SIZE, PooledStack, STACK_ALIGNMENT, Stack, StackError,
    StackPointer, StackPool, UnguardedStack,
};
use mixio::{Coroutine, CoroutineResult, ScopedCoroutine, Yielder, as_async};
use support::{assert_success, in_child, in_limited_child, message_of, page_size, poll, stderr};

/// Writes to a good part of the stack that it runs on, and checks it.
#[inline(never)]
fn use_stack(bytes: usize) -> bool {
    const STEP: usize = 1024;
    let room: [u8; STEP] = black_box([bytes as u8; STEP]);
    let below = bytes <= 2 * STEP || use_stack(bytes - 2 * STEP);
    below && room.iter().all(|byte| *byte == bytes as u8)
}

#[test]
fn sizes_are_at_least_what_was_asked_for() {
    let page = page_size();
    for size in [1, 2, 15, 16, 4095, 4096, 4097, 10_000, 65_535, 65_536, 65_537, 1_000_001, 64 << 20, (64 << 20) + 1] {
        let stack = DefaultStack::new(size).unwrap();
        assert!(stack.size() >= size.max(MIN_STACK_SIZE), "{} for {size}", stack.size());
        // There is a pool for each power of two; what it adds is for whole pages, and for the colours.
        let most = size.max(MIN_STACK_SIZE).next_power_of_two() + 4 * page;
        assert!(stack.size() < most, "{} for {size}", stack.size());
        assert!(stack.guard_size() >= page && stack.guard_size().is_multiple_of(page));
        assert_eq!(stack.base().get() - stack.limit().get(), stack.size() + stack.guard_size());
        assert!(stack.base().get().is_multiple_of(STACK_ALIGNMENT));
        assert!(stack.limit().get().is_multiple_of(page));
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
fn the_default() {
    // Which it is depends on the profile. It is that of one of the pools, so that nothing is wasted.
    const { assert!(DEFAULT_STACK_SIZE.is_power_of_two() && DEFAULT_STACK_SIZE >= 64 << 10) };
    let stack = DefaultStack::default();
    assert!(stack.size() >= DEFAULT_STACK_SIZE && stack.size() < DEFAULT_STACK_SIZE + 4 * page_size());
    assert_eq!(format!("{stack:?}"), format!("DefaultStack {{ size: {}, .. }}", stack.size()));
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
#[cfg_attr(
    any(mixio_sanitizer = "address", mixio_sanitizer = "thread"),
    ignore = "a sanitizer needs terabytes of addresses for itself"
)]
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
    let StackError::Exhausted { size, .. } = error else { panic!("{error:?}") };
    // It is said how large the stack would have been.
    assert!(size >= expected && size - expected < 4 * page_size(), "{size} for {expected}");
    let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::OutOfMemory);
    assert_eq!(
        error.to_string(),
        format!(
            "the operating system gives no stack of {size} bytes: {source} (what may be raised: sysctl \
             vm.max_map_count, ulimit -v, the cgroup's limit for memory)"
        )
    );
    let error = io::Error::from(error);
    assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
    assert!(error.get_ref().unwrap().is::<StackError>());
}

#[test]
#[cfg_attr(
    any(mixio_sanitizer = "address", mixio_sanitizer = "thread"),
    ignore = "a sanitizer needs terabytes of addresses for itself"
)]
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

/// Coroutines on stacks of a pool with such guards, as many as the system has mappings for, and its answer to one more.
/// None where the system allows more mappings than usual.
fn exhaust_mappings(guards: Guards) -> Option<(StackPool, Vec<Small>, StackError)> {
    const MANY: usize = 70_000;
    let pool = StackPool::builder().stack_size(16 << 10).guards(guards).build().unwrap();
    let mut coroutines = Vec::with_capacity(MANY);
    let error = loop {
        if coroutines.len() == MANY {
            return None;
        }
        match pool.get() {
            Ok(stack) => coroutines.push(Small::with_stack(stack, |_, ()| 1)),
            Err(error) => break error,
        }
    };
    assert!(coroutines.len() > 1000);
    Some((pool, coroutines, error))
}

type Small = Coroutine<(), (), u8, PooledStack>;

/// Fails unless a pool that has no more mappings says so, and recovers.
fn assert_exhausted_mappings_recover(guards: Guards) {
    let Some((pool, mut coroutines, error)) = exhaust_mappings(guards) else { return };
    assert_exhausted(error, 16 << 10);
    // Asking again doesn't help, and does no harm.
    for _ in 0..100 {
        assert!(matches!(pool.get(), Err(StackError::Exhausted { .. })));
    }
    assert_eq!(pool.statistics().alive, coroutines.len());
    // What there is goes on working.
    assert_eq!(coroutines[0].resume(()), CoroutineResult::Return(1));
    coroutines.truncate(coroutines.len() - 100);
    for _ in 0..100 {
        coroutines.push(Small::with_stack(pool.get().unwrap(), |_, ()| 2));
    }
    assert!(matches!(pool.get(), Err(StackError::Exhausted { .. })));
    assert_eq!(coroutines.last_mut().unwrap().resume(()), CoroutineResult::Return(2));
    // And all of it comes back: to another pool, too.
    drop(coroutines);
    drop(pool);
    let other = StackPool::builder().stack_size(16 << 10).guards(guards).build().unwrap();
    let stacks: Vec<_> = (0..1000).map(|_| other.get().unwrap()).collect();
    drop(stacks);
}

#[test]
#[cfg_attr(
    any(mixio_sanitizer = "address", mixio_sanitizer = "thread"),
    ignore = "a sanitizer ends the process when there are no more mappings"
)]
fn exhausted_mappings_with_protected_guards() {
    let output = in_limited_child("exhausted_mappings_with_protected_guards", "ulimit -c 0", || {
        assert_exhausted_mappings_recover(Guards::Protected);
    });
    assert_success(&output);
}

#[test]
#[cfg_attr(
    any(mixio_sanitizer = "address", mixio_sanitizer = "thread"),
    ignore = "a sanitizer ends the process when there are no more mappings"
)]
fn exhausted_mappings_with_unmapped_guards() {
    let output = in_limited_child("exhausted_mappings_with_unmapped_guards", "ulimit -c 0", || {
        if Guards::Unmapped.available() {
            assert_exhausted_mappings_recover(Guards::Unmapped);
        }
    });
    assert_success(&output);
}

/// With not one mapping left, what has no stack panics, is caught, and runs when there is room again.
fn assert_panics_without_mappings(guards: Guards) {
    let Some((pool, mut coroutines, _)) = exhaust_mappings(guards) else { return };
    // Take what is left, too: one mapping at a time, of pages that can't be merged with their neighbours.
    let mut protection = libc::PROT_READ;
    let mut last = ptr::null_mut();
    let mut left = Vec::with_capacity(1024);
    while last != libc::MAP_FAILED && left.len() < 1024 {
        // SAFETY: it takes addresses that nothing is mapped at.
        last = unsafe { libc::mmap(ptr::null_mut(), 4096, protection, libc::MAP_PRIVATE | libc::MAP_ANON, -1, 0) };
        left.push(last);
        protection ^= libc::PROT_READ;
    }
    let mut future = as_async(|| 5).stack_pool(&pool);
    for _ in 0..3 {
        let message = message_of(|| poll(&mut future));
        assert!(message.starts_with("cannot start an `as_async`: the operating system gives no stack of"), "{message}");
    }
    assert!(!std::thread::panicking());
    coroutines.truncate(coroutines.len() - 1);
    assert_eq!(poll(&mut future), std::task::Poll::Ready(5));
    // Nor does a panic with a backtrace that has a coroutine under it end in anything else.
    let message = message_of(|| {
        Coroutine::<(), (), (), _>::with_stack(pool.get().unwrap(), |_, ()| panic!("from inside")).resume(());
    });
    assert_eq!(message, "from inside");
}

/// Backtraces are wanted: to print one takes memory and mappings, of which there are none.
const WITH_BACKTRACES: &str = "ulimit -c 0; export RUST_BACKTRACE=1";

#[test]
#[cfg_attr(
    any(mixio_sanitizer = "address", mixio_sanitizer = "thread"),
    ignore = "a sanitizer ends the process when there are no more mappings"
)]
fn panics_without_mappings_for_protected_guards() {
    let output = in_limited_child("panics_without_mappings_for_protected_guards", WITH_BACKTRACES, || {
        assert_panics_without_mappings(Guards::Protected);
    });
    assert_success(&output);
}

#[test]
#[cfg_attr(
    any(mixio_sanitizer = "address", mixio_sanitizer = "thread"),
    ignore = "a sanitizer ends the process when there are no more mappings"
)]
fn panics_without_mappings_for_unmapped_guards() {
    let output = in_limited_child("panics_without_mappings_for_unmapped_guards", WITH_BACKTRACES, || {
        if Guards::Unmapped.available() {
            assert_panics_without_mappings(Guards::Unmapped);
        }
    });
    assert_success(&output);
}

#[test]
fn touching_the_guard_is_reported() {
    let output = in_child("touching_the_guard_is_reported", || {
        let stack = DefaultStack::new(64 << 10).unwrap();
        let lowest = ptr::with_exposed_provenance_mut::<u8>(stack.base().get() - stack.size());
        // SAFETY: it is the lowest byte of the stack's memory, which nobody uses.
        unsafe { lowest.write_volatile(1) };
        eprintln!("the last byte");
        // SAFETY: none: it must fault.
        unsafe { lowest.wrapping_sub(1).write_volatile(1) };
        eprintln!("not reached");
    });
    let stderr = stderr(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{stderr}");
    assert!(stderr.contains("the last byte") && !stderr.contains("not reached"), "{stderr}");
    // Nothing has ever run there.
    assert!(stderr.contains("mixio: a coroutine has overflowed its stack of "), "{stderr}");
}

#[test]
fn running_off_the_end_is_reported() {
    let output = in_child("running_off_the_end_is_reported", || {
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
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{stderr}");
    assert!(stderr.contains("mixio: the coroutine created at tests/stacks.rs:"), "{stderr}");
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
    // Those from a pool, and those that are mapped for themselves.
    for n in 0..40_000 {
        assert!(DefaultStack::new(DEFAULT_STACK_SIZE).is_ok(), "number {n}");
        assert!(n % 10 != 0 || DefaultStack::new((64 << 20) + 1).is_ok(), "number {n}");
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
