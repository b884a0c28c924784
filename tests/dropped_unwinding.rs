//! Coroutines that are dropped while a panic is under way: theirs, or that of who drops them.

mod support;

use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use mixio::{Coroutine, CoroutineResult, WaitError, Yielder, as_async, in_coroutine, try_wait, wait};
use support::{Drops, assert_success, in_child, message, message_of, on_drop, panic_of, stderr};

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

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

/// A panic comes up from its drop, as from a poll: the future's own, which was under way.
#[test]
fn an_as_async_whose_destructor_waits_in_its_own_panic() {
    let drops = Drops::new();
    let counted = drops.counted();
    let mut future = as_async(move || {
        let _counted = counted;
        let _closing = on_drop(|| assert_eq!(try_wait(pending::<()>()), Err(WaitError::Cancelled)));
        panic!("its own");
    });
    assert!(poll(&mut future).is_pending());
    assert!(std::thread::panicking(), "as long as it is suspended there");
    assert_eq!(message_of(|| drop(future)), "its own");
    assert_eq!(drops.count(), 1);
    assert!(!std::thread::panicking());
}

#[test]
fn an_as_async_whose_destructor_insists_on_waiting_in_its_own_panic() {
    let output = in_child("an_as_async_whose_destructor_insists_on_waiting_in_its_own_panic", || {
        let mut future = as_async(|| {
            let _closing = on_drop(|| wait(pending::<()>()));
            panic!("its own");
        });
        assert!(poll(&mut future).is_pending());
        drop(future);
    });
    assert!(!output.status.success());
    assert!(stderr(&output).contains("cannot wait: the `AsAsync` that this runs in is being dropped"));
}

/// While one is suspended in the midst of its own panic, its neighbours are dropped: every destructor of theirs runs.
#[test]
fn the_neighbours_of_an_as_async_in_a_panic() {
    let drops = Drops::new();
    let mut neighbours: Vec<_> = (0..3)
        .map(|_| {
            let counted = drops.counted();
            as_async(move || {
                let _counted = counted;
                loop {
                    wait(poll_fn(|_| Poll::<()>::Pending));
                }
            })
        })
        .collect();
    let mut bad = as_async(|| {
        let _closing = on_drop(|| assert!(try_wait(pending::<()>()).is_err()));
        panic!("its own");
    });
    for neighbour in &mut neighbours {
        assert!(poll(neighbour).is_pending());
    }
    assert!(poll(&mut bad).is_pending());
    for neighbour in &mut neighbours {
        assert!(poll(neighbour).is_pending());
    }
    drop(neighbours);
    assert_eq!(drops.count(), 3);
    assert_eq!(message_of(|| drop(bad)), "its own");
    assert!(!std::thread::panicking());
}

#[test]
fn an_as_async_that_catches_everything_is_leaked_when_its_owner_panics() {
    let drops = Drops::new();
    let counted = drops.counted();
    let payload = panic_of(|| {
        let mut future = as_async(move || {
            let _counted = counted;
            loop {
                drop(catch_unwind(|| wait(pending::<()>())));
            }
        });
        assert!(poll(&mut future).is_pending());
        panic!("its owner's");
    });
    assert_eq!(message(payload), "its owner's");
    assert_eq!(drops.count(), 0);
    assert!(!std::thread::panicking() && !in_coroutine());
}

/// Plain code that waits when nobody can tell whose panic there is: it is unwound by the refusal, and no panic comes up.
#[test]
fn an_as_async_that_was_suspended_in_somebody_elses_panic() {
    let drops = Drops::new();
    let counted = drops.counted();
    let mut bad = as_async(|| {
        let _closing = on_drop(|| assert!(try_wait(pending::<()>()).is_err()));
        panic!("its own");
    });
    assert!(poll(&mut bad).is_pending());
    // It owns the one that panics, and drops it first.
    let mut owner = as_async(move || {
        let _counted = counted;
        let mut bad = bad;
        assert!(poll(&mut bad).is_pending());
        // Its panic, which has been reported, must not come up in the midst of the refusal's.
        let _dropped_first = on_drop(move || drop(bad));
        wait(pending::<()>());
    });
    assert!(poll(&mut owner).is_pending());
    drop(owner);
    assert_eq!(drops.count(), 1);
    assert!(!std::thread::panicking());
}

/// Unwound because its owner panics, it is suspended by a destructor.
#[test]
fn by_somebody_elses_panic_with_a_destructor_that_suspends() {
    let output = in_child("by_somebody_elses_panic_with_a_destructor_that_suspends", || {
        let payload = panic_of(|| {
            let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
                let _suspending = on_drop(|| yielder.suspend(()));
                yielder.suspend(());
            });
            coroutine.resume(());
            panic!("its owner's");
        });
        assert_eq!(message(payload), "its owner's");
    });
    assert_success(&output);
    assert!(stderr(&output).contains("mixio: cannot unwind a coroutine that is suspended by a destructor"));
}

/// A value that it suspends itself with has a destructor that panics: it is unwound all the same.
#[test]
fn the_panic_of_a_value_comes_last() {
    let drops = Drops::new();
    let counted = drops.counted();
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), Box<dyn std::any::Any>>, ()| {
        let _counted = counted;
        for _ in 0..3 {
            drop(catch_unwind(AssertUnwindSafe(|| {
                yielder.suspend(Box::new(on_drop(|| panic!("of the value"))));
            })));
        }
    });
    std::mem::forget(coroutine.resume(()));
    assert_eq!(message_of(|| coroutine.force_unwind()), "of the value");
    assert!(coroutine.done());
    assert_eq!(drops.count(), 1);
}
