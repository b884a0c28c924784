//! Panics, which end the function and nothing else.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::Failure;

/// What a function is called in logs and in dumps.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub(crate) given: Option<Arc<str>>,
    pub(crate) type_name: &'static str,
}

impl Name {
    pub(crate) fn as_str(&self) -> &str {
        self.given.as_deref().unwrap_or(self.type_name)
    }
}

/// Calls a function; its panic is logged.
pub(crate) fn guarded<R>(name: &Name, function: impl FnOnce() -> R) -> Result<R, Failure> {
    // What it has left in disorder is gone, or it is shared: then a lock tells, or it is as after a panic of a thread.
    catch_unwind(AssertUnwindSafe(function)).map_err(|payload| {
        log::error!("`{}` has panicked: {}", name.as_str(), message(&*payload));
        Failure::Panicked
    })
}

/// A future whose panic is logged.
///
/// It's here and not around the function, so that nobody else catches the panic that unwinds a function.
pub(crate) struct Guarded<F> {
    pub(crate) future: F,
    pub(crate) name: Name,
}

impl<F: Future + Unpin> Future for Guarded<F> {
    type Output = Result<F::Output, Failure>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Guarded { future, name } = &mut *self;
        match guarded(name, || Pin::new(future).poll(context)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(failure) => Poll::Ready(Err(failure)),
        }
    }
}

/// What a panic says.
pub(crate) fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}
