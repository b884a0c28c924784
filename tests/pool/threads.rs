//! Stacks and pools on several threads, and pools that end before their stacks.

use super::*;

#[test]
fn taken_on_one_thread_and_dropped_on_another() {
    let pool = small_pool();
    let stacks = take(&pool, 200);
    let mut order = bases(&stacks);
    let other = pool.clone();
    thread::spawn(move || {
        let (last, count) = (stacks.last().unwrap().base(), stacks.len());
        stacks.into_iter().for_each(drop);
        assert_eq!(counts(&other), (0, count));
        // They are that thread's now.
        assert_eq!(other.get().unwrap().base(), last);
    })
    .join()
    .unwrap();
    assert_eq!(counts(&pool), (0, 200));
    // All of them come back when it has ended, and no other is made.
    let mut again = bases(&take(&pool, 200));
    again.sort_unstable();
    order.sort_unstable();
    assert_eq!(again, order);
}

#[test]
fn handed_from_thread_to_thread() {
    // One takes all, the other drops all: what one keeps must come round to the other again.
    const ROUNDS: usize = 20_000;
    let pool = small_pool();
    let (sender, receiver) = mpsc::sync_channel::<PooledStack>(8);
    let dropping = thread::spawn(move || receiver.into_iter().count());
    for _ in 0..fewer_if_slow(ROUNDS) {
        sender.send(pool.get().unwrap()).unwrap();
    }
    drop(sender);
    assert_eq!(dropping.join().unwrap(), fewer_if_slow(ROUNDS));
    let (alive, cached) = counts(&pool);
    assert_eq!(alive, 0);
    assert!(cached < 200, "{cached} were made");
}

#[test]
fn threads_that_end_give_back_what_they_keep() {
    let pool = small_pool();
    for _ in 0..100 {
        let pool = pool.clone();
        thread::spawn(move || drop(take(&pool, 50))).join().unwrap();
    }
    assert_eq!(counts(&pool), (0, 50));
}

#[test]
fn dropped_and_taken_in_thread_local_destructors() {
    /// Drops its stack when the thread ends, and then uses another one.
    struct Late(RefCell<Option<(StackPool, PooledStack)>>);

    impl Drop for Late {
        fn drop(&mut self) {
            let Some((pool, stack)) = self.0.take() else { return };
            drop(stack);
            for n in 0..100 {
                let mut coroutine = Coroutine::<u32, (), u32, _>::with_stack(pool.get().unwrap(), |_, n| n + 1);
                assert_eq!(coroutine.resume(n), CoroutineResult::Return(n + 1));
            }
            drop(take(&pool, 100));
            as_async_in(&pool);
        }
    }

    fn as_async_in(pool: &StackPool) {
        let mut future = as_async(|| 3).stack_pool(pool);
        assert_eq!(poll(&mut future), Poll::Ready(3));
    }

    thread_local! {
        // The one that is used first is dropped last: after the pool's own, then.
        static FIRST: Late = const { Late(RefCell::new(None)) };
        static LAST: Late = const { Late(RefCell::new(None)) };
    }

    let pool = small_pool();
    for _ in 0..10 {
        let pool = pool.clone();
        let thread = thread::spawn(move || {
            FIRST.with(|_| ());
            let stacks = take(&pool, 70);
            FIRST.with(|late| *late.0.borrow_mut() = Some((pool.clone(), pool.get().unwrap())));
            LAST.with(|late| *late.0.borrow_mut() = Some((pool.clone(), pool.get().unwrap())));
            drop(stacks);
        });
        thread.join().unwrap();
    }
    let (alive, cached) = counts(&pool);
    assert_eq!(alive, 0);
    assert!(cached < 200, "{cached} were made");
    assert_eq!(distinct(&bases(&take(&pool, cached))), cached);
}

