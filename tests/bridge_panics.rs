//! What becomes of an `as_async` that is dropped while a panic is under way: its own, or that of who drops it.

mod support;

use std::future::{pending, poll_fn};
use std::panic::catch_unwind;
use std::rc::Rc;
use std::sync::Mutex;
use std::task::Poll;

use mixio::{Coroutine, WaitError, Yielder, as_async, in_coroutine, try_wait, wait};
use support::{Drops, message, message_of, on_drop, panic_of, poll, yield_once};

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
    assert!(!std::thread::panicking(), "it is the function that panics, and nobody else here");
    assert_eq!(message_of(|| drop(future)), "its own");
    assert_eq!(drops.count(), 1);
    assert!(!std::thread::panicking());
}

#[test]
fn an_as_async_whose_destructor_insists_on_waiting_in_its_own_panic() {
    let mut future = as_async(|| {
        let _closing = on_drop(|| wait(pending::<()>()));
        panic!("its own");
    });
    assert!(poll(&mut future).is_pending());
    let message = message_of(|| drop(future));
    assert!(message.contains("a destructor waits at tests/bridge_panics.rs:"), "{message}");
    assert!(!std::thread::panicking());
}

/// A mutex that a neighbour holds over a wait is none of the business of a function that panics meanwhile.
#[test]
fn the_mutex_of_a_neighbour_is_not_poisoned() {
    let mutex = Rc::new(Mutex::new(0));
    let mut neighbour = as_async({
        let mutex = mutex.clone();
        move || {
            let mut guard = mutex.lock().unwrap();
            wait(poll_twice());
            assert!(!std::thread::panicking());
            *guard += 1;
        }
    });
    let mut bad = as_async(|| {
        let _closing = on_drop(|| {
            assert!(std::thread::panicking());
            wait(poll_twice());
            assert!(std::thread::panicking(), "it is its own panic");
        });
        panic!("its own");
    });
    assert!(poll(&mut neighbour).is_pending());
    assert!(poll(&mut bad).is_pending());
    assert!(poll(&mut neighbour).is_ready());
    assert!(!mutex.is_poisoned());
    assert_eq!(message_of(|| poll(&mut bad)), "its own");
    assert!(!std::thread::panicking());
}

/// Ready when it is polled for the second time.
fn poll_twice() -> impl Future<Output = ()> {
    let mut polled = false;
    poll_fn(move |_| if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending })
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

/// By raw coroutines, which don't set their panics aside, and are resumed where somebody else's were: then it says that the
/// thread is panicking for ever, since nobody can count that far.
#[test]
fn a_count_of_panics_below_zero() {
    struct Suspends<'a>(&'a Yielder<(), ()>);

    impl Drop for Suspends<'_> {
        fn drop(&mut self) {
            self.0.suspend(());
        }
    }

    fn suspended_in_its_panic() -> Coroutine<(), (), ()> {
        let mut coroutine = Coroutine::new(|yielder, ()| {
            drop(panic_of(|| {
                let _suspends = Suspends(yielder);
                panic!("its own");
            }));
        });
        coroutine.resume(());
        coroutine
    }

    let (mut first, mut second) = (suspended_in_its_panic(), suspended_in_its_panic());
    let mut future = as_async(move || {
        first.resume(());
        wait(yield_once());
        second.resume(());
    });
    assert!(poll(&mut future).is_pending());
    assert!(poll(&mut future).is_ready());
    assert!(!std::thread::panicking());
}
