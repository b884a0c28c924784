//! Channels, and what is published there.

use std::collections::VecDeque;
use std::time::Duration;

use redis::{ControlFlow, Msg, PubSubCommands, RedisResult, ToRedisArgs, Value, cmd};

use crate::Connection;

/// A connection that is subscribed to channels: [`redis::PubSub`].
///
/// Dropped, it unsubscribes from all of them, and the connection is for commands again; if it can't, the connection is closed.
///
/// # Example
///
/// ```no_run
/// use redis::RedisResult;
///
/// fn follow(url: &str) -> RedisResult<()> {
///     let mut connection = mixio_redis::connect(url)?;
///     let mut pubsub = connection.as_pubsub();
///     pubsub.subscribe("news")?;
///     loop {
///         let message = pubsub.get_message()?;
///         println!("{}: {}", message.get_channel_name(), message.get_payload::<String>()?);
///     }
/// }
/// ```
#[derive(Debug)]
pub struct PubSub<'a> {
    connection: &'a mut Connection,
    /// What came while something else was waited for.
    waiting: VecDeque<Msg>,
}

impl<'a> PubSub<'a> {
    pub(crate) fn new(connection: &'a mut Connection) -> Self {
        PubSub { connection, waiting: VecDeque::new() }
    }

    /// Subscribes to channels.
    ///
    /// # Errors
    ///
    /// If the server refuses, or the connection fails. So with the others.
    pub fn subscribe<T: ToRedisArgs>(&mut self, channels: T) -> RedisResult<()> {
        self.change("SUBSCRIBE", channels)
    }

    /// Subscribes to all channels that match patterns.
    ///
    /// # Errors
    ///
    /// Those of [`subscribe`](Self::subscribe).
    pub fn psubscribe<T: ToRedisArgs>(&mut self, patterns: T) -> RedisResult<()> {
        self.change("PSUBSCRIBE", patterns)
    }

    /// Unsubscribes from channels.
    ///
    /// # Errors
    ///
    /// Those of [`subscribe`](Self::subscribe).
    pub fn unsubscribe<T: ToRedisArgs>(&mut self, channels: T) -> RedisResult<()> {
        self.change("UNSUBSCRIBE", channels)
    }

    /// Unsubscribes from patterns.
    ///
    /// # Errors
    ///
    /// Those of [`subscribe`](Self::subscribe).
    pub fn punsubscribe<T: ToRedisArgs>(&mut self, patterns: T) -> RedisResult<()> {
        self.change("PUNSUBSCRIBE", patterns)
    }

    /// Waits for the next message.
    ///
    /// # Errors
    ///
    /// If the connection fails, or the [read timeout](Self::set_read_timeout) is over: then it may be called again.
    pub fn get_message(&mut self) -> RedisResult<Msg> {
        if let Some(message) = self.waiting.pop_front() {
            return Ok(message);
        }
        self.connection.exchange(|connection| {
            loop {
                if let Some(message) = Msg::from_owned_value(connection.receive()?) {
                    return Ok(message);
                }
            }
        })
    }

    /// How long to wait for a message, `None` for any time.
    ///
    /// # Errors
    ///
    /// If it is zero.
    pub fn set_read_timeout(&self, limit: Option<Duration>) -> RedisResult<()> {
        self.connection.set_read_timeout(limit)
    }

    /// Waits for the first of the confirmations: there is one for each channel, and the others are passed over later.
    fn change(&mut self, command: &str, names: impl ToRedisArgs) -> RedisResult<()> {
        let packed = cmd(command).arg(names).get_packed_command();
        let waiting = &mut self.waiting;
        self.connection.subscribed = true;
        self.connection.exchange(|connection| {
            connection.send(&packed)?;
            loop {
                let received = connection.receive()?;
                match Msg::from_value(&received) {
                    Some(message) => waiting.push_back(message),
                    None if confirms(&received, command) => return Ok(()),
                    None => {
                        if let Value::ServerError(error) = received {
                            return Err(error.into());
                        }
                    }
                }
            }
        })
    }
}

fn confirms(received: &Value, command: &str) -> bool {
    match received {
        Value::Array(items) => {
            matches!(items.first(), Some(Value::BulkString(kind)) if kind.eq_ignore_ascii_case(command.as_bytes()))
        }
        Value::Push { kind, .. } => kind.to_string().eq_ignore_ascii_case(command),
        _ => false,
    }
}

impl Drop for PubSub<'_> {
    fn drop(&mut self) {
        // An error has closed the connection.
        let _ = self.connection.unsubscribe_all();
    }
}

impl PubSubCommands for Connection {
    fn subscribe<C, F, U>(&mut self, channels: C, mut each: F) -> RedisResult<U>
    where
        F: FnMut(Msg) -> ControlFlow<U>,
        C: ToRedisArgs,
    {
        let mut pubsub = self.as_pubsub();
        pubsub.subscribe(channels)?;
        until_break(&mut pubsub, &mut each)
    }

    fn psubscribe<P, F, U>(&mut self, patterns: P, mut each: F) -> RedisResult<U>
    where
        F: FnMut(Msg) -> ControlFlow<U>,
        P: ToRedisArgs,
    {
        let mut pubsub = self.as_pubsub();
        pubsub.psubscribe(patterns)?;
        until_break(&mut pubsub, &mut each)
    }
}

fn until_break<U>(pubsub: &mut PubSub<'_>, each: &mut impl FnMut(Msg) -> ControlFlow<U>) -> RedisResult<U> {
    loop {
        if let ControlFlow::Break(value) = each(pubsub.get_message()?) {
            return Ok(value);
        }
    }
}
