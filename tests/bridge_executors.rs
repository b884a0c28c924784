//! What the bridge promises, the same on every executor.

mod executors;
mod support;

use std::cell::{Cell, RefCell};
use std::panic::catch_unwind;
use std::rc::Rc;
use std::time::{Duration, Instant};

use executors::Executor;
use mixio::{FutureExt as _, as_async, in_coroutine, try_wait, wait};

for_each_executor!(
    values_come_back,
    a_thousand_functions_wait_side_by_side_on_one_thread,
    the_method_and_the_function_do_the_same,
    a_ready_future_is_not_left_waiting,
    sync_in_async_in_sync_in_async,
    as_async_inside_as_async_by_wait,
    functions_take_turns,
    a_panic_reaches_who_polls,
    a_panic_can_be_caught_across_a_wait,
    iterators_closures_and_destructors_may_wait,
    waiting_inside_a_future_that_is_waited_for,
    join_inside_one_coroutine_goes_branch_by_branch,
    join_of_as_async_overlaps,
    dropped_while_waiting,
);

const TICK: Duration = Duration::from_millis(2);

fn values_come_back<E: Executor>() {
    let text = String::from("moved in and out");
    let value = E::run(as_async(move || {
        wait(E::sleep(TICK));
        text
    }));
    assert_eq!(value, "moved in and out");
    assert!(!in_coroutine());
}

/// The claim: 1,000 functions, each of which waits 100 ms five times, take half a second on one thread, not 500.
fn a_thousand_functions_wait_side_by_side_on_one_thread<E: Executor>() {
    const FUNCTIONS: usize = 1000;

    let (waiting, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let start = Instant::now();
    let total = E::run(async {
        let mut handles = Vec::new();
        for number in 0..FUNCTIONS {
            let (waiting, most) = (waiting.clone(), most.clone());
            handles.push(E::spawn(as_async(move || {
                let thread = std::thread::current().id();
                for _ in 0..5 {
                    waiting.set(waiting.get() + 1);
                    most.set(most.get().max(waiting.get()));
                    wait(E::sleep(Duration::from_millis(100)));
                    waiting.set(waiting.get() - 1);
                }
                assert_eq!(std::thread::current().id(), thread);
                number
            })));
        }
        let mut total = 0;
        for handle in handles {
            total += handle.await;
        }
        total
    });
    let elapsed = start.elapsed();
    assert_eq!(total, FUNCTIONS * (FUNCTIONS - 1) / 2);
    // By counting: all were in their wait at once. By the clock only against hanging in line: that would be 500 s.
    assert_eq!(most.get(), FUNCTIONS);
    assert!(elapsed >= Duration::from_millis(500), "{elapsed:?}");
    assert!(elapsed < Duration::from_secs(50), "{elapsed:?}");
    println!("{FUNCTIONS} functions, 5 waits of 100 ms each: {elapsed:?}");
}

fn the_method_and_the_function_do_the_same<E: Executor>() {
    let values = E::run(as_async(|| {
        let delayed = |n: u32| async move {
            E::sleep(TICK).await;
            n
        };
        (wait(delayed(1)), delayed(2).wait(), try_wait(delayed(3)))
    }));
    assert_eq!(values, (1, 2, Ok(3)));
}

fn a_ready_future_is_not_left_waiting<E: Executor>() {
    let polls = Rc::new(Cell::new(0));
    let seen = polls.clone();
    let mut future = std::pin::pin!(as_async(move || (0..1000).map(|n| wait(async move { n })).sum::<u64>()));
    let sum = E::run(std::future::poll_fn(|context| {
        seen.set(seen.get() + 1);
        future.as_mut().poll(context)
    }));
    assert_eq!((sum, polls.get()), (499_500, 1));
}

fn sync_in_async_in_sync_in_async<E: Executor>() {
    fn outer<E: Executor>() -> Vec<&'static str> {
        assert!(in_coroutine());
        let mut trace = vec!["outer"];
        trace.extend(wait(async {
            E::sleep(TICK).await;
            let mut trace = as_async(inner::<E>).await;
            E::sleep(TICK).await;
            trace.push("async");
            trace
        }));
        assert!(in_coroutine());
        trace
    }
    fn inner<E: Executor>() -> Vec<&'static str> {
        wait(E::sleep(TICK));
        vec!["inner"]
    }
    assert_eq!(E::run(as_async(outer::<E>)), ["outer", "inner", "async"]);
}

fn as_async_inside_as_async_by_wait<E: Executor>() {
    fn nest<E: Executor>(depth: u32) -> u32 {
        wait(E::sleep(Duration::ZERO));
        let below = if depth == 0 { 0 } else { wait(as_async(move || nest::<E>(depth - 1))) };
        wait(E::sleep(Duration::ZERO));
        below + 1
    }
    assert_eq!(E::run(as_async(|| nest::<E>(20))), 21);
}

