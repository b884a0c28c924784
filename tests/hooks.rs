//! Hooks: when they are told, what they may do, and what their panics come to.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Poll;

use mixio::hooks::{Hook, install, with_hook};
use mixio::{AsAsync, Coroutine, CoroutineResult, WaitError, as_async, in_coroutine, try_wait, wait};
use support::{Drops, Log, assert_in_order, assert_success, in_child, message_of, on_drop, poll, stderr, yield_once};

/// Writes down what it is told.
struct Notes {
    log: Log,
    name: &'static str,
}

impl Notes {
    fn new(log: &Log, name: &'static str) -> Self {
        Notes { log: log.clone(), name }
    }
}

impl Hook for Notes {
    fn suspend(&self) {
        self.log.push(format!("suspend {}", self.name));
    }

    fn resume(&self) {
        self.log.push(format!("resume {}", self.name));
    }
}

/// Calls a function when it is told of a suspension, and one when it is told of a resumption.
struct Calls<S, R>(S, R);

impl<S: Fn(), R: Fn()> Hook for Calls<S, R> {
    fn suspend(&self) {
        (self.0)();
    }

    fn resume(&self) {
        (self.1)();
    }
}

#[test]
fn inside_out_and_outside_in() {
    let log = Log::new();
    let (outer, inner, log_of_function) = (Notes::new(&log, "outer"), Notes::new(&log, "inner"), log.clone());
    let mut future = as_async(move || {
        with_hook(outer, || {
            with_hook(inner, || wait(yield_once()));
            // What is ready suspends nothing.
            wait(ready(()));
            log_of_function.push("one left");
            wait(yield_once());
        });
        log_of_function.push("both left");
        wait(yield_once());
    });
    while poll(&mut future).is_pending() {
        log.push("elsewhere");
    }
    assert_eq!(
        log.entries(),
        [
            "suspend inner",
            "suspend outer",
            "elsewhere",
            "resume outer",
            "resume inner",
            "one left",
            "suspend outer",
            "elsewhere",
            "resume outer",
            "both left",
            "elsewhere",
        ]
    );
}

#[test]
fn nested_functions_have_their_own() {
    let log = Log::new();
    let (outer, inner) = (Notes::new(&log, "outer"), Notes::new(&log, "inner"));
    let mut future = as_async(move || {
        with_hook(outer, || wait(as_async(move || with_hook(inner, || wait(yield_once())))));
    });
    assert!(poll(&mut future).is_pending());
    assert!(poll(&mut future).is_ready());
    // The inner one is resumed by a poll, which the outer one has to be resumed for.
    assert_eq!(log.entries(), ["suspend inner", "suspend outer", "resume outer", "resume inner"]);
}

#[test]
fn outside_it_is_never_told() {
    let log = Log::new();
    assert_eq!(with_hook(Notes::new(&log, "hook"), || wait(async { yield_once().await })), ());
    assert_eq!(log.entries(), [] as [&str; 0]);
}

#[test]
fn told_while_the_function_is_ended() {
    for cancelled in [false, true] {
        let log = Log::new();
        let (hook, log_of_function) = (Notes::new(&log, "hook"), log.clone());
        let mut future = as_async(move || {
            with_hook(hook, || {
                let _last = log_of_function.on_drop("destructor");
                let _waits = on_drop(|| _ = try_wait(yield_once()));
                wait(pending::<()>());
            });
        });
        assert!(poll(&mut future).is_pending());
        if cancelled {
            let mut cancel = future.cancel();
            assert!(poll(&mut cancel).is_pending());
            assert!(poll(&mut cancel).is_ready());
            let told = ["suspend hook", "resume hook", "suspend hook", "resume hook", "destructor"];
            assert_eq!(log.entries(), told);
        } else {
            drop(future);
            assert_eq!(log.entries(), ["suspend hook", "resume hook", "destructor"]);
        }
    }
}

