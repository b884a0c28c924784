//! Each kind of guard, and sizes that are out of the ordinary.

use std::hint::black_box;

use mixio::Coroutine;
use mixio::stack::{DefaultStack, Guards, StackPool};

use super::support::in_child;
use super::{assert_reported, expect_next_line, overflow};

/// Overflows a coroutine on a stack with such guards.
fn overflow_with(guards: Guards) {
    if !guards.available() {
        // Nothing to see: as if.
        expect_next_line();
        Coroutine::<(), (), (), _>::with_stack(DefaultStack::new(64 << 10).unwrap(), |_, ()| overflow()).resume(());
    }
    let pool = StackPool::builder().stack_size(64 << 10).guards(guards).build().unwrap();
    // In the midst of others.
    let _below: Vec<_> = (0..10).map(|_| pool.get().unwrap()).collect();
    let stack = pool.get().unwrap();
    let _above: Vec<_> = (0..10).map(|_| pool.get().unwrap()).collect();
    expect_next_line();
    Coroutine::<(), (), (), _>::with_stack(stack, |_, ()| overflow()).resume(());
}

#[test]
fn with_installed_guards() {
    let output = in_child("stacks::with_installed_guards", || overflow_with(Guards::Installed));
    assert_reported(&output, 64 << 10);
}

#[test]
fn with_unmapped_guards() {
    let output = in_child("stacks::with_unmapped_guards", || overflow_with(Guards::Unmapped));
    assert_reported(&output, 64 << 10);
}

#[test]
fn with_protected_guards() {
    let output = in_child("stacks::with_protected_guards", || overflow_with(Guards::Protected));
    assert_reported(&output, 64 << 10);
}

#[test]
fn of_a_stack_whose_memory_was_given_back() {
    let output = in_child("stacks::of_a_stack_whose_memory_was_given_back", || {
        let pool = StackPool::builder().stack_size(64 << 10).keep_resident(0).build().unwrap();
        drop((0..200).map(|_| pool.get().unwrap()).collect::<Vec<_>>());
        let mut stacks: Vec<_> = (0..200).map(|_| pool.get().unwrap()).collect();
        expect_next_line();
        Coroutine::<(), (), (), _>::with_stack(stacks.pop().unwrap(), |_, ()| overflow()).resume(());
    });
    assert_reported(&output, 64 << 10);
}

#[test]
fn after_other_pools_have_come_and_gone() {
    let output = in_child("stacks::after_other_pools_have_come_and_gone", || {
        for size in [4096, 1 << 20, 100_000] {
            let pool = StackPool::builder().stack_size(size).guard_size(size).build().unwrap();
            drop((0..100).map(|_| pool.get().unwrap()).collect::<Vec<_>>());
        }
        let pool = StackPool::builder().stack_size(50_000).build().unwrap();
        expect_next_line();
        Coroutine::<(), (), (), _>::with_stack(pool.get().unwrap(), |_, ()| overflow()).resume(());
    });
    assert_reported(&output, 50_000);
}

#[test]
fn of_more_than_64_mebibytes() {
    let output = in_child("stacks::of_more_than_64_mebibytes", || {
        let stack = DefaultStack::new((64 << 20) + 1).unwrap();
        expect_next_line();
        Coroutine::<(), (), (), _>::with_stack(stack, |_, ()| overflow()).resume(());
    });
    assert_reported(&output, (64 << 20) + 1);
}

/// One frame of a mebibyte.
#[inline(never)]
fn huge_frame(value: u8) -> u8 {
    let mut room = [value; 1 << 20];
    black_box(&mut room)[usize::from(value)]
}

#[test]
#[cfg_attr(
    mixio_sanitizer = "address",
    ignore = "the sanitizer makes room for large arrays without touching each page"
)]
fn by_one_huge_frame() {
    // Larger than the stack, and than all guards and stacks below it that there may be: it is touched page by page.
    let output = in_child("stacks::by_one_huge_frame", || {
        let below: Vec<_> = (0..10).map(|_| DefaultStack::new(64 << 10).unwrap()).collect();
        let stack = DefaultStack::new(64 << 10).unwrap();
        expect_next_line();
        let mut coroutine = Coroutine::<u8, (), u8, _>::with_stack(stack, |_, n| huge_frame(n));
        coroutine.resume(1);
        eprintln!("not reached");
        drop(below);
    });
    assert_reported(&output, 64 << 10);
}