fn functions_take_turns<E: Executor>() {
    let log = Rc::new(RefCell::new(Vec::new()));
    E::run(async {
        let mut handles = Vec::new();
        for name in ["a", "b"] {
            let log = log.clone();
            handles.push(E::spawn(as_async(move || {
                for step in 0..3 {
                    log.borrow_mut().push((name, step));
                    wait(smol::future::yield_now());
                }
            })));
        }
        for handle in handles {
            handle.await;
        }
    });
    let log = log.borrow();
    let of = |name| log.iter().filter(|(who, _)| *who == name).map(|(_, step)| *step).collect::<Vec<_>>();
    assert_eq!((of("a"), of("b")), (vec![0, 1, 2], vec![0, 1, 2]));
    // Each round has both: neither ran ahead.
    for round in log.chunks(2) {
        assert_ne!(round[0].0, round[1].0, "{log:?}");
    }
}

fn a_panic_reaches_who_polls<E: Executor>() {
    for when in ["before", "after"] {
        let payload = catch_unwind(|| {
            E::run(as_async(move || {
                if when == "after" {
                    wait(E::sleep(TICK));
                }
                std::panic::panic_any(when);
            }));
        })
        .unwrap_err();
        assert_eq!(*payload.downcast::<&str>().unwrap(), when);
        assert!(!in_coroutine() && !std::thread::panicking());
    }
    // From the future, through the function.
    let payload = catch_unwind(|| {
        E::run(as_async(|| {
            wait(async {
                E::sleep(TICK).await;
                std::panic::panic_any(42);
            });
        }));
    })
    .unwrap_err();
    assert_eq!(*payload.downcast::<i32>().unwrap(), 42);
    assert!(!in_coroutine());
}

fn a_panic_can_be_caught_across_a_wait<E: Executor>() {
    let value = E::run(as_async(|| {
        let payload = catch_unwind(|| {
            wait(E::sleep(TICK));
            std::panic::panic_any("caught");
        })
        .unwrap_err();
        wait(E::sleep(TICK));
        *payload.downcast::<&str>().unwrap()
    }));
    assert_eq!(value, "caught");
}

fn iterators_closures_and_destructors_may_wait<E: Executor>() {
    struct Closing<E: Executor>(Rc<Cell<u32>>, std::marker::PhantomData<E>);
    impl<E: Executor> Drop for Closing<E> {
        fn drop(&mut self) {
            wait(E::sleep(TICK));
            self.0.set(self.0.get() + 1);
        }
    }
    let closed = Rc::new(Cell::new(0));
    let seen = closed.clone();
    let sorted = E::run(as_async(move || {
        let _closing = Closing::<E>(closed.clone(), std::marker::PhantomData);
        let mut numbers: Vec<u32> = (0..8)
            .map(|n| {
                wait(E::sleep(Duration::ZERO));
                n * 5 % 8
            })
            .collect();
        // A callback of somebody else's.
        numbers.sort_by(|a, b| {
            wait(E::sleep(Duration::ZERO));
            a.cmp(b)
        });
        assert_eq!(closed.get(), 0);
        numbers
    }));
    assert_eq!((sorted, seen.get()), ((0..8).collect(), 1));
}

fn waiting_inside_a_future_that_is_waited_for<E: Executor>() {
    let value = E::run(as_async(|| {
        wait(async {
            E::sleep(TICK).await;
            let inner = wait(async {
                E::sleep(TICK).await;
                wait(E::sleep(TICK));
                20
            });
            E::sleep(TICK).await;
            inner + 1
        })
    }));
    assert_eq!(value, 21);
}

fn join_inside_one_coroutine_goes_branch_by_branch<E: Executor>() {
    let log = E::run(as_async(|| {
        let log = RefCell::new(Vec::new());
        let branch = |name: &'static str| {
            let log = &log;
            async move {
                log.borrow_mut().push((name, "begins"));
                wait(E::sleep(TICK));
                log.borrow_mut().push((name, "ends"));
            }
        };
        wait(futures::future::join(branch("a"), branch("b")));
        log.into_inner()
    }));
    assert_eq!(log, [("a", "begins"), ("a", "ends"), ("b", "begins"), ("b", "ends")]);
}

fn join_of_as_async_overlaps<E: Executor>() {
    let log = Rc::new(RefCell::new(Vec::new()));
    let branch = |name: &'static str| {
        let log = log.clone();
        as_async(move || {
            log.borrow_mut().push((name, "begins"));
            wait(E::sleep(Duration::from_millis(20)));
            log.borrow_mut().push((name, "ends"));
        })
    };
    let (a, b) = (branch("a"), branch("b"));
    E::run(as_async(move || wait(futures::future::join(a, b))));
    assert_eq!(log.borrow()[..2], [("a", "begins"), ("b", "begins")]);
    assert_eq!(log.borrow().len(), 4);
}

fn dropped_while_waiting<E: Executor>() {
    struct Counted(Rc<Cell<u32>>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let drops = Rc::new(Cell::new(0));
    let counted = Counted(drops.clone());
    E::run(async {
        let never = as_async(move || {
            let _counted = counted;
            wait(std::future::pending::<()>());
            unreachable!("it is dropped before");
        });
        let timer = E::sleep(Duration::from_millis(10));
        let first = futures::future::select(never, timer).await;
        assert!(matches!(first, futures::future::Either::Right(_)));
    });
    assert_eq!(drops.get(), 1);
    assert!(!in_coroutine() && !std::thread::panicking());
}
