//! Stacks in memory that the user brings.

use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
#[cfg(feature = "std")]
use core::ptr::NonNull;

#[cfg(feature = "std")]
use super::runs_on;
use super::{MIN_STACK_SIZE, STACK_ALIGNMENT, Stack, StackError, StackPointer};

/// A stack in a block of memory, with no guard under it.
///
/// For bare metal, for memory from an arena or a static, and wherever pages can't be protected. Running off its end
/// overwrites whatever lies below, which is why making one is `unsafe`. (OpenBSD ends a process that runs on memory which wasn't
/// mapped with `MAP_STACK`.)
///
/// # Example
///
/// Without std, or an allocator:
///
/// ```
/// use core::mem::MaybeUninit;
/// use mixio::stack::UnguardedStack;
/// use mixio::{CoroutineResult, ScopedCoroutine};
///
/// let mut memory = [MaybeUninit::<u8>::uninit(); 64 << 10];
/// // SAFETY: the coroutine calls nothing but `suspend`: 64 KiB are plenty.
/// let stack = unsafe { UnguardedStack::borrowed(&mut memory) }?;
/// ScopedCoroutine::with_stack(stack, |yielder, n: u32| yielder.suspend(n + 1)).scope(|mut coroutine| {
///     assert_eq!(coroutine.resume(1), CoroutineResult::Yield(2));
///     assert_eq!(coroutine.resume(3), CoroutineResult::Return(3));
/// });
/// # Ok::<(), mixio::stack::StackError>(())
/// ```
pub struct UnguardedStack<'a> {
    base: StackPointer,
    limit: StackPointer,
    /// The block, where it is ours to free.
    #[cfg(feature = "std")]
    owned: Option<NonNull<[MaybeUninit<u8>]>>,
    marker: PhantomData<&'a mut [MaybeUninit<u8>]>,
}

// SAFETY: it is an exclusive reference to a block of bytes, or owns one.
unsafe impl Send for UnguardedStack<'_> {}
// SAFETY: a shared reference to it gives two addresses and no more.
unsafe impl Sync for UnguardedStack<'_> {}

impl<'a> UnguardedStack<'a> {
    /// A stack in borrowed memory. Both ends are cut to [`STACK_ALIGNMENT`].
    ///
    /// # Safety
    ///
    /// No code that runs on this stack uses more than its size.
    ///
    /// # Errors
    ///
    /// [`StackError::TooSmall`] if less than [`MIN_STACK_SIZE`] is left.
    pub unsafe fn borrowed(memory: &'a mut [MaybeUninit<u8>]) -> Result<Self, StackError> {
        let size = memory.len();
        // Exposed, since a `Stack` speaks of addresses.
        let start = memory.as_mut_ptr().expose_provenance();
        let base = (start + size) & !(STACK_ALIGNMENT - 1);
        let limit = start.next_multiple_of(STACK_ALIGNMENT);
        match (StackPointer::new(base), StackPointer::new(limit)) {
            (Some(base_pointer), Some(limit_pointer)) if base.saturating_sub(limit) >= MIN_STACK_SIZE => {
                Ok(UnguardedStack {
                    base: base_pointer,
                    limit: limit_pointer,
                    #[cfg(feature = "std")]
                    owned: None,
                    marker: PhantomData,
                })
            }
            _ => Err(StackError::TooSmall { size }),
        }
    }
}

#[cfg(feature = "std")]
impl UnguardedStack<'static> {
    /// A stack in memory from the heap, freed with it. Both ends are cut to [`STACK_ALIGNMENT`].
    ///
    /// ```
    /// use mixio::stack::UnguardedStack;
    ///
    /// // SAFETY: nothing runs on it.
    /// let stack = unsafe { UnguardedStack::boxed(Box::new_uninit_slice(64 << 10)) };
    /// assert!(stack.is_ok());
    /// ```
    ///
    /// # Safety
    ///
    /// No code that runs on this stack uses more than its size.
    ///
    /// # Errors
    ///
    /// [`StackError::TooSmall`] if less than [`MIN_STACK_SIZE`] is left.
    pub unsafe fn boxed(memory: Box<[MaybeUninit<u8>]>) -> Result<Self, StackError> {
        // A raw pointer, not a box: that would claim to be the only way to the memory each time it is moved.
        let mut block = Owned(NonNull::from(Box::leak(memory)));
        // SAFETY: the block is ours; nobody else refers to it.
        let memory = unsafe { block.0.as_mut() };
        // SAFETY: as the caller says.
        let mut stack = unsafe { UnguardedStack::borrowed(memory) }?;
        stack.owned = Some(block.0);
        core::mem::forget(block);
        Ok(stack)
    }
}

/// A block from the heap.
#[cfg(feature = "std")]
struct Owned(NonNull<[MaybeUninit<u8>]>);

#[cfg(feature = "std")]
impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: `boxed` got it from a box, and it is freed only here.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

#[cfg(feature = "std")]
impl Drop for UnguardedStack<'_> {
    fn drop(&mut self) {
        if !runs_on(self) {
            drop(self.owned.take().map(Owned));
        }
    }
}

// SAFETY: the memory is borrowed or owned for as long as this lives; both ends are aligned, and far enough apart; the
// maker of the stack has vouched for how deep the code on it goes.
unsafe impl Stack for UnguardedStack<'_> {
    #[inline]
    fn base(&self) -> StackPointer {
        self.base
    }

    #[inline]
    fn limit(&self) -> StackPointer {
        self.limit
    }
}

impl fmt::Debug for UnguardedStack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnguardedStack").field("size", &(self.base.get() - self.limit.get())).finish_non_exhaustive()
    }
}
