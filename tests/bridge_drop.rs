//! What becomes of an `as_async` that is dropped, at each stage of its life, and of the code in it that won't go.

mod support;

use std::cell::RefCell;
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use mixio::{AsAsync, Coroutine, WaitError, as_async, in_coroutine, is_forced_unwind, try_wait, wait};
use support::{
    Drops, EXIT_RUNS_DESTRUCTORS, Log, assert_success, in_child, message_of, on_drop, poll, stderr, yield_once,
};

#[test]
fn never_polled() {
    let drops = Drops::new();
    let counted = drops.counted();
    drop(as_async(move || drop(counted)));
    assert_eq!(drops.count(), 1);
}

#[test]
fn suspended() {
    let drops = Drops::new();
    let (captured, local) = (drops.counted(), drops.counted());
    let mut future = as_async(move || {
        let _locals = (captured, local);
        wait(pending::<()>());
    });
    assert!(poll(&mut future).is_pending());
    assert_eq!(drops.count(), 0);
    drop(future);
    assert_eq!(drops.count(), 2);
    assert!(!in_coroutine() && !std::thread::panicking());
}

#[test]
fn the_waited_for_future_is_dropped_too() {
    let drops = Drops::new();
    let counted = drops.counted();
    let mut future = as_async(move || {
        wait(async move {
            let _counted = counted;
            pending::<()>().await;
        });
    });
    assert!(poll(&mut future).is_pending());
    drop(future);
    assert_eq!(drops.count(), 1);
}

#[test]
fn finished_and_panicked() {
    let drops = Drops::new();
    for panics in [false, true] {
        let counted = drops.counted();
        let mut future = as_async(move || {
            let _counted = counted;
            assert!(!panics, "on purpose");
        });
        assert_eq!(catch_unwind(AssertUnwindSafe(|| poll(&mut future))).is_err(), panics);
        assert_eq!(drops.count(), 1 + usize::from(panics));
    }
    assert_eq!(drops.count(), 2);
}

#[test]
fn polled_after_its_end() {
    let mut future = as_async(|| ());
    assert!(poll(&mut future).is_ready());
    let message = message_of(|| poll(&mut future));
    assert!(message.contains("polled after it had finished"), "{message}");

    let mut future = as_async(|| panic!("on purpose"));
    assert_eq!(message_of(|| poll(&mut future)), "on purpose");
    let message = message_of(|| poll(&mut future));
    assert!(message.contains("finished"), "{message}");
}

#[test]
fn forgotten() {
    let drops = Drops::new();
    let counted = drops.counted();
    let mut future = as_async(move || {
        let _counted = counted;
        wait(pending::<()>());
    });
    assert!(poll(&mut future).is_pending());
    std::mem::forget(future);
    assert_eq!(drops.count(), 0);
    assert!(!in_coroutine());
}

#[test]
fn a_destructor_may_wait_for_what_is_ready() {
    let log = Log::new();
    let seen = log.clone();
    let mut future = as_async(move || {
        let _closing = on_drop(move || log.push(wait(ready("closed"))));
        wait(pending::<()>());
    });
    assert!(poll(&mut future).is_pending());
    drop(future);
    assert_eq!(seen.entries(), ["closed"]);
}

#[test]
fn a_destructor_learns_that_it_cannot_wait() {
    let log = Log::new();
    let seen = log.clone();
    let mut future = as_async(move || {
        let _closing = on_drop(move || {
            assert!(in_coroutine());
            let error = try_wait(pending::<()>()).unwrap_err();
            assert_eq!(error, WaitError::Cancelled);
            log.push(error.to_string());
        });
        wait(pending::<()>());
    });
    assert!(poll(&mut future).is_pending());
    drop(future);
    assert_eq!(seen.entries().len(), 1);
    assert!(seen.entries()[0].contains("is being dropped"), "{:?}", seen.entries());
}

