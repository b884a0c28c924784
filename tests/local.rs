//! Context variables: who inherits what, and who sees what of whom.

mod executors;
mod support;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use executors::Executor;
use mixio::local::{Context, ContextVar};
use mixio::{Coroutine, as_async, wait};
use support::{Drops, Log, message_of, on_drop, poll, yield_once};

static USER: ContextVar<&str> = ContextVar::new();
static DEPTH: ContextVar<u32> = ContextVar::new();

for_each_executor!(neighbours_see_nothing_of_each_other, spawned_functions_inherit);

fn neighbours_see_nothing_of_each_other<E: Executor>() {
    fn serve<E: Executor>(number: u32) -> u32 {
        assert_eq!(DEPTH.get(), Some(1_000));
        DEPTH.set(number);
        for _ in 0..5 {
            wait(E::sleep(Duration::from_millis(1)));
            assert_eq!(DEPTH.get(), Some(number));
            DEPTH.set(number);
        }
        DEPTH.scope(number + 1, || {
            wait(yield_once());
            assert_eq!(DEPTH.get(), Some(number + 1));
        });
        DEPTH.unset();
        wait(yield_once());
        assert_eq!(DEPTH.get(), None);
        number
    }
    DEPTH.set(1_000);
    let sum: u32 = E::run(async {
        let tasks: Vec<_> = (0..20).map(|number| E::spawn(as_async(move || serve::<E>(number)))).collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await;
        }
        sum
    });
    assert_eq!(sum, 190);
    assert_eq!(DEPTH.get(), Some(1_000));
}

fn spawned_functions_inherit<E: Executor>() {
    let seen = E::run(as_async(|| {
        USER.set("ann");
        let task = E::spawn(as_async(|| {
            let inherited = USER.get();
            USER.set("bob");
            wait(yield_once());
            (inherited, USER.get())
        }));
        USER.set("eve");
        (wait(task), USER.get())
    }));
    assert_eq!(seen, ((Some("ann"), Some("bob")), Some("eve")));
    assert_eq!(USER.get(), None);
}

#[test]
fn the_values_are_those_of_the_creation() {
    USER.set("at creation");
    let mut future = as_async(|| {
        let first = USER.get();
        wait(yield_once());
        (first, USER.get())
    });
    USER.set("at the first poll");
    assert!(poll(&mut future).is_pending());
    USER.unset();
    assert_eq!(poll(&mut future), Poll::Ready((Some("at creation"), Some("at creation"))));
    assert_eq!(USER.get(), None);
}

#[test]
fn nested_ones_inherit_and_keep_theirs() {
    fn nest(depth: u32) -> u32 {
        assert_eq!(DEPTH.get(), depth.checked_sub(1));
        DEPTH.set(depth);
        if depth < 10 {
            wait(as_async(move || nest(depth + 1)));
        }
        wait(yield_once());
        DEPTH.get().unwrap()
    }
    assert_eq!(smol::block_on(as_async(|| nest(0))), 0);
    assert_eq!(DEPTH.get(), None);
}

#[test]
fn branches_of_join_are_neighbours() {
    fn branch(user: &'static str) -> (Option<&'static str>, Option<&'static str>) {
        let inherited = USER.get();
        USER.set(user);
        wait(yield_once());
        (inherited, USER.get())
    }
    let seen = smol::block_on(as_async(|| {
        USER.set("both");
        let both = async { futures::join!(as_async(|| branch("ann")), as_async(|| branch("bob"))) };
        (wait(both), USER.get())
    }));
    assert_eq!(seen, (((Some("both"), Some("ann")), (Some("both"), Some("bob"))), Some("both")));
}

/// The async code that a function waits for is of the same task.
#[test]
fn the_async_side_sees_and_sets_them() {
    let seen = smol::block_on(as_async(|| {
        USER.set("sync");
        let inside = wait(async {
            let before = USER.get();
            USER.set("async");
            yield_once().await;
            // A function that waits inside of it belongs to the task as well.
            (before, wait(async { USER.get() }))
        });
        (inside, USER.get())
    }));
    assert_eq!(seen, ((Some("sync"), Some("async")), Some("async")));
    assert_eq!(USER.get(), None);
}

