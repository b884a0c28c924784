//! `mixio::inspect`: who is listed, where it waits, and for how long it stays on the list.
//!
//! The inspection belongs to the process. The tests enable it, and look for functions by names of their own; those that disable
//! it, or count all there are, do so in a child process.

mod support;

use std::future::pending;
use std::hint::black_box;
use std::panic::catch_unwind;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;

use mixio::hooks::{Hook, with_hook};
use mixio::inspect::{self, Function};
use mixio::runtime::{Reaped, Reaper, set_reaper};
use mixio::{Coroutine, FutureExt as _, as_async, on_stack, try_wait, wait};
use support::{assert_success, deep, in_child, message_of, on_drop, poll, yield_once};

/// What there is to be told of those with that name.
fn all_listed(name: &str) -> Vec<Function> {
    let dump = inspect::dump();
    dump.functions().iter().filter(|function| function.name() == Some(name)).cloned().collect()
}

fn listed(name: &str) -> Function {
    let [function] = &all_listed(name)[..] else { panic!("{name} is not listed, or more than once") };
    function.clone()
}

fn is_listed(name: &str) -> bool {
    !all_listed(name).is_empty()
}

#[track_caller]
fn assert_waits_at(name: &str, line: u32) {
    let place = listed(name).waits_at().unwrap_or_else(|| panic!("{name} doesn't wait"));
    assert_eq!((place.file(), place.line()), (file!(), line));
}

#[test]
fn the_places_are_those_of_the_users_code() {
    const FIRST: u32 = line!() + 3;
    fn nested() {
        // Each on a line of its own.
        wait(yield_once());
        yield_once().wait();
        try_wait(yield_once()).unwrap();
        // Within a future that is waited for, it is the innermost that suspends the function.
        wait(async {
            yield_once().await;
            wait(yield_once());
        });
    }
    inspect::enable();
    let (created, mut future) = (line!(), as_async(nested).named("places"));
    assert!(!is_listed("places"), "it has not started");
    for line in [FIRST, FIRST + 1, FIRST + 2, FIRST + 4, FIRST + 6] {
        assert!(poll(&mut future).is_pending());
        assert_waits_at("places", line);
    }
    let place = listed("places").created_at();
    assert_eq!((place.file(), place.line()), (file!(), created));
    assert!(poll(&mut future).is_ready());
    assert!(!is_listed("places"));
}

#[test]
fn names_and_numbers() {
    inspect::enable();
    let start = |first: &str, second: &str| {
        let mut future = as_async(|| wait(pending::<()>())).named(first).named(second);
        assert!(poll(&mut future).is_pending());
        future.named("too late")
    };
    let _futures = [start("the first", "has one already"), start("the second", "")];
    assert!(listed("the first").number() < listed("the second").number());
    for name in ["too late", "has one already", ""] {
        assert!(!is_listed(name));
    }
}

#[test]
fn a_function_that_runs() {
    inspect::enable();
    let mut outer = as_async(|| {
        let runs = listed("outer");
        assert_eq!((runs.waits_at(), runs.waited(), runs.stack_used()), (None, None, None));
        assert!(runs.stack_size() > 0 && runs.to_string().contains(" runs, created at "), "{runs}");
        let mut inner = as_async(|| {
            wait(yield_once());
            // It runs on behalf of the other.
            assert!(listed("outer").waits_at().is_none() && listed("inner").waits_at().is_none());
        })
        .named("inner");
        assert!(poll(&mut inner).is_pending());
        assert!(listed("outer").waits_at().is_none() && listed("inner").waits_at().is_some());
        wait(inner);
        wait(yield_once());
        listed("outer").waits_at().is_none()
    })
    .named("outer");
    assert!(poll(&mut outer).is_pending());
    assert!(listed("outer").waited().is_some());
    assert_eq!(poll(&mut outer), Poll::Ready(true));
}

#[test]
fn waiting_takes_longer_and_longer() {
    inspect::enable();
    let mut future = as_async(|| wait(pending::<()>())).named("patient");
    assert!(poll(&mut future).is_pending());
    let first = listed("patient").waited().unwrap();
    while listed("patient").waited().unwrap() <= first {
        thread::yield_now();
    }
}

