//! A plain function as a handler.

use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::handler::Handler;
use axum::response::{IntoResponse, Response};
use mixio::{Io, inspect};
use mixio_tokio::Workers;
use tokio::task::spawn_blocking;

use crate::spawn::Shape;
use crate::task::{Name, Task};
use crate::views::{Ticket, Views};
use crate::way::{Local, Pinned, Way};
use crate::{Failure, Function};

/// Makes a handler of a plain function, which runs on one of the workers of mixio-tokio: for a server on an ordinary
/// runtime, of one thread or many.
///
/// The function takes up to 12 extractors, and returns what is [`IntoResponse`]: what an `async fn` would take and return.
/// The arguments are extracted where the request is, and sent to a worker: see [`mixio_tokio::spawn_pinned`]. There the
/// function starts, is inside of [`mixio::as_async()`], may [`wait`](mixio::wait), and stays until its end; what it keeps
/// on its stack need not be `Send`. Its response goes back.
///
/// # Clients that leave
///
/// Then axum drops the handler. Synchronous code doesn't expect to end in its middle: an order would be left between the
/// kitchen and the database. So the function goes on, to its end; its response is dropped. For a server that is to be
/// stopped, [`Views`] waits for such functions. [`View::attached`] is the other way.
///
/// # Panics
///
/// A panic of the function is a response with the status 500, the connection goes on, and so does the worker: see
/// [`Failure::Panicked`].
///
/// The first request panics if the workers can't be started.
///
/// # Blocking
///
/// In [`Io::Blocking`] it runs on the pool of blocking threads of axum's runtime
/// ([`spawn_blocking`](tokio::task::spawn_blocking)) instead: the same function serves from an event loop, or from
/// threads. It runs to its end there in any case.
///
/// The setting is asked for at each request. What the function opens asks for it as well, at the time: if the two didn't
/// agree, blocking sockets would block the event loop.
///
/// # Example
///
/// ```no_run
/// use axum::{Router, extract::Path, routing::get};
/// use mixio::wait;
/// use mixio_axum::pinned;
///
/// fn greet(Path(name): Path<String>) -> String {
///     wait(tokio::time::sleep(std::time::Duration::from_millis(1)));
///     format!("Hello, {name}!")
/// }
///
/// #[tokio::main]
/// async fn main() -> std::io::Result<()> {
///     let app = Router::new().route("/{name}", get(pinned(greet)));
///     let listener = tokio::net::TcpListener::bind("localhost:8000").await?;
///     axum::serve(listener, app).await
/// }
/// ```
pub fn pinned<F, Args>(function: F) -> View<F, Pinned>
where
    F: Function<Args>,
{
    View::new(function, Pinned::default(), None)
}

/// Makes a handler of a plain function, which runs on the thread of the server: for one on a
/// [`LocalRuntime`](tokio::runtime::LocalRuntime).
///
/// Nothing is sent anywhere, and all views share a thread. Else it is as [`pinned()`].
///
/// The runtime of [`mixio_tokio::run`] is one, but in [`Io::Blocking`] that has none, where the server needs one nevertheless: a
/// program that is for both settings makes it itself.
///
/// # Panics
///
/// On any other runtime, when a request comes, unless in [`Io::Blocking`]: tokio says so. A [`LocalSet`](tokio::task::LocalSet)
/// won't do, since `axum::serve` has its connections beside that.
///
/// # Example
///
/// ```
/// use axum::{Router, extract::Path, routing::get};
/// use mixio_axum::local;
/// use tokio::net::TcpListener;
/// use tokio::runtime::LocalRuntime;
///
/// fn greet(Path(name): Path<String>) -> String {
///     mixio_tokio::time::sleep(std::time::Duration::from_millis(1));
///     format!("Hello, {name}!")
/// }
///
/// async fn serve() -> std::io::Result<()> {
///     mixio_tokio::install_reaper(); // for views that are attached
///     let app = Router::new().route("/{name}", get(local(greet)));
///     let listener = TcpListener::bind("localhost:0").await?;
///     # let end = std::future::ready(());
///     axum::serve(listener, app).with_graceful_shutdown(end).await
/// }
///
/// fn main() -> std::io::Result<()> {
///     LocalRuntime::new()?.block_on(serve())
/// }
/// ```
pub fn local<F, Args>(function: F) -> View<F, Local>
where
    F: Function<Args>,
{
    View::new(function, Local(()), None)
}

/// A plain function as a handler of axum: what [`pinned()`] and [`local()`] make.
///
/// For [`get`](axum::routing::get) and its like. It is a [`Handler`], with layers and state as any.
pub struct View<F, W> {
    function: F,
    way: W,
    name: Option<Arc<str>>,
    stack_size: Option<usize>,
    is_attached: bool,
    views: Option<Views>,
    on_failure: Option<fn(Failure) -> Response>,
}

impl<F, W> View<F, W> {
    pub(crate) fn new(function: F, way: W, views: Option<Views>) -> Self {
        View { function, way, name: None, stack_size: None, is_attached: false, views, on_failure: None }
    }

