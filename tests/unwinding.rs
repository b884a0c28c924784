//! The panic that unwinds a suspended coroutine, and code that catches it.

mod support;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;

use mixio::{Coroutine, Yielder};
use support::{Drops, Log, keep, message_of, on_drop, panic_of};

const SWALLOWED: &str = "cannot unwind a coroutine that keeps catching the panic and suspending itself; its stack is \
                         leaked";
#[test]
fn an_unwind_swallowed_once() {
    let drops = Drops::new();
    let inside = drops.clone();
    let log = Log::new();
    let inside_log = log.clone();
    let mut coroutine = Coroutine::with_stack(drops.stack(), move |yielder: &Yielder<(), ()>, ()| {
        let _counted = inside.counted();
        drop(panic_of(|| yielder.suspend(())));
        inside_log.push("swallowed");
        yielder.suspend(());
        inside_log.push("not reached");
    });
    coroutine.resume(());
    drop(coroutine);
    assert_eq!(log.entries(), ["swallowed"]);
    assert_eq!(drops.count(), 2);
    assert!(!thread::panicking());
}

#[test]
fn an_unwind_swallowed_while_the_payload_is_kept() {
    // What was caught is alive at the next suspension, which is no sign of a destructor.
    let drops = Drops::new();
    let inside = drops.clone();
    let mut coroutine = Coroutine::with_stack(drops.stack(), move |yielder: &Yielder<(), ()>, ()| {
        let _counted = inside.counted();
        let _caught = [panic_of(|| yielder.suspend(())), panic_of(|| yielder.suspend(()))];
        yielder.suspend(());
    });
    coroutine.resume(());
    coroutine.force_unwind();
    assert_eq!(drops.count(), 1);
    drop(coroutine);
    assert_eq!(drops.count(), 2);
}

/// A coroutine that swallows every unwind, and counts them.
fn stubborn(attempts: &Rc<RefCell<u32>>, drops: &Drops) -> Coroutine<(), (), (), support::CountedStack> {
    let (attempts, counted) = (attempts.clone(), drops.counted());
    let mut coroutine = Coroutine::with_stack(drops.stack(), move |yielder: &Yielder<(), ()>, ()| {
        let _counted = counted;
        loop {
            drop(panic_of(|| yielder.suspend(())));
            *attempts.borrow_mut() += 1;
        }
    });
    coroutine.resume(());
    coroutine
}

#[test]
fn an_unwind_always_swallowed_by_force_unwind() {
    let (attempts, drops) = (Rc::default(), Drops::new());
    let mut coroutine = stubborn(&attempts, &drops);
    assert_eq!(message_of(|| coroutine.force_unwind()), SWALLOWED);
    assert_eq!(*attempts.borrow(), 1000);
    assert!(coroutine.done() && !thread::panicking());
    assert_eq!(
        message_of(|| coroutine.resume(())),
        "cannot resume a coroutine that is running, or could not be unwound"
    );
    assert_eq!(message_of(|| coroutine.into_stack()), "cannot take the stack of a coroutine that could not be unwound");
    assert_eq!(drops.count(), 0, "all of it is leaked, the stack too");
}

#[test]
fn an_unwind_always_swallowed_by_drop() {
    let (attempts, drops) = (Rc::default(), Drops::new());
    let coroutine = stubborn(&attempts, &drops);
    assert_eq!(message_of(|| drop(coroutine)), SWALLOWED);
    assert_eq!(*attempts.borrow(), 1000);
    assert_eq!(drops.count(), 0);
}

#[test]
fn an_unwind_always_swallowed_while_its_owner_panics() {
    // A second panic would abort the process: it is leaked in silence.
    let (attempts, drops) = (Rc::default(), Drops::new());
    let coroutine = stubborn(&attempts, &drops);
    let message = message_of(|| {
        let _coroutine = coroutine;
        panic!("of the owner");
    });
    assert_eq!(message, "of the owner");
    assert_eq!(*attempts.borrow(), 1000);
    assert_eq!(drops.count(), 0);
    assert!(!thread::panicking());
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
    keep(Box::leak(coroutine.resume(()).as_yield().unwrap()));
    assert_eq!(message_of(|| coroutine.force_unwind()), "of the value");
    assert!(coroutine.done());
    assert_eq!(drops.count(), 1);
}
