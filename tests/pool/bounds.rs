//! Bounds: of the pool, of the address space, of what can be asked for.

use super::*;

#[test]
fn a_bound_is_kept_and_recovered_from() {
    for slots in [0, 1, 2, 15, 16, 17, 100, 1000] {
        let pool = StackPool::builder().stack_size(4096).slots(slots).build().unwrap();
        for _ in 0..3 {
            let mut stacks = take(&pool, slots);
            let error = pool.get().unwrap_err();
            assert!(matches!(error, StackError::PoolExhausted { slots: told } if told == slots), "{error:?}");
            assert_eq!(
                error.to_string(),
                format!(
                    "all {slots} stacks of the pool are in use; `StackPool::builder().slots(..)` says how many it has"
                )
            );
            assert!(std::error::Error::source(&error).is_none());
            assert_eq!(io::Error::from(error).kind(), io::ErrorKind::OutOfMemory);
            if let Some(stack) = stacks.pop() {
                let base = stack.base();
                drop(stack);
                assert_eq!(pool.get().unwrap().base(), base);
            }
        }
        assert!(pool.statistics().cached <= slots);
    }
}

#[test]
fn address_space_is_reserved_within_the_bound() {
    for (slots, size) in [(1, 4096), (10, 64 << 10), (3, 8 << 20)] {
        let pool = StackPool::builder().stack_size(size).slots(slots).build().unwrap();
        let stacks = take(&pool, slots);
        let each = pool.statistics().reserved_bytes / slots;
        assert!(each >= size && each <= size + 5 * page_size(), "{each} for {size}");
        drop(stacks);
    }
}

/// What is left for others when so many threads have used a pool, and keep what they keep.
fn take_beside_idle_threads(threads: usize, slots: usize, count: usize) {
    let pool = StackPool::builder().stack_size(4096).slots(slots).build().unwrap();
    let barrier = Arc::new(Barrier::new(threads + 1));
    let idle: Vec<_> = (0..threads)
        .map(|_| {
            let (pool, barrier) = (pool.clone(), barrier.clone());
            thread::spawn(move || {
                // As many as there are, for some; but for all of them to be free again.
                drop((0..slots).map_while(|_| pool.get().ok()).collect::<Vec<_>>());
                barrier.wait();
                barrier.wait();
            })
        })
        .collect();
    barrier.wait();
    let taken = (0..count).map_while(|_| pool.get().ok()).count();
    barrier.wait();
    idle.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(taken, count, "of {slots}, beside {threads} threads that use none");
    assert_eq!(take(&pool, slots).len(), slots);
}

#[test]
fn what_a_few_idle_threads_keep_leaves_most_of_a_bound() {
    for slots in [16, 32, 160, 1600] {
        take_beside_idle_threads(4, slots, slots * 3 / 4);
    }
}

#[test]
fn what_many_idle_threads_keep_leaves_much_of_a_bound() {
    for slots in [16, 32, 160, 1600] {
        take_beside_idle_threads(12, slots, slots / 4);
        take_beside_idle_threads(40, slots, slots / 4);
    }
}

#[test]
fn absurd_settings() {
    let builder = StackPool::builder;
    let error = builder().stack_size(0).build().unwrap_err();
    assert!(matches!(error, StackError::TooSmall { size: 0 }), "{error:?}");
    let largest = isize::MAX as usize;
    for size in [usize::MAX, usize::MAX - 4096, largest + 1, largest, largest - 8192] {
        let error = builder().stack_size(size).build().unwrap_err();
        assert!(matches!(error, StackError::TooLarge { size: told } if told == size), "{error:?}");
        let error = builder().guard_size(size).build().unwrap_err();
        assert!(matches!(error, StackError::TooLarge { .. }), "{error:?}");
    }
    let error = builder().stack_size(usize::MAX).guard_size(usize::MAX).build().unwrap_err();
    assert!(matches!(error, StackError::TooLarge { .. }), "{error:?}");
    for pool in [
        builder().stack_size(1),
        builder().stack_size(1).guard_size(0).colours(0).slots(1).keep_resident(usize::MAX),
        builder().stack_size(1).colours(usize::MAX).keep_resident(1),
    ] {
        let pool = pool.build().unwrap();
        assert!(pool.stack_size() >= MIN_STACK_SIZE);
        let mut coroutine = Coroutine::<u8, (), u8, _>::with_stack(pool.get().unwrap(), |_, n| n + 1);
        assert_eq!(coroutine.resume(1), CoroutineResult::Return(2));
    }
}

