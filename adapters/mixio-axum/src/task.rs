//! The task that a view runs in, as its request sees it.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::response::Response;
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};

use crate::Failure;

/// What a view is called in logs and in dumps.
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

/// Ready when the view has ended. When it is dropped before that, its client has gone.
pub(crate) struct Task {
    pub(crate) handle: Option<JoinHandle<Response>>,
    pub(crate) name: Name,
    pub(crate) is_attached: bool,
}

impl Future for Task {
    type Output = Result<Response, Failure>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let handle = self.handle.as_mut().expect("it isn't polled after its end");
        let outcome = ready!(Pin::new(handle).poll(context));
        self.handle = None;
        Poll::Ready(outcome.map_err(|error| failure(error, &self.name)))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let Some(handle) = self.handle.take() else { return };
        if self.is_attached {
            handle.abort();
        } else if let Ok(runtime) = Handle::try_current() {
            // It goes on, and if it panics then somebody is to know.
            let name = self.name.clone();
            runtime.spawn(async move { handle.await.map_err(|error| failure(error, &name)) });
        }
    }
}

fn failure(error: JoinError, name: &Name) -> Failure {
    match error.try_into_panic() {
        Ok(payload) => {
            log::error!("`{}` has panicked: {}", name.as_str(), message(&*payload));
            Failure::Panicked
        }
        // With its runtime.
        Err(_) => Failure::Stopping,
    }
}

/// What a panic says.
fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}
