//! Clients that place orders, each the next one when the last is answered.

use std::cell::{Cell, RefCell};
use std::io::Write as _;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::runtime::LocalRuntime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::Error;
use crate::http::{Connection, Message};

/// How long the last answers may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many clients there are, and for how long.
#[derive(Clone, Copy)]
pub struct Plan {
    /// So many, each with a connection of its own.
    pub clients: usize,
    /// They do not begin all at once, but one after the other within this time: else they'd go on in step, and the server
    /// would have more connections to accept than it can have queued.
    pub spread: Duration,
    /// After all have begun, what comes in this time is not measured.
    pub warm_up: Duration,
    /// And what comes then is. After that, no client places another order, and each gets its answer.
    pub window: Duration,
}

/// An order that was answered.
pub struct Answered {
    /// Which of the clients has placed it.
    pub client: usize,
    /// Which of that client's orders it is.
    pub number: usize,
    /// Its id, as the client was told.
    pub id: u64,
    /// How many minutes the client was told.
    pub mins: u64,
}

/// What came out.
pub struct Outcome<S> {
    /// All orders, those before and after the window too.
    pub answered: Vec<Answered>,
    /// How long the window was in truth.
    pub window: Duration,
    /// How many orders were answered in it.
    pub in_window: usize,
    /// How long the orders took that were placed in it.
    pub latencies: Vec<Duration>,
    /// What was sampled at its begin and end.
    pub samples: (S, S),
}

/// What an answer says.
#[derive(Deserialize)]
struct When {
    order_id: u64,
    mins: u64,
}

/// What the clients share.
struct Shared {
    /// A permit for each client that is connected.
    connected: Semaphore,
    window: Cell<bool>,
    over: Cell<bool>,
    in_window: Cell<usize>,
    answered: RefCell<Vec<Answered>>,
    latencies: RefCell<Vec<Duration>>,
}

/// The user name of a client.
pub fn user(client: usize) -> String {
    format!("client-{client}")
}

/// What a client orders: another thing each time, so that an order can be told from the others.
pub fn details(number: usize) -> String {
    format!("pizza-{number}")
}

/// Has the clients place orders. `sample` is called at the begin and at the end of the window.
///
/// # Errors
///
/// If an order is not answered, or with another status than 200.
pub fn run<S>(server: SocketAddr, plan: Plan, sample: impl Fn() -> Result<S, Error>) -> Result<Outcome<S>, Error> {
    LocalRuntime::new()?.block_on(async {
        let shared = Rc::new(Shared {
            connected: Semaphore::new(0),
            window: Cell::new(false),
            over: Cell::new(false),
            in_window: Cell::new(0),
            answered: RefCell::default(),
            latencies: RefCell::default(),
        });
        let mut clients = JoinSet::new();
        for client in 0..plan.clients {
            let shared = shared.clone();
            let pause = plan.spread * client as u32 / plan.clients as u32;
            clients.spawn_local(async move {
                sleep(pause).await;
                order_on(server, client, &shared).await.map_err(|error| format!("{}: {error}", user(client)))
            });
        }
        let all_are_there = async {
            loop {
                tokio::select! {
                    _ = shared.connected.acquire_many(plan.clients as u32) => return Ok::<_, Error>(()),
                    Some(client) = clients.join_next() => client??,
                }
            }
        };
        timeout(PATIENCE, all_are_there).await.map_err(|_| "not all clients are let in")??;
        sleep(plan.warm_up).await;
        let first = sample()?;
        let begin = Instant::now();
        shared.window.set(true);
        sleep(plan.window).await;
        shared.window.set(false);
        let window = begin.elapsed();
        let last = sample()?;
        shared.over.set(true);

        let all_are_done = async {
            while let Some(client) = clients.join_next().await {
                client??;
            }
            Ok::<_, Error>(())
        };
        timeout(PATIENCE, all_are_done).await.map_err(|_| "not all orders are answered")??;
        Ok(Outcome {
            answered: shared.answered.take(),
            window,
            in_window: shared.in_window.get(),
            latencies: shared.latencies.take(),
            samples: (first, last),
        })
    })
}

/// A client.
async fn order_on(server: SocketAddr, client: usize, shared: &Shared) -> Result<(), Error> {
    let mut connection = Connection::new(TcpStream::connect(server).await?)?;
    connection.reset_on_drop()?;
    shared.connected.add_permits(1);
    let user = user(client);
    let mut request = Vec::with_capacity(256);
    for number in 0.. {
        let form = format!("user={user}&details={}", details(number));
        request.clear();
        write!(
            request,
            "POST / HTTP/1.1\r\nhost: kitchen\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\n\r\n{form}",
            form.len()
        )?;
        let (begin, measured) = (Instant::now(), shared.window.get());
        connection.send(&request).await?;
        let when = read(connection.receive().await?)?;
        if measured {
            shared.latencies.borrow_mut().push(begin.elapsed());
        }
        shared.in_window.set(shared.in_window.get() + usize::from(shared.window.get()));
        shared.answered.borrow_mut().push(Answered { client, number, id: when.order_id, mins: when.mins });
        if shared.over.get() {
            break;
        }
    }
    Ok(())
}

fn read(message: Option<Message<'_>>) -> Result<When, Error> {
    let message = message.ok_or("the connection is closed, and an order is not answered")?;
    if !message.start.starts_with("HTTP/1.1 200 ") {
        return Err(format!("{}: {}", message.start, String::from_utf8_lossy(message.body)).into());
    }
    Ok(serde_json::from_slice(message.body)?)
}
