//! Every way to end a suspended function, with everything that may be in flight in it, and whatever its destructors do.

mod support;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{pending, poll_fn, ready};
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use mixio::runtime::{Reaped, Reaper, set_reaper};
use mixio::stack::StackPool;
use mixio::{AsAsync, as_async, in_coroutine, try_wait, wait};
use smol::io::AsyncReadExt as _;
use support::{
    Counted, Drops, Log, assert_in_order, in_child, is_emulated, message, message_of, on_drop, poll, stderr,
    under_valgrind, yield_once,
};

/// How the function is ended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Dropped,
    DroppedToReaper,
    DroppedInside,
    Cancelled,
    CancelDropped,
    CancelDroppedToReaper,
    ReapedDropped,
    ReaperDeclines,
    ReaperPanics,
}

const ENDS: [End; 9] = [
    End::Dropped,
    End::DroppedToReaper,
    End::DroppedInside,
    End::Cancelled,
    End::CancelDropped,
    End::CancelDroppedToReaper,
    End::ReapedDropped,
    End::ReaperDeclines,
    End::ReaperPanics,
];

/// What it waits for.
#[derive(Clone, Copy, Debug)]
enum InFlight {
    SmolTimer,
    TokioTimer,
    Socket,
    Channel,
    Nested(usize),
}

const IN_FLIGHT: [InFlight; 6] = [
    InFlight::SmolTimer,
    InFlight::TokioTimer,
    InFlight::Socket,
    InFlight::Channel,
    InFlight::Nested(1),
    InFlight::Nested(5),
];

/// What it does about its end.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Code {
    Plain,
    DestructorWaits,
    DestructorsWait,
    DestructorInsists,
    DestructorCatchesPanic,
    DestructorDropsAnother,
    SwallowsOnce,
    SwallowsAlways,
    Returns,
    Panics,
}

const CODES: [Code; 10] = [
    Code::Plain,
    Code::DestructorWaits,
    Code::DestructorsWait,
    Code::DestructorInsists,
    Code::DestructorCatchesPanic,
    Code::DestructorDropsAnother,
    Code::SwallowsOnce,
    Code::SwallowsAlways,
    Code::Returns,
    Code::Panics,
];

impl End {
    /// Whether destructors may wait, for as long as it takes.
    fn lets_wait(self) -> bool {
        matches!(self, End::DroppedToReaper | End::DroppedInside | End::Cancelled | End::CancelDroppedToReaper)
    }
}

impl Code {
    fn expected(self, lets_wait: bool) -> Vec<&'static str> {
        let waited = if lets_wait { "waited" } else { "refused" };
        match self {
            Code::Plain => vec!["bottom"],
            Code::DestructorWaits => vec![waited, "bottom"],
            Code::DestructorsWait => vec![waited, waited, waited, "bottom"],
            Code::DestructorInsists | Code::SwallowsAlways => vec![],
            Code::DestructorCatchesPanic => vec!["caught", "bottom"],
            Code::DestructorDropsAnother => vec![waited, "dropped another", "bottom"],
            Code::SwallowsOnce | Code::Returns | Code::Panics => vec!["swallowed", "bottom"],
        }
    }
}

/// Takes several polls, more than one that is ended half-way gets.
async fn several_polls() {
    for _ in 0..5 {
        yield_once().await;
    }
}

fn waits(log: &Log) -> impl Drop + use<> {
    let log = log.clone();
    on_drop(move || log.push(if try_wait(several_polls()).is_ok() { "waited" } else { "refused" }))
}

/// What all functions of one case have.
#[derive(Clone)]
struct Case {
    log: Log,
    drops: Drops,
    pool: StackPool,
}

impl Case {
    fn start(&self, code: Code, in_flight: InFlight) -> AsAsync<Counted, impl FnOnce() -> Counted + use<>> {
        let case = self.clone();
        let mut future = as_async(move || case.run(code, in_flight)).stack_pool(&self.pool);
        assert!(poll(&mut future).is_pending());
        future
    }

