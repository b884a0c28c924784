//! What a thread keeps of a pool: a few free stacks, for itself alone, so that most come and go without a lock.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::slot::Slot;
use super::store::Store;
use crate::stack::{StackError, overflow};

/// How many pools a thread can have caches of, at a time. Two pools with the same index drive each other out. A power of two.
pub(super) const POOLS: usize = 32;

/// A thread's free stacks of one pool.
pub(super) struct Cache {
    store: Arc<Store>,
    /// How many there are. Only the owner writes it; others read it for the statistics.
    len: AtomicUsize,
    /// How many there may be. Only the owner and the store write it.
    most: AtomicUsize,
    /// The first `len` are free stacks, the one used last at the end.
    slots: UnsafeCell<[MaybeUninit<NonNull<Slot>>; Cache::CAPACITY]>,
}

// SAFETY: other threads read only the length, which is atomic, and the store, which they may.
unsafe impl Sync for Cache {}
// SAFETY: free stacks are anybody's who holds them.
unsafe impl Send for Cache {}

thread_local! {
    // Needs no destructor, so that reading it is no more than that.
    static CACHES: Caches = const {
        Caches([const { Cell::new(ptr::null()) }; POOLS])
    };
    /// What `CACHES` points to.
    static OWNED: Owned = const { Owned(RefCell::new([const { None }; POOLS])) };
}

impl Caches {
    /// The cache of pools with this index, which is less than `POOLS`.
    #[inline(always)]
    fn at(&self, index: usize) -> &Cell<*const Cache> {
        // Masked, so that the bound needn't be checked.
        &self.0[index % POOLS]
    }
}

/// Each null, or one that `OWNED` has.
struct Caches([Cell<*const Cache>; POOLS]);

struct Owned(RefCell<[Option<Arc<Cache>>; POOLS]>);

impl Drop for Owned {
    fn drop(&mut self) {
        CACHES.with(|caches| caches.0.iter().for_each(|cache| cache.set(ptr::null())));
        for cache in self.0.get_mut().iter_mut().filter_map(Option::take) {
            // SAFETY: this is the thread's own, and no longer found by anybody.
            unsafe { cache.give_back(Cache::CAPACITY) };
        }
    }
}

impl Cache {
    /// How many stacks there may be in one. Half of them are traded with the store at a time.
    pub(super) const CAPACITY: usize = 64;

