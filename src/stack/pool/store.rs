//! What all threads that use a pool share: its memory, and the free stacks that no thread keeps for itself.

use std::collections::VecDeque;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::cache::Cache;
use super::memory::{self, Guards, Memory};
use super::slot::{Geometry, Slot};
use crate::stack::StackError;
use crate::stack::overflow::{self, Watch};

/// How a pool was configured.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) geometry: Geometry,
    pub(super) guards: Guards,
    pub(super) huge_pages: bool,
    /// How many stacks there may be at once.
    pub(super) most: usize,
    /// How many free stacks keep their memory.
    pub(super) keep: usize,
}

/// The pool itself. What is here in common to all of its stacks never changes, but for the part under the lock.
pub(crate) struct Store {
    /// Which of a thread's caches it has.
    pub(super) index: usize,
    /// How many stacks a thread may keep in its cache.
    pub(super) cached: usize,
    pub(super) config: Config,
    /// How many `StackPool`s there are. Without any it is closed: no stack is taken. Those that come back are cached only
    /// by threads that have a cache of it already.
    pub(super) handles: AtomicUsize,
    inner: Mutex<Inner>,
}

struct Inner {
    regions: Vec<Region>,
    /// Free ones, with their memory, in the order in which they came: the last is taken first.
    warm: VecDeque<NonNull<Slot>>,
    /// Free ones, whose memory was given back: only their addresses are left, and their numbers in their regions.
    cold: Vec<(usize, usize)>,
    /// How many are neither warm nor cold: in use, or in a thread's cache. While there are any, the store holds a
    /// reference to itself, for them.
    out: usize,
    /// Those of all threads.
    caches: Vec<Weak<Cache>>,
}

// SAFETY: a free slot is memory that belongs to whoever holds the store.
unsafe impl Send for Inner {}

/// Slots in one piece of address space.
struct Region {
    /// For as long as a fault there may be an overflow: given up first, since what is mapped there next is not ours.
    _watch: Watch,
    memory: Memory,
    slots: usize,
    /// How many of them have been used: the first ones. The others have no guard yet.
    carved: usize,
}

