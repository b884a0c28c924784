//! Stacks that are used again, and the statistics.

use super::*;

#[test]
fn the_last_one_back_is_the_first_taken() {
    let pool = small_pool();
    let stack = pool.get().unwrap();
    let base = stack.base();
    drop(stack);
    for _ in 0..10 {
        assert_eq!(pool.get().unwrap().base(), base);
    }
    // Also of more than a thread keeps for itself.
    for count in [2, 10, 63, 64, 65, 200, 1000] {
        let stacks = take(&pool, count);
        let order = bases(&stacks);
        assert_eq!(distinct(&order), count);
        stacks.into_iter().for_each(drop);
        let mut again = bases(&take(&pool, count));
        again.reverse();
        assert_eq!(again, order, "of {count}");
    }
}

#[test]
fn coroutines_use_the_same_stack_again() {
    let pool = small_pool();
    let mut last = None;
    for n in 0..1_000u32 {
        let stack = pool.get().unwrap();
        assert!(last.is_none_or(|base| base == stack.base()));
        last = Some(stack.base());
        let mut coroutine = Coroutine::with_stack(stack, |yielder: &Yielder<u32, u32>, n| yielder.suspend(n + 1) + 2);
        assert_eq!(coroutine.resume(n), CoroutineResult::Yield(n + 1));
        if n % 2 == 0 {
            assert_eq!(coroutine.resume(n), CoroutineResult::Return(n + 2));
        }
    }
    assert_eq!(counts(&pool), (0, 1));
}

#[test]
#[cfg_attr(
    mixio_sanitizer = "thread",
    ignore = "a panic takes more stack than it can have, to be too small for a closure"
)]
fn alive_and_cached_are_exact_however_a_stack_ends() {
    let pool = small_pool();
    assert_eq!(counts(&pool), (0, 0));
    let make = || {
        let coroutine = Coroutine::with_stack(pool.get().unwrap(), |yielder: &Yielder<u8, u8>, first| {
            let second = yielder.suspend(first);
            assert!(second != 7, "the seventh");
            second
        });
        assert_eq!(counts(&pool).0, 1);
        coroutine
    };
    // Never resumed.
    drop(make());
    assert_eq!(counts(&pool), (0, 1));
    // Returned: its stack is still its own.
    let mut coroutine = make();
    coroutine.resume(1);
    assert_eq!(coroutine.resume(2), CoroutineResult::Return(2));
    assert_eq!(counts(&pool), (1, 0));
    drop(coroutine);
    assert_eq!(counts(&pool), (0, 1));
    // Panicked.
    let mut coroutine = make();
    coroutine.resume(1);
    assert_eq!(message_of(|| coroutine.resume(7)), "the seventh");
    assert_eq!(counts(&pool), (1, 0));
    drop(coroutine);
    assert_eq!(counts(&pool), (0, 1));
    // Dropped while it is suspended.
    let mut coroutine = make();
    coroutine.resume(1);
    drop(coroutine);
    assert_eq!(counts(&pool), (0, 1));
    // Unwound, then its stack is taken back by hand, and used again.
    let mut coroutine = make();
    coroutine.resume(1);
    coroutine.force_unwind();
    let stack = coroutine.into_stack();
    assert_eq!(counts(&pool), (1, 0));
    assert_eq!(on_stack(stack, || counts(&pool)), (1, 0));
    assert_eq!(counts(&pool), (0, 1));
    // Reset.
    let mut coroutine = make();
    coroutine.resume(1);
    // SAFETY: nothing on its stack needs to be dropped.
    unsafe { coroutine.force_reset() };
    drop(coroutine);
    assert_eq!(counts(&pool), (0, 1));
    // Too large a closure.
    let (stack, large) = (pool.get().unwrap(), [0u8; 64 << 10]);
    message_of(|| Coroutine::<(), (), u8, _>::with_stack(stack, move |_, ()| black_box(large)[0]));
    assert_eq!(counts(&pool), (0, 1));
    // Leaked.
    let mut coroutine = make();
    coroutine.resume(1);
    mem::forget(coroutine);
    assert_eq!(counts(&pool), (1, 0));
    drop(pool.get().unwrap());
    assert_eq!(counts(&pool), (1, 1));
}

#[test]
fn one_that_cannot_be_unwound_stays_alive() {
    let pool = small_pool();
    keep(Box::leak(Box::new(pool.clone())));
    let mut coroutine = Coroutine::with_stack(pool.get().unwrap(), |yielder: &Yielder<(), ()>, ()| {
        loop {
            drop(catch_unwind(AssertUnwindSafe(|| yielder.suspend(()))));
        }
    });
    coroutine.resume(());
    assert!(message_of(|| drop(coroutine)).contains("its stack is leaked"));
    assert_eq!(counts(&pool), (1, 0));
    // It is nobody else's.
    let stacks = take(&pool, 100);
    assert_eq!(counts(&pool), (101, 0));
    drop(stacks);
    assert_eq!(counts(&pool), (1, 100));
}

