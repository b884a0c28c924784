//! The stack that coroutines get unless they are told otherwise.

use std::fmt;

use super::pool::{Guards, PooledStack, StackPool};
use super::{DEFAULT_STACK_SIZE, Stack, StackError, StackPointer};

/// A stack from the pools of the process, with a guard under it: running off its end ends the program, with a report.
///
/// There is a [pool](StackPool::global) for each power of two: a stack that is dropped is used again, so that this costs
/// no system call. One of more than 64 MiB is mapped for itself.
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
/// // A stack can be used again, also by hand.
/// let mut coroutine = Coroutine::<(), (), _, _>::with_stack(coroutine.into_stack(), |_, ()| "again");
/// assert_eq!(coroutine.resume(()), CoroutineResult::Return("again"));
/// # Ok(())
/// # }
/// ```
pub struct DefaultStack(PooledStack);

impl DefaultStack {
    /// A stack with at least `size` usable bytes.
    ///
    /// # Errors
    ///
    /// [`StackError::TooSmall`] for zero, [`StackError::TooLarge`] for more than an address space can hold, and
    /// [`StackError::Exhausted`] if the operating system refuses.
    #[inline(always)]
    pub fn new(size: usize) -> Result<Self, StackError> {
        match StackPool::global_up_to(size) {
            Some(pool) if size > 0 => pool.get().map(DefaultStack),
            _ => Self::alone(size),
        }
    }

    /// One that is too large for the pools, or of no size.
    #[cold]
    fn alone(size: usize) -> Result<Self, StackError> {
        let mut pool = StackPool::builder().stack_size(size).slots(1);
        if Guards::best() == Guards::Unmapped {
            // The addresses that those take are scarcer than the mappings that it saves.
            pool = pool.guards(Guards::Protected);
        }
        pool.build()?.get().map(DefaultStack)
    }

    /// One of [`DEFAULT_STACK_SIZE`], if this thread has one in its cache.
    #[inline(always)]
    pub(crate) fn cached() -> Option<PooledStack> {
        StackPool::cached(DEFAULT_STACK_SIZE)
    }

    #[inline(always)]
    pub(crate) fn into_pooled(self) -> PooledStack {
        self.0
    }

    /// How many bytes code on this stack can use, guard not included.
    pub fn size(&self) -> usize {
        self.0.size()
    }
}

impl Default for DefaultStack {
    /// A stack of [`DEFAULT_STACK_SIZE`].
    ///
    /// # Panics
    ///
    /// If the operating system refuses: [`new`](DefaultStack::new) gives an error instead.
    #[inline]
    fn default() -> Self {
        match Self::new(DEFAULT_STACK_SIZE) {
            Ok(stack) => stack,
            Err(error) => refused(error),
        }
    }
}

#[cold]
fn refused(error: StackError) -> ! {
    panic!("{error}")
}

// SAFETY: it is the stack within.
unsafe impl Stack for DefaultStack {
    #[inline(always)]
    fn base(&self) -> StackPointer {
        self.0.base()
    }

    #[inline(always)]
    fn limit(&self) -> StackPointer {
        self.0.limit()
    }

    #[inline(always)]
    fn guard_size(&self) -> usize {
        self.0.guard_size()
    }
}

impl fmt::Debug for DefaultStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DefaultStack").field("size", &self.size()).finish_non_exhaustive()
    }
}
