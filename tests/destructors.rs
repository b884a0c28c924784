//! Destructors that suspend, and coroutines that are dropped, while a panic is under way: theirs, or somebody else's.

mod support;

use std::os::unix::process::ExitStatusExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use mixio::{Coroutine, CoroutineResult, Yielder};
use support::{Drops, Log, assert_success, in_child, message, message_of, on_drop, panic_of, stderr};

const SIGABRT: i32 = 6;

const SUSPENDED_BY_DESTRUCTOR: &str =
    "cannot unwind a coroutine that is suspended by a destructor while it unwinds; its stack is leaked";

#[test]
fn a_destructor_that_suspends_while_a_panic_unwinds() {
    let log = Log::new();
    let inside = log.clone();
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<u32, u32>, _| {
        let message = message_of(|| -> () {
            let _outer = inside.on_drop("dropped after it");
            let _suspends = on_drop(|| {
                let input = yielder.suspend(1);
                inside.push(format!("resumed with {input}"));
            });
            panic!("ordinary");
        });
        assert!(!thread::panicking());
        let input = yielder.suspend(2);
        format!("{message} {input}")
    });
    assert_eq!(coroutine.resume(0), CoroutineResult::Yield(1));
    // The count of panics is the thread's.
    assert!(thread::panicking());
    assert_eq!(coroutine.resume(10), CoroutineResult::Yield(2));
    assert!(!thread::panicking());
    assert_eq!(coroutine.resume(20), CoroutineResult::Return("ordinary 20".to_owned()));
    assert_eq!(log.entries(), ["resumed with 10", "dropped after it"]);
}

#[test]
fn a_destructor_that_suspends_while_a_panic_unwinds_to_the_root() {
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| -> () {
        let _suspends = on_drop(|| yielder.suspend(()));
        panic!("ordinary");
    });
    assert_eq!(coroutine.resume(()), CoroutineResult::Yield(()));
    assert!(thread::panicking() && !coroutine.done());
    assert_eq!(message_of(|| coroutine.resume(())), "ordinary");
    assert!(!thread::panicking() && coroutine.done());
}

#[test]
fn two_coroutines_suspended_by_destructors_at_once() {
    let make = |name: &'static str| {
        Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
            message_of(|| -> () {
                let _suspends = on_drop(|| yielder.suspend(()));
                panic!("{name}");
            })
        })
    };
    let (mut first, mut second) = (make("first"), make("second"));
    first.resume(());
    second.resume(());
    // Not in the order in which they began.
    assert_eq!(first.resume(()), CoroutineResult::Return("first".to_owned()));
    assert!(thread::panicking());
    assert_eq!(second.resume(()), CoroutineResult::Return("second".to_owned()));
    assert!(!thread::panicking());
}

#[test]
fn a_destructor_that_suspends_during_force_unwind() {
    // On its thread `panicking` stays true.
    let output = in_child("a_destructor_that_suspends_during_force_unwind", || {
        let drops = Drops::new();
        let mut coroutine = suspends_in_a_destructor(&drops);
        assert_eq!(message_of(|| coroutine.force_unwind()), SUSPENDED_BY_DESTRUCTOR);
        assert!(coroutine.done());
        assert_eq!(
            message_of(|| coroutine.resume(())),
            "cannot resume a coroutine that is running, or could not be unwound"
        );
        drop(coroutine);
        assert_eq!(drops.count(), 1, "what it yielded; the rest is leaked, the stack too");
        assert!(thread::panicking());

        // Other coroutines of the thread live on.
        let mut coroutine = Coroutine::new(|yielder, n: u8| yielder.suspend(n + 1));
        assert_eq!(coroutine.resume(1), CoroutineResult::Yield(2));
        assert_eq!(coroutine.resume(3), CoroutineResult::Return(3));
    });
    assert_success(&output);
}

#[test]
fn a_destructor_that_suspends_during_drop() {
    let output = in_child("a_destructor_that_suspends_during_drop", || {
        let drops = Drops::new();
        let coroutine = suspends_in_a_destructor(&drops);
        // The thread is panicking already, so no second panic is begun.
        drop(coroutine);
        assert_eq!(drops.count(), 1, "what it yielded; the rest is leaked, the stack too");
    });
    assert_success(&output);
}

/// Suspended; unwinding it meets a destructor that suspends it, with a counted value.
fn suspends_in_a_destructor(drops: &Drops) -> Coroutine<(), Option<support::Counted>, (), support::CountedStack> {
    let inside = drops.clone();
    let mut coroutine = Coroutine::with_stack(drops.stack(), move |yielder: &Yielder<(), _>, ()| {
        let _counted = inside.counted();
        let _suspends = on_drop(|| yielder.suspend(Some(inside.counted())));
        yielder.suspend(None);
    });
    coroutine.resume(());
    coroutine
}

#[test]
fn a_destructor_that_catches_the_unwind_of_its_own_suspension() {
    // The bound holds for it as well: the first suspension in the destructor ends it.
    let output = in_child("a_destructor_that_catches_the_unwind_of_its_own_suspension", || {
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
            let _suspends = on_drop(|| drop(panic_of(|| yielder.suspend(()))));
            yielder.suspend(());
        });
        coroutine.resume(());
        assert_eq!(message_of(|| coroutine.force_unwind()), SUSPENDED_BY_DESTRUCTOR);
    });
    assert_success(&output);
}

/// Suspended by a destructor in the midst of a panic of its own, with a counted value there.
fn suspended_in_a_panic(drops: &Drops) -> Coroutine<(), (), (), support::CountedStack> {
    let counted = drops.counted();
    let mut coroutine = Coroutine::with_stack(drops.stack(), move |yielder: &Yielder<(), ()>, ()| {
        let _counted = counted;
        let _suspends = on_drop(|| yielder.suspend(()));
        panic!("ordinary");
    });
    coroutine.resume(());
    coroutine
}

