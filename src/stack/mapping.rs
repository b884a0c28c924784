//! One mapping with a guard page under it.

use std::fmt;
use std::io;
use std::sync::OnceLock;

use memmap2::{MmapMut, MmapOptions};

use super::{MIN_STACK_SIZE, Stack, StackError, StackPointer};

/// The size of a [`DefaultStack::default`]: 1 MiB.
///
/// That much address space is reserved; memory is taken as it is touched, page by page. Real synchronous code, an ORM
/// or a TLS handshake, has been seen to use up to 42 KiB in a release build and 178 KiB in a debug build.
pub const DEFAULT_STACK_SIZE: usize = 1 << 20;

/// A stack in a mapping of its own, with a guard page under it: running off its end stops the program by a fault.
///
/// # Example
///
/// ```
/// use mixio::stack::DefaultStack;
/// use mixio::{Coroutine, CoroutineResult};
///
/// # fn main() -> Result<(), mixio::stack::StackError> {
/// let stack = DefaultStack::new(64 << 10)?;
/// let mut coroutine = Coroutine::<(), (), _, _>::with_stack(stack, |_, ()| "small");
/// assert_eq!(coroutine.resume(()), CoroutineResult::Return("small"));
///
/// // A stack can be used again.
/// let mut coroutine = Coroutine::<(), (), _, _>::with_stack(coroutine.into_stack(), |_, ()| "again");
/// assert_eq!(coroutine.resume(()), CoroutineResult::Return("again"));
/// # Ok(())
/// # }
/// ```
pub struct DefaultStack {
    /// Unmaps when it is dropped. Nothing else is asked of it: as a slice it would refer to frames, and to the guard.
    _mapping: MmapMut,
    base: StackPointer,
    /// In bytes, guard included.
    length: usize,
}

impl DefaultStack {
    /// A stack with at least `size` usable bytes, rounded up to pages.
    ///
    /// # Errors
    ///
    /// [`StackError::TooSmall`] for zero, [`StackError::TooLarge`] for more than an address space can hold, and
    /// [`StackError::Exhausted`] if the operating system refuses: on Linux a process has at most
    /// `vm.max_map_count` mappings, 65,530 if nobody has changed it, and each of these stacks takes two.
    pub fn new(size: usize) -> Result<Self, StackError> {
        let page = page_size();
        if size == 0 {
            return Err(StackError::TooSmall { size });
        }
        // One more page for the guard. No allocation is larger than isize::MAX.
        let length = size
            .max(MIN_STACK_SIZE)
            .checked_next_multiple_of(page)
            .and_then(|usable| usable.checked_add(page))
            .filter(|length| isize::try_from(*length).is_ok())
            .ok_or(StackError::TooLarge { size })?;
        let exhausted = |source| StackError::Exhausted { size, source };
        // Not reserved: a stack is as large as its deepest call may need, and most stay far from that.
        let mut mapping = MmapOptions::new().len(length).stack().no_reserve_swap().map_anon().map_err(exhausted)?;
        // Exposed, since a `Stack` speaks of addresses.
        let start = mapping.as_mut_ptr().expose_provenance();
        // SAFETY: the page is the first of our own mapping, and nothing is in it.
        if unsafe { libc::mprotect(mapping.as_mut_ptr().cast(), page, libc::PROT_NONE) } != 0 {
            return Err(exhausted(io::Error::last_os_error()));
        }
        match StackPointer::new(start + length) {
            Some(base) => Ok(DefaultStack { _mapping: mapping, base, length }),
            None => Err(StackError::TooLarge { size }),
        }
    }

    /// How many bytes code on this stack can use, guard not included.
    pub fn size(&self) -> usize {
        self.length - page_size()
    }
}

impl Default for DefaultStack {
    /// A stack of [`DEFAULT_STACK_SIZE`].
    ///
    /// # Panics
    ///
    /// If the operating system refuses: [`new`](DefaultStack::new) gives an error instead.
    fn default() -> Self {
        match Self::new(DEFAULT_STACK_SIZE) {
            Ok(stack) => stack,
            Err(error) => panic!("{error}"),
        }
    }
}

/// The size of a page, asked once.
fn page_size() -> usize {
    static PAGE_SIZE: OnceLock<usize> = OnceLock::new();
    *PAGE_SIZE.get_or_init(|| {
        // SAFETY: it only asks.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(size).ok().filter(|size| size.is_power_of_two()).expect("the page size is a power of two")
    })
}

// SAFETY: the mapping is ours and doesn't move when this does; its base is aligned to pages, its size at least
// MIN_STACK_SIZE, and its first page can't be touched.
unsafe impl Stack for DefaultStack {
    #[inline]
    fn base(&self) -> StackPointer {
        self.base
    }

    #[inline]
    fn limit(&self) -> StackPointer {
        // SAFETY: it is the start of the mapping, which is not at null.
        unsafe { StackPointer::new_unchecked(self.base.get() - self.length) }
    }

    #[inline]
    fn guard_size(&self) -> usize {
        page_size()
    }
}

impl fmt::Debug for DefaultStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DefaultStack").field("size", &self.size()).finish_non_exhaustive()
    }
}