impl Store {
    pub(super) fn new(config: Config, index: usize) -> Arc<Self> {
        // A pool with a bound that isn't large must not have its stacks lie about in the caches of many threads; nor one
        // of large stacks their memory.
        let cached = (config.most / 16).min(config.keep / 4).min(Cache::CAPACITY);
        Arc::new(Store {
            index,
            cached,
            config,
            handles: AtomicUsize::new(1),
            inner: Mutex::new(Inner {
                regions: Vec::new(),
                warm: VecDeque::new(),
                cold: Vec::new(),
                out: 0,
                caches: Vec::new(),
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while it is locked.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One free stack; with it as many more as `spare` has room for, of those that have memory. Gives how many.
    pub(super) fn take(self: &Arc<Self>, spare: &mut [NonNull<Slot>]) -> Result<(NonNull<Slot>, usize), StackError> {
        let mut inner = self.lock();
        let slot = match inner.warm.pop_back() {
            Some(slot) => slot,
            None => self.make(&mut inner)?,
        };
        let before = inner.out;
        let mut count = 0;
        // The one that was used last is to be taken first, from the end.
        let more = inner.warm.len().min(spare.len());
        let oldest = inner.warm.len() - more;
        for (place, slot) in spare.iter_mut().zip(inner.warm.drain(oldest..)) {
            *place = slot;
            count += 1;
        }
        inner.out += 1 + count;
        if before == 0 {
            // Given back in `give`.
            std::mem::forget(self.clone());
        }
        Ok((slot, count))
    }

    /// A free stack with no memory, or one that was never used.
    #[cold]
    fn make(self: &Arc<Self>, inner: &mut Inner) -> Result<NonNull<Slot>, StackError> {
        if let Some((limit, number)) = inner.cold.pop() {
            // SAFETY: it is free, and has had a guard since it was first used.
            return Ok(unsafe { Slot::write(self, limit, number) });
        }
        let Geometry { stride, guard, .. } = self.config.geometry;
        if inner.out + inner.warm.len() >= self.config.most {
            return Err(StackError::PoolExhausted { slots: self.config.most });
        }
        let exhausted = |source| StackError::Exhausted { size: self.config.geometry.size(), source };
        if inner.regions.last().is_none_or(|region| region.carved == region.slots) {
            let region = self.reserve(inner).map_err(exhausted)?;
            inner.regions.push(region);
        }
        let Some(region) = inner.regions.last_mut() else { unreachable!("there is one now") };
        let (number, limit) = (region.carved, region.memory.start + region.carved * stride);
        // SAFETY: the slot was never used.
        unsafe { self.config.guards.put(limit, guard) }.map_err(exhausted)?;
        region.carved += 1;
        // SAFETY: it is nobody's yet, and now it has its guard.
        Ok(unsafe { Slot::write(self, limit, number) })
    }

    /// Address space for as many stacks as there are already, or for fewer if there is no more.
    fn reserve(&self, inner: &mut Inner) -> io::Result<Region> {
        /// The least and the most that is reserved in one piece.
        const LEAST: usize = 4 << 20;
        const MOST: usize = 4 << 30;

        let stride = self.config.geometry.stride;
        let there_are: usize = inner.regions.iter().map(|region| region.slots).sum();
        let mut slots =
            there_are.clamp(LEAST.div_ceil(stride), (MOST / stride).max(1)).min(self.config.most - there_are);
        loop {
            // So that no free stack ever has to be dropped for want of memory to remember it by.
            let room = (there_are + slots).saturating_sub(inner.warm.len());
            let remembered = inner.warm.try_reserve(room).and_then(|()| inner.regions.try_reserve(1)).and_then(|()| {
                let room = (there_are + slots).saturating_sub(inner.cold.len());
                inner.cold.try_reserve(room)
            });
            let memory = remembered.map_err(|_| io::ErrorKind::OutOfMemory.into()).and_then(|()| {
                let length = stride.checked_mul(slots).ok_or(io::ErrorKind::OutOfMemory)?;
                Memory::reserve(length, self.config.guards, self.config.huge_pages)
            });
            match memory {
                Ok(memory) => {
                    let _watch = overflow::watch(memory.start, memory.length, self.config.geometry);
                    return Ok(Region { _watch, memory, slots, carved: 0 });
                }
                Err(error) if slots == 1 => return Err(error),
                Err(_) => slots = slots.div_ceil(2).min(slots - 1),
            }
        }
    }

    /// Takes free stacks back.
    ///
    /// # Safety
    ///
    /// They are the store's, came from [`take`](Self::take), and nobody uses them. `this` isn't used again unless the
    /// caller has a reference of its own.
    pub(super) unsafe fn give(this: *const Self, slots: &[NonNull<Slot>]) {
        // SAFETY: a slot that is out keeps the store, in an `Arc`; and whoever gives none has a reference of its own.
        unsafe { Arc::increment_strong_count(this) };
        // Until the lock is given back, too: by then somebody else may have given the last of the others.
        // SAFETY: it is the reference that has just been made.
        let store = unsafe { Arc::from_raw(this) };
        let nothing_is_out = {
            let mut inner = store.lock();
            inner.warm.extend(slots);
            inner.out -= slots.len();
            store.cool(&mut inner);
            inner.out == 0 && !slots.is_empty()
        };
        if nothing_is_out {
            // SAFETY: `take` has forgotten one, which kept the store for the slots that were out.
            drop(unsafe { Arc::from_raw(this) });
        }
    }

    /// Gives back the memory of those that were free for the longest time, beyond as many as are to keep it: not one by
    /// one, but when some have come together.
    fn cool(&self, inner: &mut Inner) {
        let Config { keep, geometry, .. } = &self.config;
        if inner.warm.len() <= keep + keep / 8 {
            return;
        }
        for slot in inner.warm.drain(..inner.warm.len() - keep) {
            // SAFETY: it is free, so it is as `Slot::write` has left it.
            let limit = unsafe { slot.as_ref() }.limit;
            let colour = limit + geometry.stride - size_of::<Slot>() - slot.addr().get();
            inner.cold.push((limit, colour / super::slot::LINE));
            // SAFETY: it is free, and what is in it will not be asked for.
            unsafe { memory::discard(limit + geometry.guard, geometry.stride - geometry.guard) };
        }
    }

    /// Remembers a thread's cache, for the statistics.
    pub(super) fn register(&self, cache: &Arc<Cache>) {
        let mut inner = self.lock();
        inner.caches.retain(|cache| cache.strong_count() > 0);
        inner.caches.push(Arc::downgrade(cache));
    }

    /// Lets a cache have stacks, unless those of other threads have half of all that there may be.
    pub(super) fn share(&self, cache: &Cache) {
        // Those that are let go of here give nothing back: their owners have done that.
        let inner = self.lock();
        let caches: Vec<_> = inner.caches.iter().filter_map(Weak::upgrade).collect();
        let shared: usize = caches.iter().map(|cache| cache.most()).sum();
        if shared + self.cached <= self.config.most / 2 {
            cache.set_most(self.cached);
        }
    }

    pub(super) fn statistics(&self) -> super::PoolStatistics {
        let inner = self.lock();
        let in_caches: usize = inner.caches.iter().filter_map(Weak::upgrade).map(|cache| cache.len()).sum();
        let Geometry { stride, guard, .. } = self.config.geometry;
        let resident = |region: &Region| match self.config.guards {
            Guards::Unmapped => (0..region.carved)
                .map(|number| memory::resident(region.memory.start + number * stride + guard, stride - guard))
                .sum(),
            _ => memory::resident(region.memory.start, region.carved * stride),
        };
        super::PoolStatistics {
            alive: inner.out.saturating_sub(in_caches),
            cached: inner.warm.len() + inner.cold.len() + in_caches,
            reserved_bytes: inner.regions.iter().map(|region| region.memory.length).sum(),
            resident_bytes: inner.regions.iter().map(resident).sum(),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if self.config.guards != Guards::Unmapped {
            return;
        }
        let Geometry { stride, guard, .. } = self.config.geometry;
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        for Region { _watch, memory, carved, .. } in inner.regions.drain(..) {
            drop(_watch);
            let start = memory.start;
            memory.unmap_around((0..carved).map(|number| (start + number * stride, guard)));
        }
    }
}
