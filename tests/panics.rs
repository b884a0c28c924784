//! Panics that cross a switch: those of a coroutine, and those thrown into it.

mod support;

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use mixio::{Coroutine, CoroutineResult, Yielder};
use support::{Drops, Log, assert_success, in_child, message_of, panic_of};

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
            assert!(info.location().unwrap().file().ends_with("panics.rs"));
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
