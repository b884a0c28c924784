//! `tracing` spans that stay with their function while it waits.
//!
//! A span that plain code enters, by [`Span::enter`], [`Span::in_scope`] or `#[instrument]` on a `fn`, is the current span of
//! the thread until its guard is dropped. If the function [waits](mixio::wait()) meanwhile, the thread runs its neighbours, and
//! what they log lands in that span. So it does in an `async fn`, where `tracing` says not to hold the guard over an
//! `.await`. Here nothing need change in the function: its spans are left each time that it is suspended, and entered again
//! when it goes on.
//!
//! ```
//! use mixio::{as_async, wait};
//! use tracing::info;
//!
//! #[tracing::instrument]
//! fn order(number: u32) {
//!     info!("cooking");
//!     wait(smol::future::yield_now()); // the neighbour runs
//!     info!("served");
//! }
//!
//! // At the start of the program, once.
//! tracing_subscriber::fmt().without_time().init();
//! mixio_tracing::install();
//!
//! smol::block_on(smol::future::zip(as_async(|| order(1)), as_async(|| order(2))));
//! ```
//!
//! This logs, as four threads would have it, `order{number=1}: cooking`, `order{number=2}: cooking`,
//! `order{number=1}: served`, `order{number=2}: served`. Without `install` the second order would be part of the first:
//! `order{number=1}:order{number=2}: cooking`.
//!
//! # Which spans
//!
//! | span | what becomes of it |
//! | --- | --- |
//! | entered by the function, or by what it calls | left at each suspension, the innermost first, and entered again in the old order, as `tracing`'s own `Instrumented` does around each poll: the layers are told of both |
//! | entered outside, around the poll: `as_async(f).instrument(span)`, or by whoever calls the executor | not touched: it is for whoever has entered it |
//! | entered outside, and by the function again | what the function has entered is left, once for each time |
//! | entered outside of [`carry_spans`], by the same function, where there is no [`install`] | not touched: it leaks |
//!
//! A function that is unwound, because its `AsAsync` is dropped or cancelled, gets its spans back before its destructors run. A
//! span is kept open while its function is suspended, and closed when its last handle is gone, as elsewhere.
//!
//! # Which subscribers
//!
//! Those that are built on [`Registry`](tracing_subscriber::Registry), as all of `tracing-subscriber` are, and those that tell
//! their [current span](tracing::Subscriber::current_span). Of the latter one can't see that a function has entered again the
//! span that was current outside: that one stays entered. With other subscribers nothing is carried; there, use
//! `mixio::hooks::carry(|inside| inside.instrument(span), f)`, which knows its span.
//!
//! The spans that are carried are those of the subscriber that is the default where the function is polled; if that is another
//! at a later poll, then the old one's first, until the function has left those. A default that plain code sets for a while (`tracing::subscriber::with_default`, `set_default`) leaks over a suspension as spans do:
//! [`with_subscriber`] is that which doesn't.
//!
//! A subscriber itself had better not wait: `tracing` may keep a thread-local borrowed while it calls one.
//!
//! There is no `unsafe` in this crate.
//!
//! [`Span::enter`]: tracing::Span::enter
//! [`Span::in_scope`]: tracing::Span::in_scope
#![forbid(unsafe_code)]

mod carried;
mod entered;

use std::rc::Rc;
use std::sync::Once;

use mixio::hooks;
use tracing::instrument::WithSubscriber as _;
use tracing::{Dispatch, Span};

use carried::Carried;

