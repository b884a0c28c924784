//! The wire: a client of tokio-postgres, the task that drives its connection, and the one place where both are waited for.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use diesel::pg::PgNotification;
use diesel::result::{ConnectionError, DatabaseErrorKind, Error as DieselError};
use diesel::{ConnectionResult, QueryResult};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::error::Severity;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{AsyncMessage, CancelToken, Client, Config, Connection, Error, Socket};

use super::error::{from_postgres, lost, was_not_sent};
use super::waiter::Waiter;

/// How long each attempt to cancel a query on the server may take, and how long to wait for its effect.
const PATIENCE: Duration = Duration::from_secs(1);

/// A request to the server, to be made from another connection than that whose query it cancels.
type Canceller = Arc<dyn Fn(CancelToken) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

pub(super) struct Link {
    client: Client,
    notifications: UnboundedReceiver<PgNotification>,
    state: State,
}

/// What there is beside the client.
struct State {
    waiter: Waiter,
    driver: AbortHandle,
    /// Why the connection has ended.
    failure: Arc<OnceLock<Arc<Error>>>,
    canceller: Canceller,
    /// Whether somebody was torn away from an answer. Nobody knows then what the server makes of the question.
    interrupted: bool,
    /// Whether the server has said that it ends the connection. That it has is known only when the driver gets there.
    ended: bool,
    /// How long an answer may take.
    limit: Option<Duration>,
}

impl Link {
    pub(super) fn open<T>(config: &Config, tls: T, limit: Option<Duration>) -> ConnectionResult<Self>
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + 'static,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let waiter = Waiter::current()?;
        let connect = config.connect(tls.clone());
        let connected = match limit {
            Some(limit) => waiter.wait(async { timeout(limit, connect).await }).map(|connected| {
                connected.map_err(|_| ConnectionError::BadConnection(format!("no connection within {limit:?}")))
            }),
            None => waiter.wait(connect).map(Ok),
        };
        let connected = connected.map_err(|error| ConnectionError::BadConnection(format!("cannot wait: {error}")))?;
        let (client, connection) = connected?.map_err(bad_connection)?;
        let failure = Arc::new(OnceLock::new());
        let (sender, notifications) = unbounded_channel();
        let driver = waiter.spawn(drive(connection, failure.clone(), sender));
        let canceller: Canceller = Arc::new(move |token| {
            let tls = tls.clone();
            // If it can't be done then the query goes on, in vain, until it notices that nobody is there.
            Box::pin(async move { drop(timeout(PATIENCE, token.cancel_query(tls)).await) })
        });
        let state = State { waiter, driver, failure, canceller, interrupted: false, ended: false, limit: None };
        Ok(Link { client, notifications, state })
    }

    pub(super) fn limit_answers(&mut self, limit: Option<Duration>) {
        self.state.limit = limit;
    }

    /// Waits for what the server answers.
    ///
    /// If this is unwound meanwhile, or can't wait, then the query is cancelled on the server, and the link is of no use.
    pub(super) fn run<'a, T, F>(&'a mut self, operate: impl FnOnce(&'a Client) -> F) -> QueryResult<T>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let Link { client, state, .. } = self;
        state.run(client, || operate(client))
    }

    /// As [`run`](Self::run), for what goes on after the client's part.
    pub(super) fn go_on<T>(&mut self, future: impl Future<Output = Result<T, Error>>) -> QueryResult<T> {
        self.state.run(&self.client, || future)
    }

    /// For the handle of a query that was torn away from its answer without waiting for it: a cursor, say.
    pub(super) fn interrupt(&mut self) {
        if !self.state.interrupted {
            self.state.interrupt(self.client.cancel_token());
        }
    }

    /// Whether it can be used, as far as is known without asking the server.
    pub(super) fn is_usable(&self) -> bool {
        !self.state.interrupted && !self.state.ended && !self.client.is_closed()
    }

    pub(super) fn cancel_token(&self) -> CancelToken {
        self.client.cancel_token()
    }

    /// A notification that has arrived, if there is one.
    pub(super) fn notification(&mut self) -> Option<PgNotification> {
        self.notifications.try_recv().ok()
    }

    /// The next notification, waited for no longer than that. An error if the connection has ended.
    pub(super) fn next_notification(&mut self, limit: Option<Duration>) -> QueryResult<Option<PgNotification>> {
        let next = self.notifications.recv();
        // Nothing is sent, so there is nothing to interrupt.
        let arrived = match limit {
            Some(limit) => self.state.waiter.wait_within(limit, next),
            None => self.state.waiter.wait(next).map(Some),
        };
        match arrived.map_err(|error| lost(format!("cannot wait: {error}")))? {
            Some(Some(notification)) => Ok(Some(notification)),
            Some(None) => Err(self.state.why().unwrap_or_else(|| lost("the connection is closed".into()))),
            None => Ok(None),
        }
    }

    /// Lets the driver have a look at the socket.
    pub(super) fn look(&self) {
        self.state.waiter.drive();
    }
}

