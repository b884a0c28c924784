//! Coroutines that are dropped while a panic is under way: theirs, or that of who drops them.

mod support;

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Waker};

use mixio::{Coroutine, CoroutineResult, Yielder, as_async, wait};
use support::{Drops, message, message_of, on_drop, panic_of};

/// A destructor on its stack suspends it while its own panic unwinds it.
fn suspended_in_its_own_panic(drops: &Drops) -> Coroutine<(), &'static str, ()> {
    let counted = drops.counted();
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), &'static str>, ()| {
        let _counted = counted;
        let _suspending = on_drop(|| yielder.suspend("in a destructor"));
        panic!("its own");
    });
    assert_eq!(coroutine.resume(()), CoroutineResult::Yield("in a destructor"));
    coroutine
}

/// Only by a thread's end does its panic count go away again: so each of these tests has a thread of its own.
fn on_a_thread(body: impl FnOnce() + Send + 'static) {
    std::thread::spawn(body).join().unwrap();
}

#[test]
fn in_the_midst_of_its_own_panic_it_is_leaked_with_a_sentence() {
    on_a_thread(|| {
        let drops = Drops::new();
        let coroutine = suspended_in_its_own_panic(&drops);
        // `panicking` is true through the coroutine, so dropping is silent; by its name it isn't.
        drop(coroutine);
        assert_eq!(drops.count(), 0);
    });
    on_a_thread(|| {
        let drops = Drops::new();
        let mut coroutine = suspended_in_its_own_panic(&drops);
        let message = message_of(|| coroutine.force_unwind());
        assert!(message.contains("suspended by a destructor while it unwinds"), "{message}");
        assert!(coroutine.done());
        let message = message_of(|| coroutine.resume(()));
        assert!(message.contains("could not be unwound"), "{message}");
        assert_eq!(drops.count(), 0);
    });
}

#[test]
fn in_the_midst_of_its_own_panic_it_can_be_resumed() {
    let drops = Drops::new();
    let mut coroutine = suspended_in_its_own_panic(&drops);
    assert_eq!(message(panic_of(|| coroutine.resume(()))), "its own");
    assert_eq!(drops.count(), 1);
    assert!(!std::thread::panicking());
}

#[test]
fn in_the_midst_of_its_own_panic_nothing_is_thrown_into_it() {
    let drops = Drops::new();
    let mut coroutine = suspended_in_its_own_panic(&drops);
    let message_of_throw = message_of(|| coroutine.throw(Box::new("another")));
    assert!(message_of_throw.contains("cannot throw into a coroutine that is suspended by a destructor"));
    // Nothing has changed.
    assert_eq!(message(panic_of(|| coroutine.resume(()))), "its own");
    assert_eq!(drops.count(), 1);
}

/// As before, and resumed once more in between, when the thread is panicking because of it.
#[test]
fn in_the_midst_of_its_own_panic_twice() {
    on_a_thread(|| {
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
            let _suspending = on_drop(|| {
                yielder.suspend(());
                yielder.suspend(());
            });
            panic!("its own");
        });
        coroutine.resume(());
        coroutine.resume(());
        assert!(message_of(|| coroutine.force_unwind()).contains("suspended by a destructor"));
    });
}

/// A panic of its own that it has caught is over.
#[test]
fn after_its_own_panic_it_is_unwound() {
    let drops = Drops::new();
    let counted = drops.counted();
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _counted = counted;
        drop(catch_unwind(AssertUnwindSafe(|| {
            let _suspending = on_drop(|| yielder.suspend(()));
            panic!("its own");
        })));
        yielder.suspend(());
    });
    coroutine.resume(());
    coroutine.resume(());
    drop(coroutine);
    assert_eq!(drops.count(), 1);
    assert!(!std::thread::panicking());
}

#[test]
fn by_somebody_elses_panic_it_is_unwound() {
    let drops = Drops::new();
    let counted = drops.counted();
    let payload = panic_of(|| {
        let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
            let _counted = counted;
            yielder.suspend(());
        });
        coroutine.resume(());
        panic!("somebody else's");
    });
    assert_eq!(message(payload), "somebody else's");
    assert_eq!(drops.count(), 1);
    assert!(!std::thread::panicking());
}

/// Resumed by a destructor while its resumer unwinds, it suspends itself again and again: no panic of its own.
#[test]
fn resumed_by_a_destructor_it_is_still_unwound_later() {
    let drops = Drops::new();
    let counted = drops.counted();
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _counted = counted;
        loop {
            yielder.suspend(());
        }
    });
    drop(catch_unwind(AssertUnwindSafe(|| {
        let _resuming = on_drop(|| {
            coroutine.resume(());
            coroutine.resume(());
        });
        panic!("its resumer's");
    })));
    // Suspended when no panic was under way: so it is known that it can be unwound.
    coroutine.resume(());
    drop(coroutine);
    assert_eq!(drops.count(), 1);
}

#[test]
fn an_as_async_whose_destructor_waits_in_a_panic() {
    on_a_thread(|| {
        let drops = Drops::new();
        let counted = drops.counted();
        let mut future = as_async(move || {
            let _counted = counted;
            let _closing = on_drop(|| wait(pending::<()>()));
            panic!("its own");
        });
        assert!(Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(future);
        assert_eq!(drops.count(), 0);
    });
}
