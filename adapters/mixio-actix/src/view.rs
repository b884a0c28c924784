//! A plain function as a handler.

use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::rt::task::{JoinError, JoinHandle, spawn_blocking};
use actix_web::{Handler, HttpResponse, rt};
use mixio::{Io, as_async, inspect};

use crate::guard::{Guarded, Name, guarded};
use crate::views::{Ticket, Views};
use crate::way::{Attached, BySetting, Detached};
use crate::{Failure, Function};

/// Makes a handler of a plain function, which runs as a task of its own: detached from its client.
///
/// The function takes up to 12 extractors, and returns a [`Responder`](actix_web::Responder): what an `async fn` would take
/// and return. They need not be `Send`. It is inside of [`mixio::as_async()`], and may [`wait`](mixio::wait).
///
/// If the client goes away, actix-web drops the handler. Synchronous code doesn't expect to end in its middle: an order
/// would be left between the kitchen and the database. So the function goes on, to its end; its answer is dropped.
/// For a server that is to be stopped, [`Views`] waits for such functions. [`attached()`] is the other way.
///
/// If it panics, that is an answer with the status 500, the connection goes on, and so does the worker: see
/// [`Failure::Panicked`].
///
/// In [`Io::Blocking`] it runs as here, and sockets that it opens then block its worker. [`by_setting()`] is what follows
/// the setting.
///
/// # Panics
///
/// Outside of an actix system, when a request comes.
///
/// # Example
///
/// ```
/// use actix_web::{App, test, web};
/// use mixio::wait;
/// use mixio_actix::handler;
///
/// fn greet(name: web::Path<String>) -> String {
///     wait(tokio::time::sleep(std::time::Duration::from_millis(1)));
///     format!("Hello, {name}!")
/// }
///
/// # #[actix_web::main]
/// # async fn main() {
/// let app = test::init_service(App::new().route("/{name}", web::get().to(handler(greet)))).await;
/// let request = test::TestRequest::get().uri("/Ann").to_request();
/// assert_eq!(test::call_and_read_body(&app, request).await, "Hello, Ann!");
/// # }
/// ```
pub fn handler<F, Args>(function: F) -> View<F, Detached>
where
    F: Function<Args>,
{
    View::new(function, None)
}

/// Makes a handler of a plain function that ends with its client.
///
/// As [`handler()`], but if actix-web drops the handler, since the client has gone away, then the function is unwound
/// where it waits: its destructors run, as in a panic. For what is of no use then, and changes nothing: a long poll, a
/// search.
///
/// Destructors may wait if there is a reaper on the worker's thread: call [`mixio_tokio::install_reaper`] in the factory
/// of the application. Otherwise they run at once, and a `wait` for what is pending is refused: see
/// [there](mixio::AsAsync#dropping).
///
/// A client that has said all it has to say, but still listens, has not gone: see
/// [`h1_allow_half_closed`](actix_web::HttpServer::h1_allow_half_closed), which is on by default.
///
/// [`mixio_tokio::install_reaper`]: https://docs.rs/mixio-tokio/latest/mixio_tokio/fn.install_reaper.html
///
/// # Example
///
/// ```
/// use actix_web::{App, web};
/// use mixio::wait;
/// use mixio_actix::attached;
/// use tokio::sync::broadcast;
///
/// fn next_notification(sender: web::Data<broadcast::Sender<String>>) -> Option<String> {
///     wait(sender.subscribe().recv()).ok()
/// }
///
/// let factory = || {
///     mixio_tokio::install_reaper();
///     App::new().route("/next", web::get().to(attached(next_notification)))
/// };
/// # let _ = factory;
/// ```
pub fn attached<F, Args>(function: F) -> View<F, Attached>
where
    F: Function<Args>,
{
    View::new(function, None)
}