/// A panic in a destructor that runs because of another would end the process: so that function can't be unwound.
#[test]
fn a_destructor_that_insists_on_waiting_is_leaked_with_a_sentence() {
    let drops = Drops::new();
    let (below, above) = (drops.counted(), drops.counted());
    let mut future = as_async(move || {
        let _below = below;
        let _closing = on_drop(|| wait(pending::<()>()));
        let _above = above;
        wait(pending::<()>());
    });
    assert!(poll(&mut future).is_pending());
    let message = message_of(|| drop(future));
    assert!(message.contains("a destructor waits at tests/bridge_drop.rs:"), "{message}");
    assert!(message.contains("await its `cancel()`") && message.contains("reaper"), "{message}");
    assert_eq!(drops.count(), 1);
    // The thread is as good as before.
    assert!(!in_coroutine() && !std::thread::panicking());
    assert_eq!(poll(&mut as_async(|| wait(ready(1)))), Poll::Ready(1));
}

#[test]
fn code_that_catches_the_unwind_meets_it_again() {
    let log = Log::new();
    let seen = log.clone();
    let mut future = as_async(move || {
        for attempt in 0..3 {
            let caught = catch_unwind(|| wait(pending::<()>()));
            assert!(is_forced_unwind(&*caught.unwrap_err()));
            log.push(format!("caught {attempt}"));
        }
        // A value that is ready is still given.
        log.push(wait(ready("returned")));
    });
    assert!(poll(&mut future).is_pending());
    drop(future);
    assert_eq!(seen.entries(), ["caught 0", "caught 1", "caught 2", "returned"]);
}

#[test]
fn code_that_always_catches_it_is_leaked_with_a_sentence() {
    let drops = Drops::new();
    let counted = drops.counted();
    let mut future = as_async(move || {
        let _counted = counted;
        loop {
            drop(catch_unwind(|| wait(pending::<()>())));
        }
    });
    assert!(poll(&mut future).is_pending());
    let message = message_of(|| drop(future));
    assert!(message.contains("keeps catching the panic"), "{message}");
    assert_eq!(drops.count(), 0);
    assert!(!in_coroutine() && !std::thread::panicking());
    // The thread is as good as before.
    assert_eq!(poll(&mut as_async(|| wait(ready(1)))), Poll::Ready(1));
}

#[test]
fn a_destructor_that_panics_by_itself() {
    let mut future = as_async(|| {
        // Not during the unwind: the function catches that, and goes on.
        drop(catch_unwind(|| wait(pending::<()>())));
        panic!("on its own account");
    });
    assert!(poll(&mut future).is_pending());
    assert_eq!(message_of(|| drop(future)), "on its own account");
    assert!(!in_coroutine());
}

/// The outer one waits for the inner one's destructors.
#[test]
fn dropped_inside_another() {
    let log = Log::new();
    let seen = log.clone();
    let mut outer = as_async(move || {
        let inner_log = log.clone();
        let mut inner = as_async(move || {
            let _closing = on_drop(move || {
                wait(yield_once());
                inner_log.push("closed");
            });
            wait(pending::<()>());
        });
        assert!(poll(&mut inner).is_pending());
        drop(inner);
        // Only then.
        log.push("dropped");
        wait(ready(7))
    });
    assert!(poll(&mut outer).is_pending());
    assert_eq!(seen.entries(), [] as [&str; 0]);
    assert_eq!(poll(&mut outer), Poll::Ready(7));
    assert_eq!(seen.entries(), ["closed", "dropped"]);
}

#[test]
fn the_whole_nest_is_unwound() {
    let drops = Drops::new();
    fn nest(depth: usize, drops: Drops) {
        let _counted = drops.counted();
        if depth == 0 {
            wait(pending::<()>());
        } else {
            wait(as_async(move || nest(depth - 1, drops)));
        }
    }
    let mut future = as_async({
        let drops = drops.clone();
        move || nest(10, drops)
    });
    assert!(poll(&mut future).is_pending());
    drop(future);
    assert_eq!(drops.count(), 11);
}

#[test]
fn a_stack_that_cannot_be_had() {
    for (size, message) in [(0, "too small"), (usize::MAX, "no address space has room")] {
        let drops = Drops::new();
        let counted = drops.counted();
        let mut future = as_async(move || drop(counted)).stack_size(size);
        let text = message_of(|| poll(&mut future));
        assert!(text.contains("cannot start an `as_async`") && text.contains(message), "{text}");
        drop(future);
        assert_eq!(drops.count(), 1);
    }
}