#[test]
fn the_stack_in_use() {
    const SIZE: usize = 4 << 20;

    /// Waits with about so many KiB of stack in use.
    #[inline(never)]
    fn wait_below(depth: u32) -> u32 {
        let room = black_box([depth; 256]);
        if depth == 0 {
            wait(pending::<()>());
            return room[0];
        }
        wait_below(depth - 1) + black_box(room)[0]
    }

    inspect::enable();
    let start = |name, depth| {
        let mut future = as_async(move || deep(100) + wait_below(depth)).stack_size(SIZE).named(name);
        assert!(poll(&mut future).is_pending());
        future
    };
    let _futures = [start("shallow", 0), start("deep", 100)];
    let (shallow, deep) = (listed("shallow"), listed("deep"));
    let (less, more) = (shallow.stack_used().unwrap(), deep.stack_used().unwrap());
    // Not what was in use before.
    assert!(less > 0 && less < 50 << 10, "{shallow}");
    assert!(more > less + (100 << 10) && more < SIZE, "{deep}");
    assert!(deep.stack_size() >= SIZE && deep.stack_size() < 2 * SIZE, "{deep}");
}

#[test]
fn waiting_on_another_stack() {
    inspect::enable();
    let mut future = as_async(|| {
        Coroutine::<(), (), ()>::new(|_, ()| wait(yield_once())).resume(());
        on_stack(mixio::stack::DefaultStack::default(), || wait(yield_once()));
        wait(yield_once());
    })
    .named("elsewhere");
    for used in [false, false, true] {
        assert!(poll(&mut future).is_pending());
        let function = listed("elsewhere");
        assert_eq!(function.stack_used().is_some(), used);
        assert!(function.waits_at().is_some() && function.to_string().contains("bytes"), "{function}");
    }
    assert!(poll(&mut future).is_ready());
}

#[test]
fn other_threads() {
    inspect::enable();
    let run = |thread: thread::Builder, name: &'static str| {
        let ((started, has_started), (end, may_end)) = (mpsc::channel(), mpsc::channel::<()>());
        let body = move || {
            let mut future = as_async(|| wait(pending::<()>())).named(name);
            assert!(poll(&mut future).is_pending());
            started.send(()).unwrap();
            let _ = may_end.recv();
            // As the closure is left.
            drop(future);
        };
        let handle = thread.spawn(body).unwrap();
        has_started.recv().unwrap();
        (handle, end)
    };
    let (named, end_named) = run(thread::Builder::new().name("waiter".into()), "on a named thread");
    let (unnamed, end_unnamed) = run(thread::Builder::new(), "on an unnamed thread");
    let function = listed("on a named thread");
    assert_eq!(function.thread(), Some("waiter"));
    assert!(function.waits_at().is_some() && function.to_string().contains(", on thread waiter, "), "{function}");
    let function = listed("on an unnamed thread");
    let id = format!(", on thread {:?}, ", unnamed.thread().id());
    assert!(function.thread().is_none() && function.to_string().contains(&id), "{function}");
    drop((end_named, end_unnamed));
    named.join().unwrap();
    unnamed.join().unwrap();
    assert!(!is_listed("on a named thread") && !is_listed("on an unnamed thread"));
}

#[test]
fn functions_that_have_ended() {
    inspect::enable();
    let start = |code: fn()| {
        let mut future = as_async(code).named("ends");
        assert!(poll(&mut future).is_pending());
        assert!(is_listed("ends"));
        future
    };

    // Finished, and panicked; listed no more although the future is still there.
    let mut future = start(|| wait(yield_once()));
    assert!(poll(&mut future).is_ready());
    assert!(!is_listed("ends"));
    let mut future = start(|| {
        wait(yield_once());
        panic!("on purpose");
    });
    assert_eq!(message_of(|| poll(&mut future)), "on purpose");
    assert!(!is_listed("ends"));

    // Dropped, and cancelled, with a destructor that waits.
    drop(start(|| wait(pending::<()>())));
    assert!(!is_listed("ends"));
    let mut cancel = start(|| {
        let _waits = on_drop(|| wait(yield_once()));
        wait(pending::<()>());
    })
    .cancel();
    assert!(poll(&mut cancel).is_pending());
    let in_destructor = listed("ends").waits_at().unwrap();
    assert_eq!(in_destructor.file(), file!());
    assert!(poll(&mut cancel).is_ready());
    assert!(!is_listed("ends"));

    // With a panic of its own instead.
    let future = start(|| {
        drop(catch_unwind(|| wait(pending::<()>())));
        panic!("its own");
    });
    assert_eq!(message_of(|| drop(future)), "its own");
    assert!(!is_listed("ends"));

    // Leaked: it will never go on.
    let future = start(|| {
        let _insists = on_drop(|| wait(pending::<()>()));
        wait(pending::<()>());
    });
    assert!(message_of(|| drop(future)).contains("its stack is leaked"));
    assert!(!is_listed("ends"));

    // Forgotten: it waits still.
    std::mem::forget(start(|| wait(pending::<()>())));
    assert!(listed("ends").waits_at().is_some());
}