/// Makes a handler of a plain function, which runs as the setting says: the same function serves from one thread, or from
/// many.
///
/// - [`Io::Async`]: as [`handler()`], on the event loop of its worker;
/// - [`Io::Blocking`]: on the worker's pool of blocking threads, as by [`web::block`](actix_web::web::block). It runs to its
///   end there, too, and a panic is the same answer. The pool's size is
///   [`worker_max_blocking_threads`](actix_web::HttpServer::worker_max_blocking_threads).
///
/// So its arguments and what it returns are `Send`: no `HttpRequest`, no `HttpResponse`.
/// [`SendResponse`](crate::SendResponse) is one that is.
///
/// The setting is asked for at each request. What the function opens asks for it as well, at the time: if the two didn't
/// agree, blocking sockets would block the event loop.
///
/// # Example
///
/// ```
/// use actix_web::{App, web};
/// use mixio_actix::by_setting;
///
/// fn report(number: web::Path<u32>) -> std::io::Result<String> {
///     mixio_tokio::time::sleep(std::time::Duration::from_millis(1)); // is by the setting, too
///     Ok(format!("report {number}"))
/// }
///
/// let factory = || App::new().route("/{number}", web::get().to(by_setting(report)));
/// # let _ = factory;
/// ```
pub fn by_setting<F, Args>(function: F) -> View<F, BySetting>
where
    F: Function<Args> + Send,
    F::Output: Send,
    Args: Send,
{
    View::new(function, None)
}

/// A plain function as a handler of actix-web: what [`handler()`], [`attached()`] and [`by_setting()`] make.
///
/// To be given to [`to`](actix_web::Route::to). Cloning it clones the function.
pub struct View<F, W = Detached> {
    function: F,
    name: Option<Arc<str>>,
    stack_size: Option<usize>,
    views: Option<Views>,
    on_failure: Option<fn(Failure) -> HttpResponse>,
    way: PhantomData<fn() -> W>,
}

impl<F, W> View<F, W> {
    pub(crate) fn new(function: F, views: Option<Views>) -> Self {
        View { function, name: None, stack_size: None, views, on_failure: None, way: PhantomData }
    }

    /// With a stack of at least `bytes` for each call, instead of [`DEFAULT_STACK_SIZE`](mixio::stack::DEFAULT_STACK_SIZE):
    /// see [`AsAsync::stack_size`](mixio::AsAsync::stack_size). On a blocking thread it has no effect.
    ///
    /// ```
    /// # fn render() -> &'static str { "" }
    /// let page = mixio_actix::handler(render).stack_size(512 << 10);
    /// ```
    pub fn stack_size(self, bytes: usize) -> Self {
        View { stack_size: Some(bytes), ..self }
    }

    /// With a name, for the log and for [`mixio::inspect`]. Without, it is what the compiler calls the function, such as
    /// `kitchen::views::order`.
    ///
    /// ```
    /// let ping = mixio_actix::handler(|| "pong").named("ping");
    /// ```
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        View { name: Some(name.into()), ..self }
    }

    /// With this response where the function gives none, instead of a line of plain text.
    ///
    /// ```
    /// use actix_web::{HttpResponse, ResponseError};
    /// use mixio_actix::{Failure, handler};
    ///
    /// fn respond(failure: Failure) -> HttpResponse {
    ///     HttpResponse::build(failure.status_code()).json(failure.to_string())
    /// }
    /// let ping = handler(|| "pong").on_failure(respond);
    /// ```
    pub fn on_failure(self, respond: fn(Failure) -> HttpResponse) -> Self {
        View { on_failure: Some(respond), ..self }
    }

    fn name(&self) -> Name {
        Name { given: self.name.clone(), type_name: type_name::<F>() }
    }

    /// Runs `start`, with a ticket if this is counted, unless no more are let in.
    fn enter<R>(&self, start: impl FnOnce(Option<Ticket>) -> Running<R>) -> ViewFuture<R> {
        let running = match &self.views {
            None => start(None),
            Some(views) => views.enter().map_or(Running::Refused, |ticket| start(Some(ticket))),
        };
        ViewFuture { running, on_failure: self.on_failure }
    }

    /// A call, counted until all of it is gone.
    fn bound<Args>(&self, args: Args, ticket: Option<Ticket>) -> impl FnOnce() -> F::Output + use<F, W, Args>
    where
        F: Function<Args>,
    {
        let function = self.function.clone();
        move || {
            // Dropped after the function.
            let (_ticket, function) = (ticket, function);
            function.call(args)
        }
    }

    fn future<Args>(
        &self,
        args: Args,
        ticket: Option<Ticket>,
    ) -> impl Future<Output = Result<F::Output, Failure>> + use<F, W, Args>
    where
        F: Function<Args>,
        F::Output: 'static,
        Args: 'static,
        W: 'static,
    {
        let mut future = as_async(self.bound(args, ticket));
        if let Some(bytes) = self.stack_size {
            future = future.stack_size(bytes);
        }
        let name = self.name();
        // Nobody else asks for it, and it's an allocation.
        if inspect::is_enabled() {
            future = future.named(name.as_str());
        }
        Guarded { future, name }
    }
}