/// What the function returns after all is dropped where the coroutine is no more: a `wait` there parks the thread.
#[test]
fn the_value_of_a_function_that_caught_the_unwind() {
    struct Waits(Log);
    impl Drop for Waits {
        fn drop(&mut self) {
            assert!(!in_coroutine());
            self.0.push(wait(ready("waited")));
        }
    }
    let log = Log::new();
    let value = Waits(log.clone());
    let mut future = as_async(move || {
        drop(catch_unwind(|| wait(pending::<()>())));
        value
    });
    assert!(poll(&mut future).is_pending());
    drop(future);
    assert_eq!(log.entries(), ["waited"]);
}

/// The panic hook runs where the panic is raised: that of a poll too many is the executor's business.
#[test]
fn a_panic_hook_does_not_find_what_has_finished() {
    let output = in_child("a_panic_hook_does_not_find_what_has_finished", || {
        std::panic::set_hook(Box::new(|_| assert!(!in_coroutine())));
        let mut future = as_async(|| std::panic::resume_unwind(Box::new("first")));
        assert_eq!(message_of(|| poll(&mut future)), "first");
        assert!(message_of(|| poll(&mut future)).contains("after it had finished"));

        let mut future = as_async(|| {
            loop {
                drop(catch_unwind(|| wait(pending::<()>())));
            }
        });
        assert!(poll(&mut future).is_pending());
        assert!(message_of(|| drop(future)).contains("keeps catching"));
    });
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn refusals_are_counted_over_a_nested_drop() {
    let mut future = as_async(|| {
        let _insists = on_drop(|| {
            let mut refusals = 0;
            while try_wait(pending::<()>()).is_err() {
                refusals += 1;
                assert!(refusals <= 1000, "it is refused for ever");
                let mut nested = as_async(|| assert!(try_wait(pending::<()>()).is_err()));
                assert!(poll(&mut nested).is_pending());
            }
        });
        wait(pending::<()>());
    });
    assert!(poll(&mut future).is_pending());
    let message = message_of(|| drop(future));
    assert!(message.contains("its stack is leaked"), "{message}");
}

thread_local!(static RUNNING: RefCell<Option<AsAsync<()>>> = const { RefCell::new(None) });

/// On Linux `exit` runs the destructors of this thread's thread-locals: on the very stack that one of them owns.
#[test]
#[cfg_attr(mixio_sanitizer = "address", ignore = "it leaks what it exits from")]
fn exit_while_a_thread_local_owns_the_running_function() {
    let output = in_child("exit_while_a_thread_local_owns_the_running_function", || {
        fn function() {
            let _local = on_drop(|| println!("a destructor ran"));
            wait(yield_once());
            std::process::exit(0);
        }
        RUNNING.set(Some(as_async(function as fn())));
        RUNNING.with_borrow_mut(|future| {
            let future = future.as_mut().unwrap();
            assert!(poll(future).is_pending());
            let _ = poll(future);
        });
    });
    assert_success(&output);
    // As with any `exit`, what is on the stacks stays there.
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(!printed.contains("a destructor ran"), "{printed}");
}

/// As above, but the destructor takes it out of the thread-local first, and does with it what it likes.
#[test]
#[cfg_attr(mixio_sanitizer = "address", ignore = "it leaks what it exits from")]
fn exit_while_a_thread_local_owns_the_running_function_and_uses_it() {
    struct Owner(Option<AsAsync<()>>, fn(AsAsync<()>));

    impl Drop for Owner {
        fn drop(&mut self) {
            self.1(self.0.take().unwrap());
            println!("used");
        }
    }

    thread_local!(static OWNER: RefCell<Option<Owner>> = const { RefCell::new(None) });

    #[inline(never)]
    fn exit(depth: u32) {
        if depth == 0 {
            std::process::exit(0);
        }
        exit(std::hint::black_box(depth - 1));
        std::hint::black_box(());
    }

    fn function() {
        let _local = on_drop(|| println!("a destructor ran"));
        wait(yield_once());
        exit(3);
    }

    let uses: [fn(AsAsync<()>); 3] = [
        |future| drop(future),
        |future| drop(future.cancel()),
        |mut future| assert!(message_of(|| poll(&mut future)).contains("running")),
    ];
    let output = in_child("exit_while_a_thread_local_owns_the_running_function_and_uses_it", || {
        // Each in a process of its own, since each exits.
        let which = uses.iter().position(|_| {
            // SAFETY: nothing runs here but this thread.
            match unsafe { libc::fork() } {
                0 => true,
                child => {
                    let mut status = 0;
                    // SAFETY: it is a child of ours.
                    unsafe { libc::waitpid(child, &raw mut status, 0) };
                    assert_eq!(status, 0);
                    false
                }
            }
        });
        let Some(which) = which else { return };
        OWNER.set(Some(Owner(Some(as_async(function as fn())), uses[which])));
        OWNER.with_borrow_mut(|owner| {
            let future = owner.as_mut().unwrap().0.as_mut().unwrap();
            assert!(poll(future).is_pending());
            let _ = poll(future);
        });
    });
    assert_success(&output);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(!printed.contains("a destructor ran"), "{printed}");
    assert_eq!(printed.matches("used").count(), if EXIT_RUNS_DESTRUCTORS { 3 } else { 0 }, "{printed}");
}

/// The waker that `block_on` keeps in a thread-local of its own is gone by then.
#[test]
#[cfg_attr(mixio_sanitizer = "address", ignore = "it leaks what it exits from")]
fn a_destructor_of_a_thread_local_waits_during_exit() {
    struct Session;

    impl Drop for Session {
        fn drop(&mut self) {
            wait(smol::Timer::after(std::time::Duration::from_millis(10)));
            println!("said goodbye, in a coroutine: {}", mixio::in_coroutine());
        }
    }

    thread_local!(static SESSION: Session = const { Session });

    let output = in_child("a_destructor_of_a_thread_local_waits_during_exit", || {
        SESSION.with(|_| ());
        smol::block_on(as_async(|| {
            wait(yield_once());
            std::process::exit(0);
        }));
    });
    assert_success(&output);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed.contains("said goodbye, in a coroutine: false"), EXIT_RUNS_DESTRUCTORS, "{printed}");
}

