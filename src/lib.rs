//! Ordinary synchronous Rust on asynchronous I/O.
#![cfg_attr(not(feature = "std"), no_std)]

mod arch;
#[cfg(feature = "std")]
mod bridge;
mod coroutine;
pub mod stack;

#[cfg(feature = "std")]
pub use bridge::{AsAsync, FutureExt, WaitError, as_async, in_coroutine, try_wait, wait};
pub use coroutine::{Coroutine, CoroutineResult, ScopedCoroutine, ScopedCoroutineRef, Yielder, on_stack};
