//! What happens to all that a coroutine owns: never run, half run, finished, panicked, forgotten. Each destructor runs
//! exactly once, or, where that is promised, not at all.

mod support;

use std::mem;

use mixio::{Coroutine, CoroutineResult, Yielder};
use support::{Counted, CountedStack, Drops, Log, message_of, on_drop, panic_of};

/// A coroutine with one counted value captured, one local, on a counted stack; it suspends twice.
fn typical(drops: &Drops) -> Coroutine<(), u32, Counted, CountedStack> {
    let (captured, inside) = (drops.counted(), drops.clone());
    Coroutine::with_stack(drops.stack(), move |yielder, ()| {
        let _local = inside.counted();
        yielder.suspend(1);
        yielder.suspend(2);
        captured
    })
}

#[test]
fn never_resumed() {
    let drops = Drops::new();
    let coroutine = typical(&drops);
    assert!(!coroutine.started() && !coroutine.done());
    assert_eq!(drops.count(), 0);
    drop(coroutine);
    assert_eq!(drops.count(), 2, "what was captured, and the stack");
}

#[test]
fn half_run() {
    let drops = Drops::new();
    let mut coroutine = typical(&drops);
    assert_eq!(coroutine.resume(()).as_yield(), Some(1));
    assert!(coroutine.started() && !coroutine.done());
    assert_eq!(drops.count(), 0);
    drop(coroutine);
    assert_eq!(drops.count(), 3, "what was captured, the local, and the stack");
}

#[test]
fn finished() {
    let drops = Drops::new();
    let mut coroutine = typical(&drops);
    assert_eq!(coroutine.resume(()).as_yield(), Some(1));
    assert_eq!(coroutine.resume(()).as_yield(), Some(2));
    let returned = coroutine.resume(());
    assert!(coroutine.started() && coroutine.done());
    assert_eq!(drops.count(), 1, "the local");
    drop(coroutine);
    assert_eq!(drops.count(), 2, "the stack");
    drop(returned);
    assert_eq!(drops.count(), 3);
}

#[test]
fn panicked() {
    let drops = Drops::new();
    let (captured, inside) = (drops.counted(), drops.clone());
    let mut coroutine = Coroutine::with_stack(drops.stack(), move |yielder: &Yielder<(), ()>, ()| {
        let (_captured, _local) = (captured, inside.counted());
        yielder.suspend(());
        panic!("half-way");
    });
    coroutine.resume(());
    assert_eq!(drops.count(), 0);
    assert_eq!(message_of(|| -> CoroutineResult<(), ()> { coroutine.resume(()) }), "half-way");
    assert_eq!(drops.count(), 2, "all but the stack");
    assert!(coroutine.done());
    drop(coroutine);
    assert_eq!(drops.count(), 3);
}

#[test]
fn forgotten() {
    for resumptions in 0..3 {
        let drops = Drops::new();
        let mut coroutine = typical(&drops);
        for _ in 0..resumptions {
            coroutine.resume(());
        }
        mem::forget(coroutine);
        assert_eq!(drops.count(), 0, "after {resumptions} resumptions");
    }
}

#[test]
fn locals_are_dropped_in_reverse_order() {
    let log = Log::new();
    let inside = log.clone();
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        fn deeper(log: &Log, yielder: &Yielder<(), ()>, depth: u32) {
            let _on_drop = log.on_drop(depth.to_string());
            if depth == 3 {
                yielder.suspend(());
                log.push("not reached");
            } else {
                deeper(log, yielder, depth + 1);
            }
        }
        let _on_drop = inside.on_drop("root");
        deeper(&inside, yielder, 1);
    });
    coroutine.resume(());
    drop(coroutine);
    assert_eq!(log.entries(), ["3", "2", "1", "root"]);
}

#[test]
fn force_unwind_of_a_suspended_one() {
    let drops = Drops::new();
    let mut coroutine = typical(&drops);
    coroutine.resume(());
    coroutine.force_unwind();
    assert!(coroutine.done());
    assert_eq!(drops.count(), 2, "all but the stack");
    coroutine.force_unwind();
    assert_eq!(drops.count(), 2, "there is nothing to do for the second one");
    drop(coroutine.into_stack());
    assert_eq!(drops.count(), 3);
}

#[test]
fn force_unwind_of_one_that_was_never_resumed() {
    let drops = Drops::new();
    let mut coroutine = typical(&drops);
    coroutine.force_unwind();
    assert!(coroutine.done());
    assert_eq!(drops.count(), 1, "what was captured");
    drop(coroutine);
    assert_eq!(drops.count(), 2);
}

#[test]
fn force_unwind_of_a_finished_one() {
    let mut coroutine = Coroutine::<(), (), u8>::new(|_, ()| 1);
    assert_eq!(coroutine.resume(()), CoroutineResult::Return(1));
    coroutine.force_unwind();
    assert!(coroutine.done());
}

#[test]
fn force_reset_runs_no_destructor() {
    let drops = Drops::new();
    drops.keep();
    let mut coroutine = typical(&drops);
    coroutine.resume(());
    // SAFETY: what is on its stack may be forgotten: it only counts.
    unsafe { coroutine.force_reset() };
    assert!(coroutine.done());
    assert_eq!(drops.count(), 0);
    assert_eq!(message_of(|| coroutine.resume(())), "cannot resume a coroutine that is finished");
    drop(coroutine.into_stack());
    assert_eq!(drops.count(), 1, "only the stack");
}

#[test]
fn force_reset_of_one_that_was_never_resumed_forgets_the_closure() {
    let drops = Drops::new();
    drops.keep();
    let mut coroutine = typical(&drops);
    // SAFETY: no frame is on its stack.
    unsafe { coroutine.force_reset() };
    assert!(coroutine.done());
    drop(coroutine);
    assert_eq!(drops.count(), 1, "only the stack");
}

