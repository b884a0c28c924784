//! Views that the end of the server waits for.

use std::any::type_name;
use std::future::Future;

use actix_web::{HttpResponse, rt};
use mixio::{Io, as_async, inspect};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::guard::{Guarded, Name, guarded};
use crate::way::{Attached, BySetting, Detached};
use crate::{Failure, Function, View};

/// The views of an application, counted while they run, so that a server that is being stopped can wait for them.
///
/// A [detached](crate::handler) view goes on when its client has gone, and then actix-web doesn't know that there is
/// anything to wait for. So it is counted here; [`stop`](Self::stop) lets no more in, and is ready when all have ended.
///
/// All clones are the same. One is made outside of the application's factory, so that all workers share it.
///
/// # Example
///
/// ```
/// use actix_web::{App, HttpServer, rt, web};
/// use mixio_actix::Views;
///
/// fn order() -> &'static str {
///     "served"
/// }
///
/// # fn main() -> std::io::Result<()> {
/// # rt::System::new().block_on(async {
/// let views = Views::new();
/// let all = views.clone();
/// let server = HttpServer::new(move || App::new().route("/", web::get().to(all.handler(order))))
///     .workers(2)
///     .disable_signals()
///     .bind("localhost:0")?
///     .run();
/// let handle = server.handle();
/// let server = rt::spawn(server);
///
/// // When it is to end: first the views, while all that they need is there, then the server.
/// views.stop().await;
/// handle.stop(true).await;
/// server.await.unwrap()
/// # })
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Views {
    tracker: TaskTracker,
    on_failure: Option<fn(Failure) -> HttpResponse>,
}

impl Views {
    /// None runs yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With these responses where a view gives none: [`View::on_failure`] for each that is made from here on.
    pub fn on_failure(self, respond: fn(Failure) -> HttpResponse) -> Self {
        Views { on_failure: Some(respond), ..self }
    }

    /// As [`handler()`](crate::handler), counted.
    pub fn handler<F, Args>(&self, function: F) -> View<F, Detached>
    where
        F: Function<Args>,
    {
        self.view(function)
    }

    /// As [`attached()`](crate::attached), counted.
    pub fn attached<F, Args>(&self, function: F) -> View<F, Attached>
    where
        F: Function<Args>,
    {
        self.view(function)
    }

    /// As [`by_setting()`](crate::by_setting), counted.
    pub fn by_setting<F, Args>(&self, function: F) -> View<F, BySetting>
    where
        F: Function<Args> + Send,
        F::Output: Send,
        Args: Send,
    {
        self.view(function)
    }

    fn view<F, W>(&self, function: F) -> View<F, W> {
        let view = View::new(function, Some(self.clone()));
        match self.on_failure {
            Some(respond) => view.on_failure(respond),
            None => view,
        }
    }

    /// Has something done besides the views, which don't wait for it: what a view leaves to be done when it answers.
    ///
    /// It is counted, and let in though the server is being stopped: the view that asks for it is waited for anyway. If it
    /// panics that is logged.
    ///
    /// In [`Io::Async`] it runs as a task of the current worker, and may [`wait`](mixio::wait). In [`Io::Blocking`] it runs
    /// on the pool of blocking threads.
    ///
    /// # Panics
    ///
    /// In [`Io::Async`] outside of an actix system. In [`Io::Blocking`] outside of a tokio runtime: a view that runs
    /// [by setting](crate::by_setting) is inside.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use actix_web::web::Data;
    /// use mixio_actix::Views;
    ///
    /// fn order(views: Data<Views>) -> &'static str {
    ///     views.spawn(|| {
    ///         mixio_tokio::time::sleep(Duration::from_secs(1));
    ///         println!("the oven is cold again");
    ///     });
    ///     "served"
    /// }
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, function: F)
    where
        F: FnOnce() + Send + 'static,
    {
        let name = Name { given: None, type_name: type_name::<F>() };
        let function = self.stay().around(function);
        match Io::current() {
            Io::Async => {
                let future = as_async(function);
                let future = if inspect::is_enabled() { future.named(name.as_str()) } else { future };
                rt::spawn(Guarded { future, name });
            }
            Io::Blocking => {
                rt::task::spawn_blocking(move || guarded(&name, function));
            }
        }
    }

    /// Counts something in, unless the server is being stopped: a view of another kind, such as an `async fn`.
    pub fn enter(&self) -> Option<Ticket> {
        // In this order: whoever stops either sees the ticket, or is seen.
        let ticket = self.stay();
        (!self.is_stopping()).then_some(ticket)
    }

    /// Counts something in, even if the server is being stopped. For what is begun by something that is counted itself:
    /// otherwise [`stop`](Self::stop) may have ended.
    pub fn stay(&self) -> Ticket {
        Ticket { _token: self.tracker.token() }
    }

    /// From here on, lets no more in: they fail with [`Failure::Stopping`]. The future is ready when all that run have ended.
    ///
    /// That takes as long as they take. A limit: `tokio::time::timeout(limit, views.stop())`.
    ///
    /// The server itself goes on meanwhile, so that views can call other handlers of it, and answers get to their clients.
    /// It is stopped after that, by its own handle.
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

impl Ticket {
    /// Counts a function, until it has ended and all that it owns is dropped.
    fn around<R>(self, function: impl FnOnce() -> R) -> impl FnOnce() -> R {
        move || {
            let _ticket = self;
            function()
        }
    }
}
