//! What looks like an overflow and is none of ours.

use std::ffi::c_int;
use std::hint::black_box;
use std::{ptr, thread};

use mixio::stack::{Guards, Stack, StackPool};
use mixio::{Coroutine, Yielder};

use super::support::{in_child, in_faulting_child, page_size, stderr};
use super::threads::in_foreign_thread;
use super::{assert_not_ours, overflow};

#[test]
fn of_an_ordinary_thread_is_reported_by_std() {
    let output = in_child("faults::of_an_ordinary_thread_is_reported_by_std", || {
        // Our handler is there.
        Coroutine::<(), (), ()>::new(|_, ()| ()).resume(());
        eprintln!("about to");
        drop(thread::Builder::new().name("an ordinary thread".into()).spawn(overflow).unwrap().join());
    });
    assert_not_ours(&output, libc::SIGABRT);
    let stderr = stderr(&output);
    assert!(stderr.contains("thread 'an ordinary thread'") && stderr.contains("has overflowed its stack"), "{stderr}");
}

#[test]
fn of_the_main_thread_is_reported_by_std() {
    let output = in_child("faults::of_the_main_thread_is_reported_by_std", || {
        // It lies below the coroutine that lends it.
        eprintln!("about to");
        Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.on_parent_stack(overflow)).resume(());
    });
    assert_not_ours(&output, libc::SIGABRT);
    let stderr = stderr(&output);
    assert!(stderr.contains("has overflowed its stack\nfatal runtime error: stack overflow"), "{stderr}");
}

/// Where nothing is ever mapped.
pub(crate) fn nowhere() -> *mut u8 {
    ptr::without_provenance_mut(black_box(16))
}

pub(crate) fn write_to(address: *mut u8) {
    eprintln!("about to");
    // SAFETY: none: it must fault, or whoever handles that sees to it that it can be written.
    unsafe { address.write_volatile(1) };
}

/// A page that can't be written.
pub(crate) fn read_only_page() -> *mut u8 {
    let (length, flags) = (page_size(), libc::MAP_PRIVATE | libc::MAP_ANON);
    // SAFETY: it takes addresses that nothing is mapped at.
    let page = unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_READ, flags, -1, 0) };
    assert_ne!(page, libc::MAP_FAILED);
    page.cast()
}

#[test]
fn a_write_to_nowhere_is_no_overflow() {
    let output = in_child("faults::a_write_to_nowhere_is_no_overflow", || {
        Coroutine::<(), (), ()>::new(|_, ()| ()).resume(());
        write_to(nowhere());
        eprintln!("not reached");
    });
    assert_not_ours(&output, libc::SIGSEGV);
}

#[test]
fn a_write_to_nowhere_in_a_coroutine_is_no_overflow() {
    let output = in_faulting_child("faults::a_write_to_nowhere_in_a_coroutine_is_no_overflow", || {
        let mut coroutine = Coroutine::<(), (), ()>::new(|_, ()| write_to(nowhere()));
        coroutine.resume(());
        eprintln!("not reached");
    });
    assert_not_ours(&output, libc::SIGSEGV);
}

#[test]
fn a_write_to_nowhere_in_a_foreign_thread_is_no_overflow() {
    let output = in_faulting_child("faults::a_write_to_nowhere_in_a_foreign_thread_is_no_overflow", || {
        in_foreign_thread(|| {
            Coroutine::<(), (), ()>::new(|_, ()| write_to(nowhere())).resume(());
            eprintln!("not reached");
        });
    });
    assert_not_ours(&output, libc::SIGSEGV);
}

#[test]
fn a_write_to_read_only_memory_is_no_overflow() {
    let output = in_faulting_child("faults::a_write_to_read_only_memory_is_no_overflow", || {
        let page = read_only_page();
        let mut coroutine = Coroutine::<(), (), ()>::new(move |_, ()| write_to(page));
        coroutine.resume(());
        eprintln!("not reached");
    });
    assert_not_ours(&output, libc::SIGSEGV);
}

#[test]
fn a_write_to_where_a_pool_was_is_no_overflow() {
    let output = in_child("faults::a_write_to_where_a_pool_was_is_no_overflow", || {
        let pool = StackPool::builder().stack_size(64 << 10).guards(Guards::Protected).build().unwrap();
        let stack = pool.get().unwrap();
        let (limit, base) = (stack.limit().get(), stack.base().get());
        drop(stack);
        drop(pool);
        // It is somebody else's now, who has no room to write there.
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED_NOREPLACE;
        let (address, length) = (ptr::without_provenance_mut(limit), base + page_size() - limit);
        // SAFETY: it takes addresses that nothing is mapped at, or none.
        let memory = unsafe { libc::mmap(address, length, libc::PROT_READ, flags, -1, 0) };
        assert_eq!(memory, address);
        write_to(memory.cast());
        eprintln!("not reached");
    });
    assert_not_ours(&output, libc::SIGSEGV);
}

#[test]
fn a_signal_that_was_sent_is_no_overflow() {
    // `std` takes the first one for a fault that will come again, and leaves the next one to the system.
    let output = in_child("faults::a_signal_that_was_sent_is_no_overflow", || {
        Coroutine::<(), (), ()>::new(|_, ()| ()).resume(());
        eprintln!("about to");
        raise(libc::SIGSEGV);
        raise(libc::SIGSEGV);
        eprintln!("not reached");
    });
    assert_not_ours(&output, libc::SIGSEGV);
}

/// Sends this thread a signal, which it has handled when this returns.
pub(crate) fn raise(signal: c_int) {
    // SAFETY: what happens then is what the test is about.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}
