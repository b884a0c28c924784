//! Many stacks in few mappings.

mod cache;
mod memory;
mod slot;
mod store;

use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

pub use memory::Guards;
pub(super) use memory::page_size;
pub(super) use slot::Geometry;
use slot::Slot;
use store::{Config, Store};

use super::{DEFAULT_STACK_SIZE, Stack, StackError, StackPointer, runs_on};

/// The size of the stacks in the smallest of the global pools, in bytes. Those of the others are powers of two times that.
const LEAST_GLOBAL: usize = 4096;

/// How many global pools there are.
const GLOBALS: usize = 15;

/// Guarded stacks of one size, to be used again and again.
///
/// Address space is reserved in large pieces; memory is taken as it is touched, page by page. A stack that is dropped goes
/// back to its pool, and the one that came back last is taken first, with what the caches still have of it: that takes no
/// system call, and mostly no lock, since each thread keeps up to 64 for itself. Where the kernel has
/// [`Guards::Installed`] a million stacks take a handful of mappings.
///
/// A [`DefaultStack`](super::DefaultStack) comes from such pools already: one of your own is for other guards, for a bound,
/// or for statistics of its own. A clone is another handle of the same pool. Stacks may outlive all handles: the memory is
/// unmapped when the last of them is dropped, but for what other threads keep for themselves until they end.
///
/// # Example
///
/// ```
/// use mixio::Coroutine;
/// use mixio::stack::StackPool;
///
/// # fn main() -> Result<(), mixio::stack::StackError> {
/// let pool = StackPool::builder().stack_size(32 << 10).slots(10_000).build()?;
/// let mut coroutine = Coroutine::<(), (), _, _>::with_stack(pool.get()?, |_, ()| "runs");
/// assert_eq!(coroutine.resume(()).as_return(), Some("runs"));
/// assert_eq!(pool.statistics().alive, 1);
/// drop(coroutine);
/// assert_eq!(pool.statistics().alive, 0);
/// # Ok(())
/// # }
/// ```
pub struct StackPool {
    store: Arc<Store>,
}

impl StackPool {
    /// A pool of [`DEFAULT_STACK_SIZE`], and everything else about it, may be set before it is built.
    pub fn builder() -> StackPoolBuilder {
        StackPoolBuilder {
            stack_size: DEFAULT_STACK_SIZE,
            guard_size: 1,
            slots: usize::MAX,
            colours: 32,
            huge_pages: false,
            keep_resident: 128 << 20,
            guards: None,
        }
    }

    /// The pool of the whole process that [`DefaultStack::new`](super::DefaultStack::new) takes stacks of this size from.
    ///
    /// There is one for each power of two up to 64 MiB. Its settings are those of [`builder`](Self::builder).
    ///
    /// # Errors
    ///
    /// [`StackError::TooSmall`] for zero, and [`StackError::TooLarge`] for more than 64 MiB: larger stacks are mapped one
    /// by one.
    pub fn global(size: usize) -> Result<&'static Self, StackError> {
        if size == 0 {
            return Err(StackError::TooSmall { size });
        }
        Self::global_up_to(size).ok_or(StackError::TooLarge { size })
    }

    /// That pool, unless the size is too large for one.
    #[inline(always)]
    pub(super) fn global_up_to(size: usize) -> Option<&'static Self> {
        /// Makes it.
        #[cold]
        fn make(place: &'static OnceLock<StackPool>, size: usize) -> &'static StackPool {
            let size = size.max(LEAST_GLOBAL).next_power_of_two();
            // None shares its caches with any other.
            let index = (size.trailing_zeros() - LEAST_GLOBAL.trailing_zeros()) as usize;
            let pool = StackPool::builder().stack_size(size).build_with_index(index);
            // Sizes like these are neither too small nor too large, and no guards are asked for.
            place.get_or_init(|| pool.unwrap_or_else(|error| unreachable!("{error}")))
        }

        let place = Self::global_place(size)?;
        Some(place.get().unwrap_or_else(|| make(place, size)))
    }

    /// Where that pool is once it is made.
    #[inline(always)]
    fn global_place(size: usize) -> Option<&'static OnceLock<Self>> {
        static POOLS: [OnceLock<StackPool>; GLOBALS] = [const { OnceLock::new() }; GLOBALS];

        let size = size.max(LEAST_GLOBAL).checked_next_power_of_two()?;
        POOLS.get((size.trailing_zeros() - LEAST_GLOBAL.trailing_zeros()) as usize)
    }

    /// A stack of the global pool for this size, if this thread has one in its cache.
    #[inline(always)]
    pub(super) fn cached(size: usize) -> Option<PooledStack> {
        let pool = Self::global_place(size)?.get()?;
        cache::take_cached(&pool.store).map(PooledStack)
    }

    /// A stack: one that has been used before, if there is one.
    ///
    /// # Errors
    ///
    /// [`StackError::PoolExhausted`] if as many as the pool may have are in use, or kept by other threads, and
    /// [`StackError::Exhausted`] if the operating system has no more for this process.
    #[inline(always)]
    pub fn get(&self) -> Result<PooledStack, StackError> {
        Ok(PooledStack(cache::take(&self.store)?))
    }

    /// How many bytes code on one of its stacks can use, at least, guard not included.
    pub fn stack_size(&self) -> usize {
        self.store.config.geometry.size()
    }

    /// How its stacks are guarded.
    pub fn guards(&self) -> Guards {
        self.store.config.guards
    }

    /// What there is of it at the moment. The bytes in memory are counted page by page: this isn't for hot paths.
    pub fn statistics(&self) -> PoolStatistics {
        self.store.statistics()
    }
}