#[test]
fn unwound_while_a_destructor_has_it_suspended_for_an_ordinary_panic() {
    // A panic raised in that destructor would be a second one, and the end of the process.
    let output = in_child("unwound_while_a_destructor_has_it_suspended_for_an_ordinary_panic", || {
        let drops = Drops::new();
        let mut coroutine = suspended_in_a_panic(&drops);
        assert_eq!(message_of(|| coroutine.force_unwind()), SUSPENDED_BY_DESTRUCTOR);
        assert!(coroutine.done() && thread::panicking());
        drop(coroutine);
        assert_eq!(drops.count(), 0, "it is leaked, the stack too");
    });
    assert_success(&output);
}

#[test]
fn dropped_while_a_destructor_has_it_suspended_for_an_ordinary_panic() {
    let output = in_child("dropped_while_a_destructor_has_it_suspended_for_an_ordinary_panic", || {
        let drops = Drops::new();
        drop(suspended_in_a_panic(&drops));
        assert_eq!(drops.count(), 0, "it is leaked, the stack too");
        assert!(thread::panicking());
    });
    assert_success(&output);
}

/// Rust doesn't say whose panic it is: in a coroutine that started in the midst of one, its own is taken for that.
#[test]
fn dropped_while_a_destructor_has_it_suspended_and_it_started_in_a_panic() {
    let output = in_child("dropped_while_a_destructor_has_it_suspended_and_it_started_in_a_panic", || {
        drop(catch_unwind(|| {
            let drops = Drops::new();
            let _drops_it = on_drop(|| drop(suspended_in_a_panic(&drops)));
            panic!("of the resumer");
        }));
    });
    assert_eq!(output.status.signal(), Some(SIGABRT), "{}", stderr(&output));
    assert!(stderr(&output).contains("panic in a destructor during cleanup"), "{}", stderr(&output));
}

/// The other way round: somebody else's panic, while it runs, is taken for its own.
#[test]
fn unwound_while_another_one_that_it_owns_is_suspended_by_a_destructor() {
    let output = in_child("unwound_while_another_one_that_it_owns_is_suspended_by_a_destructor", || {
        let drops = Drops::new();
        let (inside, counted) = (Drops::new(), drops.counted());
        let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
            let _counted = counted;
            let _other = suspended_in_a_panic(&inside);
            yielder.suspend(());
        });
        coroutine.resume(());
        assert_eq!(message_of(|| coroutine.force_unwind()), SUSPENDED_BY_DESTRUCTOR);
        assert_eq!(drops.count(), 0);
    });
    assert_success(&output);
}

#[test]
fn thrown_into_one_that_a_destructor_has_suspended() {
    let drops = Drops::new();
    let mut coroutine = suspended_in_a_panic(&drops);
    assert_eq!(
        message_of(|| coroutine.throw(Box::new("not thrown"))),
        "cannot throw into a coroutine that is suspended by a destructor while it unwinds"
    );
    // It is as it was.
    assert_eq!(message_of(|| coroutine.resume(())), "ordinary");
    assert_eq!(drops.count(), 1);
    assert!(coroutine.done() && !thread::panicking());
}

#[test]
fn a_coroutine_in_a_destructor_while_a_panic_unwinds() {
    // Resumed, panicking itself, and dropped while suspended: all inside the unwinding of another panic.
    let drops = Drops::new();
    let message = message_of(|| -> () {
        let _runs = on_drop(|| {
            let counted = drops.counted();
            let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
                let _counted = counted;
                assert_eq!(message_of(|| panic!("third")), "third");
                yielder.suspend(());
            });
            coroutine.resume(());
            let mut panics = Coroutine::<(), (), ()>::new(|_, ()| panic!("second"));
            assert_eq!(message_of(|| panics.resume(())), "second");
        });
        panic!("first");
    });
    assert_eq!(message, "first");
    assert_eq!(drops.count(), 1);
    assert!(!thread::panicking());
}

#[test]
fn unwound_in_the_midst_of_another_unwinding() {
    // Dropping the outer one drops the inner one, on its stack; both swallow the first panic.
    let log = Log::new();
    let make = |log: Log, name: &'static str| {
        Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
            let _on_drop = log.on_drop(name);
            drop(panic_of(|| yielder.suspend(())));
            log.push(format!("{name} swallowed"));
            yielder.suspend(());
        })
    };
    let mut inner = make(log.clone(), "inner");
    inner.resume(());
    let mut outer = make(log.clone(), "outer");
    outer.resume(());
    let mut owner = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _both = (inner, outer);
        yielder.suspend(());
    });
    owner.resume(());
    drop(owner);
    assert_eq!(log.entries(), ["inner swallowed", "inner", "outer swallowed", "outer"]);
    assert!(!thread::panicking());
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

/// Resumed once more, when the thread is panicking because of it.
#[test]
fn in_the_midst_of_its_own_panic_twice() {
    // Only by a thread's end does its panic count go away again.
    let other_thread = thread::spawn(|| {
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
            let _suspending = on_drop(|| {
                yielder.suspend(());
                yielder.suspend(());
            });
            panic!("its own");
        });
        coroutine.resume(());
        coroutine.resume(());
        assert_eq!(message_of(|| coroutine.force_unwind()), SUSPENDED_BY_DESTRUCTOR);
    });
    other_thread.join().unwrap();
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
    assert!(!thread::panicking());
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
    assert!(!thread::panicking());
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