    fn run(self, code: Code, in_flight: InFlight) -> Counted {
        let Case { log, drops, .. } = &self;
        let value = drops.counted();
        let _bottom = log.on_drop("bottom");
        let interrupted = || catch_unwind(AssertUnwindSafe(|| self.wait(in_flight))).is_err();
        match code {
            Code::Plain => self.wait(in_flight),
            Code::DestructorWaits => {
                let _waits = waits(log);
                self.wait(in_flight);
            }
            Code::DestructorsWait => {
                let _wait = [waits(log), waits(log), waits(log)];
                self.wait(in_flight);
            }
            Code::DestructorInsists => {
                let _insists = on_drop(|| wait(pending::<()>()));
                self.wait(in_flight);
            }
            Code::DestructorCatchesPanic => {
                let _catches = on_drop(|| log.push(message_of(|| panic!("caught"))));
                self.wait(in_flight);
            }
            Code::DestructorDropsAnother => {
                let waits = waits(log);
                let mut another = as_async(move || {
                    let _waits = waits;
                    wait(pending::<()>());
                })
                .stack_pool(&self.pool);
                assert!(poll(&mut another).is_pending());
                let _drops = on_drop(|| {
                    drop(another);
                    log.push("dropped another");
                });
                self.wait(in_flight);
            }
            Code::SwallowsOnce => {
                assert!(interrupted());
                log.push("swallowed");
                wait(pending::<()>());
            }
            Code::SwallowsAlways => while interrupted() {},
            Code::Returns => {
                assert!(interrupted());
                log.push("swallowed");
            }
            Code::Panics => {
                assert!(interrupted());
                log.push("swallowed");
                panic!("its own panic");
            }
        }
        value
    }

    /// Waits for what never comes.
    fn wait(&self, in_flight: InFlight) {
        let _counted = self.drops.counted();
        match in_flight {
            InFlight::SmolTimer => drop(wait(smol::Timer::after(Duration::from_secs(3_600)))),
            InFlight::TokioTimer => wait(tokio::time::sleep(Duration::from_secs(3_600))),
            InFlight::Socket => {
                let (ours, mut theirs) = UnixStream::pair().unwrap();
                theirs.set_nonblocking(true).unwrap();
                // It is told of the end when nobody has ours any more.
                let _closed = on_drop(move || assert_eq!(theirs.read(&mut [0]).unwrap(), 0));
                let mut ours = smol::Async::new(ours).unwrap();
                let _ = wait(ours.read(&mut [0]));
            }
            InFlight::Channel => {
                let (sender, receiver) = futures::channel::oneshot::channel::<()>();
                let _closed = on_drop(move || assert!(sender.is_canceled()));
                let _ = wait(receiver);
            }
            InFlight::Nested(0) => wait(pending()),
            InFlight::Nested(depth) => {
                let inner = self.clone();
                wait(as_async(move || inner.wait(InFlight::Nested(depth - 1))).stack_pool(&self.pool));
            }
        }
    }
}

/// Keeps what it is given, or declines it.
#[derive(Default)]
struct Keeps {
    reaped: RefCell<VecDeque<Reaped>>,
    declines: Cell<bool>,
    panics: Cell<bool>,
}

impl Reaper for Keeps {
    fn reap(&self, reaped: Reaped) -> Result<(), Reaped> {
        assert!(!self.panics.replace(false), "the reaper panics");
        if self.declines.get() {
            return Err(reaped);
        }
        self.reaped.borrow_mut().push_back(reaped);
        Ok(())
    }
}

impl Keeps {
    fn next(&self) -> Option<Reaped> {
        self.reaped.borrow_mut().pop_front()
    }
}

/// How often a future is polled that may take forever.
const PATIENCE: usize = 50;

/// Polls what takes no longer than that, or else gives it back.
fn poll_patiently<F: Future + Unpin>(mut future: F) -> Result<F::Output, F> {
    for _ in 0..PATIENCE {
        if let Poll::Ready(value) = poll(&mut future) {
            return Ok(value);
        }
    }
    Err(future)
}

