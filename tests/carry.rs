//! `hooks::carry`: what a future's wrapper sets for each poll is set while the function runs, and not while it is suspended;
//! also with wrappers that are as awkward as they may be.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use mixio::hooks::{Inside, carry};
use mixio::{Coroutine, WaitError, as_async, in_coroutine, try_wait, wait};
use support::{Log, message_of, on_drop, poll, yield_once};

tokio::task_local! {
    static USER: &'static str;
    static COUNT: Cell<u32>;
}

fn user() -> Option<&'static str> {
    USER.try_get().ok()
}

/// What a neighbour sees while the function waits.
fn seen_by_a_neighbour(function: impl FnOnce() + 'static) -> Option<&'static str> {
    let mut future = as_async(function);
    assert!(poll(&mut future).is_pending());
    let seen = user();
    assert!(poll(&mut future).is_ready());
    assert_eq!(user(), None);
    seen
}

#[test]
fn without_it_a_task_local_leaks_to_the_neighbours() {
    assert_eq!(seen_by_a_neighbour(|| USER.sync_scope("ann", || wait(yield_once()))), Some("ann"));
    assert_eq!(seen_by_a_neighbour(|| carry(|inside| USER.scope("ann", inside), || wait(yield_once()))), None);
}

#[test]
fn neighbours_on_tokio() {
    fn serve(user_name: &'static str) -> u32 {
        carry(
            move |inside| USER.scope(user_name, COUNT.scope(Cell::new(0), inside)),
            || {
                for _ in 0..10 {
                    COUNT.with(|count| count.set(count.get() + 1));
                    wait(tokio::task::yield_now());
                    assert_eq!(user(), Some(user_name));
                }
                COUNT.with(Cell::get)
            },
        )
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let counts = tokio::task::LocalSet::new().block_on(&runtime, async {
        let ann = tokio::task::spawn_local(as_async(|| serve("ann")));
        let bob = tokio::task::spawn_local(as_async(|| serve("bob")));
        (ann.await.unwrap(), bob.await.unwrap())
    });
    assert_eq!(counts, (10, 10));
}

#[test]
fn one_within_another() {
    let mut future = as_async(|| {
        carry(
            |inside| USER.scope("outer", inside),
            || {
                let inner = carry(
                    |inside| USER.scope("inner", inside),
                    || {
                        wait(yield_once());
                        user()
                    },
                );
                wait(yield_once());
                (inner, user())
            },
        )
    });
    assert!(poll(&mut future).is_pending());
    assert_eq!(user(), None);
    assert!(poll(&mut future).is_pending());
    assert_eq!(user(), None);
    assert_eq!(poll(&mut future), Poll::Ready((Some("inner"), Some("outer"))));
}

/// The async side sees it as well.
#[test]
fn outside_of_any_function() {
    let seen = carry(
        |inside| USER.scope("ann", inside),
        || {
            wait(async {
                yield_once().await;
                user()
            })
        },
    );
    assert_eq!((seen, user()), (Some("ann"), None));
}

#[test]
fn a_panic_inside() {
    let mut future = as_async(|| {
        let message = message_of(|| {
            carry(
                |inside| USER.scope("ann", inside),
                || {
                    wait(yield_once());
                    panic!("{}", user().unwrap())
                },
            )
        });
        (message, user())
    });
    assert!(poll(&mut future).is_pending());
    assert_eq!(poll(&mut future), Poll::Ready(("ann".into(), None)));
}

#[test]
fn ended_inside() {
    let log = Log::new();
    let start = || {
        let log = log.clone();
        let mut future = as_async(move || {
            carry(
                |inside| USER.scope("ann", inside),
                || {
                    let _reads = on_drop(move || {
                        let _ = try_wait(yield_once());
                        log.push(user().unwrap_or("nobody"));
                    });
                    wait(pending::<()>());
                },
            );
        });
        assert!(poll(&mut future).is_pending());
        future
    };
    drop(start());
    assert_eq!(user(), None);
    let mut cancel = start().cancel();
    assert!(poll(&mut cancel).is_pending());
    assert_eq!(user(), None);
    assert!(poll(&mut cancel).is_ready());
    assert_eq!(user(), None);
    assert_eq!(log.entries(), ["ann", "ann"]);
}

/// It can't carry anything then, and the function runs nevertheless.
#[test]
fn wrappers_that_carry_nothing() {
    fn runs_without<F: Future + 'static>(wrap: fn(Inside) -> F) {
        let mut future = as_async(move || {
            carry(wrap, || {
                wait(yield_once());
                user()
            })
        });
        assert!(poll(&mut future).is_pending());
        assert_eq!(poll(&mut future), Poll::Ready(None));
    }

    runs_without(|inside| {
        drop(inside);
        ready(())
    });
    runs_without(|inside| async move {
        let _never_polled = inside;
        pending::<()>().await;
    });
    // Never ready, but the wrapper is.
    runs_without(|inside| async move {
        let mut inside = pin!(inside);
        assert!(poll(&mut inside.as_mut()).is_pending());
    });
}

#[test]
fn a_wrapper_that_polls_twice() {
    let polls = Rc::new(Cell::new(0));
    let counted = polls.clone();
    let wrap = move |inside: Inside| {
        let mut inside = Box::pin(inside);
        poll_fn(move |context| -> Poll<()> {
            for _ in 0..2 {
                counted.set(counted.get() + 1);
                assert!(inside.as_mut().poll(context).is_pending());
            }
            Poll::Pending
        })
    };
    let mut future = as_async(move || {
        carry(wrap, || {
            wait(yield_once());
            wait(yield_once());
            "value"
        })
    });
    assert!(poll(&mut future).is_pending());
    assert_eq!(polls.get(), 2);
    assert!(poll(&mut future).is_pending());
    assert_eq!(poll(&mut future), Poll::Ready("value"));
    assert_eq!(polls.get(), 6);
}

/// The function runs on inside it all the same.
#[test]
fn a_wrapper_that_polls_it_in_a_coroutine_of_its_own() {
    let wrap = |mut inside: Inside| {
        let mut coroutine = Coroutine::<(), (), ()>::new(move |yielder, ()| {
            loop {
                assert!(poll(&mut inside).is_pending());
                yielder.suspend(());
            }
        });
        USER.scope(
            "ann",
            poll_fn(move |_| {
                coroutine.resume(());
                Poll::<()>::Pending
            }),
        )
    };
    let mut future = as_async(move || {
        carry(wrap, || {
            wait(yield_once());
            user()
        })
    });
    assert!(poll(&mut future).is_pending());
    assert_eq!(user(), None);
    assert_eq!(poll(&mut future), Poll::Ready(Some("ann")));
    assert_eq!(user(), None);
}

/// That poll's record lies on the wrapper's stack, so the wrapper isn't suspended in its midst.
#[test]
fn a_wrapper_that_polls_it_in_another_function() {
    let log = Log::new();
    let log_of_function = log.clone();
    let mut future = as_async(move || {
        let log = log_of_function.clone();
        let wrap = move |mut inside: Inside| {
            as_async(move || {
                log.push("before");
                assert!(poll(&mut inside).is_pending());
                log.push("after");
                assert!(in_coroutine());
                wait(inside)
            })
        };
        carry(wrap, || {
            log_of_function.push("function");
            wait(yield_once());
        });
        assert!(in_coroutine());
        wait(yield_once());
    });
    assert!(poll(&mut future).is_pending());
    assert!(!in_coroutine());
    assert!(poll(&mut future).is_pending());
    assert!(poll(&mut future).is_ready());
    assert!(!in_coroutine());
    assert_eq!(log.entries(), ["before", "after", "function"]);
}

#[test]
fn a_wrapper_that_waits() {
    let wrap = |inside| async move {
        assert_eq!(try_wait(pending::<()>()), Err(WaitError::InHook));
        USER.scope("ann", inside).await
    };
    let mut future = as_async(move || {
        carry(wrap, || {
            wait(yield_once());
            user()
        })
    });
    assert!(poll(&mut future).is_pending());
    assert_eq!(poll(&mut future), Poll::Ready(Some("ann")));
}

type Kept = Rc<RefCell<Option<Inside>>>;

#[test]
fn what_a_wrapper_keeps_is_never_ready_and_does_no_harm() {
    let kept = Kept::default();
    let keeps = kept.clone();
    let mut future = as_async(move || {
        carry(
            move |inside| {
                *keeps.borrow_mut() = Some(inside);
                pending::<()>()
            },
            || wait(yield_once()),
        );
    });
    assert!(poll(&mut future).is_pending());
    let mut inside = kept.take().unwrap();
    assert!(poll(&mut inside).is_pending());
    assert!(poll(&mut future).is_ready());
    assert!(poll(&mut inside).is_pending());
}

/// Polled after the wrapper's stack is gone it used to suspend that.
#[test]
fn what_a_wrapper_keeps_that_panics() {
    fn keep_and_panic<F: Future + 'static>(kept: &Kept, wrap: fn(Kept) -> F) {
        let keeps = kept.clone();
        let message = message_of(|| {
            carry(
                move |inside| {
                    *keeps.borrow_mut() = Some(inside);
                    wrap(keeps)
                },
                || unreachable!("it doesn't come to that"),
            )
        });
        assert_eq!(message, "in the wrapper");
        let mut inside = kept.take().unwrap();
        assert!(poll(&mut inside).is_pending());
        assert_eq!(poll(&mut as_async(|| try_wait(ready(1)))), Poll::Ready(Ok(1)));
        assert!(poll(&mut as_async(|| wait(inside))).is_pending());
    }

    let kept = Kept::default();
    keep_and_panic(&kept, |_| -> std::future::Ready<()> { panic!("in the wrapper") });
    keep_and_panic(&kept, |_| poll_fn(|_| -> Poll<()> { panic!("in the wrapper") }));
    // It is polled while the wrapper is unwound, too.
    keep_and_panic(&kept, |kept| {
        let polls = on_drop(move || {
            let mut inside = kept.take().unwrap();
            assert!(Pin::new(&mut inside).poll(&mut Context::from_waker(Waker::noop())).is_pending());
            *kept.borrow_mut() = Some(inside);
        });
        poll_fn(move |_| -> Poll<()> {
            let _ = &polls;
            panic!("in the wrapper")
        })
    });
}

/// At the first suspension, at the resumption, and at the end.
#[test]
fn a_wrapper_that_panics_later() {
    for polls_before in 0..3 {
        let mut polls = 0;
        let wrap = move |inside: Inside| {
            let mut inside = Box::pin(inside);
            poll_fn(move |context| {
                assert!(inside.as_mut().poll(context).is_pending());
                polls += 1;
                assert!(polls <= polls_before, "in the wrapper");
                Poll::<()>::Pending
            })
        };
        let mut future = as_async(move || {
            message_of(|| {
                carry(wrap, || {
                    wait(yield_once());
                    wait(yield_once());
                })
            })
        });
        for _ in 0..polls_before {
            assert!(poll(&mut future).is_pending());
        }
        assert_eq!(poll(&mut future), Poll::Ready("in the wrapper".into()));
        assert!(!in_coroutine() && !std::thread::panicking());
    }
}
