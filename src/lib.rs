//! Ordinary synchronous Rust on asynchronous I/O.
//!
//! A plain `fn`, with everything that it calls, becomes a `Future`: [`as_async`]. Inside it [`wait`] gives a future's
//! value as if it blocked, while in truth only this one stack is set aside and the thread goes on with other work. No
//! `async`, no `.await` all the way down.
//!
//! ```
//! use std::time::Duration;
//! use mixio::{as_async, wait};
//!
//! /// Plain, synchronous code: a callback, an ORM, an iterator, a `Drop`.
//! fn brew(cups: u64) -> String {
//!     for _ in 0..cups {
//!         wait(smol::Timer::after(Duration::from_millis(10)));
//!     }
//!     format!("{cups} cups")
//! }
//!
//! let executor = smol::LocalExecutor::new();
//! let tables = [1, 2, 3].map(|cups| executor.spawn(as_async(move || brew(cups))));
//! let served = smol::block_on(executor.run(async {
//!     let mut served = Vec::new();
//!     for table in tables {
//!         served.push(table.await);
//!     }
//!     served
//! }));
//! assert_eq!(served, ["1 cups", "2 cups", "3 cups"]); // in 30 ms, on this one thread
//! ```
//!
//! Under it lies a runtime for switching stacks, which can be used by itself: [`Coroutine`].
//!
//! # Map
//!
//! | layer | what is there |
//! | --- | --- |
//! | the setting | [`Io`]: asynchronous or blocking, for libraries that can do both (feature `std`) |
//! | the bridge | [`as_async`], [`wait`] (a method too, by [`FutureExt`]), [`try_wait`], [`in_coroutine`] (feature `std`) |
//! | beside it | [`local`]: context variables; [`hooks`] at each suspension; [`inspect`]: what is suspended, and where; [`runtime`]: for adapters of runtimes |
//! | on the bridge | [`wait_iter`] and [`as_stream`]: streams and iterators (feature `stream`); [`resource`]: a guard whose drop waits; [`io::Waiting`]: `std::io` over asynchronous I/O (features `tokio-io`, `futures-io`) |
//! | coroutines | [`Coroutine`], [`ScopedCoroutine`], [`Yielder`], [`on_stack`] |
//! | stacks | [`stack`]: the trait [`Stack`](stack::Stack), a [pool](stack::StackPool) of guarded ones, memory that you bring; overflows are [reported](stack#overflow) |
//! | `arch/` | the assembly, a file per architecture |
//!
//! Each layer knows those below it and no other. mixio knows no executor: a future that `wait` polls is polled with the
//! executor's own waker.
//!
//! # Where `wait` may be called
//!
//! | where | what happens |
//! | --- | --- |
//! | inside [`as_async`], at any depth of calls | the coroutine is suspended while the future is pending |
//! | the future is ready at once | its value, with no switch |
//! | outside of any coroutine | the thread is parked, as by any `block_on` |
//! | inside a future that is polled by `wait` | the whole stack is suspended, with that poll in its midst |
//! | inside a branch of `join!` or `select!` that is polled by `wait` | the same: so the branches take turns, and don't overlap. Make each branch an [`as_async`] |
//! | outside, where a [loop](runtime::set_loop) was started on this thread | the loop runs until the future is ready, with the other tasks of the thread |
//! | on the thread of an executor, in a task but not inside [`as_async`] | if a [runtime adapter](runtime::add_executor_check) can tell: [`try_wait`] gives [`WaitError::OnExecutor`], and `wait` panics with a sentence. Else the thread is parked, and the executor stalls |
//! | in a destructor | as elsewhere. While a panic unwinds the stack too: the panic is [set aside](#what-a-switch-keeps) meanwhile |
//! | in a destructor that runs because of [`AsAsync::cancel`], or because the [`AsAsync`] was dropped inside another, or where there is a [reaper](runtime::set_reaper) | as elsewhere |
//! | in a destructor that runs because the [`AsAsync`] is being dropped elsewhere | a future that is ready at once gives its value. Otherwise there is nobody left to poll it: [`try_wait`] gives [`WaitError::Cancelled`]; with `wait` the function can't be unwound any further: its stack is leaked, and the drop panics with a sentence |
//! | in a waker that is called by a future | a future that is ready at once gives its value. Otherwise [`try_wait`] gives [`WaitError::InWaker`], and `wait` panics: who polls can't be suspended by it |
//! | in a [hook](hooks) | the same, with [`WaitError::InHook`] |
//! | in a panic hook | don't: `std` holds a lock while the hook runs, so whoever sets another hook meanwhile blocks the thread; and it forgets that one is running, so a panic in the hook after that doesn't abort, but leaves [`panicking`](std::thread::panicking) true for ever. Otherwise as in a destructor |
//! | in a callback from C | as elsewhere. If the [`AsAsync`] is dropped meanwhile, the unwind ends at the callback: a panic may not leave an `extern "C"` function, so the process aborts. Don't drop it before the C code has returned |
//!
//! # What a switch keeps
//!
//! What a function call keeps, and no more. Floating-point control words (MXCSR and the x87 control word, FPCR) belong to
//! the thread: nobody saves or restores them at a switch. Thread-locals belong to the thread as well: what other crates
//! keep in them while your code is suspended, the code of your neighbours sees. A `RefCell` in a thread-local that is
//! borrowed over a `wait` is found borrowed. A lock of `std` that is held over a `wait`, or a `LazyLock` or `OnceLock` whose
//! value waits, blocks the thread when a neighbour wants it too, and then nobody is left to give it back: use the locks of
//! your executor, and `wait` for them.
//!
//! So does the count of panics belong to the thread. But while a destructor waits in the midst of a panic, the bridge sets
//! that panic aside: for the neighbours [`std::thread::panicking`] is false, and the `std` mutexes that they unlock are not
//! poisoned; the function finds the panic again when it goes on. (It takes a few microseconds, and a background thread that is
//! started at the first need. A [`Coroutine`] used by itself doesn't do it: there, the panic is seen by who resumes.)
//!
//! # Soundness
//!
//! Coroutines, and the futures that [`as_async`] makes, are not `Send`: a stack may hold anything. Their closures are
//! `'static`, or belong to a [`ScopedCoroutine`], which can be neither leaked nor swapped out. What follows from that, what safe
//! code can't break, and what it can together with the thread-locals of others: [`docs::soundness`].
//!
//! # Tools
//!
//! Debuggers, profilers and backtraces need nothing: see [`Coroutine`]. Valgrind and the sanitizers follow what each stack is
//! used for, and have to be told where the stacks are and when they are switched. Without that they report errors in sound
//! programs.
//!
//! | | how |
//! | --- | --- |
//! | valgrind (memcheck, and the others) | `cargo build --features mixio/valgrind`, then `valgrind target/debug/program`. Outside of valgrind the feature costs some fifty instructions for each coroutine, and nothing for a switch |
//! | AddressSanitizer, with its search for leaks | `RUSTFLAGS=-Zsanitizer=address cargo +nightly run --target x86_64-unknown-linux-gnu` |
//! | ThreadSanitizer | `RUSTFLAGS=-Zsanitizer=thread cargo +nightly run -Zbuild-std --target x86_64-unknown-linux-gnu`, with rustup's component `rust-src`: the locks of a standard library that isn't compiled for it go unseen |
//!
//! mixio sees by itself that it is compiled for a sanitizer. What remains:
//!
//! - Valgrind can't tell a stack that lies within another one, such as an [`UnguardedStack`](stack::UnguardedStack) in an array
//!   on a thread's stack: take memory from the heap. It looks for the stack that is switched to one by one, so tens of
//!   thousands of suspended coroutines are slow.
//! - AddressSanitizer keeps locals on a *fake stack*, where its search for leaks doesn't look once the coroutine is
//!   suspended: what only such locals know, when the program ends, may be reported as leaked. With
//!   `ASAN_OPTIONS=detect_stack_use_after_return=0` there is no fake stack.
//! - The sanitizers report a stack overflow in a coroutine as mixio does, and all other faults in their own way. They need
//!   more stack: give [more](stack::StackPoolBuilder::stack_size) to what has little to spare.
//! - ThreadSanitizer has room for some 8,000 threads and coroutines at a time, and ends the process when there are more.
//!
//! # Features
//!
//! | feature | default | what it brings |
//! | --- | --- | --- |
//! | `std` | yes | the bridge, [`DefaultStack`](stack::DefaultStack) and its pools, panics that cross a switch, unwinding |
//! | `macros` | | the attributes `#[as_async]` and `#[as_sync]` |
//! | `signal` | | `inspect::dump_on_signal` |
//! | `stream` | | [`wait_iter`], [`as_stream`] |
//! | `tokio-io` | | [`io::Waiting`] over tokio's traits; nothing of its runtime |
//! | `futures-io` | | [`io::Waiting`] over the traits of futures and smol |
//! | `valgrind` | | tells [valgrind](#tools) where stacks are |
//!
//! Without `std` there are coroutines on stacks that you bring. A panic that reaches the root of one aborts; a suspended
//! one that is dropped leaks its stack.
//!
//! [`as_async`]: fn@as_async
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
    not(all(feature = "futures-io", feature = "stream", feature = "tokio-io")),
    allow(rustdoc::broken_intra_doc_links, reason = "the page tells of what other features bring")
)]

