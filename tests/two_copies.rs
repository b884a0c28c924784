//! Two copies of the crate in one program, as when it depends on two versions of it: no symbol of the one collides
//! with the other's, and their coroutines nest in each other.

mod support;

use support::{Log, message_of};

#[test]
fn both_run() {
    let mut ours = mixio::Coroutine::new(|yielder: &mixio::Yielder<u32, u32>, n| yielder.suspend(n + 1) + 2);
    let mut theirs = mixio_second_copy::Coroutine::new(|yielder: &mixio_second_copy::Yielder<u32, u32>, n| {
        yielder.suspend(n + 3) + 4
    });
    assert_eq!(ours.resume(10), mixio::CoroutineResult::Yield(11));
    assert_eq!(theirs.resume(10), mixio_second_copy::CoroutineResult::Yield(13));
    assert_eq!(ours.resume(20), mixio::CoroutineResult::Return(22));
    assert_eq!(theirs.resume(20), mixio_second_copy::CoroutineResult::Return(24));
}

#[test]
fn nested_in_each_other() {
    let mut first = mixio::Coroutine::new(|first: &mixio::Yielder<u32, u32>, n: u32| {
        let mut second = mixio_second_copy::Coroutine::new(|second: &mixio_second_copy::Yielder<u32, u32>, n: u32| {
            let mut third = mixio::Coroutine::new(|third: &mixio::Yielder<u32, u32>, n| third.suspend(n + 1) + 1);
            let n = second.suspend(third.resume(n).as_yield().unwrap());
            third.resume(n).as_return().unwrap()
        });
        let n = first.suspend(second.resume(n).as_yield().unwrap());
        second.resume(n).as_return().unwrap()
    });
    assert_eq!(first.resume(1), mixio::CoroutineResult::Yield(2));
    assert_eq!(first.resume(10), mixio::CoroutineResult::Return(11));
}

#[test]
fn panics_cross_both() {
    let log = Log::new();
    let inside = log.clone();
    let mut first = mixio::Coroutine::<(), (), ()>::new(move |_, ()| {
        let _first = inside.on_drop("first");
        let inside = inside.clone();
        let mut second = mixio_second_copy::Coroutine::<(), (), ()>::new(move |_, ()| {
            let _second = inside.on_drop("second");
            let mut third = mixio::Coroutine::<(), (), ()>::new(|_, ()| panic!("from the third"));
            third.resume(());
        });
        second.resume(());
    });
    assert_eq!(message_of(|| first.resume(())), "from the third");
    assert_eq!(log.entries(), ["second", "first"]);
    assert!(!std::thread::panicking());
}

#[test]
fn unwinding_one_through_the_other() {
    let log = Log::new();
    let inside = log.clone();
    let mut first = mixio_second_copy::Coroutine::new(move |first: &mixio_second_copy::Yielder<(), ()>, ()| {
        let _first = inside.on_drop("first");
        let inside = inside.clone();
        let mut second = mixio::Coroutine::new(move |second: &mixio::Yielder<(), ()>, ()| {
            let _second = inside.on_drop("second");
            // A payload of the one is nothing special to the other.
            let caught = support::panic_of(|| second.suspend(()));
            inside.push("caught");
            std::panic::resume_unwind(caught);
        });
        second.resume(());
        first.suspend(());
        let _: mixio::CoroutineResult<(), ()> = second.resume(());
    });
    first.resume(());
    drop(first);
    assert_eq!(log.entries(), ["caught", "second", "first"]);
}

#[test]
fn as_async_of_the_one_waits_in_the_other() {
    // Each knows only of its own: to the inner one there is no coroutine, so it would park the thread.
    let value = smol::block_on(mixio::as_async(|| {
        assert!(mixio::in_coroutine() && !mixio_second_copy::in_coroutine());
        mixio::wait(mixio_second_copy::as_async(|| {
            assert!(mixio_second_copy::in_coroutine());
            mixio_second_copy::wait(async { 20 }) + mixio::wait(async { 3 })
        }))
    }));
    assert_eq!(value, 23);
}
