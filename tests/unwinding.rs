//! Panics: those of a coroutine, those thrown into it, and the one that unwinds it when it is dropped.

mod support;

use std::cell::RefCell;
use std::os::unix::process::ExitStatusExt as _;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use mixio::{Coroutine, CoroutineResult, Yielder};
use support::{Drops, Log, assert_success, in_child, message_of, on_drop, panic_of, stderr};

const SIGABRT: i32 = 6;

const SWALLOWED: &str = "cannot unwind a coroutine that keeps catching the panic and suspending itself; its stack is \
                         leaked";
const SUSPENDED_BY_DESTRUCTOR: &str =
    "cannot unwind a coroutine that is suspended by a destructor while it unwinds; its stack is leaked";

#[test]
fn a_message_arrives_at_the_resumer() {
    let mut coroutine = Coroutine::<u32, (), ()>::new(|_, n| panic!("number {n}"));
    assert_eq!(message_of(|| coroutine.resume(7)), "number 7");
    assert!(coroutine.done() && coroutine.started());
    assert!(!thread::panicking());
}

#[test]
fn a_payload_arrives_intact() {
    #[derive(Debug, PartialEq)]
    struct Custom(Box<[u64; 3]>);

    let mut coroutine = Coroutine::<(), (), ()>::new(|_, ()| panic::panic_any(Custom(Box::new([1, 2, 3]))));
    let payload = panic_of(|| coroutine.resume(())).downcast::<Custom>().unwrap();
    assert_eq!(*payload, Custom(Box::new([1, 2, 3])));

    // Of no size, as the box of it has no memory.
    let mut coroutine = Coroutine::<(), (), ()>::new(|_, ()| panic::panic_any(()));
    assert!(panic_of(|| coroutine.resume(())).is::<()>());
}

#[test]
fn a_panic_after_suspensions() {
    let mut coroutine: Coroutine<(), u32, ()> = Coroutine::new(|yielder: &Yielder<(), u32>, ()| {
        for n in 0..10 {
            yielder.suspend(n);
        }
        yielder.suspend(10);
        panic!("at last");
    });
    for n in 0..=10 {
        assert_eq!(coroutine.resume(()), CoroutineResult::Yield(n));
    }
    assert_eq!(message_of(|| coroutine.resume(())), "at last");
    assert_eq!(message_of(|| coroutine.resume(())), "cannot resume a coroutine that is finished");
}

#[test]
fn a_panic_crosses_two_levels() {
    let log = Log::new();
    let outer_log = log.clone();
    let mut outer = Coroutine::<(), (), ()>::new(move |_, ()| {
        let _outer = outer_log.on_drop("outer");
        let inner_log = outer_log.clone();
        let mut inner = Coroutine::<(), (), ()>::new(move |_, ()| {
            let _inner = inner_log.on_drop("inner");
            panic!("from the inner one");
        });
        inner.resume(());
        outer_log.push("not reached");
    });
    assert_eq!(message_of(|| outer.resume(())), "from the inner one");
    assert_eq!(log.entries(), ["inner", "outer"]);
    assert!(!thread::panicking());
}

#[test]
fn a_panic_caught_between_two_levels() {
    let mut outer = Coroutine::new(|yielder: &Yielder<(), String>, ()| {
        let mut inner = Coroutine::<(), (), ()>::new(|_, ()| panic!("inner"));
        let message = message_of(|| inner.resume(()));
        assert!(inner.done());
        yielder.suspend(message);
        panic!("outer");
    });
    assert_eq!(outer.resume(()), CoroutineResult::<_, ()>::Yield("inner".to_owned()));
    assert_eq!(message_of(|| outer.resume(())), "outer");
}

#[test]
fn the_hook_sees_a_panic_once_and_what_is_thrown_never() {
    // The hook is that of the whole process.
    let output = in_child("the_hook_sees_a_panic_once_and_what_is_thrown_never", || {
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        panic::set_hook(Box::new(|info| {
            assert_eq!(info.payload().downcast_ref::<&str>(), Some(&"seen"));
            assert!(info.location().unwrap().file().ends_with("unwinding.rs"));
            CALLS.fetch_add(1, Ordering::SeqCst);
        }));
        // Two levels: it is raised twice more on its way.
        let mut outer = Coroutine::<(), (), ()>::new(|_, ()| {
            Coroutine::<(), (), ()>::new(|_, ()| panic!("seen")).resume(());
        });
        assert_eq!(message_of(|| outer.resume(())), "seen");
        assert_eq!(CALLS.load(Ordering::SeqCst), 1);

        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
        coroutine.resume(());
        assert_eq!(message_of(|| coroutine.throw(Box::new("thrown"))), "thrown");
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
        coroutine.resume(());
        drop(coroutine);
        assert_eq!(CALLS.load(Ordering::SeqCst), 1);
    });
    assert_success(&output);
}

