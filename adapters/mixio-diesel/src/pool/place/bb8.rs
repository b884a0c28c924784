//! Places that bb8 keeps.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bb8::{ManageConnection, Pool, QueueStrategy, RunError};
use mixio::{Io, try_wait};
use tokio::runtime::{Builder, Handle};
use tokio::time::timeout_at;

use super::super::clock::park_until;
use super::super::{PoolError, Poolable, State};
use super::{Places, Slot};
use crate::runtime::OwnRuntime;

pub(in crate::pool) struct Keeper<C: Poolable> {
    pool: Pool<Places<C>>,
    max_size: usize,
    ground: Ground,
}

/// Where the pool's tasks run.
#[derive(Clone)]
struct Ground {
    handle: Handle,
    /// None if somebody else drives it.
    own: Option<Arc<OwnRuntime>>,
}

pub(in crate::pool) struct Place<C: Poolable> {
    place: Option<bb8::PooledConnection<'static, Places<C>>>,
    ground: Ground,
}

impl Ground {
    /// Polls the future where it may start tasks that somebody runs, and has a timer: also on a thread without a runtime.
    fn stand<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        let mut future = Box::pin(future);
        poll_fn(move |context| {
            let elsewhere = self.own.is_some() || Handle::try_current().is_err();
            let _entered = elsewhere.then(|| self.handle.enter());
            future.as_mut().poll(context)
        })
    }
}

impl<C: Poolable> ManageConnection for Places<C> {
    type Connection = Slot<C>;
    type Error = Infallible;

    async fn connect(&self) -> Result<Slot<C>, Infallible> {
        Ok(None)
    }

    async fn is_valid(&self, _: &mut Slot<C>) -> Result<(), Infallible> {
        Ok(())
    }

    fn has_broken(&self, slot: &mut Slot<C>) -> bool {
        slot.is_none()
    }
}

impl<C: Poolable> Keeper<C> {
    pub(super) fn new(io: Io, max_size: usize, timeout: Duration) -> Result<Self, PoolError> {
        let refused = PoolError::Build;
        let ground = match io {
            Io::Async => {
                let handle = Handle::try_current();
                let handle = handle.map_err(|_| refused("bb8 needs a tokio runtime, and there is none here".into()))?;
                Ground { handle, own: None }
            }
            Io::Blocking => {
                let mut builder = Builder::new_multi_thread();
                builder.worker_threads(1);
                let runtime = OwnRuntime::new(builder).map_err(refused)?;
                Ground { handle: runtime.handle().clone(), own: Some(Arc::new(runtime)) }
            }
        };
        let size = u32::try_from(max_size).map_err(|_| refused(format!("{max_size} connections are too many")))?;
        let _entered = ground.handle.enter();
        // Zero is refused by a panic there.
        let builder = Pool::builder().max_size(size).connection_timeout(timeout.max(Duration::from_nanos(1)));
        let builder = builder.queue_strategy(QueueStrategy::Lifo).idle_timeout(None).max_lifetime(None);
        let pool = builder.test_on_check_out(false).build_unchecked(Places(PhantomData));
        drop(_entered);
        Ok(Keeper { pool, max_size, ground })
    }

    pub(super) fn place(&self, io: Io, deadline: Instant) -> Result<Option<Place<C>>, PoolError> {
        loop {
            let get = self.pool.get_owned();
            let got = match io {
                Io::Blocking => Ok(park_until(deadline, self.ground.stand(get))),
                Io::Async => {
                    let limited = self.ground.stand(async { timeout_at(deadline.into(), get).await });
                    try_wait(limited).map(Result::ok)
                }
            };
            let got = match got.map_err(PoolError::CannotWait)? {
                None | Some(Err(RunError::TimedOut)) => return Ok(None),
                Some(Err(RunError::User(never))) => match never {},
                Some(Ok(got)) => got,
            };
            let mut place = Place { place: Some(got), ground: self.ground.clone() };
            if place.slot().as_mut().is_none_or(Poolable::is_alive) {
                return Ok(Some(place));
            }
            // Its server is gone, and so is the place.
            drop(place.take());
        }
    }

    pub(super) fn state(&self, waiting: usize) -> State {
        let state = self.pool.state();
        State {
            max_size: self.max_size,
            size: state.connections as usize,
            idle: state.idle_connections as usize,
            waiting,
        }
    }
}

impl<C: Poolable> Place<C> {
    fn slot(&mut self) -> &mut Slot<C> {
        self.place.as_mut().expect("it is there until it is dropped")
    }

    pub(super) fn take(&mut self) -> Slot<C> {
        self.slot().take()
    }

    pub(super) fn put_back(mut self, connection: Slot<C>) {
        *self.slot() = connection;
    }
}

impl<C: Poolable> Drop for Place<C> {
    fn drop(&mut self) {
        // It may start a task, which makes a place for the next in the queue.
        let _entered = self.ground.handle.enter();
        self.place = None;
    }
}
