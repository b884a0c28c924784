//! Channels, and what is published there.

use std::collections::VecDeque;
use std::time::Duration;

use redis::{
    Cmd, ControlFlow, FromRedisValue, Msg, PubSubCommands, PushKind, RedisResult, ToRedisArgs, Value, cmd,
    from_redis_value,
};

use crate::Connection;
use crate::due::Answer;

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

    /// Subscribes to channels: to all of them when this returns.
    ///
    /// # Errors
    ///
    /// If the server refuses, or the connection fails, or the [read timeout](Self::set_read_timeout) is over: then the
    /// connection may be subscribed to some, or soon will be. So with the others.
    pub fn subscribe<T: ToRedisArgs>(&mut self, channels: T) -> RedisResult<()> {
        self.change(PushKind::Subscribe, channels)
    }

    /// Subscribes to all channels that match patterns.
    ///
    /// # Errors
    ///
    /// Those of [`subscribe`](Self::subscribe).
    pub fn psubscribe<T: ToRedisArgs>(&mut self, patterns: T) -> RedisResult<()> {
        self.change(PushKind::PSubscribe, patterns)
    }

    /// Unsubscribes from channels: from all if none is named.
    ///
    /// # Errors
    ///
    /// Those of [`subscribe`](Self::subscribe).
    pub fn unsubscribe<T: ToRedisArgs>(&mut self, channels: T) -> RedisResult<()> {
        self.change(PushKind::Unsubscribe, channels)
    }

    /// Unsubscribes from patterns: from all if none is named.
    ///
    /// # Errors
    ///
    /// Those of [`subscribe`](Self::subscribe).
    pub fn punsubscribe<T: ToRedisArgs>(&mut self, patterns: T) -> RedisResult<()> {
        self.change(PushKind::PUnsubscribe, patterns)
    }

    /// Asks the server whether it is there, and gives what it answers.
    ///
    /// That depends on the protocol, and on whether the connection is subscribed to anything: `PONG`, or in RESP2, if it is,
    /// `["pong", ""]`.
    ///
    /// # Errors
    ///
    /// Those of [`subscribe`](Self::subscribe); and if the answer is no `T`.
    ///
    /// ```no_run
    /// # fn check(url: &str) -> redis::RedisResult<()> {
    /// let mut connection = mixio_redis::connect(url)?;
    /// let mut pubsub = connection.as_pubsub();
    /// pubsub.subscribe("news")?;
    /// let answer: (String, String) = pubsub.ping()?;
    /// assert_eq!(answer.0, "pong");
    /// # Ok(())
    /// # }
    /// ```
    pub fn ping<T: FromRedisValue>(&mut self) -> RedisResult<T> {
        self.ping_by(&cmd("PING"))
    }

    /// As [`ping`](Self::ping), with a message that comes back: alone, or in RESP2, if the connection is subscribed to anything,
    /// as `["pong", message]`.
    ///
    /// # Errors
    ///
    /// Those of [`ping`](Self::ping).
    pub fn ping_message<T: FromRedisValue>(&mut self, message: impl ToRedisArgs) -> RedisResult<T> {
        self.ping_by(cmd("PING").arg(message))
    }

    fn ping_by<T: FromRedisValue>(&mut self, command: &Cmd) -> RedisResult<T> {
        Ok(from_redis_value(self.ask(command, Answer::Pong)?)?)
    }

    /// Waits for the next message.
    ///
    /// # Errors
    ///
    /// If the connection fails, or the [read timeout](Self::set_read_timeout) is over: then it may be called again. If the
    /// server says an error, such as that it refuses a subscription for whose confirmation nobody waits any longer.
    pub fn get_message(&mut self) -> RedisResult<Msg> {
        if let Some(message) = self.waiting.pop_front() {
            return Ok(message);
        }
        self.connection.exchange(|connection| {
            loop {
                let said = connection.receive_next(0)?;
                connection.due.hear(&said);
                // It answers a command that has been given up, or none.
                if let Value::ServerError(error) = said {
                    return Err(error.into());
                }
                if let Some(message) = Msg::from_owned_value(said) {
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

    /// Sends a command that is about names, and waits until all of it is confirmed.
    fn change(&mut self, kind: PushKind, names: impl ToRedisArgs) -> RedisResult<()> {
        let mut command = cmd(&kind.to_string());
        command.arg(names);
        let names = command.args_iter().count() - 1;
        let takes_all = names == 0 && matches!(kind, PushKind::Unsubscribe | PushKind::PUnsubscribe);
        let answer = if takes_all { Answer::All(kind) } else { Answer::Each(kind, names) };
        self.ask(&command, answer).map(drop)
    }

    /// Sends a command, and waits for the end of its answer. Messages that come before are kept; what is answered to commands
    /// before, which have been given up, is passed over.
    fn ask(&mut self, command: &Cmd, answer: Answer) -> RedisResult<Value> {
        let packed = command.get_packed_command();
        let waiting = &mut self.waiting;
        // Or may be soon; and if this is given up, its answer would be in the way of replies.
        self.connection.subscribed = true;
        self.connection.exchange(|connection| {
            connection.send(&packed)?;
            connection.due.push(answer);
            loop {
                let said = connection.receive_next(0)?;
                let is_answer = connection.due.hear(&said);
                // This command is the last.
                if is_answer && connection.due.is_empty() {
                    return said.extract_error();
                }
                if !is_answer {
                    waiting.extend(Msg::from_owned_value(said));
                }
            }
        })
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
