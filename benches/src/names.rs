//! What the contestants are called, in tables, plots and bars.

/// mixio as it comes.
pub const MIXIO: &str = "mixio";
/// mixio on stacks of 16 KiB.
pub const MIXIO_SMALL: &str = "mixio, 16 KiB stacks";
/// mixio on one stack that is taken back by hand.
pub const MIXIO_REUSED: &str = "mixio, stack reused by hand";
/// `mixio::as_async` where the others are coroutines.
pub const MIXIO_FUTURE: &str = "mixio, `as_async` boxed";
/// `mixio::as_async` with `mixio::inspect` on.
pub const MIXIO_INSPECTED: &str = "mixio, inspected";
/// mixio as on a Linux without `MADV_GUARD_INSTALL`.
pub const MIXIO_UNMAPPED: &str = "mixio, guards by holes (older Linux)";
/// mixio as on systems other than Linux.
pub const MIXIO_PROTECTED: &str = "mixio, guards by mprotect";
/// corosensei as it comes.
pub const COROSENSEI: &str = "corosensei";
/// corosensei on one stack that is taken back by hand.
pub const COROSENSEI_REUSED: &str = "corosensei, stack reused by hand";
/// The bridge that one would write on corosensei.
pub const BY_HAND: &str = "corosensei bridge by hand";
/// The same as a `Pin<Box<dyn Future>>`, as executors keep tasks.
pub const BY_HAND_BOXED: &str = "corosensei bridge by hand, boxed";
/// The same, with the stacks kept for the next.
pub const BY_HAND_REUSED: &str = "corosensei bridge by hand, stacks kept";
/// The crate generator.
pub const GENERATOR: &str = "generator";
/// The crate may.
pub const MAY: &str = "may";
/// The crate stackful.
pub const STACKFUL: &str = "stackful";
/// An async block or fn whose type the caller sees.
pub const NATIVE: &str = "native async, concrete";
/// The same as a `Pin<Box<dyn Future>>`; in the work depth, with one box a level.
pub const NATIVE_BOXED: &str = "native async, boxed";
/// Threads of the operating system.
pub const THREADS: &str = "threads";
/// tokio's pool of threads.
pub const SPAWN_BLOCKING: &str = "tokio `spawn_blocking`";

/// The peers that take no part in anything, and why.
pub const MISSING: [(&str, &str); 1] = [(
    "ruloom 0.1.2",
    "does not build beside corosensei 0.3.4: it is a thin wrapper of corosensei 0.2.2, both versions define the same global \
     symbols in assembly, and so no program links with the two",
)];