#[test]
fn catch_unwind_across_suspensions() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<u32, u32>, first: u32| {
        let mut sum = first;
        let caught = catch_unwind(AssertUnwindSafe(|| {
            sum += yielder.suspend(1);
            sum += yielder.suspend(2);
            assert!(sum < 10, "the sum is {sum}");
        }));
        assert!(!thread::panicking());
        sum += yielder.suspend(3);
        (support::message(caught.unwrap_err()), sum)
    });
    assert_eq!(coroutine.resume(1), CoroutineResult::Yield(1));
    assert_eq!(coroutine.resume(20), CoroutineResult::Yield(2));
    assert_eq!(coroutine.resume(300), CoroutineResult::Yield(3));
    assert_eq!(coroutine.resume(4000), CoroutineResult::Return(("the sum is 321".to_owned(), 4321)));
}

#[test]
fn each_side_catches_its_own() {
    // Two coroutines in the midst of a `catch_unwind` each, taking turns, within one of the resumer's.
    let make = |name: &'static str| {
        Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
            message_of(|| -> () {
                yielder.suspend(());
                panic!("{name}");
            })
        })
    };
    let (mut first, mut second) = (make("first"), make("second"));
    let message = message_of(|| -> () {
        first.resume(());
        second.resume(());
        assert_eq!(first.resume(()), CoroutineResult::Return("first".to_owned()));
        assert_eq!(second.resume(()), CoroutineResult::Return("second".to_owned()));
        panic!("resumer");
    });
    assert_eq!(message, "resumer");
}

#[test]
fn thrown_and_not_caught() {
    let drops = Drops::new();
    let counted = drops.counted();
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _counted = counted;
        yielder.suspend(());
    });
    coroutine.resume(());
    let payload = panic_of(|| coroutine.throw(Box::new(42u64)));
    assert_eq!(*payload.downcast::<u64>().unwrap(), 42);
    assert_eq!(drops.count(), 1);
    assert!(coroutine.done() && !thread::panicking());
}

#[test]
fn thrown_and_caught() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<u32, &'static str>, _| {
        let first = message_of(|| yielder.suspend("first"));
        let second = message_of(|| yielder.suspend("second"));
        let input = yielder.suspend("third");
        format!("{first}, {second}, {input}")
    });
    assert_eq!(coroutine.resume(0), CoroutineResult::Yield("first"));
    assert_eq!(coroutine.throw(Box::new("one")), CoroutineResult::Yield("second"));
    assert!(!thread::panicking());
    assert_eq!(coroutine.throw(Box::new("two")), CoroutineResult::Yield("third"));
    assert_eq!(coroutine.resume(3), CoroutineResult::Return("one, two, 3".to_owned()));
}

#[test]
fn thrown_into_one_that_was_never_resumed() {
    let drops = Drops::new();
    let counted = drops.counted();
    let mut coroutine =
        Coroutine::<(), (), (), _>::with_stack(drops.stack(), move |_, ()| panic!("not reached: {counted:?}"));
    assert_eq!(message_of(|| coroutine.throw(Box::new("early"))), "early");
    assert!(coroutine.done());
    assert_eq!(drops.count(), 1, "the closure");
    drop(coroutine.into_stack());
    assert_eq!(drops.count(), 2);
}

#[test]
fn thrown_into_a_finished_one() {
    let mut coroutine = Coroutine::<(), (), ()>::new(|_, ()| ());
    coroutine.resume(());
    let payload = Box::new(CountsOnDrop);
    assert_eq!(message_of(|| coroutine.throw(payload)), "cannot throw into a coroutine that is finished");
    assert_eq!(THROWN.load(Ordering::SeqCst), 1, "the payload is dropped");
}

static THROWN: AtomicUsize = AtomicUsize::new(0);

struct CountsOnDrop;

impl Drop for CountsOnDrop {
    fn drop(&mut self) {
        THROWN.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn another_panic_instead_of_the_thrown_one() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        let message = message_of(|| yielder.suspend(()));
        panic!("after {message}");
    });
    coroutine.resume(());
    assert_eq!(message_of(|| -> CoroutineResult<(), ()> { coroutine.throw(Box::new("one")) }), "after one");
}

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