#[test]
fn a_panic_in_suspend() {
    let log = Log::new();
    let (outer, inner, log_of_function) = (Notes::new(&log, "outer"), Notes::new(&log, "inner"), log.clone());
    let panics = Cell::new(true);
    let middle = Calls(move || assert!(!panics.replace(false), "in suspend"), || ());
    let mut future = as_async(move || {
        with_hook(outer, || {
            with_hook(middle, || {
                with_hook(inner, || {
                    log_of_function.push(message_of(|| wait(pending::<()>())));
                    // The next time it goes well.
                    wait(yield_once());
                })
            })
        });
    });
    assert!(poll(&mut future).is_pending());
    assert!(poll(&mut future).is_ready());
    assert_eq!(
        log.entries(),
        [
            "suspend inner",
            "resume inner",
            "in suspend",
            "suspend inner",
            "suspend outer",
            "resume outer",
            "resume inner"
        ]
    );
}

#[test]
fn panics_in_resume() {
    let log = Log::new();
    let (inner, log_of_function) = (Notes::new(&log, "inner"), log.clone());
    let (first, second) = (Calls(|| (), || panic!("the first")), Calls(|| (), || panic!("the second")));
    let mut future = as_async(move || {
        with_hook(first, || {
            with_hook(second, || with_hook(inner, || log_of_function.push(message_of(|| wait(pending::<()>())))))
        });
    });
    assert!(poll(&mut future).is_pending());
    assert!(poll(&mut future).is_ready());
    assert_eq!(log.entries(), ["suspend inner", "resume inner", "the first"]);
}

/// The first of all comes out, and nothing aborts.
#[test]
fn panics_in_suspend_and_in_resume_after_it() {
    let outer = Calls(|| panic!("in suspend"), || panic!("in resume"));
    let inner = Calls(|| (), || panic!("in the other's resume"));
    let mut future = as_async(move || with_hook(outer, || with_hook(inner, || message_of(|| wait(pending::<()>())))));
    assert_eq!(poll(&mut future), Poll::Ready("in suspend".into()));
    assert!(!std::thread::panicking());
}

#[test]
fn a_panic_in_resume_while_the_function_is_unwound() {
    let drops = Drops::new();
    let start = || {
        let counted = drops.counted();
        let mut future = as_async(move || {
            let _counted = counted;
            with_hook(Calls(|| (), || panic!("in resume")), || wait(pending::<()>()));
        });
        assert!(poll(&mut future).is_pending());
        future
    };
    drop(start());
    assert_eq!(poll(&mut start().cancel()), Poll::Ready(None));
    assert_eq!(drops.count(), 2);
    assert!(!std::thread::panicking());
}

#[test]
fn a_panic_in_suspend_while_the_function_is_unwound() {
    let output = in_child("a_panic_in_suspend_while_the_function_is_unwound", || {
        let mut future = as_async(|| {
            let _waits = on_drop(|| with_hook(Calls(|| panic!("in suspend"), || ()), || wait(pending::<()>())));
            wait(pending::<()>());
        });
        assert!(poll(&mut future).is_pending());
        let _ = poll(&mut future.cancel());
    });
    assert!(!output.status.success());
    assert_in_order(&stderr(&output), &["in suspend", "panic in a destructor"]);
}

#[test]
fn it_cannot_wait() {
    let log = Log::new();
    let log_of_hook = log.clone();
    let refused = move || {
        assert!(!in_coroutine());
        assert_eq!(try_wait(pending::<()>()), Err(WaitError::InHook));
        assert_eq!(wait(ready("ready")), "ready");
        log_of_hook.push(message_of(|| wait(pending::<()>())));
    };
    let mut future = as_async(move || {
        with_hook(Calls(refused.clone(), refused), || wait(yield_once()));
        assert!(in_coroutine());
    });
    assert!(poll(&mut future).is_pending());
    assert!(!in_coroutine());
    assert!(poll(&mut future).is_ready());
    assert_eq!(log.entries(), ["cannot wait: this is a hook, and the future is not ready at once"; 2]);
}