    /// Ends with its client: if axum drops the handler, then the function is unwound where it waits, and its destructors
    /// run, as in a panic. For what is of no use then, and changes nothing: a long poll, a search.
    ///
    /// Destructors may wait on workers, and where there is a reaper ([`mixio_tokio::run`],
    /// [`mixio_tokio::install_reaper`]): see [there](mixio::AsAsync#dropping). In [`Io::Blocking`] a function that runs
    /// can't be ended: it goes on.
    ///
    /// ```
    /// use axum::extract::State;
    /// use mixio::wait;
    /// use mixio_axum::pinned;
    /// use tokio::sync::broadcast::Sender;
    ///
    /// fn next_notification(State(sender): State<Sender<String>>) -> Option<String> {
    ///     wait(sender.subscribe().recv()).ok()
    /// }
    /// # fn next(sender: State<Sender<String>>) -> String { next_notification(sender).unwrap_or_default() }
    /// let poll = pinned(next).attached();
    /// # axum::Router::new().route("/", axum::routing::get(poll));
    /// ```
    pub fn attached(self) -> Self {
        View { is_attached: true, ..self }
    }

    /// With a stack of at least `bytes` for each call, instead of [`DEFAULT_STACK_SIZE`](mixio::stack::DEFAULT_STACK_SIZE):
    /// see [`AsAsync::stack_size`](mixio::AsAsync::stack_size). On a blocking thread it has no effect.
    ///
    /// ```
    /// # fn render() -> &'static str { "" }
    /// let page = mixio_axum::pinned(render).stack_size(512 << 10);
    /// ```
    pub fn stack_size(self, bytes: usize) -> Self {
        View { stack_size: Some(bytes), ..self }
    }

    /// With a name, for the log and for [`mixio::inspect`]. Without, it is what the compiler calls the function, such as
    /// `kitchen::views::order`.
    ///
    /// ```
    /// let ping = mixio_axum::pinned(|| "pong").named("ping");
    /// ```
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        View { name: Some(name.into()), ..self }
    }

    /// With this response where the function gives none, instead of a line of plain text.
    ///
    /// ```
    /// use axum::response::{Html, IntoResponse as _, Response};
    /// use mixio_axum::{Failure, pinned};
    ///
    /// fn respond(failure: Failure) -> Response {
    ///     (failure.status(), Html(format!("<h1>Sorry</h1>{failure}"))).into_response()
    /// }
    /// let ping = pinned(|| "pong").on_failure(respond);
    /// ```
    pub fn on_failure(self, respond: fn(Failure) -> Response) -> Self {
        View { on_failure: Some(respond), ..self }
    }

    fn name(&self) -> Name {
        Name { given: self.name.clone(), type_name: type_name::<F>() }
    }
}

impl<F> View<F, Pinned> {
    /// On these workers, instead of those of the process.
    ///
    /// ```
    /// use std::num::NonZero;
    /// use std::sync::Arc;
    /// use mixio_axum::pinned;
    /// use mixio_tokio::Workers;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let one = Arc::new(Workers::new(NonZero::<usize>::MIN)?);
    /// let ping = pinned(|| "pong").on(&one);
    /// # Ok(())
    /// # }
    /// ```
    pub fn on(self, workers: &Arc<Workers>) -> Self {
        View { way: Pinned { workers: Some(workers.clone()) }, ..self }
    }
}

impl<F, W: Way> View<F, W> {
    /// Runs the function, to its end or until the future is dropped.
    fn start<Args>(self, args: Args, ticket: Option<Ticket>) -> Task
    where
        F: Function<Args>,
        F::Output: IntoResponse,
        Args: Send + 'static,
    {
        let name = self.name();
        let shape = Shape {
            stack_size: self.stack_size,
            // Nobody else asks for it.
            name: inspect::is_enabled().then(|| name.as_str().into()),
        };
        let function = self.function;
        let call = move || {
            // Dropped after the function.
            let _ticket = ticket;
            function.call(args).into_response()
        };
        let handle = match Io::current() {
            Io::Async => self.way.spawn(call, shape),
            Io::Blocking => spawn_blocking(call),
        };
        Task { handle: Some(handle), name, is_attached: self.is_attached }
    }
}

/// The arguments are what axum can make of a request: all of them by its parts, but the last, which may take the whole.
impl<F, W, Args, M, S> Handler<(M, Args), S> for View<F, W>
where
    F: Function<Args>,
    F::Output: IntoResponse,
    W: Way,
    Args: FromRequest<S, M> + Send + 'static,
    S: Send + Sync + 'static,
{
    type Future = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn call(self, request: Request, state: S) -> Self::Future {
        Box::pin(async move {
            let args = match Args::from_request(request, &state).await {
                Ok(args) => args,
                Err(rejection) => return rejection.into_response(),
            };
            let on_failure = self.on_failure;
            let ticket = match &self.views {
                None => None,
                Some(views) => match views.enter() {
                    Some(ticket) => Some(ticket),
                    None => return Failure::Stopping.respond(on_failure),
                },
            };
            self.start(args, ticket).await.unwrap_or_else(|failure| failure.respond(on_failure))
        })
    }
}

impl<F: Clone, W: Clone> Clone for View<F, W> {
    fn clone(&self) -> Self {
        View {
            function: self.function.clone(),
            way: self.way.clone(),
            name: self.name.clone(),
            stack_size: self.stack_size,
            is_attached: self.is_attached,
            views: self.views.clone(),
            on_failure: self.on_failure,
        }
    }
}

impl<F, W> fmt::Debug for View<F, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("name", &self.name().as_str()).finish_non_exhaustive()
    }
}
