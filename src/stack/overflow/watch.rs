//! Where stacks lie: what a fault at some address is an overflow of.

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::super::pool::Geometry;

/// A range of addresses with stacks in it, where a fault may be an overflow. The handler reads it at any time, so it is
/// never freed, but may be used again for another range.
struct Range {
    /// Zero while it is not in use.
    start: AtomicUsize,
    length: AtomicUsize,
    stride: AtomicUsize,
    guard: AtomicUsize,
    colours: AtomicUsize,
    next: *const Range,
}

// SAFETY: `next` never changes, and leads to another one or nowhere; the rest is atomic.
unsafe impl Sync for Range {}

/// The first of a list that only ever grows.
static RANGES: AtomicPtr<Range> = AtomicPtr::new(ptr::null_mut());

/// Held while ranges are added. Also keeps whoever adds one from using one again that somebody else has found.
static ADDING: Mutex<()> = Mutex::new(());

fn ranges() -> impl Iterator<Item = &'static Range> {
    let mut next = RANGES.load(Ordering::Acquire).cast_const();
    std::iter::from_fn(move || {
        // SAFETY: no range is ever freed.
        let range = unsafe { next.as_ref() }?;
        next = range.next;
        Some(range)
    })
}

/// Keeps a range of addresses under watch.
pub(in crate::stack) struct Watch(&'static Range);

/// Watches slots of this geometry at `start`.
pub(in crate::stack) fn watch(start: usize, length: usize, geometry: Geometry) -> Watch {
    super::install();
    let _adding = ADDING.lock().unwrap_or_else(PoisonError::into_inner);
    let range = ranges().find(|range| range.start.load(Ordering::Relaxed) == 0).unwrap_or_else(|| {
        let range = Box::leak(Box::new(Range {
            start: AtomicUsize::new(0),
            length: AtomicUsize::new(0),
            stride: AtomicUsize::new(0),
            guard: AtomicUsize::new(0),
            colours: AtomicUsize::new(0),
            next: RANGES.load(Ordering::Relaxed),
        }));
        RANGES.store(range, Ordering::Release);
        range
    });
    range.length.store(length, Ordering::Relaxed);
    range.stride.store(geometry.stride, Ordering::Relaxed);
    range.guard.store(geometry.guard, Ordering::Relaxed);
    range.colours.store(geometry.colours, Ordering::Relaxed);
    // Release: whoever sees the start sees the rest.
    range.start.store(start, Ordering::Release);
    Watch(range)
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.start.store(0, Ordering::Release);
    }
}

/// An overflow: of which stack.
pub(super) struct Overflow {
    pub(super) base: usize,
    /// How many bytes could be used.
    pub(super) size: usize,
}

/// What a fault at this address is an overflow of, if it is one.
pub(super) fn find(address: usize) -> Option<Overflow> {
    ranges().find_map(|range| {
        // Acquire: see `watch`.
        let start = range.start.load(Ordering::Acquire);
        let offset = address.checked_sub(start).filter(|_| start != 0)?;
        if offset >= range.length.load(Ordering::Relaxed) {
            return None;
        }
        let geometry = Geometry {
            stride: range.stride.load(Ordering::Relaxed),
            guard: range.guard.load(Ordering::Relaxed),
            colours: range.colours.load(Ordering::Relaxed),
        };
        // It may be used again for another range, meanwhile.
        if range.start.load(Ordering::Acquire) != start {
            return None;
        }
        let number = offset.checked_div(geometry.stride)?;
        if offset % geometry.stride >= geometry.guard {
            return None;
        }
        let limit = start + number * geometry.stride;
        let base = geometry.base(limit, number);
        Some(Overflow { base, size: base - limit - geometry.guard })
    })
}