#[test]
fn alive_and_cached_of_as_async() {
    let pool = small_pool();
    let never = as_async(|| ()).stack_pool(&pool);
    assert_eq!(counts(&pool), (0, 0), "a stack is taken by the first poll");
    drop(never);
    let mut ready = as_async(|| 1).stack_pool(&pool);
    assert_eq!(poll(&mut ready), Poll::Ready(1));
    assert_eq!(counts(&pool), (0, 1), "a stack is given back with the value");
    let mut panics = as_async(|| -> u8 { panic!("inside") }).stack_pool(&pool);
    assert_eq!(message_of(|| poll(&mut panics)), "inside");
    assert_eq!(counts(&pool), (0, 1));
    let drops = Drops::new();
    let counted = drops.counted();
    let mut pending = as_async(move || {
        let _counted = counted;
        wait(std::future::pending::<()>());
    })
    .stack_pool(&pool);
    assert_eq!(poll(&mut pending), Poll::Pending);
    assert_eq!((counts(&pool), drops.count()), ((1, 0), 0));
    drop(pending);
    assert_eq!((counts(&pool), drops.count()), ((0, 1), 1));
}

#[test]
fn bytes_reserved_and_resident() {
    for guards in ALL_GUARDS.into_iter().filter(|guards| guards.available()) {
        let pool = StackPool::builder().stack_size(64 << 10).guards(guards).build().unwrap();
        let before = pool.statistics();
        assert_eq!((before.reserved_bytes, before.resident_bytes), (0, 0), "nothing is taken before the first stack");
        let mut stacks = take(&pool, 1);
        let first = pool.statistics();
        assert!(first.reserved_bytes >= 64 << 10 && first.reserved_bytes.is_multiple_of(page_size()));
        stacks.extend(take(&pool, 99));
        let fresh = pool.statistics();
        assert!(fresh.reserved_bytes >= 100 * (64 << 10));
        stacks.iter().for_each(|stack| touch_all(stack, 1));
        let used = pool.statistics();
        assert_eq!(used.reserved_bytes, fresh.reserved_bytes);
        if !is_emulated() {
            assert_eq!(first.resident_bytes, page_size());
            assert_eq!(fresh.resident_bytes, 100 * page_size(), "one page each");
            // All but the guards.
            let whole = |stack: &PooledStack| (stack.size() + 1).next_multiple_of(page_size());
            assert_eq!(used.resident_bytes, stacks.iter().map(whole).sum::<usize>(), "{guards:?}");
        }
        drop(stacks);
        // Kept, to be used again.
        assert_eq!(pool.statistics().resident_bytes, used.resident_bytes);
    }
}

#[test]
fn default_stacks_come_from_a_pool_for_each_power_of_two() {
    let output = in_child("reuse::default_stacks_come_from_a_pool_for_each_power_of_two", || {
        for bits in 12..=26 {
            let pool = StackPool::global(1 << bits).unwrap();
            assert!(pool.stack_size() >= 1 << bits);
            assert!(ptr::eq(pool, StackPool::global((1 << bits) - 1).unwrap()));
            assert_eq!(counts(pool), (0, 0));
            let stacks = [DefaultStack::new(1 << bits).unwrap(), DefaultStack::new((1 << bits) - 1).unwrap()];
            assert_eq!(counts(pool), (2, 0));
            drop(stacks);
            assert_eq!(counts(pool), (0, 2));
        }
        assert!(ptr::eq(StackPool::global(1).unwrap(), StackPool::global(4096).unwrap()));
        let pool = StackPool::global(DEFAULT_STACK_SIZE).unwrap();
        let coroutine = Coroutine::<(), (), ()>::new(|_, ()| ());
        assert_eq!(counts(pool), (1, 1));
        drop(coroutine);
        let mut future = as_async(|| StackPool::global(DEFAULT_STACK_SIZE).unwrap().statistics().alive);
        assert_eq!(poll(&mut future), Poll::Ready(1));
        assert_eq!(counts(pool), (0, 2));
    });
    assert_success(&output);
    assert!(matches!(StackPool::global(0), Err(StackError::TooSmall { size: 0 })));
    for size in [(64 << 20) + 1, usize::MAX / 2, usize::MAX] {
        assert!(matches!(StackPool::global(size), Err(StackError::TooLarge { size: told }) if told == size));
    }
}

#[test]
fn larger_ones_are_unmapped_at_once() {
    let output = in_child("reuse::larger_ones_are_unmapped_at_once", || {
        let stack = DefaultStack::new((64 << 20) + 1).unwrap();
        let base = stack.base().get() - 1;
        assert!(is_mapped(base));
        assert_eq!(on_stack(stack, || deep(100)), 101);
        assert!(!is_mapped(base));
        // Also on another thread than the one that made it.
        let stack = DefaultStack::new(1 << 30).unwrap();
        let base = stack.base().get() - 1;
        thread::spawn(move || drop(stack)).join().unwrap();
        assert!(!is_mapped(base));
    });
    assert_success(&output);
}

#[test]
fn pools_and_stacks_go_to_other_threads_and_say_what_they_are() {
    fn send_and_sync<T: Send + Sync>(_: &T) {}
    let pool = small_pool();
    let stack = pool.get().unwrap();
    send_and_sync(&pool);
    send_and_sync(&stack);
    let guards = pool.guards();
    assert_eq!(
        format!("{pool:?}"),
        format!("StackPool {{ stack_size: {}, guards: {guards:?}, .. }}", pool.stack_size())
    );
    assert_eq!(format!("{stack:?}"), format!("PooledStack {{ size: {}, .. }}", stack.size()));
    let twin = pool.clone();
    assert_eq!(counts(&twin), (1, 0));
    drop(pool);
    drop(stack);
    assert_eq!(counts(&twin), (0, 1), "one of two handles is no more than that");
}