/// Ends it in that way. Gives what a `Cancel` has given.
fn end<F: FnOnce() -> Counted>(how: End, future: AsAsync<Counted, F>) -> Option<Counted> {
    let reaper = Rc::new(Keeps::default());
    let with_reaper = |use_it: bool| _ = set_reaper(use_it.then(|| reaper.clone() as Rc<dyn Reaper>));
    let _without = on_drop(|| _ = set_reaper(None));
    let reap_all = || {
        while let Some(reaped) = reaper.next() {
            drop(poll_patiently(reaped));
        }
    };
    match how {
        End::Dropped => drop(future),
        End::DroppedToReaper => {
            with_reaper(true);
            drop(future);
            assert_eq!(reaper.reaped.borrow().len(), 1);
            reap_all();
        }
        End::DroppedInside => drop(poll_patiently(as_async(move || drop(future)))),
        End::Cancelled => return poll_patiently(future.cancel()).ok().flatten(),
        End::CancelDropped | End::CancelDroppedToReaper => {
            let mut cancel = future.cancel();
            if let Poll::Ready(value) = poll(&mut cancel) {
                return value;
            }
            with_reaper(how == End::CancelDroppedToReaper);
            drop(cancel);
            reap_all();
        }
        End::ReapedDropped => {
            with_reaper(true);
            drop(future);
            let mut reaped = reaper.next().unwrap();
            let _ = poll(&mut reaped);
            drop(reaped);
            assert!(reaper.next().is_none());
        }
        End::ReaperDeclines | End::ReaperPanics => {
            with_reaper(true);
            reaper.declines.set(true);
            reaper.panics.set(how == End::ReaperPanics);
            drop(future);
        }
    }
    None
}

fn check(how: End, in_flight: InFlight, code: Code, panicking: bool) {
    let pool = StackPool::builder().build().unwrap();
    let case = Case { log: Log::new(), drops: Drops::new(), pool };
    let future = case.start(code, in_flight);
    let mut outcome = None;
    let end_it = || outcome = Some(catch_unwind(AssertUnwindSafe(|| end(how, future))));
    if panicking {
        assert_eq!(
            message_of(|| {
                let _in_the_midst = on_drop(end_it);
                panic!("around it");
            }),
            "around it"
        );
    } else {
        end_it();
    }
    assert!(!std::thread::panicking() && !in_coroutine());

    // What comes out of it.
    let outcome = outcome.unwrap();
    let is_cancel = matches!(how, End::Cancelled | End::CancelDropped | End::CancelDroppedToReaper);
    // In a destructor of the panicking thread there is a panic under way that has to go on; the functions inside know nothing
    // of it.
    let raises = !panicking || how == End::DroppedInside;
    let expected_panic = match code {
        _ if how == End::ReaperPanics => Some("the reaper panics"),
        Code::Panics if raises => Some("its own panic"),
        Code::SwallowsAlways if raises => Some("keeps catching the panic"),
        // It waits inside the other until that is dropped, which says so on the standard error.
        Code::DestructorInsists if raises && how != End::DroppedInside => {
            Some("a destructor waits at tests/cancel.rs:")
        }
        _ => None,
    };
    match (outcome, expected_panic) {
        (Ok(value), None) => assert_eq!(value.is_some(), code == Code::Returns && is_cancel),
        (Err(payload), Some(expected)) => {
            let message = message(payload);
            assert!(message.contains(expected), "{message}");
        }
        (outcome, expected) => panic!("{expected:?} was to come out, not {:?}", outcome.map_err(message)),
    }

    // What has become of it.
    assert_eq!(case.log.entries(), code.expected(how.lets_wait()));
    let levels = if let InFlight::Nested(depth) = in_flight { depth + 1 } else { 1 };
    let (leaked, leaked_stacks) = match code {
        Code::DestructorInsists => (1, 1),
        // In the midst of its last wait.
        Code::SwallowsAlways => (1, levels),
        _ => (0, 0),
    };
    if code != Code::SwallowsAlways {
        assert_eq!(case.drops.count(), levels + 1 - leaked, "the values on its stacks");
    }
    let stacks = case.pool.statistics();
    assert_eq!(stacks.alive, leaked_stacks, "{stacks:?}");

    // The thread is as good as before.
    let drops = Drops::new();
    let counted = drops.counted();
    let mut another = as_async(move || {
        let _counted = counted;
        wait(yield_once());
        wait(ready(1))
    });
    assert!(poll(&mut another).is_pending());
    assert_eq!(poll(&mut another), Poll::Ready(1));
    assert_eq!(drops.count(), 1);
}