/// They are not in the hook, but on stacks of their own.
#[test]
fn it_may_run_other_functions() {
    let drops = Drops::new();
    let counted = drops.counted();
    let mut other = as_async(move || {
        let _counted = counted;
        wait(yield_once());
        wait(pending::<()>());
    });
    assert!(poll(&mut other).is_pending());
    let other = RefCell::new(Some(other));
    let drops_of_hook = drops.clone();
    let suspend = move || {
        if let Some(mut other) = other.take() {
            assert!(poll(&mut other).is_pending());
            drop(other);
            assert_eq!(drops_of_hook.count(), 1);
        }
        let mut nested = as_async(|| {
            assert!(in_coroutine());
            wait(yield_once());
            "nested"
        });
        assert!(poll(&mut nested).is_pending());
        assert_eq!(poll(&mut nested), Poll::Ready("nested"));
        assert!(!in_coroutine());
    };
    let mut future = as_async(move || with_hook(Calls(suspend, || ()), || wait(yield_once())));
    assert!(poll(&mut future).is_pending());
    assert!(poll(&mut future).is_ready());
    assert_eq!(drops.count(), 1);
}

/// A coroutine of the user's own runs where it is resumed, and that is a hook.
#[test]
fn a_coroutine_that_it_resumes_cannot_wait_either() {
    let coroutine = Coroutine::new(|yielder, ()| {
        assert_eq!(try_wait(yield_once()), Ok(()));
        yielder.suspend(());
        // In the hook.
        assert_eq!(try_wait(yield_once()), Err(WaitError::InHook));
        yielder.suspend(());
        // In the function again.
        wait(yield_once());
    });
    let coroutine = Rc::new(RefCell::new(coroutine));
    let resumed = coroutine.clone();
    let suspend = move || assert_eq!(resumed.borrow_mut().resume(()), CoroutineResult::Yield(()));
    let mut future = as_async(move || {
        coroutine.borrow_mut().resume(());
        with_hook(Calls(suspend, || ()), || wait(yield_once()));
        coroutine.borrow_mut().resume(())
    });
    for _ in 0..3 {
        assert!(poll(&mut future).is_pending());
    }
    assert_eq!(poll(&mut future), Poll::Ready(CoroutineResult::Return(())));
}

/// It is a hook of the function in which it was installed, for as long as it is.
#[test]
fn in_a_coroutine_that_goes_from_one_function_to_another() {
    let log = Log::new();
    let hook = Notes::new(&log, "hook");
    let coroutine = Coroutine::new(move |yielder, ()| {
        with_hook(hook, || {
            wait(yield_once());
            yielder.suspend(());
            wait(yield_once());
        });
    });
    let coroutine = Rc::new(RefCell::new(coroutine));
    let resume = |coroutine: &RefCell<Coroutine<(), (), ()>>| {
        coroutine.borrow_mut().resume(());
    };
    let (first, second) = (coroutine.clone(), coroutine);
    let mut installs = as_async(move || {
        resume(&first);
        drop(first);
        for _ in 0..2 {
            wait(yield_once());
        }
    });
    let mut goes_on = as_async(move || resume(&second));
    let told = ["suspend hook", "resume hook"];
    // The coroutine's own wait; that of the function beside it; the same once more, with the coroutine elsewhere.
    assert!(poll(&mut installs).is_pending());
    assert!(poll(&mut installs).is_pending());
    assert!(poll(&mut goes_on).is_pending());
    assert!(poll(&mut installs).is_pending());
    assert_eq!(log.entries(), [told, told, told].concat()[..5]);
    assert!(poll(&mut goes_on).is_ready());
    assert!(poll(&mut installs).is_ready());
    assert_eq!(log.entries(), [told, told, told].concat());
}

#[test]
fn in_a_coroutine_that_outlives_the_function() {
    let log = Log::new();
    let hook = Rc::new(Notes::new(&log, "hook"));
    let installed = hook.clone();
    let coroutine = Coroutine::<(), (), ()>::new(move |yielder, ()| with_hook(installed, || yielder.suspend(())));
    let coroutine = Rc::new(RefCell::new(coroutine));
    let resumed = coroutine.clone();
    let mut future = as_async(move || {
        resumed.borrow_mut().resume(());
    });
    assert!(poll(&mut future).is_ready());
    drop(future);
    assert_eq!(Rc::strong_count(&hook), 2);
    assert_eq!(coroutine.borrow_mut().resume(()), CoroutineResult::Return(()));
    drop(coroutine);
    assert_eq!(Rc::strong_count(&hook), 1);
    assert_eq!(log.entries(), [] as [&str; 0]);
}

