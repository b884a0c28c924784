//! The pool of stacks: reuse, statistics, threads, bounds, guards, colours, memory given back, mappings.

mod support;

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs;
use std::hint::black_box;
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex};
use std::task::Poll;
use std::thread;

use mixio::stack::{
    DEFAULT_STACK_SIZE, DefaultStack, Guards, MIN_STACK_SIZE, PooledStack, Stack, StackError, StackPool,
};
use mixio::{Coroutine, CoroutineResult, Yielder, as_async, on_stack, wait};
use support::{Drops, assert_success, in_child, in_limited_child, message_of, page_size, poll, runner};

const ALL_GUARDS: [Guards; 3] = [Guards::Installed, Guards::Unmapped, Guards::Protected];

/// Whether an emulator runs this, and not a kernel.
fn is_emulated() -> bool {
    !runner().is_empty()
}

/// Fewer where each takes long.
fn fewer_if_emulated(count: usize) -> usize {
    if is_emulated() { count / 10 } else { count }
}

/// A pool of small stacks, that nobody else uses.
fn small_pool() -> StackPool {
    StackPool::builder().stack_size(16 << 10).build().unwrap()
}

/// How many stacks are in use, and how many are free.
fn counts(pool: &StackPool) -> (usize, usize) {
    let statistics = pool.statistics();
    (statistics.alive, statistics.cached)
}

fn take(pool: &StackPool, count: usize) -> Vec<PooledStack> {
    (0..count).map(|_| pool.get().unwrap()).collect()
}

fn bases(stacks: &[PooledStack]) -> Vec<usize> {
    stacks.iter().map(|stack| stack.base().get()).collect()
}

fn distinct(values: &[usize]) -> usize {
    values.iter().collect::<HashSet<_>>().len()
}

/// A byte of a stack, so many below its base.
fn byte_below(stack: &PooledStack, distance: usize) -> *mut u8 {
    assert!(distance > 0 && distance <= stack.size());
    ptr::with_exposed_provenance_mut(stack.base().get() - distance)
}

/// Writes to each page of a stack, and to its last byte.
fn touch_all(stack: &PooledStack, value: u8) {
    for distance in (1..=stack.size()).step_by(page_size()).chain([stack.size()]) {
        // SAFETY: it is memory of the stack, which nobody else uses.
        unsafe { byte_below(stack, distance).write_volatile(value) };
    }
}

/// Whether each of those bytes is still what was written.
fn is_all(stack: &PooledStack, value: u8) -> bool {
    (1..=stack.size()).step_by(page_size()).chain([stack.size()]).all(|distance| {
        // SAFETY: it is memory of the stack, which nobody else uses.
        unsafe { byte_below(stack, distance).read_volatile() == value }
    })
}

/// Asks the kernel whether memory can be read: it says so without a fault.
struct Probe([libc::c_int; 2]);

impl Probe {
    fn new() -> Self {
        let mut pipe = [-1; 2];
        // SAFETY: it is room for two file descriptors.
        assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0);
        Probe(pipe)
    }

    fn is_readable(&self, address: usize) -> bool {
        // SAFETY: the kernel checks the address.
        let written = unsafe { libc::write(self.0[1], ptr::without_provenance(address), 1) };
        if written == -1 {
            assert_eq!(io::Error::last_os_error().raw_os_error(), Some(libc::EFAULT));
            return false;
        }
        let mut byte = 0u8;
        // SAFETY: there is room for a byte.
        assert_eq!(unsafe { libc::read(self.0[0], (&raw mut byte).cast(), 1) }, 1);
        true
    }

    /// Fails unless each page of the guard, to the last byte, keeps everybody off, and the stack above it nobody.
    fn assert_guarded(&self, stack: &PooledStack) {
        let (page, limit) = (page_size(), stack.limit().get());
        for at in (limit..limit + stack.guard_size()).step_by(page) {
            assert!(!self.is_readable(at) && !self.is_readable(at + page - 1), "{} of {stack:?}", at - limit);
        }
        let lowest = limit + stack.guard_size();
        for at in (lowest..stack.base().get()).step_by(page).chain([stack.base().get() - 1]) {
            assert!(self.is_readable(at), "{} of {stack:?}", at - limit);
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        for end in self.0 {
            // SAFETY: it is ours.
            unsafe { libc::close(end) };
        }
    }
}

