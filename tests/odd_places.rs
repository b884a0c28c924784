//! Where `wait` may be called: the rows of the table in the crate's documentation that no other file of tests is about.
//!
//! Those are in `bridge_executors` (inside `as_async`, ready at once, inside a future that is waited for, `join!`), `bridge_outside`
//! (outside, thread-local destructors), `bridge_panics` (destructors while a panic unwinds), `bridge_waker` (wakers), `hooks`
//! (hooks), and `bridge_drop` and `cancel` (destructors of a function that is ended).

mod support;

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::future::{Future, pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use mixio::runtime::{Loop, Reaped, Reaper, add_executor_check, set_loop, set_reaper};
use mixio::{Coroutine, FutureExt as _, WaitError, as_async, in_coroutine, try_wait, wait};
use support::{Log, assert_success, in_child, message_of, on_drop, poll, stderr, yield_once};

/// smol's local executor.
#[derive(Default)]
struct Smol(smol::LocalExecutor<'static>);

impl Loop for Smol {
    fn block_on(&self, future: Pin<&mut dyn Future<Output = ()>>) {
        smol::block_on(self.0.run(future));
    }
}

/// Starts a loop on this thread, which is a test's own.
fn start_loop() -> Rc<Smol> {
    let smol = Rc::new(Smol::default());
    assert!(set_loop(Some(smol.clone())).is_none());
    smol
}

const ON_EXECUTOR: &str = "cannot wait: this is the thread of an executor";

#[test]
fn where_a_loop_was_started_other_tasks_go_on() {
    let smol = start_loop();
    let (sender, receiver) = futures::channel::oneshot::channel();
    let plain = smol.0.spawn(async move {
        yield_once().await;
        sender.send(1).unwrap();
    });
    let waits = smol.0.spawn(as_async(|| {
        wait(yield_once());
        wait(smol::Timer::after(std::time::Duration::from_millis(1)));
        2
    }));
    assert!(!in_coroutine());
    assert_eq!(receiver.wait(), Ok(1));
    assert_eq!(wait(waits), 2);
    wait(plain);
    // Taken away again, the thread is parked: nobody runs this one.
    let not_run = smol.0.spawn(ready(()));
    assert!(set_loop(None).is_some());
    wait(yield_once());
    assert!(!not_run.is_finished());
}

#[test]
fn in_a_task_of_that_loop() {
    let smol = start_loop();
    let task = smol.0.spawn(async {
        assert_eq!(try_wait(ready(1)), Ok(1));
        let refused = (try_wait(pending::<()>()), message_of(|| wait(pending::<()>())));
        // Inside `as_async` it can.
        (refused, as_async(|| try_wait(yield_once())).await)
    });
    let ((refused, message), inside) = wait(task);
    assert_eq!((refused, inside), (Err(WaitError::OnExecutor), Ok(())));
    assert!(message.contains(ON_EXECUTOR) && message.contains("mixio::as_async"), "{message}");
    // So is what the loop itself is to run; but not in the first poll, which isn't the loop's.
    let both = async {
        let first = try_wait(yield_once());
        yield_once().await;
        (first, try_wait(pending::<()>()))
    };
    assert_eq!(wait(both), (Ok(()), Err(WaitError::OnExecutor)));
    assert_eq!(try_wait(yield_once()), Ok(()));
}

#[test]
fn a_panic_leaves_the_loop_usable() {
    let _smol = start_loop();
    let panics = async {
        yield_once().await;
        panic!("in the future")
    };
    assert_eq!(message_of(|| wait::<_>(panics)), "in the future");
    assert_eq!(try_wait(yield_once()), Ok(()));
}

#[test]
fn another_thread_has_no_loop() {
    let smol = start_loop();
    let task = smol.0.spawn(ready(()));
    thread::spawn(|| wait(yield_once())).join().unwrap();
    assert!(!task.is_finished());
    wait(yield_once());
    wait(task);
}

/// What the loop polls is interrupted, and goes on where it may be suspended.
#[test]
fn begun_by_a_loop_and_ended_in_a_function() {
    let _smol = start_loop();
    let mut coroutine = Coroutine::new(|yielder, ()| {
        let mut polls = 0;
        wait(poll_fn(|context| {
            polls += 1;
            match polls {
                1 => yielder.suspend(()),
                2 => context.waker().wake_by_ref(),
                _ => return Poll::Ready(polls),
            }
            Poll::Pending
        }))
    });
    assert_eq!(coroutine.resume(()), mixio::CoroutineResult::Yield(()));
    let mut future = as_async(move || coroutine.resume(()));
    assert!(poll(&mut future).is_pending());
    assert_eq!(poll(&mut future), Poll::Ready(mixio::CoroutineResult::Return(3)));
    assert_eq!(try_wait(yield_once()), Ok(()));
}

/// The process has it from then on.
#[test]
fn on_the_thread_of_an_executor() {
    fn in_an_executor() -> bool {
        futures::executor::enter().is_err()
    }

    fn never() -> bool {
        false
    }

    let output = in_child("on_the_thread_of_an_executor", || {
        let task = || futures::executor::block_on(async { (try_wait(yield_once()), try_wait(ready(1))) });
        assert_eq!(task(), (Ok(()), Ok(1)));
        for check in [never, in_an_executor, never] {
            add_executor_check(check);
        }
        assert_eq!(task(), (Err(WaitError::OnExecutor), Ok(1)));
        let message = futures::executor::block_on(async { message_of(|| wait(pending::<()>())) });
        assert!(message.contains(ON_EXECUTOR), "{message}");
        // Not in a function, nor on a thread without an executor.
        assert_eq!(futures::executor::block_on(as_async(|| try_wait(yield_once()))), Ok(()));
        assert_eq!(try_wait(yield_once()), Ok(()));
        assert_eq!(thread::spawn(|| try_wait(yield_once())).join().unwrap(), Ok(()));
    });
    assert_success(&output);
}

#[test]
fn in_a_branch_of_select() {
    let log = Log::new();
    let log_of_function = log.clone();
    let mut future = as_async(move || {
        let log = log_of_function;
        let branch = |name: &'static str, waits: bool| {
            let log = log.clone();
            async move {
                log.push(format!("{name} begins"));
                if waits {
                    wait(yield_once());
                }
                log.push(format!("{name} ends"));
                name
            }
        };
        wait(async {
            let (mut first, mut second) = (
                pin!(futures::FutureExt::fuse(branch("first", true))),
                pin!(futures::FutureExt::fuse(branch("second", false))),
            );
            futures::select_biased! { name = first => name, name = second => name }
        })
    });
    assert!(poll(&mut future).is_pending());
    log.push("elsewhere");
    assert_eq!(poll(&mut future), Poll::Ready("first"));
    // The poll of the first was in its midst: the second had no turn.
    assert_eq!(log.entries(), ["first begins", "elsewhere", "first ends"]);
}

#[test]
fn branches_of_select_that_are_functions() {
    let winner = smol::block_on(as_async(|| {
        wait(async {
            let slow = futures::FutureExt::fuse(as_async(|| wait(pending::<()>())));
            let quick = futures::FutureExt::fuse(as_async(|| wait(yield_once())));
            let (mut slow, mut quick) = (pin!(slow), pin!(quick));
            futures::select_biased! { () = slow => "slow", () = quick => "quick" }
        })
    }));
    assert_eq!(winner, "quick");
}

/// How `qsort` compares two numbers: it waits each time.
extern "C" fn compare(first: *const c_void, second: *const c_void) -> c_int {
    wait(yield_once());
    // SAFETY: `qsort` calls it with elements of its array, which are numbers.
    let first = unsafe { *first.cast::<u32>() };
    // SAFETY: as above.
    let second = unsafe { *second.cast::<u32>() };
    first.cmp(&second) as c_int
}

fn sort(numbers: &mut [u32]) {
    // SAFETY: it is a slice of numbers, and `compare` compares numbers.
    unsafe { libc::qsort(numbers.as_mut_ptr().cast(), numbers.len(), size_of::<u32>(), Some(compare)) };
}

#[test]
fn in_a_callback_from_c() {
    let start = |seed: u32| {
        as_async(move || {
            let mut numbers: Vec<u32> = (0..50).map(|n| (n * 17 + seed) % 53).collect();
            sort(&mut numbers);
            numbers
        })
    };
    let mut sorted = futures::executor::block_on(async { futures::join!(start(1), start(2)) });
    for numbers in [&mut sorted.0, &mut sorted.1] {
        assert_eq!(numbers.len(), 50);
        assert!(numbers.is_sorted());
    }
    // Outside of any function as well.
    let mut numbers = [3, 1, 2];
    sort(&mut numbers);
    assert_eq!(numbers, [1, 2, 3]);
}

/// The unwind may not leave an `extern "C"` function.
#[test]
fn ended_in_a_callback_from_c() {
    let output = in_child("ended_in_a_callback_from_c", || {
        let mut future = as_async(|| sort(&mut [2, 1]));
        assert!(poll(&mut future).is_pending());
        drop(future);
    });
    assert!(!output.status.success());
    let stderr = stderr(&output);
    // The unwinder's word, where the function is inlined into one that can't unwind either.
    let said = ["panic in a function that cannot unwind", "failed to initiate panic"];
    assert!(said.iter().any(|said| stderr.contains(said)), "{stderr}");
}

/// It isn't to be done, since nobody can set another hook meanwhile; but it does no other harm.
#[test]
fn in_a_panic_hook() {
    let output = in_child("in_a_panic_hook", || {
        std::panic::set_hook(Box::new(|_| wait(yield_once())));
        let mut future = as_async(|| message_of(|| panic!("reported late")));
        assert!(poll(&mut future).is_pending());
        assert!(!thread::panicking());
        assert_eq!(message_of(|| panic!("the neighbour's")), "the neighbour's");
        assert_eq!(poll(&mut future), Poll::Ready("reported late".into()));
        assert!(!thread::panicking());
    });
    assert_success(&output);
}

/// The thread-locals of the bridge may be gone by then, or not: it works either way.
#[test]
fn in_thread_local_destructors_where_there_were_a_loop_and_a_reaper() {
    /// Needs no thread-locals.
    struct Busy;

    impl Loop for Busy {
        fn block_on(&self, mut future: Pin<&mut dyn Future<Output = ()>>) {
            while future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {}
        }
    }

    struct Declines;

    impl Reaper for Declines {
        fn reap(&self, reaped: Reaped) -> Result<(), Reaped> {
            Err(reaped)
        }
    }

    struct AtTheEnd(Arc<Mutex<Vec<&'static str>>>);

    impl AtTheEnd {
        fn note(&self, what: &'static str) {
            self.0.lock().unwrap().push(what);
        }
    }

    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            wait(yield_once());
            self.note("waited");
            let (dropped, notes) = (Rc::new(Cell::new(false)), AtTheEndNotes(self.0.clone()));
            let seen = dropped.clone();
            let mut suspended = as_async(move || {
                let _tells = on_drop(move || {
                    assert_eq!(try_wait(pending::<()>()), Err(WaitError::Cancelled));
                    notes.0.lock().unwrap().push("unwound");
                    dropped.set(true);
                });
                wait(pending::<()>());
            });
            assert!(poll(&mut suspended).is_pending());
            drop(suspended);
            assert!(seen.get());
            assert!(set_loop(None).is_none_or(|there_was| Rc::strong_count(&there_was) == 1));
        }
    }

    struct AtTheEndNotes(Arc<Mutex<Vec<&'static str>>>);

    thread_local! {
        static FIRST: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
        static LAST: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
    }

    let notes = Arc::<Mutex<Vec<_>>>::default();
    let theirs = notes.clone();
    thread::spawn(move || {
        FIRST.set(Some(AtTheEnd(theirs.clone())));
        set_loop(Some(Rc::new(Busy)));
        set_reaper(Some(Rc::new(Declines)));
        wait(yield_once());
        LAST.set(Some(AtTheEnd(theirs)));
    })
    .join()
    .unwrap();
    assert_eq!(*notes.lock().unwrap(), ["waited", "unwound", "waited", "unwound"]);
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