/// A destructor that insists on waiting while its function is dropped, and is prevented by a hook's panic.
#[test]
fn a_panic_in_suspend_where_the_function_would_be_stranded() {
    let dropping = Rc::new(Cell::new(false));
    let told = dropping.clone();
    let mut first = as_async(move || {
        with_hook(Calls(move || assert!(!told.get(), "in suspend"), || ()), || {
            let _insists = on_drop(move || {
                dropping.set(true);
                assert!(catch_unwind(AssertUnwindSafe(|| wait(pending::<()>()))).is_err());
            });
            wait(pending::<()>());
        });
    });
    assert!(poll(&mut first).is_pending());
    drop(first);
    // That is over: another one that is dropped is told of its own affairs only.
    let drops = Drops::new();
    let counted = drops.counted();
    let mut second = as_async(move || {
        let _counted = counted;
        drop(catch_unwind(|| wait(pending::<()>())));
        wait(pending::<()>());
    });
    assert!(poll(&mut second).is_pending());
    drop(second);
    assert_eq!(drops.count(), 1);
}

/// What a hook drops while a function is being stranded has nothing to do with that.
#[test]
#[cfg_attr(mixio_sanitizer = "address", ignore = "what a leaked stack holds, the sanitizer looks for elsewhere")]
fn a_hook_that_drops_others_where_the_function_is_stranded() {
    let drops = Drops::new();
    let counted = drops.counted();
    let mut swallows = as_async(move || {
        let _counted = counted;
        drop(catch_unwind(|| wait(pending::<()>())));
        wait(pending::<()>());
    });
    assert!(poll(&mut swallows).is_pending());
    let victim: Rc<RefCell<Option<AsAsync<(), _>>>> = Rc::new(RefCell::new(None));
    let hook = Calls(
        {
            let victim = victim.clone();
            move || drop(victim.take())
        },
        || (),
    );
    let mut stranded = as_async(move || {
        with_hook(hook, || {
            let _insists = on_drop(|| wait(pending::<()>()));
            wait(pending::<()>());
        });
    });
    assert!(poll(&mut stranded).is_pending());
    *victim.borrow_mut() = Some(swallows);
    let message = message_of(|| drop(stranded));
    assert!(message.contains("a destructor waits at tests/hooks.rs:"), "{message}");
    assert_eq!(drops.count(), 1);
}

#[test]
fn installed_in_every_function() {
    thread_local!(static LOG: Log = Log::new());
    let output = in_child("installed_in_every_function", || {
        let mut before = as_async(|| wait(yield_once()));
        assert!(poll(&mut before).is_pending());
        install(|| LOG.with(|log| Rc::new(Notes::new(log, "first"))));
        install(|| LOG.with(|log| Rc::new(Notes::new(log, "second"))));
        assert!(poll(&mut before).is_ready());
        assert_eq!(LOG.with(Log::entries), [] as [&str; 0]);

        let mut after = as_async(|| {
            with_hook(LOG.with(|log| Notes::new(log, "own")), || wait(yield_once()));
        });
        assert!(poll(&mut after).is_pending());
        assert!(poll(&mut after).is_ready());
        let told = ["suspend own", "suspend second", "suspend first", "resume first", "resume second", "resume own"];
        assert_eq!(LOG.with(Log::entries), told);

        // One that can't be made comes out of the poll, and the function is dropped without running.
        install(|| panic!("cannot be made"));
        let drops = Drops::new();
        let counted = drops.counted();
        mixio::inspect::enable();
        let mut never = as_async(move || drop(counted));
        assert_eq!(message_of(|| poll(&mut never)), "cannot be made");
        assert_eq!(drops.count(), 1);
        drop(never);
        assert_eq!(mixio::inspect::dump().functions().len(), 0);
    });
    assert_success(&output);
}
