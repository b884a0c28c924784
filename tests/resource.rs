//! Guards that wait for their release, and a type of a user's own whose `Drop` waits.

mod executors;
mod support;

use std::cell::Cell;
use std::future::{pending, poll_fn, ready};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use executors::Executor;
use mixio::{Resource, WaitError, as_async, resource, try_resource, try_wait, wait};
use support::{Drops, Log, in_child, message, message_of, panic_of, poll, stderr};

for_each_executor!(
    released_at_the_end_of_the_scope,
    nested_ones_are_released_in_reverse,
    released_on_early_return,
    released_while_a_panic_unwinds,
    a_drop_that_waits,
);

const TICK: Duration = Duration::from_millis(2);

/// A named resource whose acquisition and release both wait, and are written down.
fn logged<E: Executor>(
    log: &Log,
    name: &'static str,
) -> Resource<&'static str, impl AsyncFnOnce(&'static str) + use<E>> {
    let (acquires, releases) = (log.clone(), log.clone());
    let acquire = async move {
        E::sleep(TICK).await;
        acquires.push(format!("{name} acquired"));
        name
    };
    resource(acquire, async move |name| {
        releases.push(format!("{name} ends"));
        E::sleep(TICK).await;
        releases.push(format!("{name} released"));
    })
}

fn released_at_the_end_of_the_scope<E: Executor>() {
    let log = Log::new();
    let seen = log.clone();
    E::run(as_async(move || {
        let held = logged::<E>(&log, "one");
        log.push(format!("{} held", *held));
        drop(held);
        log.push("after");
    }));
    assert_eq!(seen.entries(), ["one acquired", "one held", "one ends", "one released", "after"]);
}

fn nested_ones_are_released_in_reverse<E: Executor>() {
    let log = Log::new();
    let seen = log.clone();
    E::run(as_async(move || {
        let _outer = logged::<E>(&log, "outer");
        let _inner = logged::<E>(&log, "inner");
    }));
    let expected = ["outer acquired", "inner acquired", "inner ends", "inner released", "outer ends", "outer released"];
    assert_eq!(seen.entries(), expected);
}

fn released_on_early_return<E: Executor>() {
    fn work<E: Executor>(log: &Log, text: &str) -> Result<u32, std::num::ParseIntError> {
        let _held = logged::<E>(log, "one");
        let number = text.parse()?;
        log.push("parsed");
        Ok(number)
    }
    let log = Log::new();
    let seen = log.clone();
    let result = E::run(as_async(move || {
        let result = work::<E>(&log, "six");
        log.push("returned");
        result
    }));
    assert!(result.is_err());
    assert_eq!(seen.entries(), ["one acquired", "one ends", "one released", "returned"]);
}

fn released_while_a_panic_unwinds<E: Executor>() {
    let log = Log::new();
    let seen = log.clone();
    let payload = panic_of(|| {
        E::run(as_async(move || {
            let _outer = logged::<E>(&log, "outer");
            let _inner = logged::<E>(&log, "inner");
            panic!("on purpose");
        }))
    });
    assert_eq!(message(payload), "on purpose");
    assert!(!std::thread::panicking());
    let expected = ["outer acquired", "inner acquired", "inner ends", "inner released", "outer ends", "outer released"];
    assert_eq!(seen.entries(), expected);
}

/// What `resource` does can be had by any type: a `Drop` may wait.
struct Session<E: Executor> {
    log: Log,
    marker: std::marker::PhantomData<E>,
}

impl<E: Executor> Drop for Session<E> {
    fn drop(&mut self) {
        self.log.push("closing");
        match try_wait(E::sleep(TICK)) {
            Ok(()) => self.log.push("closed"),
            Err(error) => self.log.push(format!("{error:?}")),
        }
    }
}

fn a_drop_that_waits<E: Executor>() {
    let log = Log::new();
    let session = Session::<E> { log: log.clone(), marker: std::marker::PhantomData };
    E::run(as_async(move || drop(session)));
    assert_eq!(log.entries(), ["closing", "closed"]);

    let log = Log::new();
    let session = Session::<E> { log: log.clone(), marker: std::marker::PhantomData };
    E::run(async {
        let mut future = as_async(move || {
            let _session = session;
            wait(pending::<()>());
        });
        assert!(poll(&mut future).is_pending());
    });
    assert_eq!(log.entries(), ["closing", "Cancelled"]);
}

#[test]
fn the_value_can_be_used_and_changed() {
    let released = Rc::new(Cell::new(0));
    let seen = released.clone();
    let mut list = resource(ready(vec![1]), async move |list: Vec<i32>| released.set(list.len()));
    list.push(2);
    assert_eq!(list.iter().sum::<i32>(), 3);
    assert_eq!(format!("{list:?}"), "Resource([1, 2])");
    drop(list);
    assert_eq!(seen.get(), 2);
}

#[test]
fn released_by_hand() {
    let drops = Drops::new();
    let counted = drops.counted();
    let held = resource(ready(6), async move |number| {
        drop(counted);
        Err::<(), _>(number * 7)
    });
    assert_eq!(held.release(), Err(42));
    assert_eq!(drops.count(), 1);
}

