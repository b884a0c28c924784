//! Which waker a waited-for future gets, also when executors and coroutines are as awkward as they may be.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use mixio::{AsAsync, Coroutine, CoroutineResult, WaitError, Yielder, as_async, try_wait, wait};
use support::message_of;

/// Counts its wakes.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Counter {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Polls with a waker that exists for this poll only.
fn poll_once<F: Future + Unpin>(future: &mut F) -> (Poll<F::Output>, Arc<Counter>) {
    let counter = Arc::<Counter>::default();
    let poll = Pin::new(future).poll(&mut Context::from_waker(&Waker::from(counter.clone())));
    (poll, counter)
}

/// Ready when told so; keeps the waker of its last poll.
#[derive(Clone, Default)]
struct Gate(Rc<(Cell<bool>, RefCell<Option<Waker>>)>);

impl Gate {
    fn open(&self) {
        self.0.0.set(true);
    }

    fn wake(&self) {
        self.0.1.take().expect("somebody waits at the gate").wake();
    }
}

impl Future for Gate {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0.0.get() {
            return Poll::Ready(());
        }
        *self.0.1.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }
}

#[test]
fn a_clone_is_the_executors_own_waker() {
    let executors = Waker::from(Arc::<Counter>::default());
    let gate = Gate::default();
    let mut future = as_async({
        let gate = gate.clone();
        move || wait(gate)
    });
    assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&executors)).is_pending());
    assert!(gate.0.1.borrow().as_ref().unwrap().will_wake(&executors));
    gate.open();
    assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&executors)).is_ready());
}

#[test]
fn through_any_number_of_as_async() {
    fn nested(depth: usize, gate: Gate) {
        if depth == 0 {
            wait(gate);
        } else {
            wait(as_async(move || nested(depth - 1, gate)));
        }
    }
    let executors = Waker::from(Arc::<Counter>::default());
    for depth in 0..5 {
        let gate = Gate::default();
        let mut future = as_async({
            let gate = gate.clone();
            move || nested(depth, gate)
        });
        assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&executors)).is_pending());
        assert!(gate.0.1.borrow().as_ref().unwrap().will_wake(&executors), "at depth {depth}");
    }
}

#[test]
fn wake_by_ref_reaches_the_executor() {
    let mut polls = 0;
    let mut future = as_async(move || {
        wait(poll_fn(move |context| {
            polls += 1;
            context.waker().wake_by_ref();
            if polls == 3 { Poll::Ready(polls) } else { Poll::Pending }
        }))
    });
    for _ in 0..2 {
        let (poll, counter) = poll_once(&mut future);
        assert!(poll.is_pending());
        assert_eq!(counter.count(), 1);
    }
    assert_eq!(poll_once(&mut future).0, Poll::Ready(3));
}

#[test]
fn each_poll_may_bring_another_waker() {
    let gate = Gate::default();
    let mut future = as_async({
        let gate = gate.clone();
        move || wait(gate)
    });
    for _ in 0..10 {
        let (poll, counter) = poll_once(&mut future);
        assert!(poll.is_pending());
        gate.wake();
        assert_eq!(counter.count(), 1);
    }
    gate.open();
    assert!(poll_once(&mut future).0.is_ready());
}

/// A future whose poll waits in the middle: the waker that it was polled with may be gone when it goes on.
#[test]
fn a_poll_that_waits_goes_on_with_a_waker_that_is_alive() {
    let (inner, outer) = (Gate::default(), Gate::default());
    let mut future = as_async({
        let (inner, mut outer) = (inner.clone(), outer.clone());
        move || {
            let mut waited = false;
            wait(poll_fn(move |context| {
                if !waited {
                    wait(inner.clone());
                    waited = true;
                }
                // Clones the waker of the context that this poll began with.
                Pin::new(&mut outer).poll(context)
            }));
        }
    });
    let (poll, first) = poll_once(&mut future);
    assert!(poll.is_pending());
    inner.open();
    let (poll, second) = poll_once(&mut future);
    assert!(poll.is_pending());
    outer.wake();
    assert_eq!((first.count(), second.count()), (0, 1));
    // The first executor's waker is not kept.
    assert_eq!(Arc::strong_count(&first), 2 - 1 + usize::from(inner.0.1.borrow().is_some()));
    outer.open();
    assert!(poll_once(&mut future).0.is_ready());
}

/// What was polled before such a wait, with the waker of then, must be woken by the one of now.
#[test]
fn what_was_polled_before_a_wait_in_the_same_poll_is_polled_again() {
    let (before, inner) = (Gate::default(), Gate::default());
    let mut future = as_async({
        let (mut before, inner) = (before.clone(), inner.clone());
        move || {
            let mut waited = false;
            wait(poll_fn(move |context| {
                let poll = Pin::new(&mut before).poll(context);
                if !waited {
                    waited = true;
                    wait(inner.clone());
                }
                poll
            }));
        }
    });
    let (poll, first) = poll_once(&mut future);
    assert!(poll.is_pending());
    inner.open();
    let (poll, second) = poll_once(&mut future);
    assert!(poll.is_pending());
    before.wake();
    assert_eq!((first.count(), second.count()), (0, 1), "the gate has kept a waker that nobody listens to");
    before.open();
    assert!(poll_once(&mut future).0.is_ready());
}