#[test]
#[cfg_attr(
    any(mixio_sanitizer = "address", mixio_sanitizer = "thread"),
    ignore = "a sanitizer needs terabytes of addresses for itself"
)]
fn settings_that_no_system_has_the_memory_for() {
    // Within a limit: an emulator would take real memory for the tables of so many addresses.
    let output = in_limited_child("bounds::settings_that_no_system_has_the_memory_for", LIMITED, || {
        let absurd = (isize::MAX as usize) & !0xffff_ffff;
        for guards in ALL_GUARDS.into_iter().filter(|guards| guards.available()) {
            for size in [1 << 40, 1 << 46, 1 << 57, absurd] {
                let pool = StackPool::builder().stack_size(size).guards(guards).build().unwrap();
                for _ in 0..3 {
                    assert!(matches!(pool.get(), Err(StackError::Exhausted { .. })), "{size} {guards:?}");
                }
                let pool = StackPool::builder().guard_size(size).guards(guards).build().unwrap();
                assert!(matches!(pool.get(), Err(StackError::Exhausted { .. })), "{size} {guards:?}");
                assert_eq!(counts(&pool), (0, 0));
            }
            // From several threads at once.
            let pools = [absurd, 1 << 57, absurd, 1 << 46].map(|size| {
                thread::spawn(move || {
                    let pool = StackPool::builder().stack_size(size).guards(guards).build().unwrap();
                    (0..1000).all(|_| matches!(pool.get(), Err(StackError::Exhausted { .. })))
                })
            });
            assert!(pools.into_iter().all(|thread| thread.join().unwrap()));
        }
    });
    assert_success(&output);
}

/// An address space of 8 GiB, as an emulator needs some for itself.
const LIMITED: &str = "ulimit -c 0; ulimit -v 8388608";

#[test]
#[cfg_attr(
    any(mixio_sanitizer = "address", mixio_sanitizer = "thread"),
    ignore = "a sanitizer needs terabytes of addresses for itself"
)]
fn an_exhausted_address_space_is_recovered_from() {
    let output = in_limited_child("bounds::an_exhausted_address_space_is_recovered_from", LIMITED, || {
        for guards in ALL_GUARDS.into_iter().filter(|guards| guards.available()) {
            let pool = StackPool::builder().stack_size(64 << 20).guards(guards).build().unwrap();
            let mut stacks = Vec::new();
            let error = loop {
                match pool.get() {
                    Ok(stack) => stacks.push(stack),
                    Err(error) => break error,
                }
                assert!(stacks.len() <= 128, "the limit doesn't hold");
            };
            assert!(matches!(error, StackError::Exhausted { .. }), "{error:?}");
            // Regions shrink towards the end, so that almost all of it can be had.
            assert!(stacks.len() >= if is_emulated() { 10 } else { 100 }, "only {}", stacks.len());
            assert!(pool.get().is_err());
            let base = stacks.pop().unwrap().base();
            let mut future = as_async(|| 8).stack_pool(&pool);
            assert_eq!(poll(&mut future), Poll::Ready(8));
            stacks.push(pool.get().unwrap());
            assert_eq!(stacks.last().unwrap().base(), base);
            assert!(pool.get().is_err());
            // All of it comes back, for the next kind.
        }
    });
    assert_success(&output);
}
