//! Who is connected by WebSocket, and telling them something: as the kitchen does it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, rt, web};
use actix_ws::{CloseCode, CloseReason, Message, MessageStream, Session};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval, timeout};

use crate::App;
use crate::error::Error;
use crate::request::user_of;

/// How many notifications may be on their way to a socket. One that is further behind is closed.
const QUEUE: usize = 64;
/// How often to ask a socket whether it's still there. It is taken for dead if it says nothing for three times as long.
const PING: Duration = Duration::from_secs(10);
/// A client has nothing to say but pings.
const MAX_FRAME: usize = 4096;

/// The open WebSockets by user. There is one worker, so this needs no lock.
#[derive(Default)]
pub(crate) struct Consumers {
    sockets: RefCell<HashMap<String, Vec<mpsc::Sender<Rc<str>>>>>,
}

impl Consumers {
    /// Tells all sockets of the user, if there are any. This does not wait for them.
    pub(crate) fn tell(&self, user: &str, value: &Value) {
        let mut sockets = self.sockets.borrow_mut();
        let Some(queues) = sockets.get_mut(user) else { return };
        let text: Rc<str> = value.to_string().into();
        queues.retain(|queue| queue.try_send(text.clone()).is_ok());
    }

    fn add(&self, user: &str) -> mpsc::Receiver<Rc<str>> {
        let (queue, notifications) = mpsc::channel(QUEUE);
        self.sockets.borrow_mut().entry(user.into()).or_default().push(queue);
        notifications
    }

    fn tidy(&self, user: &str) {
        let mut sockets = self.sockets.borrow_mut();
        if let Some(queues) = sockets.get_mut(user) {
            queues.retain(|queue| !queue.is_closed());
            if queues.is_empty() {
                sockets.remove(user);
            }
        }
    }
}

/// `/ws/`: opens a WebSocket.
pub(crate) async fn open(
    http: HttpRequest,
    body: web::Payload,
    app: web::Data<App>,
) -> actix_web::Result<HttpResponse> {
    let user = user_of(&http)?;
    let handshake = actix_ws::handle(&http, body);
    let (response, session, messages) = handshake.map_err(|_| Error::BadRequest("this is for WebSockets only"))?;
    let notifications = app.consumers.add(&user);
    rt::spawn(async move {
        let reason = talk(session.clone(), messages.max_frame_size(MAX_FRAME), notifications).await;
        app.consumers.tidy(&user);
        if let Some(reason) = reason {
            let _ = timeout(PING, session.close(Some(reason))).await;
        }
    });
    Ok(response)
}

/// Until one of the two has enough. Gives what to say at the end, if there is somebody to say it to.
async fn talk(
    mut session: Session,
    mut messages: MessageStream,
    mut notifications: mpsc::Receiver<Rc<str>>,
) -> Option<CloseReason> {
    let mut pings = interval(PING);
    let mut last_heard = Instant::now();
    loop {
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
