//! Each kind of coroutine, and of several the right one.

use std::task::Poll;

use mixio::stack::{DEFAULT_STACK_SIZE, DefaultStack, MIN_STACK_SIZE, StackPool};
use mixio::{Coroutine, CoroutineResult, ScopedCoroutine, Yielder, as_async, on_stack, wait};

use super::support::{in_child, on_drop, poll};
use super::{assert_reported, expect_next_line, overflow};

#[test]
fn of_a_coroutine() {
    let output = in_child("coroutines::of_a_coroutine", || {
        expect_next_line();
        let mut coroutine = Coroutine::<(), (), ()>::new(|_, ()| overflow());
        coroutine.resume(());
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

#[test]
fn of_a_coroutine_that_was_suspended_and_moved() {
    let output = in_child("coroutines::of_a_coroutine_that_was_suspended_and_moved", || {
        expect_next_line();
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
            yielder.suspend(());
            overflow();
        });
        coroutine.resume(());
        // Others come and go meanwhile, on other stacks.
        for _ in 0..100 {
            Coroutine::<(), (), ()>::new(|_, ()| ()).resume(());
        }
        let mut coroutine = Box::new(coroutine);
        coroutine.resume(());
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

#[test]
fn of_one_made_by_try_new() {
    let output = in_child("coroutines::of_one_made_by_try_new", || {
        expect_next_line();
        let mut coroutine = Coroutine::<(), (), ()>::try_new(|_, ()| overflow()).unwrap();
        coroutine.resume(());
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

#[test]
fn of_one_on_a_stack_of_its_own() {
    let output = in_child("coroutines::of_one_on_a_stack_of_its_own", || {
        let stack = DefaultStack::new(100_000).unwrap();
        expect_next_line();
        let mut coroutine = Coroutine::<(), (), (), _>::with_stack(stack, |_, ()| overflow());
        coroutine.resume(());
    });
    assert_reported(&output, 100_000);
}

#[test]
fn of_a_scoped_coroutine() {
    let output = in_child("coroutines::of_a_scoped_coroutine", || {
        let text = String::from("borrowed");
        expect_next_line();
        let scoped = ScopedCoroutine::<(), (), _>::new(|_, ()| {
            overflow();
            text.len()
        });
        scoped.scope(|mut coroutine| coroutine.resume(()));
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

#[test]
fn of_a_scoped_coroutine_on_a_borrowed_stack() {
    let output = in_child("coroutines::of_a_scoped_coroutine_on_a_borrowed_stack", || {
        let mut stack = DefaultStack::new(MIN_STACK_SIZE).unwrap();
        // Somebody else's before.
        ScopedCoroutine::<(), (), _, _>::with_stack(&mut stack, |_, ()| ()).scope(|mut coroutine| coroutine.resume(()));
        expect_next_line();
        let scoped = ScopedCoroutine::<(), (), _, _>::with_stack(&mut stack, |_, ()| overflow());
        scoped.scope(|mut coroutine| coroutine.resume(()));
    });
    assert_reported(&output, MIN_STACK_SIZE);
}

#[test]
fn of_an_as_async() {
    let output = in_child("coroutines::of_an_as_async", || {
        expect_next_line();
        let mut future = as_async(overflow);
        assert_eq!(poll(&mut future), Poll::Pending);
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

#[test]
fn of_an_as_async_with_a_size() {
    let output = in_child("coroutines::of_an_as_async_with_a_size", || {
        expect_next_line();
        let mut future = as_async(|| {
            wait(smol::future::yield_now());
            overflow();
        })
        .stack_size(300_000);
        assert_eq!(poll(&mut future), Poll::Pending);
        assert_eq!(poll(&mut future), Poll::Pending);
    });
    assert_reported(&output, 300_000);
}

#[test]
fn of_an_as_async_with_a_pool() {
    let output = in_child("coroutines::of_an_as_async_with_a_pool", || {
        let pool = StackPool::builder().stack_size(40_000).guard_size(100_000).build().unwrap();
        expect_next_line();
        let mut future = as_async(overflow).stack_pool(&pool);
        assert_eq!(poll(&mut future), Poll::Pending);
    });
    assert_reported(&output, 40_000);
}

#[test]
fn of_on_stack() {
    let output = in_child("coroutines::of_on_stack", || {
        let stack = DefaultStack::new(64 << 10).unwrap();
        expect_next_line();
        on_stack(stack, overflow);
    });
    assert_reported(&output, 64 << 10);
}

#[test]
fn of_the_inner_one() {
    let output = in_child("coroutines::of_the_inner_one", || {
        let mut outer = Coroutine::<(), (), ()>::new(|_, ()| {
            let stack = DefaultStack::new(64 << 10).unwrap();
            expect_next_line();
            let mut inner = Coroutine::<(), (), (), _>::with_stack(stack, |_, ()| overflow());
            inner.resume(());
        });
        outer.resume(());
    });
    assert_reported(&output, 64 << 10);
}

#[test]
fn of_the_outer_one_with_an_inner_one_suspended() {
    let output = in_child("coroutines::of_the_outer_one_with_an_inner_one_suspended", || {
        let stack = DefaultStack::new(64 << 10).unwrap();
        expect_next_line();
        let mut outer = Coroutine::<(), (), (), _>::with_stack(stack, |_, ()| {
            let mut inner = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
            assert_eq!(inner.resume(()), CoroutineResult::Yield(()));
            overflow();
        });
        outer.resume(());
    });
    assert_reported(&output, 64 << 10);
}

#[test]
fn of_the_outer_one_by_way_of_its_own_stack() {
    // The inner one lends itself the stack that it was resumed from, and that is the one which overflows.
    let output = in_child("coroutines::of_the_outer_one_by_way_of_its_own_stack", || {
        let stack = DefaultStack::new(64 << 10).unwrap();
        expect_next_line();
        let mut outer = Coroutine::<(), (), (), _>::with_stack(stack, |_, ()| {
            Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.on_parent_stack(overflow)).resume(());
        });
        outer.resume(());
    });
    assert_reported(&output, 64 << 10);
}

#[test]
fn of_a_wait_deep_in_another() {
    // An `as_async` that is polled by the `wait` of another one.
    let output = in_child("coroutines::of_a_wait_deep_in_another", || {
        let mut outer = as_async(|| {
            expect_next_line();
            wait(as_async(overflow).stack_size(64 << 10));
        });
        assert_eq!(poll(&mut outer), Poll::Pending);
    });
    assert_reported(&output, 64 << 10);
}

#[test]
fn while_it_unwinds() {
    let output = in_child("coroutines::while_it_unwinds", || {
        expect_next_line();
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
            let _overflows = on_drop(overflow);
            yielder.suspend(());
        });
        coroutine.resume(());
        drop(coroutine);
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}