/// Whether anything is mapped there. For a process in which nobody else maps anything meanwhile.
fn is_mapped(address: usize) -> bool {
    let mut state = 0u8;
    let page = ptr::without_provenance_mut(address & !(page_size() - 1));
    // SAFETY: there is a byte for the one page that is asked for.
    let answer = unsafe { libc::mincore(page, 1, (&raw mut state).cast()) };
    answer == 0
}

/// How many mappings this process has.
fn mappings() -> usize {
    fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

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
    for _ in 0..fewer_if_emulated(ROUNDS) {
        sender.send(pool.get().unwrap()).unwrap();
    }
    drop(sender);
    assert_eq!(dropping.join().unwrap(), fewer_if_emulated(ROUNDS));
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
    let rounds = fewer_if_emulated(20_000);
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
    let output = in_child("a_pool_dropped_before_its_stacks", || {
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
    let output = in_child("a_pool_dropped_while_other_threads_keep_stacks_of_it", || {
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
    let output = in_child("dropped_pools_leave_nothing_behind", || {
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
fn every_page_of_each_guard_keeps_everybody_off() {
    let (probe, page) = (Probe::new(), page_size());
    for guards in ALL_GUARDS {
        for bytes in [0, 1, page, page + 1, 64 << 10, 1 << 20] {
            let pool = StackPool::builder().stack_size(16 << 10).guards(guards).guard_size(bytes).build();
            if !guards.available() {
                let error = pool.unwrap_err();
                assert!(matches!(error, StackError::NoSuchGuards { guards: told } if told == guards), "{error:?}");
                assert_eq!(error.to_string(), format!("this system has no such guards for stacks: {guards:?}"));
                assert_eq!(io::Error::from(error).kind(), io::ErrorKind::Unsupported);
                continue;
            }
            let pool = pool.unwrap();
            assert_eq!(pool.guards(), guards);
            let stacks = take(&pool, 70);
            for stack in &stacks {
                assert_eq!(stack.guard_size(), bytes.max(1).next_multiple_of(page));
                touch_all(stack, 5);
            }
            stacks.iter().for_each(|stack| probe.assert_guarded(stack));
            assert!(stacks.iter().all(|stack| is_all(stack, 5)));
            // They stay when stacks are used again.
            drop(stacks);
            take(&pool, 70).iter().for_each(|stack| probe.assert_guarded(stack));
        }
    }
}

#[test]
fn guards_stay_when_memory_is_given_back() {
    let probe = Probe::new();
    for guards in ALL_GUARDS.into_iter().filter(|guards| guards.available()) {
        let pool = StackPool::builder().stack_size(32 << 10).guards(guards).keep_resident(0).build().unwrap();
        for round in 0..3 {
            let stacks = take(&pool, 200);
            for stack in &stacks {
                probe.assert_guarded(stack);
                touch_all(stack, round);
            }
            assert!(stacks.iter().all(|stack| is_all(stack, round)));
        }
        assert_eq!(counts(&pool), (0, 200));
    }
}

#[test]
fn the_best_guards_are_those_of_the_default() {
    let best = Guards::best();
    assert!(best.available() && Guards::Protected.available());
    assert_eq!(best, Guards::best());
    assert_eq!(small_pool().guards(), best);
    assert_eq!(StackPool::global(1).unwrap().guards(), best);
    if Guards::Installed.available() {
        assert_eq!(best, Guards::Installed);
    }
    if is_emulated() {
        // It says yes to the advice, and does nothing.
        assert!(!Guards::Installed.available() && best != Guards::Installed);
        assert!(StackPool::builder().guards(Guards::Installed).build().is_err());
    }
}

#[test]
fn guards_are_found_out_without_file_descriptors() {
    let output = in_child("guards_are_found_out_without_file_descriptors", || {
        let before = Guards::Installed.available();
        // SAFETY: it gives another number to a file that is open.
        while unsafe { libc::dup(libc::STDERR_FILENO) } != -1 {}
        assert_eq!(Guards::Installed.available(), before);
        assert!(!before || Guards::best() == Guards::Installed);
        assert!(!before || StackPool::builder().guards(Guards::Installed).build().is_ok());
    });
    assert_success(&output);
}

#[test]
fn in_a_process_whose_memory_is_locked() {
    let output = in_child("in_a_process_whose_memory_is_locked", || {
        let before = DefaultStack::new(16 << 10).unwrap();
        // Under an emulator that would be all of its memory, too. And not everybody may.
        // SAFETY: it changes where memory may be, and nothing else.
        if is_emulated() || unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE) } != 0 {
            return;
        }
        let runs = |stack| {
            let mut coroutine = Coroutine::<u8, (), u8, _>::with_stack(stack, |_, n| n + 1);
            assert_eq!(coroutine.resume(1), CoroutineResult::Return(2));
        };
        // In memory that was reserved before, and in some that wasn't.
        runs(before);
        let stacks = [DefaultStack::new(16 << 10), DefaultStack::new(16 << 10), DefaultStack::new(32 << 10)];
        let probe = Probe::new();
        for stack in stacks {
            let stack = stack.unwrap();
            assert!(!probe.is_readable(stack.limit().get()));
            runs(stack);
        }
        for guards in ALL_GUARDS {
            let Ok(pool) = StackPool::builder().stack_size(16 << 10).guards(guards).build() else { continue };
            probe.assert_guarded(&pool.get().unwrap());
        }
    });
    assert_success(&output);
}

#[test]
fn colours_set_bases_apart() {
    const LINE: usize = 64;
    for colours in [0, 1, 2, 7, 32, 60, usize::MAX] {
        let pool = StackPool::builder().stack_size(16 << 10).colours(colours).build().unwrap();
        let stacks = take(&pool, 300);
        let page = page_size();
        let offsets: HashSet<_> = stacks.iter().map(|stack| stack.base().get() % page).collect();
        let expected = colours.clamp(1, page / LINE - 1);
        assert_eq!(offsets.len(), expected, "of {colours}");
        let highest = *offsets.iter().max().unwrap();
        for stack in &stacks {
            let base = stack.base().get();
            assert!(base.is_multiple_of(32));
            assert!((highest - base % page).is_multiple_of(LINE));
            assert!((pool.stack_size()..pool.stack_size() + expected * LINE).contains(&stack.size()));
            assert!(stack.size() >= 16 << 10);
        }
        // Neighbours differ, but for where one piece of address space ends and the next begins.
        let same = stacks.windows(2).filter(|pair| pair[0].base().get() % page == pair[1].base().get() % page).count();
        assert!(expected == 1 || same < 5, "{same}");
        assert_apart(&stacks);
        // A stack's colour stays.
        let before: HashSet<_> = bases(&stacks).into_iter().collect();
        drop(stacks);
        assert_eq!(before, bases(&take(&pool, 300)).into_iter().collect());
    }
}

/// Fails if two of them overlap, guards included.
fn assert_apart(stacks: &[PooledStack]) {
    let mut ranges: Vec<_> = stacks.iter().map(|stack| (stack.limit().get(), stack.base().get())).collect();
    ranges.sort_unstable();
    assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0));
}

#[test]
fn a_colour_stays_when_memory_is_given_back() {
    let pool = StackPool::builder().stack_size(16 << 10).colours(32).keep_resident(0).build().unwrap();
    let mut before = bases(&take(&pool, 300));
    for _ in 0..3 {
        let mut after = bases(&take(&pool, 300));
        before.sort_unstable();
        after.sort_unstable();
        assert_eq!(before, after);
    }
}

#[test]
fn memory_beyond_what_is_kept_is_given_back() {
    const MANY: usize = 500;
    for keep in [0, 1, 1 << 20, 8 << 20] {
        let pool = StackPool::builder().stack_size(64 << 10).keep_resident(keep).build().unwrap();
        let stacks = take(&pool, MANY);
        stacks.iter().for_each(|stack| touch_all(stack, 1));
        let whole = pool.statistics().resident_bytes;
        assert!(whole >= MANY * (64 << 10));
        drop(stacks);
        let kept = pool.statistics();
        assert_eq!((kept.alive, kept.cached), (0, MANY));
        if !is_emulated() {
            // What a thread keeps for itself, and an eighth more than was said.
            let most = keep + keep / 8 + 66 * (whole / MANY);
            assert!(kept.resident_bytes <= most, "{} of {whole} are left for {keep}", kept.resident_bytes);
        }
        // They are as good as before.
        let mut coroutines: Vec<_> = take(&pool, MANY)
            .into_iter()
            .map(|stack| {
                touch_all(&stack, 2);
                Coroutine::with_stack(stack, |yielder: &Yielder<usize, usize>, n| yielder.suspend(n + 1) + 2)
            })
            .collect();
        assert_eq!(counts(&pool), (MANY, 0));
        for (n, coroutine) in coroutines.iter_mut().enumerate() {
            assert_eq!(coroutine.resume(n), CoroutineResult::Yield(n + 1));
        }
        for (n, coroutine) in coroutines.iter_mut().enumerate() {
            assert_eq!(coroutine.resume(n), CoroutineResult::Return(n + 2));
        }
    }
}

#[test]
fn with_huge_pages() {
    let probe = Probe::new();
    for guards in ALL_GUARDS.into_iter().filter(|guards| guards.available()) {
        let pool = StackPool::builder().stack_size(4 << 20).huge_pages(true).guards(guards).build().unwrap();
        let mut held = Vec::new();
        for round in 0..4 {
            let stack = pool.get().unwrap();
            touch_all(&stack, round);
            held.push(stack);
        }
        for (round, stack) in held.iter().enumerate() {
            probe.assert_guarded(stack);
            assert!(is_all(stack, round as u8));
        }
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
fn settings_that_no_system_has_the_memory_for() {
    // Within a limit: an emulator would take real memory for the tables of so many addresses.
    let output = in_limited_child("settings_that_no_system_has_the_memory_for", LIMITED, || {
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
fn an_exhausted_address_space_is_recovered_from() {
    let output = in_limited_child("an_exhausted_address_space_is_recovered_from", LIMITED, || {
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

/// How many mappings 10,000 stacks add.
fn mappings_of_ten_thousand(guards: Guards) -> Option<usize> {
    if !guards.available() {
        assert!(StackPool::builder().guards(guards).build().is_err());
        return None;
    }
    let pool = StackPool::builder().stack_size(4096).guards(guards).build().unwrap();
    let mut stacks = Vec::with_capacity(10_000);
    let before = mappings();
    stacks.extend((0..10_000).map(|_| pool.get().unwrap()));
    Some(mappings() - before)
}

#[test]
fn ten_thousand_with_installed_guards_take_a_handful_of_mappings() {
    let output = in_child("ten_thousand_with_installed_guards_take_a_handful_of_mappings", || {
        let added = mappings_of_ten_thousand(Guards::Installed);
        assert!(added.is_none_or(|added| added < 10), "{added:?}");
    });
    assert_success(&output);
}

#[test]
fn ten_thousand_with_unmapped_guards_take_one_mapping_each() {
    let output = in_child("ten_thousand_with_unmapped_guards_take_one_mapping_each", || {
        let added = mappings_of_ten_thousand(Guards::Unmapped);
        assert!(added.is_none_or(|added| (9_900..10_100).contains(&added)), "{added:?}");
    });
    assert_success(&output);
}

#[test]
fn ten_thousand_with_protected_guards_take_two_mappings_each() {
    let output = in_child("ten_thousand_with_protected_guards_take_two_mappings_each", || {
        let added = mappings_of_ten_thousand(Guards::Protected);
        assert!(added.is_some_and(|added| (19_900..20_100).contains(&added)), "{added:?}");
    });
    assert_success(&output);
}

#[test]
fn twenty_thousand_suspended_at_once() {
    const MANY: usize = 20_000;
    let output = in_child("twenty_thousand_suspended_at_once", || {
        let pool = small_pool();
        let mut coroutines: Vec<_> = (0..MANY)
            .map(|number| {
                Coroutine::with_stack(pool.get().unwrap(), move |yielder: &Yielder<usize, usize>, first| {
                    let second = yielder.suspend(number + first);
                    number + first + second
                })
            })
            .collect();
        for (number, coroutine) in coroutines.iter_mut().enumerate() {
            assert_eq!(coroutine.resume(1), CoroutineResult::Yield(number + 1));
        }
        assert_eq!(counts(&pool), (MANY, 0));
        for (number, coroutine) in coroutines.iter_mut().enumerate().filter(|(number, _)| number % 2 == 0) {
            assert_eq!(coroutine.resume(2), CoroutineResult::Return(number + 3));
        }
        // The others are unwound.
        drop(coroutines);
        assert_eq!(counts(&pool), (0, MANY));
    });
    assert_success(&output);
}

/// Needs about `depth` times 1 KiB of stack, in any build.
#[inline(never)]
fn deep(depth: u32) -> u32 {
    let room = black_box([depth; 256]);
    let below = if depth == 0 { 0 } else { deep(depth - 1) };
    below + u32::from(room[depth as usize % 256] == depth)
}

#[test]
fn as_async_on_a_larger_stack() {
    // More than any default has.
    let depth = (DEFAULT_STACK_SIZE >> 10) as u32 * 2;
    let mut future = as_async(move || deep(depth)).stack_size(DEFAULT_STACK_SIZE * 8);
    assert_eq!(poll(&mut future), Poll::Ready(depth + 1));
    let pool = StackPool::builder().stack_size(DEFAULT_STACK_SIZE * 8).build().unwrap();
    let mut future = as_async(move || deep(depth)).stack_pool(&pool);
    assert_eq!(poll(&mut future), Poll::Ready(depth + 1));
    assert_eq!(counts(&pool), (0, 1));
    // Larger than any pool's.
    let mut future = as_async(move || deep(depth)).stack_size(100 << 20);
    assert_eq!(poll(&mut future), Poll::Ready(depth + 1));
}

#[test]
fn as_async_takes_the_last_choice_made_before_it_starts() {
    let (first, second) = (small_pool(), small_pool());
    let make = || {
        as_async(|| {
            wait(smol::future::yield_now());
            6
        })
    };
    let mut future = make().stack_pool(&first).stack_size(32 << 10).stack_pool(&second);
    assert_eq!(poll(&mut future), Poll::Pending);
    assert_eq!((counts(&first), counts(&second)), ((0, 0), (1, 0)));
    // Too late.
    let mut future = future.stack_pool(&first).stack_size(0);
    assert_eq!(poll(&mut future), Poll::Ready(6));
    assert_eq!((counts(&first), counts(&second)), ((0, 0), (0, 1)));
    let mut future = make().stack_pool(&first).stack_size(32 << 10);
    assert_eq!(poll(&mut future), Poll::Pending);
    assert_eq!(counts(&first), (0, 0));
}

#[test]
fn as_async_that_can_have_no_stack() {
    for (size, message) in [
        (0, "cannot start an `as_async`: a stack of 0 bytes is too small: it takes at least 4096, aligned".to_owned()),
        (
            usize::MAX,
            format!("cannot start an `as_async`: no address space has room for a stack of {} bytes", usize::MAX),
        ),
    ] {
        let drops = Drops::new();
        let counted = drops.counted();
        let mut future = as_async(move || drop(counted)).stack_size(size);
        assert_eq!(message_of(|| poll(&mut future)), message);
        assert_eq!((format!("{future:?}").as_str(), drops.count()), ("AsAsync { state: \"not started\", .. }", 0));
        // With another size it is as good as new.
        let mut future = future.stack_size(64 << 10);
        assert_eq!(poll(&mut future), Poll::Ready(()));
        assert_eq!(drops.count(), 1);
    }
}

#[test]
fn as_async_of_a_pool_that_is_exhausted() {
    let pool = StackPool::builder().stack_size(64 << 10).slots(2).build().unwrap();
    let make = || as_async(|| wait(smol::future::yield_now())).stack_pool(&pool);
    let mut futures = [make(), make(), make()];
    assert_eq!(
        futures.each_mut().map(|future| catch_unwind(AssertUnwindSafe(|| poll(future))).ok()),
        [Some(Poll::Pending), Some(Poll::Pending), None]
    );
    assert_eq!(poll(&mut futures[0]), Poll::Ready(()));
    assert_eq!(poll(&mut futures[2]), Poll::Pending);
    assert_eq!(poll(&mut futures[1]), Poll::Ready(()));
    assert_eq!(poll(&mut futures[2]), Poll::Ready(()));
    assert_eq!(counts(&pool), (0, 2));
}

#[test]
fn default_stacks_come_from_a_pool_for_each_power_of_two() {
    let output = in_child("default_stacks_come_from_a_pool_for_each_power_of_two", || {
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
    let output = in_child("larger_ones_are_unmapped_at_once", || {
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

#[test]
fn a_kernel_that_has_no_such_guards() {
    let output = in_child("a_kernel_that_has_no_such_guards", || {
        // What a kernel before 6.13 answers, by a filter of system calls: `madvise` with that advice is invalid.
        const ADVICE: u32 = 102;
        let step = |code: u32, otherwise: u8, value: u32| libc::sock_filter {
            code: code as u16,
            jt: 0,
            jf: otherwise,
            k: value,
        };
        let mut steps = [
            step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
            step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 3, libc::SYS_madvise as u32),
            step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 32),
            step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, ADVICE),
            step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO | libc::EINVAL as u32),
            step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
        ];
        let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
        // SAFETY: it only gives up what nobody here needs.
        assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
        // SAFETY: the program is a valid one, and is copied.
        if unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) } != 0 {
            assert!(is_emulated(), "{}", io::Error::last_os_error());
        }
        assert!(!Guards::Installed.available());
        assert_eq!(Guards::best(), Guards::Unmapped);
        let pool = small_pool();
        assert_eq!(pool.guards(), Guards::Unmapped);
        let before = mappings();
        let stacks = take(&pool, 1000);
        assert!(mappings() - before < 1100, "each is one mapping");
        drop(stacks);
        let mut coroutine = Coroutine::<(), (), u8, _>::with_stack(pool.get().unwrap(), |_, ()| 1);
        assert_eq!(coroutine.resume(()), CoroutineResult::Return(1));
    });
    assert_success(&output);
}

#[test]
fn no_stack_lies_in_the_guard_of_another() {
    let unmapped = |size: usize, guard: usize| {
        StackPool::builder().guards(Guards::Unmapped).stack_size(size).guard_size(guard).build().unwrap()
    };
    let victim = unmapped(64 << 10, 64 << 20).get().unwrap();
    let guard = victim.limit().get()..victim.limit().get() + victim.guard_size();
    // More address space than there is for this, come and gone. (An emulator takes memory for its tables.)
    for _ in 0..if is_emulated() { 0 } else { 40 } {
        drop(unmapped(512 << 30, 1).get().unwrap());
    }
    let small = unmapped(16 << 10, 1);
    let stacks = take(&small, 200);
    assert!(stacks.iter().all(|stack| !guard.contains(&stack.base().get())));
    // And there is room for more pools.
    for _ in 0..300 {
        drop(unmapped(16 << 10, 1).get().unwrap());
    }
}

#[test]
fn what_threads_keep_is_bounded_by_the_memory_to_keep() {
    let pool = StackPool::builder().stack_size(4 << 20).keep_resident(0).build().unwrap();
    let stacks = take(&pool, 8);
    for stack in &stacks {
        // SAFETY: it is a byte of the stack, which nobody uses.
        (64..stack.size()).step_by(4096).for_each(|distance| unsafe { byte_below(stack, distance).write(1) });
    }
    assert!(is_emulated() || pool.statistics().resident_bytes >= 32 << 20);
    drop(stacks);
    assert_eq!(counts(&pool), (0, 8));
    assert!(is_emulated() || pool.statistics().resident_bytes < 1 << 20, "{:?}", pool.statistics());
}