impl Clone for StackPool {
    fn clone(&self) -> Self {
        self.store.handles.fetch_add(1, Ordering::Relaxed);
        StackPool { store: self.store.clone() }
    }
}

impl Drop for StackPool {
    fn drop(&mut self) {
        if self.store.handles.fetch_sub(1, Ordering::Relaxed) == 1 {
            cache::close(Arc::as_ptr(&self.store));
        }
    }
}

impl fmt::Debug for StackPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackPool")
            .field("stack_size", &self.stack_size())
            .field("guards", &self.guards())
            .finish_non_exhaustive()
    }
}

/// What a [`StackPool`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStatistics {
    /// Stacks in use.
    pub alive: usize,
    /// Free stacks, to be used again.
    pub cached: usize,
    /// Address space, in bytes, also of stacks that were never used.
    pub reserved_bytes: usize,
    /// Memory, in bytes, without page tables. (An emulator may count what was only reserved.)
    pub resident_bytes: usize,
}

/// Settings for a [`StackPool`].
///
/// # Example
///
/// ```
/// use mixio::stack::StackPool;
///
/// # fn main() -> Result<(), mixio::stack::StackError> {
/// let pool = StackPool::builder()
///     .stack_size(256 << 10) // bytes
///     .guard_size(64 << 10) // bytes: for C code that doesn't probe the stack
///     .slots(1000) // at once
///     .keep_resident(16 << 20) // bytes
///     .build()?;
/// assert!(pool.stack_size() >= 256 << 10);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is built"]
pub struct StackPoolBuilder {
    stack_size: usize,
    guard_size: usize,
    slots: usize,
    colours: usize,
    huge_pages: bool,
    keep_resident: usize,
    guards: Option<Guards>,
}