/// Takes and gives on many threads, and through them: nobody may ever find another one's marks on a stack.
fn take_and_give_on_many_threads(pool: &StackPool, most_each: usize) {
    const THREADS: usize = 8;
    let rounds = fewer_if_slow(20_000);
    let shared = Arc::new(Mutex::new(Vec::<(PooledStack, u8)>::new()));
    let check = |(stack, mark): (PooledStack, u8)| {
        // SAFETY: it is memory of the stack, which nobody else uses.
        let found = unsafe { byte_below(&stack, 1).read_volatile() };
        assert_eq!(found, mark, "two had it");
    };
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (pool, shared) = (pool.clone(), shared.clone());
            thread::spawn(move || {
                let mut held = Vec::new();
                let mut random = 0x1234_5678_9abc_def1_u64 + thread as u64;
                for round in 0..rounds {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    match random % 8 {
                        0..4 if held.len() < most_each => {
                            let Ok(stack) = pool.get() else { continue };
                            let mark = (round % 251) as u8;
                            // SAFETY: it is memory of the stack, which nobody else uses.
                            unsafe { byte_below(&stack, 1).write_volatile(mark) };
                            held.push((stack, mark));
                        }
                        4 if !held.is_empty() => {
                            shared.lock().unwrap().push(held.swap_remove(random as usize / 8 % held.len()));
                        }
                        5 => {
                            let theirs = shared.lock().unwrap().pop();
                            theirs.into_iter().for_each(check);
                        }
                        _ => held.pop().into_iter().for_each(check),
                    }
                }
                held.into_iter().for_each(check);
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    mem::take(&mut *shared.lock().unwrap()).into_iter().for_each(check);
}

#[test]
fn many_threads_take_and_give_at_once() {
    let pool = small_pool();
    take_and_give_on_many_threads(&pool, 100);
    let (alive, cached) = counts(&pool);
    assert_eq!(alive, 0);
    let stacks = take(&pool, cached);
    assert_eq!(distinct(&bases(&stacks)), cached);
    assert_eq!(counts(&pool), (cached, 0));
}

#[test]
fn many_threads_take_and_give_at_once_within_a_bound() {
    for slots in [3, 40, 1000] {
        let pool = StackPool::builder().stack_size(4096).slots(slots).build().unwrap();
        take_and_give_on_many_threads(&pool, 100);
        let (alive, cached) = counts(&pool);
        assert_eq!(alive, 0);
        assert!(cached <= slots);
        // Nothing is lost, and there is no more than was asked for.
        let stacks = take(&pool, slots);
        assert!(matches!(pool.get(), Err(StackError::PoolExhausted { .. })));
        assert_eq!(distinct(&bases(&stacks)), slots);
    }
}

#[test]
fn many_threads_take_and_give_at_once_and_keep_nothing() {
    let pool = StackPool::builder().stack_size(16 << 10).keep_resident(0).build().unwrap();
    take_and_give_on_many_threads(&pool, 100);
    let (alive, cached) = counts(&pool);
    assert_eq!(alive, 0);
    assert_eq!(distinct(&bases(&take(&pool, cached))), cached);
}

#[test]
fn a_pool_dropped_before_its_stacks() {
    let output = in_child("threads::a_pool_dropped_before_its_stacks", || {
        for guards in ALL_GUARDS.into_iter().filter(|guards| guards.available()) {
            let pool = StackPool::builder().stack_size(16 << 10).guards(guards).build().unwrap();
            // Some are cached meanwhile.
            drop(take(&pool, 100));
            let mut coroutine = Coroutine::with_stack(pool.get().unwrap(), |yielder: &Yielder<u8, u8>, n| {
                yielder.suspend(n + 1) + 2 //
            });
            assert_eq!(coroutine.resume(1), CoroutineResult::Yield(2));
            let other = pool.get().unwrap();
            let other_base = other.base().get() - 1;
            drop(pool);
            assert_eq!(coroutine.resume(1), CoroutineResult::Return(3));
            let stack = coroutine.into_stack();
            let base = stack.base().get() - 1;
            touch_all(&stack, 3);
            assert!(is_mapped(base));
            drop(stack);
            assert!(is_mapped(other_base), "one is still there");
            drop(other);
            assert!(!is_mapped(base) && !is_mapped(other_base), "{guards:?}");
        }
    });
    assert_success(&output);
}

#[test]
fn a_pool_dropped_while_other_threads_keep_stacks_of_it() {
    let output = in_child("threads::a_pool_dropped_while_other_threads_keep_stacks_of_it", || {
        let pool = small_pool();
        let ours = pool.get().unwrap();
        let (base, barrier) = (ours.base().get() - 1, Arc::new(Barrier::new(3)));
        let threads = [pool.clone(), pool.clone()].map(|pool| {
            let barrier = barrier.clone();
            thread::spawn(move || {
                let late = pool.get().unwrap();
                drop(take(&pool, 100));
                drop(pool);
                barrier.wait();
                // Here the last handle is dropped, and all of ours.
                barrier.wait();
                // To what is still this thread's cache, though nobody will take it from there.
                drop(late);
            })
        });
        barrier.wait();
        drop(pool);
        drop(ours);
        assert!(is_mapped(base));
        barrier.wait();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(!is_mapped(base));
    });
    assert_success(&output);
}

#[test]
fn the_last_handle_is_in_an_as_async() {
    let pool = small_pool();
    let mut future = as_async(|| {
        wait(smol::future::yield_now());
        4
    })
    .stack_pool(&pool);
    drop(pool);
    assert_eq!(poll(&mut future), Poll::Pending);
    assert_eq!(poll(&mut future), Poll::Ready(4));
    drop(as_async(|| ()).stack_pool(&small_pool()));
}

#[test]
fn dropped_pools_leave_nothing_behind() {
    let output = in_child("threads::dropped_pools_leave_nothing_behind", || {
        let use_and_drop = |guards| {
            let pool = StackPool::builder().stack_size(16 << 10).guards(guards).build().unwrap();
            let stacks = take(&pool, 100);
            let other = pool.clone();
            thread::spawn(move || drop(take(&other, 50))).join().unwrap();
            drop(stacks);
        };
        for guards in ALL_GUARDS.into_iter().filter(|guards| guards.available()) {
            use_and_drop(guards);
            let before = mappings();
            for _ in 0..100 {
                use_and_drop(guards);
            }
            let after = mappings();
            assert!(after < before + 20, "{before} before and {after} after, {guards:?}");
        }
    });
    assert_success(&output);
}

#[test]
fn many_pools_on_one_thread() {
    const POOLS: usize = 13;
    const EACH: usize = 70;
    let pools: Vec<_> = (0..POOLS).map(|_| small_pool()).collect();
    let mut all = HashSet::new();
    for round in 0..5 {
        for pool in &pools {
            let stacks = take(pool, EACH);
            all.extend(bases(&stacks));
            stacks.iter().for_each(|stack| touch_all(stack, round));
            assert_eq!(counts(pool), (EACH, 0));
            drop(stacks);
            assert_eq!(counts(pool), (0, EACH));
        }
    }
    assert_eq!(all.len(), POOLS * EACH, "each pool has its own, and uses them again");
    // One of each at a time: they drive each other out of the thread's caches.
    for _ in 0..100 {
        let stacks: Vec<_> = pools.iter().map(|pool| pool.get().unwrap()).collect();
        assert!(pools.iter().all(|pool| counts(pool) == (1, EACH - 1)));
        drop(stacks);
    }
    // Dropped in another order than made, with stacks out.
    let stacks: Vec<_> = pools.iter().map(|pool| pool.get().unwrap()).collect();
    let (even, odd): (Vec<_>, Vec<_>) = pools.into_iter().enumerate().partition(|(number, _)| number % 2 == 0);
    drop(odd);
    stacks.iter().for_each(|stack| touch_all(stack, 9));
    assert!(stacks.iter().all(|stack| is_all(stack, 9)));
    drop(stacks);
    assert!(even.iter().all(|(_, pool)| counts(pool) == (0, EACH)));
}
