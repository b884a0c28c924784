//! What is noted about each function, by its own thread, for whoever asks.

use std::backtrace::Backtrace;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::arch::{Address, Control};
use crate::coroutine::backtrace::backtrace_atop;
use crate::stack::Stack;

/// About one function that has started.
#[derive(Debug)]
pub(crate) struct Record {
    /// In the order in which they have started.
    pub(super) number: u64,
    pub(super) name: Option<String>,
    pub(super) created: &'static Location<'static>,
    pub(super) thread: Thread,
    base: usize,
    pub(super) stack_size: usize,
    // Written by the function's thread only. A reader on another may find some of them older than others, which a dump can bear.
    /// Where it waits, or has waited last.
    place: AtomicPtr<Location<'static>>,
    /// Since when, by `clock`.
    since: AtomicU64,
    /// Its stack pointer while it is suspended, null while it runs.
    sp: AtomicPtr<c_void>,
    /// The address to resume it at, while it is suspended.
    address: AtomicPtr<c_void>,
    control: AtomicPtr<Control>,
}

impl Record {
    /// The function is about to be suspended, by a `wait` here.
    pub(crate) fn waits_at(&self, place: &'static Location<'static>) {
        self.place.store(ptr::from_ref(place).cast_mut(), Ordering::Relaxed);
        self.since.store(clock(), Ordering::Relaxed);
    }

    /// The function is suspended, as [`Coroutine::suspended_at`](crate::Coroutine::suspended_at) has it.
    pub(crate) fn is_suspended(&self, (sp, address, control): (NonNull<c_void>, Address, NonNull<Control>)) {
        self.address.store(address.cast_mut(), Ordering::Relaxed);
        self.control.store(control.as_ptr(), Ordering::Relaxed);
        self.sp.store(sp.as_ptr(), Ordering::Relaxed);
    }

    /// The function goes on, or is unwound.
    pub(crate) fn runs(&self) {
        self.sp.store(ptr::null_mut(), Ordering::Relaxed);
    }

    /// The backtrace of where it waits, if it is suspended and this is its thread.
    pub(super) fn backtrace(&self) -> Option<Backtrace> {
        if self.thread.id() != thread::current().id() {
            return None;
        }
        let sp = NonNull::new(self.sp.load(Ordering::Relaxed))?;
        let control = NonNull::new(self.control.load(Ordering::Relaxed))?;
        let address = self.address.load(Ordering::Relaxed);
        // SAFETY: on this thread, which wrote them, the three are up to date: they were written when the function was
        // suspended, and before anything else runs on its stack, or the stack goes, `runs` takes the first away.
        Some(unsafe { backtrace_atop(sp, address, control) })
    }

    /// Where it waits, for how long, and how many bytes of its stack are in use, if it is suspended; the latter only if it waits on
    /// its own stack.
    pub(super) fn suspension(&self) -> Option<(&'static Location<'static>, Duration, Option<usize>)> {
        let sp = self.sp.load(Ordering::Relaxed).addr();
        let place = self.place.load(Ordering::Relaxed);
        // SAFETY: whatever was stored there, by `waits_at`, lives for ever.
        let place = unsafe { place.as_ref() }?;
        let since = Duration::from_nanos(clock().saturating_sub(self.since.load(Ordering::Relaxed)));
        let used = self.base.checked_sub(sp).filter(|used| *used <= self.stack_size);
        (sp != 0).then_some((place, since, used))
    }
}

/// Nanoseconds since the first call.
fn clock() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    // Enough for 584 years.
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// All records, by number. In several parts, so that threads seldom meet.
static RECORDS: [Mutex<BTreeMap<u64, Arc<Record>>>; PARTS] = [const { Mutex::new(BTreeMap::new()) }; PARTS];

const PARTS: usize = 16;

fn part(number: u64) -> MutexGuard<'static, BTreeMap<u64, Arc<Record>>> {
    RECORDS[number as usize % PARTS].lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the record of a function that starts.
pub(super) fn add(name: Option<String>, created: &'static Location<'static>, stack: &impl Stack) -> Arc<Record> {
    static STARTED: AtomicU64 = AtomicU64::new(0);

    let (base, limit) = (stack.base().get(), stack.limit().get() + stack.guard_size());
    let record = Arc::new(Record {
        number: STARTED.fetch_add(1, Ordering::Relaxed) + 1,
        name,
        created,
        thread: thread::current(),
        base,
        stack_size: base - limit,
        place: AtomicPtr::new(ptr::null_mut()),
        since: AtomicU64::new(0),
        sp: AtomicPtr::new(ptr::null_mut()),
        address: AtomicPtr::new(ptr::null_mut()),
        control: AtomicPtr::new(ptr::null_mut()),
    });
    part(record.number).insert(record.number, record.clone());
    record
}

/// Takes a record off the list.
pub(super) fn remove(record: &Record) {
    let removed = part(record.number).remove(&record.number);
    // Outside of the lock.
    drop(removed);
}

/// All of them, in the order in which they have started.
pub(super) fn all() -> Vec<Arc<Record>> {
    // At one moment: so all parts are locked first.
    let parts: Vec<_> = (0..PARTS as u64).map(part).collect();
    let mut records: Vec<_> = parts.iter().flat_map(|part| part.values().cloned()).collect();
    drop(parts);
    records.sort_by_key(|record| record.number);
    records
}
