//! The ways in which a [`View`](crate::View) runs, as types.

use std::fmt;
use std::sync::Arc;

use axum::response::Response;
use mixio::{AsAsync, as_async, wait};
use mixio_tokio::Workers;
use tokio::task::JoinHandle;

/// How views run while the setting is [`Io::Async`](mixio::Io::Async): [`Pinned`] or [`Local`].
pub trait Way: Spawn + Clone + Send + Sync + 'static {}

impl Way for Pinned {}
impl Way for Local {}

/// On the workers of mixio-tokio: see [`pinned()`](crate::pinned).
#[derive(Clone, Default)]
pub struct Pinned {
    /// None: those of the process.
    pub(crate) workers: Option<Arc<Workers>>,
}

/// On the thread of the server: see [`local()`](crate::local).
#[derive(Clone, Debug)]
pub struct Local(pub(crate) ());

/// What is asked for, if anything.
#[derive(Clone, Default)]
pub struct Shape {
    pub(crate) stack_size: Option<usize>,
    pub(crate) name: Option<String>,
}

impl Shape {
    fn is_plain(&self) -> bool {
        self.stack_size.is_none() && self.name.is_none()
    }

    fn give<T, F>(self, mut future: AsAsync<T, F>) -> AsAsync<T, F> {
        if let Some(bytes) = self.stack_size {
            future = future.stack_size(bytes);
        }
        match self.name {
            Some(name) => future.named(name),
            None => future,
        }
    }
}

/// Not to be implemented elsewhere.
pub trait Spawn {
    /// Starts a call.
    fn spawn<F>(&self, call: F, shape: Shape) -> JoinHandle<Response>
    where
        F: FnOnce() -> Response + Send + 'static;
}

impl Spawn for Pinned {
    fn spawn<F>(&self, call: F, shape: Shape) -> JoinHandle<Response>
    where
        F: FnOnce() -> Response + Send + 'static,
    {
        if shape.is_plain() {
            return self.start(call);
        }
        // A worker makes a stack of the usual kind, and on that one another.
        self.start(move || wait(shape.give(as_async(call))))
    }
}

impl Pinned {
    fn start<F>(&self, call: F) -> JoinHandle<Response>
    where
        F: FnOnce() -> Response + Send + 'static,
    {
        match &self.workers {
            Some(workers) => workers.spawn_pinned(call),
            None => mixio_tokio::spawn_pinned(call),
        }
    }
}

impl Spawn for Local {
    fn spawn<F>(&self, call: F, shape: Shape) -> JoinHandle<Response>
    where
        F: FnOnce() -> Response + Send + 'static,
    {
        tokio::task::spawn_local(shape.give(as_async(call)))
    }
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned").field("workers", &self.workers).finish()
    }
}