/// A nested `as_async` in each poll doesn't make `wait` think that its own poll was interrupted.
#[test]
fn polling_an_as_async_within_a_poll_is_no_interruption() {
    let polls = Rc::new(Cell::new(0));
    let gate = Gate::default();
    let mut future = as_async({
        let (polls, mut gate) = (polls.clone(), gate.clone());
        move || {
            wait(poll_fn(move |context| {
                polls.set(polls.get() + 1);
                let ready = pin!(as_async(|| ())).poll(context);
                assert!(ready.is_ready());
                Pin::new(&mut gate).poll(context)
            }));
        }
    });
    assert!(poll_once(&mut future).0.is_pending());
    assert_eq!(polls.get(), 1);
    gate.open();
    assert!(poll_once(&mut future).0.is_ready());
    assert_eq!(polls.get(), 2);
}

/// A coroutine of the user's own, which suspends itself in the midst of a poll, is resumed in another `as_async`, after
/// the first is gone. All that `wait` knew of the first is stale then.
#[test]
fn a_wait_may_begin_in_one_as_async_and_end_in_another() {
    type Wanderer = Coroutine<(), (), &'static str>;
    let gate = Gate::default();
    let slot: Rc<RefCell<Option<Wanderer>>> = Rc::default();

    let wanderer = Coroutine::new({
        let gate = gate.clone();
        move |yielder: &Yielder<(), ()>, ()| {
            let (mut first, mut gate) = (true, gate.clone());
            wait(poll_fn(move |context| {
                if first {
                    first = false;
                    yielder.suspend(());
                }
                Pin::new(&mut gate).poll(context)
            }));
            "arrived"
        }
    });

    let mut one = Box::new(as_async({
        let slot = slot.clone();
        move || {
            let mut wanderer = wanderer;
            assert_eq!(wanderer.resume(()), CoroutineResult::Yield(()));
            *slot.borrow_mut() = Some(wanderer);
        }
    }));
    assert!(poll_once(&mut one).0.is_ready());
    drop(one);

    let mut other: AsAsync<_, _> = as_async({
        let slot = slot.clone();
        move || {
            let mut wanderer = slot.borrow_mut().take().unwrap();
            wanderer.resume(()).as_return()
        }
    });
    let (poll, counter) = poll_once(&mut other);
    assert!(poll.is_pending());
    gate.wake();
    assert_eq!(counter.count(), 1);
    gate.open();
    assert_eq!(poll_once(&mut other).0, Poll::Ready(Some("arrived")));
}

/// The same, but it begins outside of any: then it must not park the executor's thread.
#[test]
fn a_wait_may_begin_outside_and_end_in_an_as_async() {
    let gate = Gate::default();
    let mut wanderer = Coroutine::new({
        let gate = gate.clone();
        move |yielder: &Yielder<(), ()>, ()| {
            let (mut polls, mut gate) = (0, gate.clone());
            wait(poll_fn(move |context| {
                polls += 1;
                // First it is polled to see whether it is ready, and then by who would park the thread.
                if polls == 2 {
                    yielder.suspend(());
                }
                Pin::new(&mut gate).poll(context)
            }));
            "arrived"
        }
    });
    assert_eq!(wanderer.resume(()), CoroutineResult::Yield(()));
    let mut future = as_async(move || wanderer.resume(()).as_return());
    let (poll, counter) = poll_once(&mut future);
    assert!(poll.is_pending());
    gate.wake();
    assert_eq!(counter.count(), 1);
    gate.open();
    assert_eq!(poll_once(&mut future).0, Poll::Ready(Some("arrived")));
}

/// Code in a waker runs in the midst of a poll, but can't suspend what polls.
#[test]
fn a_waker_cannot_wait() {
    struct Waits;
    impl Wake for Waits {
        fn wake(self: Arc<Self>) {
            self.wake_by_ref();
        }

        fn wake_by_ref(self: &Arc<Self>) {
            assert!(!mixio::in_coroutine());
            assert_eq!(wait(std::future::ready(1)), 1);
            assert_eq!(try_wait(std::future::pending::<()>()), Err(WaitError::InWaker));
            assert!(message_of(|| wait(std::future::pending::<()>())).contains("cannot wait: this is a waker"));
        }
    }
    let mut outer = as_async(|| {
        let mut inner = as_async(|| {
            wait(poll_fn(|context| {
                context.waker().wake_by_ref();
                assert!(mixio::in_coroutine());
                Poll::Ready(2)
            }))
        });
        let waker = Waker::from(Arc::new(Waits));
        assert_eq!(Pin::new(&mut inner).poll(&mut Context::from_waker(&waker)), Poll::Ready(2));
        // Before anything else in this coroutine is disturbed.
        let mut polled = false;
        wait(poll_fn(move |_| if std::mem::replace(&mut polled, true) { Poll::Ready(3) } else { Poll::Pending }))
    });
    assert!(poll_once(&mut outer).0.is_pending());
    assert_eq!(poll_once(&mut outer).0, Poll::Ready(3));
}

#[test]
fn the_waker_itself_is_not_lent_to_other_threads() {
    let mut future = as_async(|| {
        wait(poll_fn(|context| {
            let waker = context.waker();
            let message = std::thread::scope(|scope| scope.spawn(|| message_of(|| waker.clone())).join().unwrap());
            // A clone is fine.
            let clone = waker.clone();
            std::thread::scope(|scope| scope.spawn(move || clone.wake()).join().unwrap());
            Poll::Ready(message)
        }))
    });
    let (poll, counter) = poll_once(&mut future);
    let Poll::Ready(message) = poll else { panic!("it is ready") };
    assert!(message.contains("lent its waker to another thread"), "{message}");
    assert_eq!(counter.count(), 1);
}
