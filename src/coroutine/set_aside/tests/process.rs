//! What takes a process of its own.

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::super::spawn::spawn;
use super::super::token::STACK_SIZE;
use super::support::{assert_success, in_child, runner};
use super::{OnDrop, amid_panics, panics_count_as_usual, set_aside};
use crate::coroutine::{Coroutine, CoroutineResult, Yielder};
use crate::stack::DefaultStack;

/// Sets panics aside, and restores them.
fn round() {
    amid_panics(2, &mut || {
        let panics = set_aside();
        assert!(!panics.is_none());
        panics_count_as_usual();
        panics.restore();
    });
    panics_count_as_usual();
}

/// The rest of this file's name for a test.
fn name(test: &str) -> String {
    format!("coroutine::set_aside::tests::process::{test}")
}

#[test]
fn the_hook_runs_for_panics_as_before_and_for_no_others() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);

    let output = in_child(&name("the_hook_runs_for_panics_as_before_and_for_no_others"), || {
        panic::set_hook(Box::new(|_| {
            assert!(thread::panicking());
            CALLS.fetch_add(1, Ordering::Relaxed);
        }));
        round();
        assert_eq!(CALLS.load(Ordering::Relaxed), 0);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _amid = OnDrop(|| {
                let panics = set_aside();
                round();
                let caught = catch_unwind(|| panic!("a neighbour's"));
                assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"a neighbour's"));
                panics.restore();
            });
            panic!("first");
        }));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"first"));
        assert_eq!(CALLS.load(Ordering::Relaxed), 2);
        panics_count_as_usual();
    });
    assert_success(&output);
}

#[test]
fn a_hook_may_resume_what_was_suspended() {
    let output = in_child(&name("a_hook_may_resume_what_was_suspended"), || {
        let suspended = Mutex::new(Some(OnThisThread(suspended_amid_panics())));
        panic::set_hook(Box::new(move |_| {
            let OnThisThread(mut coroutine) = suspended.lock().expect("no panic here").take().expect("one panic");
            assert_eq!(coroutine.resume(()), CoroutineResult::Return(()));
            assert!(thread::panicking(), "the one that the hook is for");
        }));
        assert!(catch_unwind(|| panic!("once")).is_err());
        drop(panic::take_hook());
        round();
    });
    assert_success(&output);
}

/// For a hook of this thread.
struct OnThisThread(Coroutine<(), (), ()>);

// SAFETY: only the one thread on which the hook runs, which has made it, uses it.
unsafe impl Send for OnThisThread {}

#[test]
#[cfg_attr(mixio_sanitizer = "thread", ignore = "the sanitizer lets no thread start in the child of a fork")]
fn forks() {
    let output = in_child(&name("forks"), || generation(0, Vec::new()));
    assert_success(&output);
}

/// Lets a child process do the same, and that one another, with panics set aside meanwhile, and restores them in all.
fn generation(number: usize, mut suspended: Vec<Coroutine<(), (), ()>>) {
    // In the child of a fork qemu 7.2 fails to start any thread, be it one of a program in C. So there panics are only
    // restored: that takes none.
    let has_threads = number == 0 || runner().is_empty();
    if has_threads {
        round();
        suspended.push(suspended_amid_panics());
    }
    if number < 2 {
        // SAFETY: the child goes on in this thread alone. It needs no lock that another may have held: the C library sees to
        // its own, the helper of the parent isn't used, and there are no other threads.
        match unsafe { libc::fork() } {
            0 => {
                let caught = catch_unwind(AssertUnwindSafe(|| generation(number + 1, suspended)));
                // SAFETY: it ends the process, at once.
                unsafe { libc::_exit(caught.is_err().into()) }
            }
            child => {
                let mut status = -1;
                // SAFETY: there is room for the status.
                assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
                assert_eq!(status, 0, "the child process has failed");
            }
        }
    }
    for mut coroutine in suspended {
        assert_eq!(coroutine.resume(()), CoroutineResult::Return(()));
        panics_count_as_usual();
    }
    if has_threads {
        round();
    }
}

/// A coroutine that has set panics aside.
fn suspended_amid_panics() -> Coroutine<(), (), ()> {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        amid_panics(2, &mut || {
            let panics = set_aside();
            yielder.suspend(());
            panics.restore();
            assert!(thread::panicking());
        });
    });
    assert_eq!(coroutine.resume(()), CoroutineResult::Yield(()));
    assert!(!thread::panicking());
    coroutine
}

#[test]
#[cfg_attr(
    any(mixio_sanitizer = "address", mixio_sanitizer = "thread"),
    ignore = "the sanitizer needs address space of its own"
)]
fn panics_stay_where_no_thread_can_be_started() {
    let output = in_child(&name("panics_stay_where_no_thread_can_be_started"), || {
        drop(DefaultStack::new(STACK_SIZE).expect("a stack, which is kept"));
        amid_panics(2, &mut || {
            let limit = AddressSpace::used_up();
            if spawn(|| ()).is_ok() {
                assert!(!runner().is_empty(), "only an emulator may ignore the limit");
                return;
            }
            let panics = set_aside();
            assert!(panics.is_none());
            assert!(thread::panicking());
            panics.restore();
            drop(limit);
        });
        // It is tried again.
        round();
    });
    assert_success(&output);
}

/// A limit that lets the process map nothing more, until it is dropped.
struct AddressSpace(libc::rlimit);

impl AddressSpace {
    fn used_up() -> Self {
        let mut before = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: there is room for the answer.
        assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut before) }, 0);
        Self::set(&libc::rlimit { rlim_cur: 1, ..before });
        AddressSpace(before)
    }

    fn set(limit: &libc::rlimit) {
        // SAFETY: it only reads the limit.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, limit) }, 0);
    }
}

impl Drop for AddressSpace {
    fn drop(&mut self) {
        Self::set(&self.0);
    }
}

#[test]
fn in_the_destructors_of_thread_locals() {
    /// Whichever of them is dropped last does so when the others are gone.
    struct SetsAside;

    impl Drop for SetsAside {
        fn drop(&mut self) {
            round();
            ROUNDS.fetch_add(1, Ordering::Relaxed);
        }
    }

    thread_local! {
        static FIRST: SetsAside = const { SetsAside };
        static LAST: SetsAside = const { SetsAside };
    }
    static ROUNDS: AtomicUsize = AtomicUsize::new(0);

    // Alone, so that the first of them starts the helper.
    let output = in_child(&name("in_the_destructors_of_thread_locals"), || {
        let thread = thread::spawn(|| {
            FIRST.with(|_| ());
            drop(DefaultStack::default());
            drop(thread::current());
            LAST.with(|_| ());
        });
        thread.join().expect("no panic is left");
        assert_eq!(ROUNDS.load(Ordering::Relaxed), 2);
    });
    assert_success(&output);
}
