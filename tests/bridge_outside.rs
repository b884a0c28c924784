//! Waiting outside of any coroutine: the thread is parked.

mod support;

use std::future::{Future, poll_fn, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use mixio::runtime::{Loop, set_loop};
use mixio::{FutureExt as _, as_async, in_coroutine, try_wait, wait};
use support::{message_of, on_drop};

#[test]
fn ready_and_pending() {
    assert_eq!(wait(ready(1)), 1);
    assert_eq!(try_wait(ready(2)), Ok(2));
    assert_eq!(ready(3).wait(), 3);
    let mut polls = 0;
    let value = wait(poll_fn(|context| {
        polls += 1;
        context.waker().wake_by_ref();
        if polls < 10 { Poll::Pending } else { Poll::Ready(polls) }
    }));
    assert_eq!(value, 10);
    assert!(!in_coroutine());
}

#[test]
fn woken_by_another_thread() {
    for delay in [0, 1, 20] {
        let (sender, receiver) = oneshot::channel();
        let other = thread::spawn(move || {
            thread::sleep(Duration::from_millis(delay));
            sender.send(delay).unwrap();
        });
        assert_eq!(wait(receiver), Ok(delay));
        other.join().unwrap();
    }
}

#[test]
fn a_great_many_times() {
    let (requests, inbox) = mpsc::channel::<oneshot::Sender<u32>>();
    let server = thread::spawn(move || {
        for (answer, sender) in (0..).zip(inbox) {
            sender.send(answer).unwrap();
        }
    });
    for expected in 0..10_000 {
        let (sender, receiver) = oneshot::channel();
        requests.send(sender).unwrap();
        assert_eq!(wait(receiver), Ok(expected));
    }
    drop(requests);
    server.join().unwrap();
}

/// The inner wait takes the thread's parking token, which the outer's wake may have set: the outer must not miss it.
#[test]
fn one_within_another() {
    let (outer_sender, mut outer) = oneshot::channel();
    let mut outer_sender = Some(outer_sender);
    let value = wait(poll_fn(move |context| {
        let poll = Pin::new(&mut outer).poll(context);
        if let Some(sender) = outer_sender.take() {
            let (inner_sender, inner) = oneshot::channel();
            let other = thread::spawn(move || {
                // Both wakes come while the inner wait is parked.
                sender.send("outer").unwrap();
                thread::sleep(Duration::from_millis(10));
                inner_sender.send("inner").unwrap();
            });
            assert_eq!(wait(inner), Ok("inner"));
            other.join().unwrap();
        }
        poll
    }));
    assert_eq!(value, Ok("outer"));
}

#[test]
fn as_async_inside() {
    let value = wait(as_async(|| {
        assert!(in_coroutine());
        let (sender, receiver) = oneshot::channel();
        let other = thread::spawn(move || sender.send(5).unwrap());
        let value = wait(receiver).unwrap();
        other.join().unwrap();
        value
    }));
    assert_eq!(value, 5);
}

/// An executor of its own inside a coroutine: the coroutine under it is what waits.
#[test]
fn an_executor_inside_as_async() {
    let mut future = as_async(|| {
        let mut polls = 0;
        // A loop that polls by itself, as an executor does.
        let mut task = Box::pin(async move {
            wait(poll_fn(move |_| {
                polls += 1;
                if polls < 3 { Poll::Pending } else { Poll::Ready(polls) }
            }))
        });
        task.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    });
    let mut context = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut future).poll(&mut context).is_pending());
    assert!(Pin::new(&mut future).poll(&mut context).is_pending());
    assert_eq!(Pin::new(&mut future).poll(&mut context), Poll::Ready(Poll::Ready(3)));
}

#[test]
fn a_panic_leaves_the_thread_usable() {
    for _ in 0..3 {
        let mut polled = false;
        let message = message_of(|| {
            wait(poll_fn(|context| {
                if polled {
                    panic!("in the future");
                }
                polled = true;
                context.waker().wake_by_ref();
                Poll::<()>::Pending
            }));
        });
        assert_eq!(message, "in the future");
        assert_eq!(wait(ready(1)), 1);
    }
}

/// A destructor waits because of a panic, which is no business of the tasks that the loop runs meanwhile.
#[test]
fn a_panic_is_set_aside_while_the_loop_runs() {
    struct Smol(smol::LocalExecutor<'static>);

    impl Loop for Smol {
        fn block_on(&self, future: Pin<&mut dyn Future<Output = ()>>) {
            smol::block_on(self.0.run(future));
        }
    }

    let smol = Rc::new(Smol(smol::LocalExecutor::new()));
    let mutex = Arc::new(Mutex::new(()));
    let (sender, receiver) = oneshot::channel();
    let held = mutex.clone();
    #[expect(clippy::await_holding_lock, reason = "so that it would be poisoned")]
    let neighbour = smol.0.spawn(async move {
        let _guard = held.lock().unwrap();
        receiver.await.unwrap();
        thread::panicking()
    });
    set_loop(Some(smol));
    // Until the neighbour has it.
    while mutex.try_lock().is_ok() {
        wait(smol::Timer::after(Duration::from_millis(1)));
    }

    let message = message_of(|| {
        let _waits = on_drop(|| {
            assert!(thread::panicking());
            sender.send(()).unwrap();
            assert!(!wait(neighbour), "it is not the neighbour that panics");
            assert!(thread::panicking());
        });
        panic!("not the neighbour's");
    });
    set_loop(None);
    assert_eq!(message, "not the neighbour's");
    assert!(!thread::panicking() && !mutex.is_poisoned());
}

/// A destructor of a thread-local runs when other thread-locals may be gone.
#[test]
fn while_the_thread_ends() {
    struct Last(mpsc::Sender<u32>);
    impl Drop for Last {
        fn drop(&mut self) {
            let (sender, receiver) = oneshot::channel();
            let other = thread::spawn(move || sender.send(1).unwrap());
            let waited = wait(receiver).unwrap();
            other.join().unwrap();
            let coroutine = wait(as_async(|| {
                let mut polled = false;
                wait(poll_fn(move |context| {
                    context.waker().wake_by_ref();
                    if std::mem::replace(&mut polled, true) { Poll::Ready(2) } else { Poll::Pending }
                }))
            }));
            self.0.send(waited + coroutine).unwrap();
        }
    }
    thread_local! {
        static LAST: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) };
    }
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        // Made before the bridge's own thread-locals, so destroyed after them.
        LAST.set(Some(Last(sender)));
        let (sender, receiver) = oneshot::channel();
        let other = thread::spawn(move || sender.send(()).unwrap());
        wait(receiver).unwrap();
        other.join().unwrap();
    })
    .join()
    .unwrap();
    assert_eq!(receiver.recv(), Ok(3));
}
