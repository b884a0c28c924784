//! Colours, huge pages, and memory that is given back.

use super::*;

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