impl<F, Args> Handler<Args> for View<F, Detached>
where
    F: Function<Args>,
    F::Output: 'static,
    Args: 'static,
{
    type Output = Result<F::Output, actix_web::Error>;
    type Future = ViewFuture<F::Output>;

    fn call(&self, args: Args) -> Self::Future {
        self.enter(|ticket| Running::Task(rt::spawn(self.future(args, ticket))))
    }
}

impl<F, Args> Handler<Args> for View<F, Attached>
where
    F: Function<Args>,
    F::Output: 'static,
    Args: 'static,
{
    type Output = Result<F::Output, actix_web::Error>;
    type Future = ViewFuture<F::Output>;

    fn call(&self, args: Args) -> Self::Future {
        self.enter(|ticket| Running::Here(Box::pin(self.future(args, ticket))))
    }
}

impl<F, Args> Handler<Args> for View<F, BySetting>
where
    F: Function<Args> + Send,
    F::Output: Send + 'static,
    Args: Send + 'static,
{
    type Output = Result<F::Output, actix_web::Error>;
    type Future = ViewFuture<F::Output>;

    fn call(&self, args: Args) -> Self::Future {
        self.enter(|ticket| {
            Running::Task(match Io::current() {
                Io::Async => rt::spawn(self.future(args, ticket)),
                Io::Blocking => {
                    let (call, name) = (self.bound(args, ticket), self.name());
                    spawn_blocking(move || guarded(&name, call))
                }
            })
        })
    }
}

impl<F: Clone, W> Clone for View<F, W> {
    fn clone(&self) -> Self {
        View {
            function: self.function.clone(),
            name: self.name.clone(),
            stack_size: self.stack_size,
            views: self.views.clone(),
            on_failure: self.on_failure,
            way: PhantomData,
        }
    }
}

impl<F, W> fmt::Debug for View<F, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("name", &self.name().as_str()).finish_non_exhaustive()
    }
}

/// The call of a [`View`]: gives what the function returns, or a [`Failure`] as an error of actix-web's.
#[must_use = "a future does nothing unless it is polled"]
pub struct ViewFuture<R> {
    running: Running<R>,
    on_failure: Option<fn(Failure) -> HttpResponse>,
}

enum Running<R> {
    /// No more are let in.
    Refused,
    /// Elsewhere. Goes on if this is dropped.
    Task(JoinHandle<Result<R, Failure>>),
    /// Within this, and ends with it.
    Here(Pin<Box<dyn Future<Output = Result<R, Failure>>>>),
}

impl<R> Future for ViewFuture<R> {
    type Output = Result<R, actix_web::Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = match &mut self.running {
            Running::Refused => Err(Failure::Stopping),
            Running::Task(task) => ready!(Pin::new(task).poll(context)).unwrap_or_else(|error| Err(lost(&error))),
            Running::Here(future) => ready!(future.as_mut().poll(context)),
        };
        Poll::Ready(outcome.map_err(|failure| failure.into_error(self.on_failure)))
    }
}

/// A task that has not given a result, though it catches the panics of its function.
fn lost(error: &JoinError) -> Failure {
    if error.is_cancelled() {
        // With its runtime.
        return Failure::Stopping;
    }
    log::error!("a view is lost: {error}");
    Failure::Panicked
}

impl<R> fmt::Debug for ViewFuture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViewFuture").finish_non_exhaustive()
    }
}
