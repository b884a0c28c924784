//! Views that the end of the server waits for.

use std::future::Future;

use axum::response::Response;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::way::{Local, Pinned};
use crate::{Failure, Function, View};

/// The views of an application, counted while they run, so that a server that is being stopped can wait for them.
///
/// A view goes on when its client has gone, and then axum doesn't know that there is anything to wait for. So it is
/// counted here; [`stop`](Self::stop) lets no more in, and is ready when all have ended.
///
/// All clones are the same.
///
/// # Example
///
/// ```
/// use axum::{Router, routing::get};
/// use mixio_axum::Views;
/// use tokio::net::TcpListener;
///
/// # #[tokio::main]
/// # async fn main() -> std::io::Result<()> {
/// let views = Views::new();
/// let app = Router::new().route("/", get(views.pinned(|| "served")));
/// let listener = TcpListener::bind("localhost:0").await?;
/// # let signal = async {};
/// let end = async move {
///     signal.await;
///     views.stop().await; // first the views, while all that they need is there
/// };
/// axum::serve(listener, app).with_graceful_shutdown(end).await
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Views {
    tracker: TaskTracker,
    on_failure: Option<fn(Failure) -> Response>,
}

impl Views {
    /// None runs yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With these responses where a view gives none: [`View::on_failure`] for each that is made from here on.
    pub fn on_failure(self, respond: fn(Failure) -> Response) -> Self {
        Views { on_failure: Some(respond), ..self }
    }

    /// As [`pinned()`](crate::pinned), counted.
    pub fn pinned<F, Args>(&self, function: F) -> View<F, Pinned>
    where
        F: Function<Args>,
    {
        self.view(function, Pinned::default())
    }

    /// As [`local()`](crate::local), counted.
    pub fn local<F, Args>(&self, function: F) -> View<F, Local>
    where
        F: Function<Args>,
    {
        self.view(function, Local(()))
    }

    fn view<F, W>(&self, function: F, way: W) -> View<F, W> {
        let view = View::new(function, way, Some(self.clone()));
        match self.on_failure {
            Some(respond) => view.on_failure(respond),
            None => view,
        }
    }

    /// Counts something in, unless the server is being stopped: a handler of another kind, such as an `async fn`.
    pub fn enter(&self) -> Option<Ticket> {
        // In this order: whoever stops either sees the ticket, or is seen.
        let ticket = self.stay();
        (!self.is_stopping()).then_some(ticket)
    }

    /// Counts something in, even if the server is being stopped. For what is begun by something that is counted itself,
    /// such as what a view leaves to be done: otherwise [`stop`](Self::stop) may have ended.
    pub fn stay(&self) -> Ticket {
        Ticket { _token: self.tracker.token() }
    }

    /// From here on, lets no more in: they fail with [`Failure::Stopping`]. The future is ready when all that run have ended.
    ///
    /// That takes as long as they take. A limit: `tokio::time::timeout(limit, views.stop())`.
    pub fn stop(&self) -> impl Future<Output = ()> + Send + 'static {
        self.tracker.close();
        let tracker = self.tracker.clone();
        async move { tracker.wait().await }
    }

    /// Whether [`stop`](Self::stop) was called.
    pub fn is_stopping(&self) -> bool {
        self.tracker.is_closed()
    }

    /// How many run.
    pub fn running(&self) -> usize {
        self.tracker.len()
    }
}

/// Counted by [`Views`] until it is dropped.
#[must_use = "it is counted out when this is dropped"]
#[derive(Debug)]
pub struct Ticket {
    _token: TaskTrackerToken,
}
