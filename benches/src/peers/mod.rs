//! The peers, behind two traits: [`Peer`] for coroutines, [`Bridge`] for functions as futures.

mod by_hand;
mod corosensei;
mod generator;
mod mixio;
mod stackful;

use std::future::Future;

pub use self::by_hand::{ByHand, ByHandReused};
pub use self::corosensei::Corosensei;
pub use self::generator::Generator;
pub use self::mixio::{Mixio, MixioFallback, MixioSmall, SMALL};
pub use self::stackful::Stackful;
pub use crate::bodies::Body;

/// A coroutine of some crate, which takes and gives a `usize` at each switch.
pub trait Peer: Sized + 'static {
    /// A fresh one, as the crate makes them by default.
    ///
    /// # Panics
    ///
    /// If there can't be one more.
    fn new<B: Body>() -> Self;

    /// Runs it until it suspends itself.
    ///
    /// # Panics
    ///
    /// If it returns instead: users tell the two apart, so that is timed.
    fn resume(&mut self, value: usize) -> usize;

    /// Runs it until it returns.
    ///
    /// # Panics
    ///
    /// If it suspends itself instead, where the peer tells the two apart.
    fn finish(&mut self, value: usize) -> usize;
}

/// Some crate's way from a plain function to a future and back.
pub trait Bridge: 'static {
    /// A future of a function.
    fn as_async<T: 'static>(function: impl FnOnce() -> T + 'static) -> impl Future<Output = T> + 'static;

    /// The value of a future, inside such a function.
    fn wait<F: Future>(future: F) -> F::Output;
}
