//! A connection, and what goes over it.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use redis::{Cmd, ConnectionInfo, ConnectionLike, Parser, RedisResult, Value};

use crate::PubSub;
use crate::budget::Budget;
use crate::due::Due;
use crate::setup::set_up;
use crate::stream::Stream;

/// A connection to a Redis server, which in [`Io::Async`](mixio::Io) waits without blocking the thread:
/// [`redis::Connection`].
///
/// It is a [`ConnectionLike`]: all of [`redis::Commands`], [`redis::Cmd`], [`redis::Pipeline`], [`redis::transaction`] and
/// its scripts work on it.
///
/// A transaction in which the server refuses a command is an error: that of the first such command. (The redis crate keeps to
/// itself how to make the error that tells of all of them.)
///
/// It belongs to the runtime where it was opened, as [mixio_tokio's sockets](mixio_tokio::net#several-threads-several-runtimes).
///
/// # Whether it can be used on
///
/// - A command that takes longer than the [read timeout](Self::set_read_timeout) is an error, and the connection stays open:
///   its late reply is passed over, as [`redis::Connection`] does.
/// - After any other error of the connection, also a write that took too long, it is closed.
/// - A function that is dropped or cancelled while it waits for a reply closes the connection at once: the server doesn't go on
///   with a `BLPOP` for nobody, and no reply gets to the wrong command.
///
/// What is closed gives an error of kind [`BrokenPipe`](ErrorKind::BrokenPipe) from then on, and
/// [`is_open`](ConnectionLike::is_open) says so. It also notices, without waiting, if the server has closed the connection.
///
/// # Example
///
/// ```no_run
/// use redis::{Commands, RedisResult};
///
/// fn visits(url: &str) -> RedisResult<u64> {
///     let mut connection = mixio_redis::connect(url)?;
///     connection.incr("visits", 1)
/// }
/// ```
pub struct Connection {
    stream: Stream,
    parser: Parser,
    db: i64,
    closed: bool,
    /// How many replies are still to come to commands that have been given up.
    late: usize,
    /// Whether it is subscribed to something, or may be, or something is due.
    pub(crate) subscribed: bool,
    /// What is still to come to commands of a [`PubSub`].
    pub(crate) due: Due,
}

impl Connection {
    pub(crate) fn open(info: &ConnectionInfo, limit: Option<Duration>) -> RedisResult<Self> {
        let budget = Budget::new(limit);
        let stream = Stream::connect(info, &budget)?;
        let db = info.redis_settings().db();
        let mut this = Connection {
            stream,
            parser: Parser::new(),
            db,
            closed: false,
            late: 0,
            subscribed: false,
            due: Due::default(),
        };
        let left = budget.left()?;
        this.set_read_timeout(left)?;
        this.set_write_timeout(left)?;
        set_up(&mut this, info.redis_settings())?;
        this.set_read_timeout(None)?;
        this.set_write_timeout(None)?;
        Ok(this)
    }

    /// How long to wait for a reply, each time something of it arrives anew; `None` for any time.
    ///
    /// # Errors
    ///
    /// If it is zero.
    pub fn set_read_timeout(&self, limit: Option<Duration>) -> RedisResult<()> {
        Ok(self.stream.set_read_timeout(limit)?)
    }

    /// How long to wait until something of a command can be sent; `None` for any time.
    ///
    /// # Errors
    ///
    /// If it is zero.
    pub fn set_write_timeout(&self, limit: Option<Duration>) -> RedisResult<()> {
        Ok(self.stream.set_write_timeout(limit)?)
    }

