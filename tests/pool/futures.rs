//! Pools under `as_async`.

use super::*;

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