#[test]
fn outside_there_is_one_for_each_thread() {
    USER.set("this thread");
    let other = thread::spawn(|| {
        let before = USER.get();
        USER.set("other thread");
        let inside = smol::block_on(as_async(|| USER.get()));
        (before, inside, wait(async { USER.get() }))
    });
    assert_eq!(other.join().unwrap(), (None, Some("other thread"), Some("other thread")));
    assert_eq!(wait(async { USER.get() }), Some("this thread"));
}

#[test]
fn scopes() {
    let mut future = as_async(|| {
        let found = message_of(|| {
            USER.scope("outer", || {
                DEPTH.set(1);
                wait(yield_once());
                USER.scope("inner", || {
                    USER.set("set");
                    wait(yield_once());
                    USER.unset();
                });
                assert_eq!(USER.get(), Some("outer"));
                USER.unset();
                panic!("on purpose")
            })
        });
        // It had none before, and what else was set stays so.
        (found, USER.get(), DEPTH.get())
    });
    assert!(poll(&mut future).is_pending());
    assert_eq!(USER.get(), None);
    assert!(poll(&mut future).is_pending());
    assert_eq!(poll(&mut future), Poll::Ready(("on purpose".into(), None, Some(1))));
    assert_eq!(DEPTH.get(), None);
}

#[test]
fn with_lends_what_was_there() {
    static NAMES: ContextVar<Vec<String>> = ContextVar::new();
    let lengths = smol::block_on(as_async(|| {
        assert_eq!(NAMES.with(|names| names.map(Vec::len)), None);
        NAMES.set(vec!["ann".into(), "bob".into()]);
        NAMES.with(|names| {
            NAMES.set(Vec::new());
            wait(yield_once());
            NAMES.unset();
            (names.map(Vec::len), NAMES.with(|names| names.map(Vec::len)))
        })
    }));
    assert_eq!(lengths, (Some(2), None));
}

#[test]
fn run_in_a_context() {
    USER.set("outside");
    let context = Context::current().set(&USER, "context").set(&DEPTH, 1);
    let copy = context.clone().unset(&USER);
    assert_eq!(
        (copy.with(&USER, |user| user.copied()), context.with(&USER, |user| user.copied())),
        (None, Some("context"))
    );

    let mut future = as_async(move || {
        let inside = context.clone().run(|| {
            wait(yield_once());
            DEPTH.set(2);
            // As it is here, and not as it is outside.
            let nested = smol::block_on(as_async(|| (USER.get(), DEPTH.get())));
            (nested, Context::default().run(|| USER.get()))
        });
        let message = message_of(|| context.run(|| panic!("{}", DEPTH.get().unwrap())));
        (inside, message, USER.get(), DEPTH.get())
    });
    assert!(poll(&mut future).is_pending());
    assert_eq!((USER.get(), DEPTH.get()), (Some("outside"), None));
    let inside = ((Some("context"), Some(2)), None);
    assert_eq!(poll(&mut future), Poll::Ready((inside, "1".into(), Some("outside"), None)));
}

#[test]
fn attached_futures() {
    async fn count_up() -> u32 {
        for _ in 0..3 {
            DEPTH.set(DEPTH.get().unwrap() + 1);
            yield_once().await;
        }
        // What was created inside inherits from inside.
        as_async(|| DEPTH.get()).await.unwrap()
    }
    let context = |depth| Context::current().set(&DEPTH, depth);
    DEPTH.set(1_000);
    let both = async { futures::join!(context(10).attach(count_up()), context(20).attach(count_up())) };
    assert_eq!(smol::block_on(both), (13, 23));
    assert_eq!(DEPTH.get(), Some(1_000));
    // The poll of one may be suspended, with the function that it is polled by.
    let mut future = as_async(move || {
        let inside = wait(context(1).attach(async {
            wait(yield_once());
            DEPTH.get()
        }));
        (inside, DEPTH.get())
    });
    assert!(poll(&mut future).is_pending());
    assert_eq!(DEPTH.get(), Some(1_000));
    assert_eq!(poll(&mut future), Poll::Ready((Some(1), Some(1_000))));
    // Nor does a panic leave its context behind.
    let mut panics = Box::pin(context(2).attach(async { panic!("at {}", DEPTH.get().unwrap()) }));
    assert_eq!(message_of(|| poll::<_>(&mut panics)), "at 2");
    assert_eq!(DEPTH.get(), Some(1_000));
}