    /// To subscribe to channels, and receive what is published there.
    pub fn as_pubsub(&mut self) -> PubSub<'_> {
        PubSub::new(self)
    }

    /// Sends a packed command, and waits for no reply: for those that have none, or many, such as `MONITOR`.
    ///
    /// # Errors
    ///
    /// If it can't be sent: then the connection is closed.
    pub fn send_packed_command(&mut self, command: &[u8]) -> RedisResult<()> {
        self.exchange(|this| this.send(command))
    }

    /// Waits for one reply, or a push message: after [`send_packed_command`](Self::send_packed_command).
    ///
    /// # Errors
    ///
    /// If it can't be received. A timeout leaves the connection open, and the reply will be passed over when it comes.
    pub fn recv_response(&mut self) -> RedisResult<Value> {
        self.exchange(|this| this.receive_next(1))
    }

    /// Does something that must not be left half done: if it is unwound, the connection is closed.
    pub(crate) fn exchange<T>(&mut self, exchange: impl FnOnce(&mut Self) -> RedisResult<T>) -> RedisResult<T> {
        struct Unfinished<'a>(Option<&'a mut Connection>);

        impl Drop for Unfinished<'_> {
            fn drop(&mut self) {
                if let Some(connection) = self.0.take() {
                    connection.close();
                }
            }
        }

        let mut unfinished = Unfinished(Some(self));
        let connection = unfinished.0.as_deref_mut().expect("nobody has taken it");
        let result = exchange(connection);
        unfinished.0 = None;
        result
    }

    pub(crate) fn send(&mut self, packed: &[u8]) -> RedisResult<()> {
        if packed.is_empty() {
            return Err((redis::ErrorKind::Client, "empty command").into());
        }
        if self.closed {
            return Err(io::Error::from(ErrorKind::BrokenPipe).into());
        }
        // Nobody knows how much of it has been sent.
        self.stream.write_all(packed).map_err(|error| {
            self.close();
            error.into()
        })
    }

    /// The next that the server says, be it a reply or not.
    fn receive(&mut self) -> RedisResult<Value> {
        if self.closed {
            return Err(io::Error::from(ErrorKind::BrokenPipe).into());
        }
        // What has arrived of a reply is kept by the parser.
        let received = self.parser.parse_value(&mut self.stream);
        if received.as_ref().is_err_and(|error| !error.is_timeout()) {
            self.close();
        }
        received
    }

    /// The reply to the first of so many commands that are under way.
    fn receive_reply(&mut self, under_way: usize) -> RedisResult<Value> {
        loop {
            match self.receive_next(under_way)? {
                // It is no reply, and may come at any time.
                Value::Push { .. } => {}
                reply => return Ok(reply),
            }
        }
    }

    /// As [`receive_reply`](Self::receive_reply), or what comes before it and is no reply.
    pub(crate) fn receive_next(&mut self, under_way: usize) -> RedisResult<Value> {
        loop {
            match self.receive() {
                Ok(said) if self.is_late(&said) => {}
                Ok(said) => return Ok(said),
                Err(error) => {
                    self.late += under_way;
                    return Err(error);
                }
            }
        }
    }

    /// Whether that is a reply to a command that has been given up; then it is counted.
    fn is_late(&mut self, said: &Value) -> bool {
        let is_late = self.late > 0 && !matches!(said, Value::Push { .. });
        self.late -= usize::from(is_late);
        is_late
    }

    fn ask(&mut self, packed: &[u8], has_reply: bool) -> RedisResult<Value> {
        self.unsubscribe_all()?;
        self.exchange(|this| {
            this.send(packed)?;
            if has_reply { this.receive_reply(1) } else { Ok(Value::Nil) }
        })
    }

    /// If it is subscribed to something.
    pub(crate) fn unsubscribe_all(&mut self) -> RedisResult<()> {
        const DONE: &[u8] = b"mixio-redis: unsubscribed";

        if !self.subscribed {
            return Ok(());
        }
        let mut commands = redis::cmd("UNSUBSCRIBE").get_packed_command();
        commands.extend(redis::cmd("PUNSUBSCRIBE").get_packed_command());
        // While it is subscribed, this would be answered in another way.
        commands.extend(redis::cmd("PING").arg(DONE).get_packed_command());
        let result = self.exchange(|this| {
            this.send(&commands)?;
            loop {
                let said = this.receive()?;
                if matches!(&said, Value::BulkString(reply) if reply == DONE) {
                    return Ok(());
                }
                let is_of_another = this.is_late(&said) || this.due.hear(&said);
                match said {
                    // Valkey 8 says that where there was nothing.
                    Value::ServerError(error) if !is_of_another && error.code() != "NOSUB" => return Err(error.into()),
                    _ => {}
                }
            }
        });
        match result {
            Ok(()) => (self.subscribed, self.late, self.due) = (false, 0, Due::default()),
            // It would be in the way of replies.
            Err(_) => self.close(),
        }
        result
    }

    fn close(&mut self) {
        self.closed = true;
        self.stream.close();
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command(&mut self, command: &[u8]) -> RedisResult<Value> {
        self.ask(command, true)
    }

    fn req_packed_commands(&mut self, commands: &[u8], offset: usize, count: usize) -> RedisResult<Vec<Value>> {
        self.unsubscribe_all()?;
        self.exchange(|this| {
            this.send(commands)?;
            let total = offset + count;
            let mut replies = Vec::with_capacity(count);
            let mut refused = None;
            for index in 0..total {
                match this.receive_reply(total - index)? {
                    // Of a transaction: MULTI, and what is queued. The others are to be read nevertheless.
                    Value::ServerError(error) if index < offset => refused = refused.or(Some(error)),
                    _ if index < offset => {}
                    reply => replies.push(reply),
                }
            }
            refused.map_or(Ok(replies), |error| Err(error.into()))
        })
    }

    fn req_command(&mut self, command: &Cmd) -> RedisResult<Value> {
        self.ask(&command.get_packed_command(), !command.is_no_response())
    }

    fn get_db(&self) -> i64 {
        self.db
    }

    /// Whether the server answers: waits for that.
    fn check_connection(&mut self) -> bool {
        redis::cmd("PING").query::<String>(self).is_ok()
    }

    /// Whether it can be used on, as far as can be told without waiting.
    fn is_open(&self) -> bool {
        !self.closed && self.stream.is_alive()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Connection");
        debug.field("stream", &self.stream).field("db", &self.db).field("closed", &self.closed).finish_non_exhaustive()
    }
}
