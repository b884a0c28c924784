//! In threads of std, and in those that it knows nothing of.

use std::ffi::c_void;
use std::os::unix::process::ExitStatusExt as _;
use std::task::Poll;
use std::{mem, ptr, thread};

use mixio::stack::{DEFAULT_STACK_SIZE, DefaultStack};
use mixio::{Coroutine, as_async};

use super::support::{assert_success, in_child, poll, stderr};
use super::{assert_reported, expect_next_line, overflow, overflowing};

#[test]
fn in_a_thread_of_std() {
    let output = in_child("threads::in_a_thread_of_std", || {
        thread::spawn(|| {
            expect_next_line();
            Coroutine::<(), (), ()>::new(|_, ()| overflow()).resume(());
        })
        .join()
        .unwrap();
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

/// Runs a function in a thread that `std` knows nothing of.
pub(crate) fn in_foreign_thread(function: fn()) {
    extern "C" fn start(function: *mut c_void) -> *mut c_void {
        // SAFETY: it is the function that was given below.
        let function: fn() = unsafe { mem::transmute(function) };
        function();
        ptr::null_mut()
    }

    let mut thread = mem::MaybeUninit::uninit();
    // SAFETY: there is room for the answer; the function is what it is to be.
    let answer = unsafe { libc::pthread_create(thread.as_mut_ptr(), ptr::null(), start, function as *mut c_void) };
    assert_eq!(answer, 0);
    // SAFETY: it was written.
    let thread = unsafe { thread.assume_init() };
    // SAFETY: it is a thread that nobody else waits for.
    assert_eq!(unsafe { libc::pthread_join(thread, ptr::null_mut()) }, 0);
}

#[test]
fn in_a_foreign_thread() {
    let output = in_child("threads::in_a_foreign_thread", || {
        in_foreign_thread(|| {
            expect_next_line();
            Coroutine::<(), (), ()>::new(|_, ()| overflow()).resume(());
        });
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

#[test]
fn in_a_foreign_thread_on_a_large_stack() {
    let output = in_child("threads::in_a_foreign_thread_on_a_large_stack", || {
        in_foreign_thread(|| {
            expect_next_line();
            let mut future = as_async(overflow).stack_size(65 << 20);
            assert_eq!(poll(&mut future), Poll::Pending);
        });
    });
    assert_reported(&output, 65 << 20);
}

#[test]
fn in_a_foreign_thread_on_a_stack_that_it_was_given() {
    // It never takes one from a pool.
    let output = in_child("threads::in_a_foreign_thread_on_a_stack_that_it_was_given", || {
        static GIVEN: std::sync::Mutex<Option<DefaultStack>> = std::sync::Mutex::new(None);
        *GIVEN.lock().unwrap() = Some(DefaultStack::new(64 << 10).unwrap());
        in_foreign_thread(|| {
            let stack = GIVEN.lock().unwrap().take().unwrap();
            expect_next_line();
            Coroutine::<(), (), (), _>::with_stack(stack, |_, ()| overflow()).resume(());
        });
    });
    assert_reported(&output, 64 << 10);
}

#[test]
fn in_a_foreign_thread_on_a_stack_that_it_has_dropped_before() {
    // What it takes was in its cache before it ever asked for one.
    let output = in_child("threads::in_a_foreign_thread_on_a_stack_that_it_has_dropped_before", || {
        static GIVEN: std::sync::Mutex<Option<DefaultStack>> = std::sync::Mutex::new(None);
        *GIVEN.lock().unwrap() = Some(DefaultStack::default());
        in_foreign_thread(|| {
            drop(GIVEN.lock().unwrap().take());
            expect_next_line();
            Coroutine::<(), (), ()>::new(|_, ()| overflow()).resume(());
        });
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

#[test]
fn foreign_threads_that_end_leave_no_signal_stacks() {
    let output = in_child("threads::foreign_threads_that_end_leave_no_signal_stacks", || {
        let mappings = || std::fs::read_to_string("/proc/self/maps").unwrap().lines().count();
        let one = || {
            in_foreign_thread(|| {
                Coroutine::<(), (), ()>::new(|_, ()| ()).resume(());
            });
        };
        one();
        let before = mappings();
        (0..100).for_each(|_| one());
        assert!(mappings() < before + 20);
    });
    assert_success(&output);
}

#[test]
fn two_threads_overflow_at_once() {
    let output = in_child("threads::two_threads_overflow_at_once", || {
        let threads = [0, 1].map(|_| {
            thread::spawn(|| {
                overflowing().resume(());
            })
        });
        threads.into_iter().for_each(|thread| drop(thread.join()));
    });
    let stderr = stderr(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{stderr}");
    assert!(stderr.contains("fatal: stack overflow in a coroutine, aborting"), "{stderr}");
}