impl StackPoolBuilder {
    /// How many bytes code on each stack can use, at least. [`DEFAULT_STACK_SIZE`] if it isn't set.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = bytes;
        self
    }

    /// The least size of the guard under each stack, in bytes. One page if it isn't set.
    ///
    /// Rust touches each page of a large frame in turn, and can't miss a guard. Code in C that isn't compiled with
    /// `-fstack-clash-protection` may step over one that is smaller than its frame.
    pub fn guard_size(mut self, bytes: usize) -> Self {
        self.guard_size = bytes;
        self
    }

    /// How many stacks there may be at once, in use or cached. No bound if it isn't set.
    ///
    /// Threads keep at most a sixteenth of that for themselves, each.
    pub fn slots(mut self, stacks: usize) -> Self {
        self.slots = stacks;
        self
    }

    /// At how many different offsets stacks begin, multiples of 64 bytes. 32 if it isn't set; at least 1 and at most what
    /// fits into a page.
    ///
    /// The first bytes of a stack are those that are used the most. Where the stacks of many coroutines begin at the same
    /// offset of a page they evict one another from the caches.
    pub fn colours(mut self, offsets: usize) -> Self {
        self.colours = offsets;
        self
    }

    /// Whether to ask the system for huge pages. If it isn't set they are declined, also where they are the default:
    /// else one byte in use may take 2 MiB of memory.
    ///
    /// For stacks of many megabytes that are used to their depths. Guards break up the huge page that they lie in.
    pub fn huge_pages(mut self, huge: bool) -> Self {
        self.huge_pages = huge;
        self
    }

    /// How many bytes of free stacks may stay in memory, counting each as if all of it had been used. 128 MiB if it isn't
    /// set.
    ///
    /// Beyond that the memory of those that were free for the longest time is given back to the operating system, many at
    /// a time. They remain in the pool. What threads keep for themselves, up to 64 stacks each, comes on top; but none keeps
    /// more than a quarter of this.
    pub fn keep_resident(mut self, bytes: usize) -> Self {
        self.keep_resident = bytes;
        self
    }

    /// How stacks are guarded, instead of by the [best](Guards::best) that the system has.
    pub fn guards(mut self, guards: Guards) -> Self {
        self.guards = Some(guards);
        self
    }

    /// Makes the pool. No memory is taken yet.
    ///
    /// # Errors
    ///
    /// [`StackError::TooSmall`] for a stack of no bytes, [`StackError::TooLarge`] for more than an address space can hold,
    /// [`StackError::NoSuchGuards`] for guards that this system doesn't have.
    pub fn build(self) -> Result<StackPool, StackError> {
        /// How many there have been.
        static POOLS: AtomicUsize = AtomicUsize::new(0);

        // They take turns in the caches that the global pools leave.
        let turn = POOLS.fetch_add(1, Ordering::Relaxed) % (cache::POOLS - GLOBALS);
        self.build_with_index(GLOBALS + turn)
    }

    fn build_with_index(self, index: usize) -> Result<StackPool, StackError> {
        let geometry = Geometry::new(self.stack_size, self.guard_size, self.colours)?;
        let guards = match self.guards {
            Some(guards) if !guards.available() => return Err(StackError::NoSuchGuards { guards }),
            Some(guards) => guards,
            None => Guards::best(),
        };
        let keep = self.keep_resident / (geometry.stride - geometry.guard);
        let config = Config { geometry, guards, huge_pages: self.huge_pages, most: self.slots, keep };
        Ok(StackPool { store: Store::new(config, index) })
    }
}

/// A stack of a [`StackPool`], which goes back there when it is dropped.
pub struct PooledStack(NonNull<Slot>);

// SAFETY: it is memory that nobody else uses. Wherever it is dropped, it goes to that thread's cache, or to the store.
unsafe impl Send for PooledStack {}
// SAFETY: a shared reference to it gives addresses and sizes, and no more.
unsafe impl Sync for PooledStack {}

impl PooledStack {
    /// How many bytes code on this stack can use, guard not included.
    pub fn size(&self) -> usize {
        self.base().get() - self.slot().limit - self.slot().guard
    }

    #[inline(always)]
    fn slot(&self) -> &Slot {
        // SAFETY: it was written when the stack was taken, and nobody else writes to it.
        unsafe { self.0.as_ref() }
    }
}

// SAFETY: the slot is ours until it is dropped; its base is aligned to 32 bytes, its size is at least MIN_STACK_SIZE, and
// its lowest pages were made a guard.
unsafe impl Stack for PooledStack {
    #[inline(always)]
    fn base(&self) -> StackPointer {
        self.0.addr()
    }

    #[inline(always)]
    fn limit(&self) -> StackPointer {
        // SAFETY: the memory is ours, so it isn't at null.
        unsafe { StackPointer::new_unchecked(self.slot().limit) }
    }

    #[inline(always)]
    fn guard_size(&self) -> usize {
        self.slot().guard
    }
}

impl PooledStack {
    /// As dropping it, for who knows that this doesn't run on it.
    #[inline(always)]
    pub(crate) fn give_back(self) {
        let slot = ManuallyDrop::new(self).0;
        // SAFETY: nobody else has it, and whatever ran on it has stopped, as whoever made use of it has promised.
        unsafe { cache::give(slot) }
    }
}

impl Drop for PooledStack {
    #[inline(always)]
    fn drop(&mut self) {
        if !runs_on(self) {
            // SAFETY: as in `give_back`.
            unsafe { cache::give(self.0) }
        }
    }
}

impl fmt::Debug for PooledStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PooledStack").field("size", &self.size()).finish_non_exhaustive()
    }
}