// For what the unit tests share with the integration tests, which are crates of their own.
#[cfg(test)]
extern crate self as mixio;

mod arch;
#[cfg(feature = "std")]
mod bridge;
mod coroutine;
#[cfg(feature = "std")]
pub mod docs;
#[cfg(feature = "std")]
pub mod inspect;
#[cfg(any(feature = "futures-io", feature = "tokio-io"))]
pub mod io;
#[cfg(feature = "stream")]
mod iter;
#[cfg(feature = "std")]
pub mod local;
#[cfg(feature = "std")]
mod report;
#[cfg(feature = "std")]
mod resource;
#[cfg(feature = "std")]
mod setting;
pub mod stack;
mod tools;

#[cfg(feature = "std")]
pub use bridge::{AsAsync, Cancel, FutureExt, WaitError, as_async, hooks, in_coroutine, runtime, try_wait, wait};
#[cfg(feature = "std")]
pub use coroutine::is_forced_unwind;
pub use coroutine::{Coroutine, CoroutineResult, ScopedCoroutine, ScopedCoroutineRef, Yielder, on_stack};
#[cfg(feature = "stream")]
pub use iter::{AsStream, StreamYielder, WaitIter, as_stream, wait_iter};
#[cfg(feature = "macros")]
#[doc(inline)]
pub use mixio_macros::{as_async, as_sync};
#[cfg(feature = "std")]
pub use resource::{Resource, resource, try_resource};
#[cfg(feature = "std")]
pub use setting::{Io, ParseIoError};
