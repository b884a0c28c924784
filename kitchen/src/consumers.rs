//! Who is connected by WebSocket, and telling them something.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, rt, web};
use actix_ws::{CloseCode, CloseReason, Message, MessageStream, Session};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval, timeout};

use crate::error::Error;
use crate::request::{App, user_of};

/// How many notifications may be on their way to a socket. One that is further behind is closed.
const QUEUE: usize = 64;

/// How often to ask a socket whether it's still there. It is taken for dead if it says nothing for three times as long.
const PING: Duration = Duration::from_secs(10);

/// A client has nothing to say but pings.
const MAX_FRAME: usize = 4096;

/// The open WebSockets by user. Those of all workers are here.
#[derive(Default)]
pub struct Consumers {
    registry: Mutex<Registry>,
}

#[derive(Default)]
struct Registry {
    sockets: HashMap<String, Vec<Socket>>,
    next_id: u64,
    closed: bool,
}

#[derive(Clone)]
struct Socket {
    id: u64,
    queue: mpsc::Sender<Arc<str>>,
}

/// One user with at least one open WebSocket.
pub struct Consumer<'a> {
    consumers: &'a Consumers,
    user: &'a str,
    sockets: Vec<Socket>,
}

impl Consumers {
    /// The user's consumer, if connected.
    pub fn get<'a>(&'a self, user: &'a str) -> Option<Consumer<'a>> {
        let sockets = self.registry().sockets.get(user)?.clone();
        Some(Consumer { consumers: self, user, sockets })
    }

    /// How many sockets are open.
    pub fn count(&self) -> usize {
        self.registry().sockets.values().map(Vec::len).sum()
    }

    /// Closes all sockets, and lets none be opened.
    pub fn close(&self) {
        let mut registry = self.registry();
        registry.closed = true;
        // Each socket closes when there is nobody left to send to it.
        registry.sockets.clear();
    }

    fn add(&self, user: &str) -> Option<(u64, mpsc::Receiver<Arc<str>>)> {
        let mut registry = self.registry();
        if registry.closed {
            return None;
        }
        let (queue, notifications) = mpsc::channel(QUEUE);
        let id = registry.next_id;
        registry.next_id += 1;
        registry.sockets.entry(user.into()).or_default().push(Socket { id, queue });
        Some((id, notifications))
    }

    fn remove(&self, user: &str, id: u64) {
        let mut registry = self.registry();
        if let Some(sockets) = registry.sockets.get_mut(user) {
            sockets.retain(|socket| socket.id != id);
            if sockets.is_empty() {
                registry.sockets.remove(user);
            }
        }
    }

    /// It is never locked for long: nothing waits while it is.
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Consumer<'_> {
    /// Sends it to all sockets of the user. This does not wait for them.
    pub fn send_json(&self, value: &Value) {
        let text: Arc<str> = value.to_string().into();
        for socket in &self.sockets {
            if let Err(mpsc::error::TrySendError::Full(_)) = socket.queue.try_send(text.clone()) {
                tracing::warn!(user = self.user, "does not read its notifications, and is disconnected");
                self.consumers.remove(self.user, socket.id);
            }
        }
    }
}

/// `/ws/`: opens a WebSocket.
///
/// # Errors
///
/// If it isn't asked for properly, or the server is being stopped.
pub async fn open(http: HttpRequest, body: web::Payload, app: web::Data<App>) -> actix_web::Result<HttpResponse> {
    let user = user_of(&http)?;
    let handshake = actix_ws::handle(&http, body);
    let (response, session, messages) = handshake.map_err(|_| Error::BadRequest("this is for WebSockets only"))?;
    let consumers = app.consumers.clone();
    let (id, notifications) = consumers.add(&user).ok_or(Error::Stopping)?;
    rt::spawn(async move {
        tracing::debug!(user, "is connected");
        let reason = talk(session.clone(), messages.max_frame_size(MAX_FRAME), notifications).await;
        consumers.remove(&user, id);
        if let Some(reason) = reason {
            let _ = timeout(PING, session.close(Some(reason))).await;
        }
        tracing::debug!(user, "is disconnected");
    });
    Ok(response)
}

/// Until one of the two has enough. Gives what to say at the end, if there is somebody to say it to.
async fn talk(
    mut session: Session,
    mut messages: MessageStream,
    mut notifications: mpsc::Receiver<Arc<str>>,
) -> Option<CloseReason> {
    let mut pings = interval(PING);
    let mut last_heard = Instant::now();
    loop {
        // What is sent goes to a queue of the session. If it is full then the other side doesn't read.
        let sent = tokio::select! {
            notification = notifications.recv() => match notification {
                Some(text) => timeout(PING, session.text(&*text)).await,
                None => return Some(CloseReason { code: CloseCode::Away, description: None }),
            },
            message = messages.recv() => {
                last_heard = Instant::now();
                match message? {
                    Ok(Message::Ping(data)) => timeout(PING, session.pong(&data)).await,
                    Ok(Message::Close(_)) => return Some(CloseCode::Normal.into()),
                    Ok(_) => Ok(Ok(())),
                    Err(_) => return Some(CloseCode::Protocol.into()),
                }
            },
            _ = pings.tick() => {
                if last_heard.elapsed() > 3 * PING {
                    return Some(CloseCode::Away.into());
                }
                timeout(PING, session.ping(b"")).await
            },
        };
        sent.ok()?.ok()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumer_that_does_not_read_is_disconnected() {
        let consumers = Consumers::default();
        let (_, mut slow) = consumers.add("ann").unwrap();
        let (_, mut fast) = consumers.add("ann").unwrap();
        for n in 0..=QUEUE {
            consumers.get("ann").unwrap().send_json(&n.into());
            assert_eq!(&*fast.try_recv().unwrap(), n.to_string());
        }
        for n in 0..QUEUE {
            assert_eq!(&*slow.try_recv().unwrap(), n.to_string());
        }
        assert_eq!(slow.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
        consumers.get("ann").unwrap().send_json(&"more".into());
        assert_eq!(&*fast.try_recv().unwrap(), "\"more\"");
    }

    #[test]
    fn only_those_who_are_connected_can_be_told() {
        let consumers = Consumers::default();
        assert!(consumers.get("ann").is_none());
        let (id, _notifications) = consumers.add("ann").unwrap();
        assert!(consumers.get("ann").is_some());
        assert!(consumers.get("bob").is_none());
        consumers.remove("ann", id);
        assert!(consumers.get("ann").is_none());
        assert!(consumers.registry().sockets.is_empty());
    }

    #[test]
    fn nobody_connects_after_the_end() {
        let consumers = Consumers::default();
        let (_, mut notifications) = consumers.add("ann").unwrap();
        consumers.close();
        assert_eq!(notifications.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
        assert!(consumers.add("ann").is_none());
    }
}