fn check_all(panicking: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = runtime.enter();
    // Where all is slow, a seventh of the cases: still nearly each end with each kind of code.
    let step = if is_emulated() || under_valgrind() { 7 } else { 1 };
    let mut cases = 0;
    for how in ENDS {
        for in_flight in IN_FLIGHT {
            for code in CODES {
                cases += 1;
                if cases % step != 0 {
                    continue;
                }
                let case = || check(how, in_flight, code, panicking);
                if let Err(payload) = catch_unwind(case) {
                    panic!("{how:?}, {in_flight:?}, {code:?}: {}", message(payload));
                }
            }
        }
    }
}

#[test]
fn all_ends_of_all_functions() {
    check_all(false);
}

#[test]
fn all_ends_of_all_functions_while_the_thread_panics() {
    check_all(true);
}

/// As in any other unwinding.
#[test]
fn a_panic_that_leaves_a_destructor_aborts() {
    let output = in_child("a_panic_that_leaves_a_destructor_aborts", || {
        let mut future = as_async(|| {
            let _panics = on_drop(|| panic!("from a destructor"));
            wait(pending::<()>());
        });
        assert!(poll(&mut future).is_pending());
        let _ = poll(&mut future.cancel());
    });
    assert!(!output.status.success());
    assert_in_order(&stderr(&output), &["from a destructor", "panic in a destructor"]);
}

#[test]
fn not_started_and_finished_ones() {
    let drops = Drops::new();
    let counted = drops.counted();
    let mut cancel = as_async(move || drop(counted)).cancel();
    assert_eq!(drops.count(), 1);
    assert_eq!(poll(&mut cancel), Poll::Ready(None));

    let mut finished = as_async(|| 1);
    assert_eq!(poll(&mut finished), Poll::Ready(1));
    assert_eq!(poll(&mut finished.cancel()), Poll::Ready(None));
}

/// It has nothing left to get rid of.
#[test]
fn a_cancel_that_has_finished_is_dropped() {
    let start = || {
        let mut future = as_async(|| wait(pending::<()>()));
        assert!(poll(&mut future).is_pending());
        future
    };
    // Inside another function.
    let inner = start();
    assert_eq!(poll(&mut as_async(move || wait(inner.cancel()))), Poll::Ready(None));
    // Where there is a reaper.
    let reaper = Rc::new(Keeps::default());
    assert!(set_reaper(Some(reaper.clone())).is_none());
    let mut cancel = start().cancel();
    assert_eq!(poll(&mut cancel), Poll::Ready(None));
    assert!(message_of(|| poll(&mut cancel)).contains("after it had finished"));
    drop(cancel);
    assert!(reaper.next().is_none());
    assert!(set_reaper(None).is_some());
}

/// Both at the same time, on a real executor, with real timers.
#[test]
fn awaited_on_executors() {
    fn start(log: &Log) -> AsAsync<(), impl FnOnce() + use<>> {
        let log = log.clone();
        as_async(move || {
            let _waits = on_drop(move || {
                wait(tokio::time::sleep(Duration::from_millis(5)));
                wait(smol::Timer::after(Duration::from_millis(5)));
                log.push("closed");
            });
            wait(pending::<()>());
        })
    }
    let log = Log::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let (mut first, mut second) = (start(&log), start(&log));
        for future in [&mut first, &mut second] {
            poll_fn(|context| {
                assert!(std::pin::Pin::new(&mut *future).poll(context).is_pending());
                Poll::Ready(())
            })
            .await;
        }
        futures::join!(first.cancel(), second.cancel());
    });
    assert_eq!(log.entries(), ["closed", "closed"]);
}

/// `tokio::time::timeout` drops it, in a task; the reaper is tokio's local set.
#[test]
fn a_timeout_with_a_reaper() {
    struct Spawns;

    impl Reaper for Spawns {
        fn reap(&self, reaped: Reaped) -> Result<(), Reaped> {
            tokio::task::spawn_local(reaped);
            Ok(())
        }
    }

    let (closed, is_closed) = tokio::sync::oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        set_reaper(Some(Rc::new(Spawns)));
        let slow = as_async(move || {
            let _waits = on_drop(move || {
                wait(tokio::time::sleep(Duration::from_millis(5)));
                closed.send(()).unwrap();
            });
            wait(pending::<()>());
        });
        assert!(tokio::time::timeout(Duration::from_millis(5), slow).await.is_err());
        is_closed.await.unwrap();
        set_reaper(None);
    });
}
