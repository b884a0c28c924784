//! Places that deadpool keeps.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use deadpool::managed::{
    Manager, Metrics, Object, Pool, PoolError as Refused, QueueMode, RecycleError, RecycleResult, Timeouts,
};
use mixio::{Io, try_wait};

use super::super::clock::wait_until;
use super::super::{PoolError, Poolable, State};
use super::{Places, Slot};

pub(in crate::pool) type Place<C> = Object<Places<C>>;

pub(in crate::pool) struct Keeper<C: Poolable>(Pool<Places<C>>);

/// Not in time.
const AT_ONCE: Timeouts = Timeouts { wait: Some(Duration::ZERO), create: None, recycle: None };

/// It is us who keep the time.
const AT_ANY_TIME: Timeouts = Timeouts { wait: None, create: None, recycle: None };

impl<C: Poolable> Manager for Places<C> {
    type Type = Slot<C>;
    type Error = Infallible;

    async fn create(&self) -> Result<Slot<C>, Infallible> {
        Ok(None)
    }

    async fn recycle(&self, slot: &mut Slot<C>, _: &Metrics) -> RecycleResult<Infallible> {
        match slot.as_mut().is_none_or(Poolable::is_alive) {
            true => Ok(()),
            false => Err(RecycleError::message("its server is gone")),
        }
    }
}

impl<C: Poolable> Keeper<C> {
    pub(super) fn new(max_size: usize) -> Result<Self, PoolError> {
        // The one that was used last: its caches are warm, also those of the server.
        let builder = Pool::builder(Places(PhantomData)).max_size(max_size).queue_mode(QueueMode::Lifo);
        builder.build().map(Keeper).map_err(|error| PoolError::Build(error.to_string()))
    }

    pub(super) fn try_place(&self) -> Option<Place<C>> {
        // It is ready at once.
        try_wait(self.0.timeout_get(&AT_ONCE)).ok()?.ok()
    }

    pub(super) fn place(&self, io: Io, deadline: Instant) -> Result<Option<Place<C>>, PoolError> {
        let place = wait_until(io, deadline, self.0.timeout_get(&AT_ANY_TIME)).map_err(PoolError::CannotWait)?;
        place.transpose().map_err(|error| match error {
            Refused::Backend(never) => match never {},
            error => PoolError::Build(error.to_string()),
        })
    }

    pub(super) fn state(&self, waiting: usize) -> State {
        let status = self.0.status();
        State { max_size: status.max_size, size: status.size, idle: status.available, waiting }
    }
}

pub(super) fn put_back<C: Poolable>(mut place: Place<C>, connection: Slot<C>) {
    match connection {
        Some(connection) => *place = Some(connection),
        None => drop(Object::take(place)),
    }
}