/// A service whose log is on a disk that is full.
#[test]
fn nobody_can_be_told_on_the_standard_error() {
    struct Waits;

    impl Drop for Waits {
        fn drop(&mut self) {
            wait(pending::<()>());
        }
    }

    let output = in_child("nobody_can_be_told_on_the_standard_error", || {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        // SAFETY: both are open.
        unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&full), libc::STDERR_FILENO) };
        std::panic::set_hook(Box::new(|_| ()));
        let mut future = as_async(|| {
            let _waits = Waits;
            wait(pending::<()>());
        });
        assert!(poll(&mut future).is_pending());
        let message = message_of(|| {
            let _future = future;
            panic!("mine");
        });
        assert_eq!(message, "mine");
    });
    assert_success(&output);
}

/// Suspended by a coroutine of the user's between the refusal and what comes of it: nobody ends the function that it goes on in.
#[test]
fn refused_in_one_function_and_told_so_in_another() {
    let inner = Rc::new(RefCell::new(Coroutine::new(|yielder, ()| {
        wait(async {
            let _interrupts = on_drop(|| yielder.suspend(()));
            pending::<()>().await
        });
    })));
    let other = inner.clone();
    let mut dropped = as_async(move || {
        let _resumes = on_drop(move || _ = inner.borrow_mut().resume(()));
        let _ = try_wait(pending::<()>());
    });
    assert!(poll(&mut dropped).is_pending());
    drop(dropped);
    let goes_on = as_async(move || message_of(|| other.borrow_mut().resume(())));
    let Poll::Ready(message) = poll(&mut pin!(goes_on)) else { panic!("stranded") };
    assert!(message.contains("cannot wait"), "{message}");
}