/// However the function is ended.
#[test]
fn destructors_see_those_of_their_function() {
    let log = Log::new();
    let start = || {
        let log = log.clone();
        let mut future = as_async(move || {
            USER.set("ann");
            let _reads = on_drop(move || {
                log.push(USER.get().unwrap_or("nobody"));
                USER.set("set by a destructor");
            });
            USER.scope("scoped", || wait(pending::<()>()));
        });
        assert!(poll(&mut future).is_pending());
        future
    };
    USER.set("outside");
    drop(start());
    assert!(poll(&mut start().cancel()).is_ready());
    let future = start();
    assert!(poll(&mut as_async(move || drop(future))).is_ready());
    assert_eq!(log.entries(), ["ann"; 3]);
    assert_eq!(USER.get(), Some("outside"));
}

/// A value that uses variables when it is dropped, itself among them.
struct Noisy {
    log: Log,
    name: &'static str,
}

static NOISY: ContextVar<Noisy> = ContextVar::new();

impl Drop for Noisy {
    fn drop(&mut self) {
        let now = NOISY.with(|value| value.map_or("none", |value| value.name));
        self.log.push(format!("{} dropped, {now} there", self.name));
        DEPTH.set(DEPTH.get().unwrap_or(0) + 1);
    }
}

#[test]
fn destructors_of_values_use_variables() {
    let log = Log::new();
    let noisy = |name| Noisy { log: log.clone(), name };
    NOISY.set(noisy("first"));
    NOISY.set(noisy("second"));
    NOISY.scope(noisy("scoped"), || ());
    let (inner, created) = (noisy("inner"), noisy("created"));
    let mut future = as_async(move || {
        NOISY.set(created);
        wait(yield_once());
        NOISY.set(inner);
    });
    assert!(poll(&mut future).is_pending());
    NOISY.unset();
    assert_eq!(DEPTH.get(), Some(3));
    assert!(poll(&mut future).is_ready());
    // What the function has left in its context has gone at its end, and what that has set is the function's.
    assert_eq!(
        log.entries(),
        [
            "first dropped, second there",
            "scoped dropped, second there",
            "second dropped, none there",
            "created dropped, inner there",
            "inner dropped, none there",
        ]
    );
    assert_eq!(DEPTH.get(), Some(3));
}

/// On the executor, who drops the future, nobody could wait.
#[test]
fn destructors_of_values_wait() {
    struct Waits(Log);

    impl Drop for Waits {
        fn drop(&mut self) {
            wait(yield_once());
            self.0.push("has waited");
        }
    }

    static WAITS: ContextVar<Waits> = ContextVar::new();
    let log = Log::new();
    let waits = Waits(log.clone());
    let mut future = as_async(move || {
        WAITS.set(waits);
        5
    });
    assert!(poll(&mut future).is_pending());
    assert!(log.entries().is_empty());
    assert_eq!(poll(&mut future), std::task::Poll::Ready(5));
    assert_eq!(log.entries(), ["has waited"]);
}

/// One counts in the function that unset it, the other in the thread.
#[test]
fn what_a_function_inherits_lives_as_long_as_somebody_has_it() {
    static COUNTED: ContextVar<support::Counted> = ContextVar::new();
    let drops = Drops::new();
    COUNTED.set(drops.counted());
    let mut inherits = as_async(|| {
        wait(yield_once());
        COUNTED.unset();
        wait(yield_once());
    });
    assert!(poll(&mut inherits).is_pending());
    COUNTED.unset();
    assert_eq!(drops.count(), 0);
    assert!(poll(&mut inherits).is_pending());
    assert_eq!(drops.count(), 1);
    drop(inherits);
    assert_eq!(drops.count(), 1);
}