#[test]
fn a_function_that_is_reaped() {
    struct Keeps(std::cell::RefCell<Option<Reaped>>);

    impl Reaper for Keeps {
        fn reap(&self, reaped: Reaped) -> Result<(), Reaped> {
            assert!(self.0.replace(Some(reaped)).is_none());
            Ok(())
        }
    }

    inspect::enable();
    let mut future = as_async(|| wait(pending::<()>())).named("reaped");
    assert!(poll(&mut future).is_pending());
    let reaper = Rc::new(Keeps(None.into()));
    set_reaper(Some(reaper.clone()));
    drop(future);
    set_reaper(None);
    assert!(is_listed("reaped"));
    let mut reaped = reaper.0.take().unwrap();
    assert!(poll(&mut reaped).is_ready());
    assert!(!is_listed("reaped"));
}

/// There is no room for it.
#[test]
fn a_function_that_never_starts() {
    inspect::enable();
    let captured = [1_u8; 64 << 10];
    let mut future = as_async(move || drop(Box::new(captured))).stack_size(16 << 10).named("too large");
    assert!(message_of(|| poll(&mut future)).contains("too many for a stack"));
    drop(future);
    assert!(!is_listed("too large"));
}

#[test]
fn a_dump_in_a_hook() {
    struct Dumps;

    impl Hook for Dumps {
        fn suspend(&self) {
            assert!(listed("hooked").waits_at().is_none());
        }

        fn resume(&self) {
            assert!(is_listed("hooked"));
        }
    }

    inspect::enable();
    let mut future = as_async(|| with_hook(Dumps, || wait(yield_once()))).named("hooked");
    assert!(poll(&mut future).is_pending());
    assert!(poll(&mut future).is_ready());
}

#[test]
fn many_threads_while_others_look() {
    inspect::enable();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let mut future = as_async(|| wait(yield_once())).named("busy");
                        assert!(poll(&mut future).is_pending());
                        assert!(poll(&mut future).is_ready());
                    }
                })
            })
            .collect();
        while workers.iter().any(|worker| !worker.is_finished()) {
            let busy = all_listed("busy");
            assert!(busy.len() <= 3);
            for place in busy.iter().filter_map(Function::waits_at) {
                assert_eq!(place.file(), file!());
            }
        }
    });
    assert!(!is_listed("busy"));
}

#[test]
fn off_and_on() {
    let output = in_child("off_and_on", || {
        let start = |name: &str| {
            let mut future = as_async(|| wait(yield_once())).named(name);
            assert!(poll(&mut future).is_pending());
            future
        };
        assert!(!inspect::is_enabled());
        let mut before = start("before");
        assert_eq!(inspect::dump().to_string(), "0 functions");
        inspect::enable();
        assert!(inspect::is_enabled());
        let mut between = start("between");
        inspect::disable();
        assert!(!inspect::is_enabled());
        let mut after = start("after");
        assert!(inspect::dump().to_string().starts_with("1 function\n  #1 \"between\" waits "));
        assert!(poll(&mut before).is_ready() && poll(&mut after).is_ready());
        assert_eq!(inspect::dump().functions().len(), 1);
        assert!(poll(&mut between).is_ready());
        assert_eq!(inspect::dump().functions().len(), 0);
        inspect::enable();
        let _unnamed = {
            let mut future = as_async(|| wait(pending::<()>()));
            assert!(poll(&mut future).is_pending());
            future
        };
        let _named = start("last");
        let dump = inspect::dump();
        let [unnamed, named] = dump.functions() else { panic!("{dump}") };
        assert_eq!(dump.to_string(), format!("2 functions\n  {unnamed}\n  {named}"));
        assert_eq!((unnamed.number(), unnamed.name(), named.number()), (2, None, 3));
        let text = unnamed.to_string();
        let expected = format!(
            "#2 waits {:.1?} at {}, created at {}, on thread {}, {} of {} bytes of stack",
            unnamed.waited().unwrap(),
            unnamed.waits_at().unwrap(),
            unnamed.created_at(),
            unnamed.thread().unwrap(),
            unnamed.stack_used().unwrap(),
            unnamed.stack_size(),
        );
        assert_eq!(text, expected);
    });
    assert_success(&output);
}