#[test]
fn the_stack_of_a_finished_one() {
    let drops = Drops::new();
    let mut coroutine = typical(&drops);
    while coroutine.resume(()).as_yield().is_some() {}
    assert_eq!(drops.count(), 2);
    let stack = coroutine.into_stack();
    assert_eq!(drops.count(), 2);
    let mut coroutine = Coroutine::<u8, (), u8, _>::with_stack(stack, |_, n| n + 1);
    assert_eq!(coroutine.resume(1), CoroutineResult::Return(2));
    drop(coroutine);
    assert_eq!(drops.count(), 3);
}

#[test]
fn the_stack_of_an_unfinished_one_is_a_panic_that_drops_it() {
    for resumptions in 0..3 {
        let drops = Drops::new();
        let mut coroutine = typical(&drops);
        for _ in 0..resumptions {
            coroutine.resume(());
        }
        let message = message_of(|| coroutine.into_stack());
        assert_eq!(message, "cannot take the stack of a coroutine that has not finished");
        assert_eq!(drops.count(), if resumptions == 0 { 2 } else { 3 }, "after {resumptions} resumptions");
    }
}

#[test]
fn a_captured_value_whose_destructor_panics() {
    let drops = Drops::new();
    let bomb = on_drop(|| panic!("captured"));
    let counted = drops.counted();
    let coroutine = Coroutine::<(), (), (), _>::with_stack(drops.stack(), move |_, ()| drop((bomb, counted)));
    assert_eq!(message_of(|| drop(coroutine)), "captured");
    assert_eq!(drops.count(), 2, "the panic kept neither the other captured value nor the stack");
}

#[test]
fn a_local_whose_destructor_panics_while_it_is_unwound() {
    // A destructor that panics while a panic unwinds aborts the process: it must be caught before it comes out.
    let drops = Drops::new();
    let inside = drops.clone();
    let mut coroutine = Coroutine::with_stack(drops.stack(), move |yielder: &Yielder<(), ()>, ()| {
        let _counted = inside.counted();
        let _local = on_drop(|| assert_eq!(message_of(|| panic!("caught")), "caught"));
        yielder.suspend(());
    });
    coroutine.resume(());
    drop(coroutine);
    assert_eq!(drops.count(), 2);
}

#[test]
fn code_that_panics_instead_of_the_unwind() {
    let drops = Drops::new();
    let run = |unwind: fn(Coroutine<(), (), (), CountedStack>)| {
        let counted = drops.counted();
        let mut coroutine = Coroutine::with_stack(drops.stack(), move |yielder: &Yielder<(), ()>, ()| {
            let _counted = counted;
            drop(panic_of(|| yielder.suspend(())));
            panic!("another");
        });
        coroutine.resume(());
        assert_eq!(message_of(|| unwind(coroutine)), "another");
    };
    run(|mut coroutine| coroutine.force_unwind());
    assert_eq!(drops.count(), 2);
    run(drop);
    assert_eq!(drops.count(), 4);
}

#[test]
fn a_value_returned_instead_of_the_unwind_is_dropped() {
    let drops = Drops::new();
    let counted = drops.counted();
    let mut coroutine = Coroutine::with_stack(drops.stack(), move |yielder: &Yielder<(), ()>, ()| {
        drop(panic_of(|| yielder.suspend(())));
        (counted, [0u64; 20])
    });
    coroutine.resume(());
    coroutine.force_unwind();
    assert!(coroutine.done());
    assert_eq!(drops.count(), 1);
    drop(coroutine);
    assert_eq!(drops.count(), 2);
}

#[test]
fn a_value_yielded_instead_of_the_unwind_is_dropped() {
    let drops = Drops::new();
    let inside = drops.clone();
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), Counted>, ()| {
        for _ in 0..3 {
            drop(panic_of(|| yielder.suspend(inside.counted())));
        }
    });
    drop(coroutine.resume(()));
    assert_eq!(drops.count(), 1);
    coroutine.force_unwind();
    assert_eq!(drops.count(), 3);
}

#[test]
fn dropped_by_a_panic_of_its_owner() {
    let drops = Drops::new();
    let mut coroutine = typical(&drops);
    coroutine.resume(());
    let message = message_of(|| {
        let _coroutine = coroutine;
        panic!("of the owner");
    });
    assert_eq!(message, "of the owner");
    assert_eq!(drops.count(), 3);
    assert!(!std::thread::panicking());
}

#[test]
fn dropped_by_the_end_of_its_thread() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static DROPPED: AtomicUsize = AtomicUsize::new(0);

    std::thread::spawn(|| {
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
            let _on_drop = on_drop(|| {
                DROPPED.fetch_add(1, Ordering::SeqCst);
            });
            yielder.suspend(());
        });
        coroutine.resume(());
    })
    .join()
    .unwrap();
    assert_eq!(DROPPED.load(Ordering::SeqCst), 1);
}

#[test]
fn started_and_done_at_each_step() {
    let mut coroutine = Coroutine::new(|yielder, ()| yielder.suspend(()));
    let state = |coroutine: &Coroutine<(), (), ()>| (coroutine.started(), coroutine.done());
    assert_eq!(state(&coroutine), (false, false));
    assert_eq!(format!("{coroutine:?}"), "Coroutine { started: false, done: false, .. }");
    coroutine.resume(());
    assert_eq!(state(&coroutine), (true, false));
    assert_eq!(format!("{coroutine:?}"), "Coroutine { started: true, done: false, .. }");
    coroutine.resume(());
    assert_eq!(state(&coroutine), (true, true));
    assert_eq!(format!("{coroutine:?}"), "Coroutine { started: true, done: true, .. }");
}
