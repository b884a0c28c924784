//! One stack of a pool: where it lies, and what the pool writes above it.
//!
//! ```text
//!     +----------------------+ <- the slot's end, at a page's
//!     | (colour)             |
//!     | Slot                 |
//!     +----------------------+ <- base
//!     ~ frames, growing down ~
//!     +----------------------+
//!     | guard                |
//!     +----------------------+ <- limit, the slot's start, at a page's
//! ```
//!
//! The *colour* keeps the bases of neighbours apart: were all of them at the same offset in their pages, they would
//! share one set of the caches, and a few of them would evict all the others.

use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::memory::page_size;
use super::store::Store;
use crate::stack::{MIN_STACK_SIZE, StackError};

/// What a pool writes above the base of a stack, out of reach of the frames on it.
///
/// Together with the control block of a coroutine, below the base, it fills one line of the cache.
#[repr(C, align(32))]
pub(super) struct Slot {
    /// The pool that it belongs to, which stays for as long as any of its slots is out of its store.
    pub(super) store: *const Store,
    /// The lowest address, guard included.
    pub(super) limit: usize,
    /// In bytes.
    pub(super) guard: usize,
}

const _: () = assert!(size_of::<Slot>() == 32);

/// The length of a line of the cache, in bytes.
pub(super) const LINE: usize = 64;

/// How the slots of a pool lie in memory. All in bytes, and all but the colours in whole pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry {
    /// From one slot to the next.
    pub(crate) stride: usize,
    pub(crate) guard: usize,
    /// How many different distances there are from a slot's end to its base: multiples of [`LINE`].
    pub(crate) colours: usize,
}

impl Geometry {
    /// For at least `size` usable bytes, after the guard and whatever a colour takes.
    pub(super) fn new(size: usize, guard_size: usize, colours: usize) -> Result<Self, StackError> {
        if size == 0 {
            return Err(StackError::TooSmall { size });
        }
        let page = page_size();
        // More would lead into the next page.
        let colours = colours.clamp(1, (page - size_of::<Slot>()) / LINE);
        let geometry = || {
            let guard = guard_size.max(1).checked_next_multiple_of(page)?;
            let usable = size.max(MIN_STACK_SIZE).checked_add(size_of::<Slot>() + (colours - 1) * LINE)?;
            let stride = usable.checked_next_multiple_of(page)?.checked_add(guard)?;
            // An odd number of pages: an even one would leave half of the sets of the TLB unused, or more.
            let stride = if (stride / page).is_multiple_of(2) { stride.checked_add(page)? } else { stride };
            // No allocation is larger.
            isize::try_from(stride).is_ok().then_some(Geometry { stride, guard, colours })
        };
        geometry().ok_or(StackError::TooLarge { size })
    }

    /// The base of the slot with this number that starts at `limit`.
    pub(crate) fn base(&self, limit: usize, number: usize) -> usize {
        limit + self.stride - size_of::<Slot>() - number % self.colours * LINE
    }

    /// How many bytes of each stack can be used, whatever its colour.
    pub(super) fn size(&self) -> usize {
        self.stride - self.guard - size_of::<Slot>() - (self.colours - 1) * LINE
    }
}

impl Slot {
    /// Writes it above the base of a stack. Whatever was there is overwritten.
    ///
    /// # Safety
    ///
    /// The slot at `limit` is the store's, has this number and its guard, and is in nobody else's hands.
    pub(super) unsafe fn write(store: &Arc<Store>, limit: usize, number: usize) -> NonNull<Slot> {
        let base = store.config.geometry.base(limit, number);
        let slot = ptr::with_exposed_provenance_mut::<Slot>(base);
        // SAFETY: it lies inside the slot, and above what a stack pointer says is usable. It is aligned, since the end
        // of a slot is, and all sizes between are multiples of 32.
        unsafe { slot.write(Slot { store: Arc::as_ptr(store), limit, guard: store.config.geometry.guard }) };
        // SAFETY: memory of ours isn't at null.
        unsafe { NonNull::new_unchecked(slot) }
    }
}
