//! The pool of stacks: reuse, statistics, threads, bounds, guards, colours, memory given back, mappings.

#[path = "../support/mod.rs"]
mod support;

mod bounds;
mod futures;
mod guards;
mod mappings;
mod memory;
mod reuse;
mod threads;

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs;
use std::hint::black_box;
use std::io;
use std::iter;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex};
use std::task::Poll;
use std::thread;

use mixio::stack::{
    DEFAULT_STACK_SIZE, DefaultStack, Guards, MIN_STACK_SIZE, PooledStack, Stack, StackError, StackPool,
};
use mixio::{Coroutine, CoroutineResult, Yielder, as_async, on_stack, wait};
use support::{
    Drops, assert_success, deep, in_child, in_limited_child, is_emulated, keep, message_of, page_size, poll,
    under_valgrind,
};

const ALL_GUARDS: [Guards; 3] = [Guards::Installed, Guards::Unmapped, Guards::Protected];

/// Fewer where each takes long.
fn fewer_if_slow(count: usize) -> usize {
    let is_slow =
        is_emulated() || under_valgrind() || cfg!(any(mixio_sanitizer = "address", mixio_sanitizer = "thread"));
    if is_slow { count / 10 } else { count }
}

/// A pool of small stacks, that nobody else uses.
fn small_pool() -> StackPool {
    // A panic takes more where a sanitizer sees every access.
    let size = if cfg!(mixio_sanitizer = "thread") { 256 << 10 } else { 16 << 10 };
    StackPool::builder().stack_size(size).build().unwrap()
}

/// How many stacks are in use, and how many are free.
fn counts(pool: &StackPool) -> (usize, usize) {
    let statistics = pool.statistics();
    (statistics.alive, statistics.cached)
}

fn take(pool: &StackPool, count: usize) -> Vec<PooledStack> {
    (0..count).map(|_| pool.get().unwrap()).collect()
}

fn bases(stacks: &[PooledStack]) -> Vec<usize> {
    stacks.iter().map(|stack| stack.base().get()).collect()
}

fn distinct(values: &[usize]) -> usize {
    values.iter().collect::<HashSet<_>>().len()
}

/// A byte of a stack, so many below its base.
fn byte_below(stack: &PooledStack, distance: usize) -> *mut u8 {
    assert!(distance > 0 && distance <= stack.size());
    ptr::with_exposed_provenance_mut(stack.base().get() - distance)
}

/// Writes to each page of a stack, and to its last byte.
fn touch_all(stack: &PooledStack, value: u8) {
    for distance in (1..=stack.size()).step_by(page_size()).chain([stack.size()]) {
        // SAFETY: it is memory of the stack, which nobody else uses.
        unsafe { byte_below(stack, distance).write_volatile(value) };
    }
}

/// Whether each of those bytes is still what was written.
fn is_all(stack: &PooledStack, value: u8) -> bool {
    (1..=stack.size()).step_by(page_size()).chain([stack.size()]).all(|distance| {
        // SAFETY: it is memory of the stack, which nobody else uses.
        unsafe { byte_below(stack, distance).read_volatile() == value }
    })
}

/// Asks the kernel whether memory can be read: it says so without a fault.
struct Probe([libc::c_int; 2]);

impl Probe {
    fn new() -> Self {
        let mut pipe = [-1; 2];
        // SAFETY: it is room for two file descriptors.
        assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0);
        Probe(pipe)
    }

    fn is_readable(&self, address: usize) -> bool {
        if under_valgrind() {
            // It would report the next one, rightly. This one it doesn't know; but emulators answer yes to it in any case.
            let page = ptr::without_provenance_mut(address & !(page_size() - 1));
            // SAFETY: it reads the page.
            return unsafe { libc::madvise(page, 1, libc::MADV_POPULATE_READ) } == 0;
        }
        // SAFETY: the kernel checks the address.
        let written = unsafe { libc::write(self.0[1], ptr::without_provenance(address), 1) };
        if written == -1 {
            assert_eq!(io::Error::last_os_error().raw_os_error(), Some(libc::EFAULT));
            return false;
        }
        let mut byte = 0u8;
        // SAFETY: there is room for a byte.
        assert_eq!(unsafe { libc::read(self.0[0], (&raw mut byte).cast(), 1) }, 1);
        true
    }

    /// Fails unless each page of the guard, to the last byte, keeps everybody off, and the stack above it nobody.
    fn assert_guarded(&self, stack: &PooledStack) {
        let (page, limit) = (page_size(), stack.limit().get());
        for at in (limit..limit + stack.guard_size()).step_by(page) {
            assert!(!self.is_readable(at) && !self.is_readable(at + page - 1), "{} of {stack:?}", at - limit);
        }
        let lowest = limit + stack.guard_size();
        for at in (lowest..stack.base().get()).step_by(page).chain([stack.base().get() - 1]) {
            assert!(self.is_readable(at), "{} of {stack:?}", at - limit);
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        for end in self.0 {
            // SAFETY: it is ours.
            unsafe { libc::close(end) };
        }
    }
}

/// Whether anything is mapped there. For a process in which nobody else maps anything meanwhile.
fn is_mapped(address: usize) -> bool {
    let mut state = 0u8;
    let page = ptr::without_provenance_mut(address & !(page_size() - 1));
    // SAFETY: there is a byte for the one page that is asked for.
    let answer = unsafe { libc::mincore(page, 1, (&raw mut state).cast()) };
    answer == 0
}

/// How many mappings this process has.
fn mappings() -> usize {
    fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}
