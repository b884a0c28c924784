//! Starting a view, in the one way and the other.

use axum::response::Response;
use mixio::{AsAsync, as_async, wait};
use tokio::task::JoinHandle;

use crate::way::{Local, Pinned};

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

/// What a way has to do. It can't be named outside of this crate.
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