/// Calls `function`; the spans that are entered in it are left each time that it is suspended, and entered again when it is
/// resumed.
///
/// Outside of [`as_async`](fn@mixio::as_async) nothing is suspended, so it just calls. Where [`install`] was called it isn't
/// needed; it does no harm.
///
/// # Panics
///
/// With the panics of `function`. If the subscriber panics when a span is left or entered, as [`Hook`](mixio::hooks::Hook) says;
/// spans that the function is in may then be left for good, and never be closed.
///
/// # Example
///
/// ```
/// use mixio::{as_async, wait};
/// use mixio_tracing::carry_spans;
/// use tracing::{Span, info_span};
///
/// fn order() {
///     let _entered = info_span!("order").entered();
///     wait(smol::future::yield_now()); // the neighbour runs
///     assert_eq!(Span::current().metadata().unwrap().name(), "order");
/// }
///
/// tracing_subscriber::fmt().init();
/// let neighbour = async { assert!(Span::current().is_none()) };
/// smol::block_on(smol::future::zip(as_async(|| carry_spans(order)), neighbour));
/// ```
pub fn carry_spans<R>(function: impl FnOnce() -> R) -> R {
    hooks::with_hook(Carried::new(), function)
}

/// Has every function that starts from here on, in the whole process, carry its spans: as if all that
/// [`as_async`](fn@mixio::as_async) runs were in [`carry_spans`].
///
/// It can't be taken back. Calling it again has no effect.
///
/// # Example
///
/// ```
/// use mixio::{as_async, wait};
/// use tracing::{Span, info_span};
///
/// tracing_subscriber::fmt().init();
/// mixio_tracing::install();
///
/// let order = as_async(|| {
///     let _entered = info_span!("order").entered();
///     wait(smol::future::yield_now()); // the neighbour runs
///     assert_eq!(Span::current().metadata().unwrap().name(), "order");
/// });
/// let neighbour = async { assert!(Span::current().is_none()) };
/// smol::block_on(smol::future::zip(order, neighbour));
/// ```
pub fn install() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| hooks::install(|| Rc::new(Carried::new())));
}

/// Calls `function` in a span, which it carries, as it does those that are entered in it: what `.instrument(span)` is for a
/// future.
///
/// Short for `carry_spans(|| span.in_scope(function))`.
///
/// Not the same is `hooks::carry(|inside| inside.instrument(span), function)`, in a function that carries its spans: there, this
/// one is entered again after those that were entered in it.
///
/// # Panics
///
/// As [`carry_spans`].
///
/// # Example
///
/// ```
/// use mixio::{as_async, wait};
/// use mixio_tracing::in_span;
/// use tracing::{Span, info_span};
///
/// fn order() -> &'static str {
///     wait(smol::future::yield_now()); // the neighbour runs
///     Span::current().metadata().unwrap().name()
/// }
///
/// tracing_subscriber::fmt().init();
/// let ann = as_async(|| in_span(info_span!("ann"), order));
/// let bob = as_async(|| in_span(info_span!("bob"), order));
/// assert_eq!(smol::block_on(smol::future::zip(ann, bob)), ("ann", "bob"));
/// ```
pub fn in_span<R>(span: Span, function: impl FnOnce() -> R) -> R {
    carry_spans(|| span.in_scope(function))
}

/// Calls `function` with this subscriber as the default, and not its neighbours while it is suspended: what
/// [`WithSubscriber`](tracing::instrument::WithSubscriber) is for a future, and in place of
/// [`with_default`](tracing::subscriber::with_default).
///
/// The spans that are entered in it are carried, too.
///
/// # Panics
///
/// As [`carry_spans`].
///
/// # Example
///
/// ```
/// use mixio::{as_async, wait};
/// use mixio_tracing::with_subscriber;
/// use tracing::Level;
///
/// fn is_verbose() -> bool {
///     wait(smol::future::yield_now()); // the neighbour runs
///     tracing::enabled!(Level::DEBUG)
/// }
///
/// let verbose = tracing_subscriber::fmt().with_max_level(Level::DEBUG).finish();
/// let audited = as_async(|| with_subscriber(verbose, is_verbose));
/// let other = as_async(is_verbose);
/// assert_eq!(smol::block_on(smol::future::zip(audited, other)), (true, false));
/// ```
pub fn with_subscriber<R>(subscriber: impl Into<Dispatch>, function: impl FnOnce() -> R) -> R {
    let subscriber = subscriber.into();
    hooks::carry(|inside| inside.with_subscriber(subscriber), || carry_spans(function))
}