impl State {
    fn run<T, F>(&mut self, client: &Client, start: impl FnOnce() -> F) -> QueryResult<T>
    where
        F: Future<Output = Result<T, Error>>,
    {
        if self.interrupted {
            return Err(lost("this connection was interrupted while a query was under way, and can't be used".into()));
        }
        let future = start();
        let mut in_flight = InFlight { state: self, client, answered: false };
        let waiter = &in_flight.state.waiter;
        let answer = match in_flight.state.limit {
            None => waiter.wait(future).map(Some),
            Some(limit) => waiter.wait_within(limit, future),
        };
        in_flight.answered = matches!(answer, Ok(Some(_)));
        drop(in_flight);
        let answer = answer.map(|answer| answer.ok_or("the server does not answer in time"));
        match answer {
            Ok(Err(late)) => {
                // Nobody else is there to ask for it.
                if self.waiter.handle().is_none() {
                    let _ = self.waiter.wait((self.canceller)(client.cancel_token()));
                }
                Err(lost(late.into()))
            }
            Ok(Ok(Ok(value))) => Ok(value),
            Ok(Ok(Err(error))) => Err(self.failed(client, &error)),
            Err(error) => Err(lost(format!("cannot wait: {error}"))),
        }
    }

    /// What comes of an error, for the connection and for the user.
    #[cold]
    fn failed(&mut self, client: &Client, error: &Error) -> DieselError {
        match error.as_db_error() {
            Some(said) => {
                self.ended |= matches!(said.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
                from_postgres(error)
            }
            None if client.is_closed() => self.why().unwrap_or_else(|| from_postgres(error)),
            // The driver doesn't understand the answer, so nobody knows whose turn it is: after a `COPY` the server may wait for data.
            None => {
                if !self.interrupted && !was_not_sent(error) {
                    self.interrupt(client.cancel_token());
                }
                from_postgres(error)
            }
        }
    }

    /// The error with which the connection has ended: it says more than that it is closed.
    fn why(&self) -> Option<DieselError> {
        self.failure.get().map(|error| match from_postgres(error) {
            // Whatever the server said in farewell: this connection is of no use any more.
            DieselError::DatabaseError(_, information) => {
                DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, information)
            }
            error => error,
        })
    }

    #[cold]
    fn interrupt(&mut self, token: CancelToken) {
        self.interrupted = true;
        // If nobody drives the connection then its socket closes with it, and that is all that can be done.
        if let Some(handle) = self.waiter.handle() {
            handle.spawn(cancel(self.canceller.clone(), token, self.driver.clone()));
        }
    }
}

/// Somebody waits for an answer.
struct InFlight<'a> {
    state: &'a mut State,
    client: &'a Client,
    answered: bool,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.state.interrupt(self.client.cancel_token());
        }
    }
}

/// Cancels the query under way, then closes the connection.
async fn cancel(canceller: Canceller, token: CancelToken, driver: AbortHandle) {
    // More than once: perhaps the driver hasn't even sent the query when the first attempt gets there.
    for pause in [PATIENCE / 20, PATIENCE] {
        canceller(token.clone()).await;
        // When the client is dropped, and the server has answered, the driver says goodbye and ends.
        let started = tokio::time::Instant::now();
        while !driver.is_finished() && started.elapsed() < pause {
            sleep(PATIENCE / 100).await;
        }
        if driver.is_finished() {
            return;
        }
    }
    driver.abort();
}

/// Moves what is to be sent and what is received, until the client is dropped or the connection ends.
async fn drive<S, T>(
    mut connection: Connection<S, T>,
    failure: Arc<OnceLock<Arc<Error>>>,
    notifications: UnboundedSender<PgNotification>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(AsyncMessage::Notification(said)) => {
                // An error is that there is nobody to be told.
                let _ = notifications.send(PgNotification {
                    process_id: said.process_id(),
                    channel: said.channel().into(),
                    payload: said.payload().into(),
                });
            }
            Ok(_) => {}
            Err(error) => {
                // Before the client learns that it's over.
                let _ = failure.set(Arc::new(error));
                return;
            }
        }
    }
}

fn bad_connection(error: Error) -> ConnectionError {
    ConnectionError::BadConnection(super::error::describe(&error))
}
