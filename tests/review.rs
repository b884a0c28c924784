//! What a hostile reading of the bridge has found.

mod support;

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use mixio::runtime::{Loop, set_loop};
use mixio::{AsAsync, Coroutine, as_async, try_wait, wait};
use support::{assert_success, in_child, message_of, on_drop, poll, yield_once};

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

/// A loop that breaks its contract.
#[test]
fn a_loop_that_returns_too_early() {
    struct Idle;

    impl Loop for Idle {
        fn block_on(&self, _: Pin<&mut dyn Future<Output = ()>>) {}
    }

    set_loop(Some(Rc::new(Idle)));
    let mut polls = 0;
    let message = message_of(|| {
        wait(poll_fn(|_| {
            polls += 1;
            if polls < 1000 { Poll::<()>::Pending } else { panic!("polled over and over") }
        }))
    });
    set_loop(None);
    assert!(message.contains("the loop"), "{message}");
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
