//! Places for connections, which the libraries keep. Whether there is a connection in one is our business: so that it is
//! opened by plain code, on the stack of the one who needs it.

use std::time::{Duration, Instant};

use mixio::Io;

use super::builder::Library;
use super::{PoolError, Poolable, PooledConnection, State};

#[cfg(feature = "bb8")]
mod bb8;
#[cfg(feature = "deadpool")]
mod deadpool;

/// Makes places, and knows whether what is in one can be handed out.
pub(in crate::pool) struct Places<C>(std::marker::PhantomData<fn() -> C>);

/// A place, as the libraries keep it.
pub(in crate::pool) type Slot<C> = Option<C>;

/// What keeps the places.
pub(super) enum Keeper<C: Poolable> {
    #[cfg(feature = "deadpool")]
    Deadpool(deadpool::Keeper<C>),
    #[cfg(feature = "bb8")]
    Bb8(bb8::Keeper<C>),
}

/// A place that was given to somebody.
pub(super) enum Place<C: Poolable> {
    #[cfg(feature = "deadpool")]
    Deadpool(deadpool::Place<C>),
    #[cfg(feature = "bb8")]
    Bb8(bb8::Place<C>),
}

impl<C: Poolable> Keeper<C> {
    pub(super) fn new(library: Library, io: Io, max_size: usize, timeout: Duration) -> Result<Self, PoolError> {
        #[cfg(not(feature = "bb8"))]
        let _ = (io, timeout); // deadpool needs neither
        match library {
            #[cfg(feature = "deadpool")]
            Library::Deadpool => deadpool::Keeper::new(max_size).map(Keeper::Deadpool),
            #[cfg(feature = "bb8")]
            Library::Bb8 => bb8::Keeper::new(io, max_size, timeout).map(Keeper::Bb8),
        }
    }

    /// A place that can be had without waiting.
    pub(super) fn try_place(&self) -> Option<PooledConnection<C>> {
        match self {
            #[cfg(feature = "deadpool")]
            Keeper::Deadpool(keeper) => keeper.try_place().map(Place::Deadpool).map(PooledConnection::new),
            // It has no such thing.
            #[cfg(feature = "bb8")]
            Keeper::Bb8(_) => None,
        }
    }

    pub(super) fn place(
        &self,
        io: Io,
        deadline: Instant,
        exhausted: impl FnOnce() -> PoolError,
    ) -> Result<PooledConnection<C>, PoolError> {
        let place = match self {
            #[cfg(feature = "deadpool")]
            Keeper::Deadpool(keeper) => keeper.place(io, deadline)?.map(Place::Deadpool),
            #[cfg(feature = "bb8")]
            Keeper::Bb8(keeper) => keeper.place(io, deadline)?.map(Place::Bb8),
        };
        place.map(PooledConnection::new).ok_or_else(exhausted)
    }

    pub(super) fn state(&self, waiting: usize) -> State {
        match self {
            #[cfg(feature = "deadpool")]
            Keeper::Deadpool(keeper) => keeper.state(waiting),
            #[cfg(feature = "bb8")]
            Keeper::Bb8(keeper) => keeper.state(waiting),
        }
    }
}

impl<C: Poolable> Place<C> {
    /// What is in it.
    pub(super) fn take(&mut self) -> Slot<C> {
        match self {
            #[cfg(feature = "deadpool")]
            Place::Deadpool(place) => place.take(),
            #[cfg(feature = "bb8")]
            Place::Bb8(place) => place.take(),
        }
    }

    /// Gives it to the next, with a connection or without.
    pub(super) fn put_back(self, connection: Slot<C>) {
        match self {
            #[cfg(feature = "deadpool")]
            Place::Deadpool(place) => deadpool::put_back(place, connection),
            #[cfg(feature = "bb8")]
            Place::Bb8(place) => place.put_back(connection),
        }
    }
}