/// In which order a thread destroys its thread-locals is nobody's promise: one is made before the context, and one after.
#[test]
fn while_the_thread_ends() {
    struct AtTheEnd(Arc<()>);

    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            assert!(matches!(USER.get(), None | Some("ann")));
            static LATE: ContextVar<Arc<()>> = ContextVar::new();
            LATE.set(self.0.clone());
            LATE.scope(self.0.clone(), || USER.scope("late", || ()));
            assert!(matches!(poll(&mut as_async(|| USER.get())), Poll::Ready(None | Some("ann"))));
            Context::current().set(&LATE, self.0.clone()).run(|| ());
        }
    }

    thread_local! {
        static FIRST: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
        static LAST: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
    }

    static VALUE: ContextVar<AtTheEnd> = ContextVar::new();

    let alive = Arc::new(());
    let theirs = alive.clone();
    let ended = thread::spawn(move || {
        FIRST.set(Some(AtTheEnd(theirs.clone())));
        USER.set("ann");
        VALUE.set(AtTheEnd(theirs.clone()));
        LAST.set(Some(AtTheEnd(theirs)));
    });
    ended.join().unwrap();
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn a_coroutine_between_two_functions_has_no_context() {
    type Shared = Rc<RefCell<Coroutine<(), (), Option<&'static str>>>>;

    let shared: Shared = Rc::new(RefCell::new(Coroutine::new(|yielder, ()| {
        USER.scope("scoped", || yielder.suspend(()));
        USER.get()
    })));
    let (first, second) = (shared.clone(), shared);
    let mut ann = as_async(move || {
        USER.set("ann");
        first.borrow_mut().resume(());
        wait(yield_once());
        USER.get()
    });
    let mut bob = as_async(move || {
        USER.set("bob");
        let found = second.borrow_mut().resume(());
        (found, USER.get())
    });
    assert!(poll(&mut ann).is_pending());
    let found = mixio::CoroutineResult::Return(Some("ann"));
    assert_eq!(poll(&mut bob), Poll::Ready((found, Some("ann"))));
    assert_eq!(poll(&mut ann), Poll::Ready(Some("scoped")));
    assert_eq!(USER.get(), None);
}

/// The waker's code runs in the midst of the function, and is of its task.
#[test]
fn created_in_a_waker() {
    thread_local!(static SEEN: Cell<Option<&'static str>> = const { Cell::new(None) });

    struct Creates;

    impl Wake for Creates {
        fn wake(self: Arc<Self>) {
            SEEN.set(poll_now(as_async(|| USER.get())));
        }
    }

    fn poll_now<F: Future + Unpin>(mut future: F) -> F::Output {
        let Poll::Ready(value) = poll(&mut future) else { panic!("it doesn't wait") };
        value
    }

    let mut future = Box::pin(as_async(|| {
        USER.set("ann");
        wait(poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::Ready(())
        }));
    }));
    let waker = Waker::from(Arc::new(Creates));
    assert!(future.as_mut().poll(&mut TaskContext::from_waker(&waker)).is_ready());
    assert_eq!(SEEN.get(), Some("ann"));
}

#[test]
fn a_panic_in_the_destructor_of_a_value() {
    static VALUE: ContextVar<Panics> = ContextVar::new();

    struct Panics;

    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }

    let mut future = as_async(|| {
        VALUE.set(Panics);
        assert_eq!(message_of(|| VALUE.unset()), "in a destructor");
        let outcome = catch_unwind(AssertUnwindSafe(|| VALUE.scope(Panics, || USER.set("ann"))));
        assert!(outcome.is_err());
        (VALUE.with(|value| value.is_none()), USER.get())
    });
    assert_eq!(poll(&mut future), Poll::Ready((true, Some("ann"))));
}
