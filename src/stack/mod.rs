//! Memory for coroutines to run on.
//!
//! [`DefaultStack`] is what almost everybody wants: from a pool, with a guard under it. [`StackPool`] is for pools of your
//! own. [`Stack`] is the contract, for memory that comes from elsewhere; [`UnguardedStack`] makes a stack of any block of
//! memory, where no guard can be had.
//!
//! # Overflow
//!
//! A coroutine that runs off the end of its stack touches the guard. That is reported on the standard error, with the place
//! where it was created, the size of its stack and how to enlarge it; then the process aborts, as it does when a thread
//! overflows its stack. For that a handler of SIGSEGV and SIGBUS is installed when the first stack is made: it passes all
//! other faults on to whoever had the signal before. A handler that is installed later should pass on what isn't its own,
//! too; otherwise there is no report. Nor is there one in the destructor of a thread-local, where `std` has already taken back
//! what the handler runs on.

#[cfg(feature = "std")]
mod default;
#[cfg(feature = "std")]
pub(crate) mod overflow;
#[cfg(feature = "std")]
mod pool;
mod unguarded;

use core::num::NonZeroUsize;

#[cfg(feature = "std")]
pub use default::DefaultStack;
#[cfg(feature = "std")]
pub use pool::{Guards, PoolStatistics, PooledStack, StackPool, StackPoolBuilder};
pub use unguarded::UnguardedStack;

/// An address on a stack.
pub type StackPointer = NonZeroUsize;

/// The alignment of a stack's base, in bytes.
pub const STACK_ALIGNMENT: usize = crate::arch::STACK_ALIGNMENT;

/// The least usable size of a stack, in bytes, guard not included.
///
/// Enough for a small function; a panic that prints a backtrace needs about 22 KiB.
pub const MIN_STACK_SIZE: usize = 4096;

/// The size of a [`DefaultStack::default`], in bytes: 128 KiB in a release build, 1 MiB in one with debug assertions.
///
/// Real synchronous code, an ORM, a TLS handshake, a deeply nested document, has been seen to use up to 42 KiB in a release
/// build and 178 KiB in a debug build; a panic that prints a backtrace takes another 22 KiB. It is address space that is
/// reserved: memory is taken as it is touched, page by page. More address space costs memory too, though, for page tables
/// (an eighth of a kilobyte for each 64 KiB), and time, where many thousands take turns.
#[cfg(feature = "std")]
pub const DEFAULT_STACK_SIZE: usize = if cfg!(debug_assertions) { 1 << 20 } else { 128 << 10 };

/// Memory that a coroutine can run on.
///
/// # Safety
///
/// - From `limit()` up to `base()` is memory that is readable and writable but for a guard at its lower end, that
///   nothing else uses, and whose provenance is exposed. It stays there, at the same address, until the `Stack` is
///   dropped, however often the `Stack` itself is moved.
/// - `base()` is aligned to [`STACK_ALIGNMENT`], and at least [`MIN_STACK_SIZE`] bytes below it are usable.
/// - Running off the lower end hits the guard, which stops the program (or else whoever made the `Stack` has vouched,
///   in an `unsafe` call, that no code on it will run so deep).
/// - Both methods always give the same address.
pub unsafe trait Stack {
    /// The highest address, where the stack begins: it grows downwards.
    fn base(&self) -> StackPointer;

    /// The lowest address, guard included.
    fn limit(&self) -> StackPointer;

    /// How many bytes from the limit up are the guard; zero if that isn't known.
    ///
    /// For saying in good time that a closure is too large for the stack, instead of running into the guard.
    fn guard_size(&self) -> usize {
        0
    }
}

// SAFETY: the memory is that of the borrowed stack, which the exclusive reference keeps as it is and out of other hands.
unsafe impl<S: Stack> Stack for &mut S {
    #[inline]
    fn base(&self) -> StackPointer {
        (**self).base()
    }

    #[inline]
    fn limit(&self) -> StackPointer {
        (**self).limit()
    }

    #[inline]
    fn guard_size(&self) -> usize {
        (**self).guard_size()
    }
}

/// Whether this code runs on the stack.
///
/// It does, though a stack that is in use is owned or borrowed, if a stack in a thread-local is borrowed to run what calls
/// `exit`: that runs the destructors of thread-locals, which get at the stack again.
#[inline(always)]
pub(crate) fn runs_on(stack: &impl Stack) -> bool {
    let local = 0u8;
    let (limit, base) = (stack.limit().get(), stack.base().get());
    (&raw const local).addr().wrapping_sub(limit) < base - limit
}

/// Why there is no stack.
#[derive(Debug)]
#[non_exhaustive]
pub enum StackError {
    /// A size too small to be of use: of zero for a [`DefaultStack`], less than [`MIN_STACK_SIZE`] after alignment for
    /// memory that the user brought.
    TooSmall {
        /// The size asked for or brought, in bytes.
        size: usize,
    },
    /// A size that no address space has room for.
    TooLarge {
        /// The size asked for, in bytes.
        size: usize,
    },
    /// The operating system has no more memory, address space or mappings for this process.
    #[cfg(feature = "std")]
    Exhausted {
        /// How much can be used of each stack in such a pool, in bytes: at least what was asked for.
        size: usize,
        /// What the operating system answered.
        source: std::io::Error,
    },
    /// All stacks that a [`StackPool`] may have are in use, or kept by other threads for themselves.
    #[cfg(feature = "std")]
    PoolExhausted {
        /// How many that are.
        slots: usize,
    },
    /// Guards that this system doesn't have.
    #[cfg(feature = "std")]
    NoSuchGuards {
        /// Those asked for.
        guards: Guards,
    },
}

impl core::fmt::Display for StackError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            StackError::TooSmall { size } => {
                write!(f, "a stack of {size} bytes is too small: it takes at least {MIN_STACK_SIZE}, aligned")
            }
            StackError::TooLarge { size } => write!(f, "no address space has room for a stack of {size} bytes"),
            #[cfg(feature = "std")]
            StackError::Exhausted { size, source } => write!(
                f,
                "the operating system gives no stack of {size} bytes: {source} (what may be raised: sysctl \
                 vm.max_map_count, ulimit -v, the cgroup's limit for memory)"
            ),
            #[cfg(feature = "std")]
            StackError::PoolExhausted { slots } => write!(
                f,
                "all {slots} stacks of the pool are in use; `StackPool::builder().slots(..)` says how many it has"
            ),
            #[cfg(feature = "std")]
            StackError::NoSuchGuards { guards } => {
                write!(f, "this system has no such guards for stacks: {guards:?}")
            }
        }
    }
}

impl core::error::Error for StackError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            #[cfg(feature = "std")]
            StackError::Exhausted { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(feature = "std")]
impl From<StackError> for std::io::Error {
    fn from(error: StackError) -> Self {
        let kind = match error {
            StackError::Exhausted { .. } | StackError::PoolExhausted { .. } => std::io::ErrorKind::OutOfMemory,
            StackError::NoSuchGuards { .. } => std::io::ErrorKind::Unsupported,
            StackError::TooSmall { .. } | StackError::TooLarge { .. } => std::io::ErrorKind::InvalidInput,
        };
        std::io::Error::new(kind, error)
    }
}
