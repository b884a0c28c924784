//! What is suspended, where, and for how long.
//!
//! Off by default, and free then. Once [enabled](enable), every [`as_async`](fn@crate::as_async) that starts is listed by
//! [`dump`] until it has finished: its name, the place where it waits, for how long it has, and how much of its stack is in use.
//!
//! ```standalone_crate
//! use mixio::{as_async, inspect, wait};
//! use std::future::pending;
//!
//! fn order() {
//!     wait(pending::<()>());
//! }
//!
//! inspect::enable();
//! let mut served = as_async(order).named("order 5");
//! smol::block_on(async { smol::future::poll_once(&mut served).await });
//!
//! let dump = inspect::dump();
//! let [order] = dump.functions() else { panic!("{dump}") };
//! assert_eq!(order.name(), Some("order 5"));
//! assert!(order.waits_at().is_some());
//! println!("{dump}");
//! // 1 function
//! //   #1 "order 5" waits 12.3ms at src/main.rs:5:5, created at src/main.rs:9:18, on thread main, 384 of 131072 bytes of stack
//! ```
//!
//! # Of a live process
//!
//! `dump_on_signal` (feature `signal`) writes a dump to the standard error on a signal. A server can have a page of it, too: the
//! dump tells of all threads, and [`Dump::with_backtraces`] where exactly the functions of the calling thread wait.
//!
//! # What it costs
//!
//! Off: a test of a flag when a function starts. On: a lock and an allocation when a function starts, a lock when it finishes,
//! and a clock reading at each suspension. By `ci/bench` a `wait` for what is pending takes 555 instructions then, instead of 116.

mod dump;
mod record;
#[cfg(feature = "signal")]
mod signal;

pub use dump::{Dump, Function};
#[cfg(feature = "signal")]
pub use signal::dump_on_signal;

use std::panic::Location;
use std::sync::Arc;

use crate::bridge::{INSPECT, set_watcher, watches};
use crate::stack::Stack;

pub(crate) use record::Record;

/// Lists the functions that start from here on, on every thread.
pub fn enable() {
    set_watcher(INSPECT, true);
}

/// Lists no more functions. Those that are listed stay so until they finish.
pub fn disable() {
    set_watcher(INSPECT, false);
}

/// Whether functions that start are listed.
pub fn is_enabled() -> bool {
    watches(INSPECT)
}

/// What there is to be told at this moment, of all threads: of every function under [`as_async`](fn@crate::as_async) that has started
/// while the inspection was [enabled](enable), and not finished.
///
/// It may be called anywhere, but in a signal handler: it takes locks.
pub fn dump() -> Dump {
    Dump::new(record::all())
}

/// Lists a function that starts.
pub(crate) fn register(name: Option<String>, created: &'static Location<'static>, stack: &impl Stack) -> Arc<Record> {
    record::add(name, created, stack)
}

/// Lists it no more.
pub(crate) fn forget(record: &Record) {
    record::remove(record);
}