#[test]
fn taken_out_without_a_release() {
    let drops = Drops::new();
    let counted = drops.counted();
    let held = resource(ready("value"), async move |_| {
        let _counted = &counted;
        unreachable!("nobody releases it");
    });
    assert_eq!(held.into_inner(), "value");
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_failed_acquisition_is_not_released() {
    let drops = Drops::new();
    let counted = drops.counted();
    let failed = try_resource(ready(Err::<(), _>("no")), async move |()| {
        let _counted = &counted;
        unreachable!("there is nothing to release");
    });
    assert_eq!(failed.unwrap_err(), "no");
    assert_eq!(drops.count(), 1);

    let held = try_resource(ready(Ok::<_, ()>(6)), |number| ready(number * 7)).unwrap();
    assert_eq!(held.release(), 42);
}

#[test]
fn cancelled_while_it_acquires() {
    let drops = Drops::new();
    let (counted, released) = (drops.counted(), drops.counted());
    let mut future = as_async(move || {
        let acquire = async move {
            let _counted = counted;
            pending::<()>().await;
        };
        drop(resource(acquire, async move |()| {
            let _released = &released;
            unreachable!("it was never acquired");
        }));
    });
    assert!(poll(&mut future).is_pending());
    drop(future);
    assert_eq!(drops.count(), 2);
}

#[test]
fn a_release_that_is_ready_is_carried_out_when_the_function_is_dropped() {
    let output = in_child("a_release_that_is_ready_is_carried_out_when_the_function_is_dropped", || {
        let log = Log::new();
        let seen = log.clone();
        let mut future = as_async(move || {
            let _held = resource(ready(1), async move |_| log.push("released"));
            wait(pending::<()>());
        });
        assert!(poll(&mut future).is_pending());
        drop(future);
        assert_eq!(seen.entries(), ["released"]);
    });
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stderr(&output).contains("mixio:"), "{}", stderr(&output));
}

#[test]
fn a_release_that_is_cut_short_is_reported() {
    let output = in_child("a_release_that_is_cut_short_is_reported", || {
        let drops = Drops::new();
        let counted = drops.counted();
        let log = Log::new();
        let seen = log.clone();
        let mut future = as_async(move || {
            let _held = resource(ready(counted), async move |counted| {
                log.push("begun");
                pending::<()>().await;
                drop(counted);
            });
            wait(pending::<()>());
        });
        assert!(poll(&mut future).is_pending());
        drop(future);
        assert_eq!((seen.entries(), drops.count()), (vec!["begun".to_owned()], 1));
    });
    assert!(output.status.success(), "{}", stderr(&output));
    let stderr = stderr(&output);
    assert_eq!(stderr.matches("mixio: a resource was not released in full: ").count(), 1, "{stderr}");
    assert!(stderr.contains(&WaitError::Cancelled.to_string()), "{stderr}");
}

#[test]
fn dropped_while_it_waits_for_the_release() {
    let drops = Drops::new();
    let (counted, outer) = (drops.counted(), drops.counted());
    let mut future = as_async(move || {
        let _outer = outer;
        drop(resource(ready(counted), async |_counted| pending::<()>().await));
    });
    assert!(poll(&mut future).is_pending());
    drop(future);
    assert_eq!(drops.count(), 2);
    assert!(!std::thread::panicking());
}

#[test]
fn a_panic_in_the_release() {
    let drops = Drops::new();
    let (counted, captured) = (drops.counted(), drops.counted());
    let held = resource(ready(counted), async move |_counted| {
        let _captured = captured;
        panic!("on purpose");
    });
    assert_eq!(message_of(|| drop(held)), "on purpose");
    assert_eq!(drops.count(), 2);
}

#[test]
fn a_panic_in_the_release_while_another_unwinds_aborts() {
    let output = in_child("a_panic_in_the_release_while_another_unwinds_aborts", || {
        let _held = resource(ready(()), async |()| panic!("the second"));
        panic!("the first");
    });
    assert!(!output.status.success());
    let stderr = stderr(&output);
    assert!(stderr.contains("the first") && stderr.contains("the second"), "{stderr}");
}

/// While a destructor waits in the midst of a panic, others go on.
#[test]
fn neighbours_go_on_while_a_panic_waits_for_a_release() {
    let open = Rc::new(Cell::new(false));
    let gate = open.clone();
    let mut panics = as_async(move || {
        let _held = resource(ready(()), async move |()| {
            poll_fn(|_| if gate.get() { Poll::Ready(()) } else { Poll::Pending }).await;
        });
        panic!("on purpose");
    });
    assert!(poll(&mut panics).is_pending());
    let mut neighbour = as_async(|| wait(ready(7)));
    assert_eq!(poll(&mut neighbour), Poll::Ready(7));
    assert!(poll(&mut panics).is_pending());
    open.set(true);
    assert_eq!(message_of(|| poll(&mut panics)), "on purpose");
}