    /// How many there are.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// How many there may be.
    #[inline(always)]
    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    pub(super) fn set_most(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// The stack that was used last.
    ///
    /// # Safety
    ///
    /// The cache belongs to this thread.
    #[inline(always)]
    unsafe fn pop(&self) -> Option<NonNull<Slot>> {
        let len = self.len().checked_sub(1)?;
        self.len.store(len, Ordering::Relaxed);
        // SAFETY: only this thread touches the slots, and it does so nowhere else meanwhile.
        let slots = unsafe { &*self.slots.get() };
        // SAFETY: the length is at most CAPACITY.
        let slot = unsafe { slots.get_unchecked(len) };
        // SAFETY: the length says that it is there.
        Some(unsafe { slot.assume_init() })
    }

    /// Adds a stack, if there is room.
    ///
    /// # Safety
    ///
    /// The cache belongs to this thread.
    #[inline(always)]
    unsafe fn push(&self, slot: NonNull<Slot>) -> bool {
        let len = self.len();
        if len >= self.most() {
            return false;
        }
        // SAFETY: only this thread touches the slots, and it does so nowhere else meanwhile.
        let slots = unsafe { &mut *self.slots.get() };
        // SAFETY: the store caches at most CAPACITY.
        unsafe { slots.get_unchecked_mut(len) }.write(slot);
        self.len.store(len + 1, Ordering::Relaxed);
        true
    }

    /// Gives those back to the store that were used the longest ago: so many, or all there are.
    ///
    /// # Safety
    ///
    /// The cache belongs to this thread.
    unsafe fn give_back(&self, count: usize) {
        let len = self.len();
        let count = count.min(len);
        // SAFETY: only this thread touches the slots, and it does so nowhere else meanwhile.
        let slots = unsafe { &mut *self.slots.get() };
        let mut given = [NonNull::dangling(); Self::CAPACITY];
        for (slot, given) in slots[..count].iter().zip(&mut given) {
            // SAFETY: the length says that they are there.
            *given = unsafe { slot.assume_init() };
        }
        slots.copy_within(count..len, 0);
        self.len.store(len - count, Ordering::Relaxed);
        // SAFETY: they are free, and the store's.
        unsafe { Store::give(Arc::as_ptr(&self.store), &given[..count]) };
    }
}

/// A free stack of the pool.
#[inline(always)]
pub(super) fn take(store: &Arc<Store>) -> Result<NonNull<Slot>, StackError> {
    match take_cached(store) {
        Some(slot) => Ok(slot),
        None => take_from_store(store),
    }
}

/// A free stack of the pool, if this thread has one.
#[inline(always)]
pub(super) fn take_cached(store: &Arc<Store>) -> Option<NonNull<Slot>> {
    let cache = CACHES.with(|caches| caches.at(store.index).get());
    // SAFETY: it is this thread's own, or null.
    let cache = unsafe { cache.as_ref() }.filter(|cache| Arc::ptr_eq(&cache.store, store))?;
    // SAFETY: as above.
    unsafe { cache.pop() }
}

#[cold]
#[inline(never)]
fn take_from_store(store: &Arc<Store>) -> Result<NonNull<Slot>, StackError> {
    let mut spare = [NonNull::dangling(); Cache::CAPACITY / 2];
    let cache = own(store);
    let room = cache.as_ref().map_or(0, |cache| cache.most() / 2);
    let (slot, count) = store.take(&mut spare[..room])?;
    for slot in &spare[..count] {
        // SAFETY: it is this thread's own, and empty: else nobody would have asked the store.
        let pushed = cache.as_ref().is_some_and(|cache| unsafe { cache.push(*slot) });
        debug_assert!(pushed, "there was room");
    }
    Ok(slot)
}

/// This thread's cache of the pool, which takes the place of another one's if need be. None if the thread is about to end,
/// or if the pool's stacks aren't cached.
///
/// A thread that has one is prepared for an overflow, however its stacks came there.
fn own(store: &Arc<Store>) -> Option<Arc<Cache>> {
    overflow::prepare_thread();
    if store.cached == 0 {
        return None;
    }
    // The other one's stacks are given back when it isn't borrowed any more: that may free a pool.
    let (cache, other) = OWNED
        .try_with(|owned| {
            let mut owned = owned.0.borrow_mut();
            let place = &mut owned[store.index];
            if let Some(cache) = place
                && Arc::ptr_eq(&cache.store, store)
            {
                return (cache.clone(), None);
            }
            let cache = Arc::new(Cache {
                store: store.clone(),
                len: AtomicUsize::new(0),
                most: AtomicUsize::new(0),
                slots: UnsafeCell::new([MaybeUninit::uninit(); Cache::CAPACITY]),
            });
            CACHES.with(|caches| caches.at(store.index).set(Arc::as_ptr(&cache)));
            (cache.clone(), Some(place.replace(cache)))
        })
        .ok()?;
    if let Some(other) = other {
        store.register(&cache);
        if let Some(other) = other {
            // SAFETY: it was this thread's own, and nobody finds it any more.
            unsafe { other.give_back(Cache::CAPACITY) };
        }
    }
    if cache.most() == 0 {
        store.share(&cache);
    }
    Some(cache)
}

/// Takes a stack back.
///
/// # Safety
///
/// It is free from now on.
#[inline(always)]
pub(super) unsafe fn give(slot: NonNull<Slot>) {
    // SAFETY: it was taken from a pool, so it has been written, and its store is there for as long as it is out.
    let store = unsafe { slot.as_ref() }.store;
    // SAFETY: as above.
    let index = unsafe { &*store }.index;
    let cache = CACHES.with(|caches| caches.at(index).get());
    // SAFETY: it is this thread's own.
    if let Some(cache) = unsafe { cache.as_ref() }
        && Arc::as_ptr(&cache.store) == store
        // SAFETY: as above.
        && unsafe { cache.push(slot) }
    {
        return;
    }
    // SAFETY: as the caller says.
    unsafe { give_to_store(slot, store) }
}

/// # Safety
///
/// As [`give`], for a stack of this store.
#[cold]
#[inline(never)]
unsafe fn give_to_store(slot: NonNull<Slot>, store: *const Store) {
    // SAFETY: the slot is out, so the store is there.
    let is_open = unsafe { &*store }.handles.load(Ordering::Relaxed) > 0;
    if is_open {
        // SAFETY: the store is there, in an `Arc`.
        unsafe { Arc::increment_strong_count(store) };
        // SAFETY: this takes the reference that has just been made.
        let store = unsafe { Arc::from_raw(store) };
        if let Some(cache) = own(&store) {
            // SAFETY: it is this thread's own.
            unsafe { cache.give_back(cache.most().div_ceil(2)) };
            // SAFETY: as above.
            if unsafe { cache.push(slot) } {
                return;
            }
        }
    } else {
        close(store);
    }
    // SAFETY: it is free, and the store's, which is there while it is out.
    unsafe { Store::give(store, &[slot]) };
}

/// Gives this thread's cache of a pool up.
pub(super) fn close(store: *const Store) {
    // A thread that is about to end has none.
    let cache = OWNED.try_with(|owned| {
        let mut owned = owned.0.borrow_mut();
        let place =
            owned.iter_mut().find(|place| place.as_ref().is_some_and(|one| Arc::as_ptr(&one.store) == store))?;
        let cache = place.take()?;
        CACHES.with(|caches| caches.at(cache.store.index).set(ptr::null()));
        Some(cache)
    });
    if let Ok(Some(cache)) = cache {
        // SAFETY: it was this thread's own, and nobody finds it any more.
        unsafe { cache.give_back(Cache::CAPACITY) };
    }
}
