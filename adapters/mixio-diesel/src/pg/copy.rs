//! `COPY`, as a reader and as a writer of `std`.

use std::future::poll_fn;
use std::io::{self, BufRead, Cursor, Read, Write};
use std::pin::Pin;
use std::{iter, thread};

use diesel::connection::{InstrumentationEvent, StrQueryHelper};
use diesel::result::QueryResult;
use futures_util::{Sink as _, Stream as _};
use tokio_postgres::{CopyInSink, CopyOutStream, Statement};

use super::{Link, PgConnection};

/// How much to gather before it is handed on.
const CHUNK: usize = 64 * 1024;

impl PgConnection {
    /// Runs `COPY .. FROM STDIN`: what is written to the result goes to the table.
    ///
    /// # Errors
    ///
    /// If the server won't have it. Unless that is because of its syntax, the connection is of no use afterwards: the driver
    /// loses count of the answers then.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use std::io::Write;
    /// use mixio_diesel::PgConnection;
    ///
    /// fn fill(connection: &mut PgConnection) -> Result<u64, Box<dyn std::error::Error>> {
    ///     let mut table = connection.copy_in("COPY users (id, name) FROM STDIN")?;
    ///     for id in 0..1000 {
    ///         writeln!(table, "{id}\tuser {id}")?;
    ///     }
    ///     Ok(table.finish()?) // 1000
    /// }
    /// ```
    pub fn copy_in(&mut self, sql: &str) -> QueryResult<CopyIn<'_>> {
        let sink = self.copy(sql, |link, statement| {
            let sink = link.run(|client| async move { client.copy_in(&statement).await });
            if sink.is_err() {
                // The driver says that the copy has failed, which the server didn't wait for: they have lost count of
                // whose turn it is.
                link.interrupt();
            }
            sink
        })?;
        Ok(CopyIn { connection: self, sink: Some(Box::pin(sink)), buffer: Vec::new() })
    }

    /// Runs `COPY .. TO STDOUT`: what the table contains is read from the result.
    ///
    /// # Errors
    ///
    /// If the server won't have it. If `sql` is no such statement then the connection is of no use afterwards.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use std::io::BufRead;
    /// use mixio_diesel::PgConnection;
    ///
    /// fn print(connection: &mut PgConnection) -> Result<(), Box<dyn std::error::Error>> {
    ///     for line in connection.copy_out("COPY users TO STDOUT (FORMAT csv)")?.lines() {
    ///         println!("{}", line?);
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn copy_out(&mut self, sql: &str) -> QueryResult<CopyOut<'_>> {
        let stream =
            self.copy(sql, |link, statement| link.run(|client| async move { client.copy_out(&statement).await }))?;
        Ok(CopyOut {
            connection: self,
            stream: Some(Box::pin(stream)),
            chunk: Cursor::default(),
            panicking: thread::panicking(),
        })
    }

    fn copy<T>(&mut self, sql: &str, start: impl FnOnce(&mut Link, Statement) -> QueryResult<T>) -> QueryResult<T> {
        self.instrumentation.on_connection_event(InstrumentationEvent::start_query(&StrQueryHelper::new(sql)));
        let prepared = self.link.run(|client| client.prepare(sql));
        let started = prepared.and_then(|statement| start(&mut self.link, statement));
        self.note(&started);
        let error = started.as_ref().err();
        self.instrumentation.on_connection_event(InstrumentationEvent::finish_query(&StrQueryHelper::new(sql), error));
        started
    }
}

type Sink = CopyInSink<Cursor<Vec<u8>>>;

/// A table that is being filled, by [`PgConnection::copy_in`].
///
/// It needs to be [finished](Self::finish). If it is dropped before then nothing was copied, and a transaction in which
/// this was can only be rolled back: it fails, also if it is to be committed.
#[must_use = "nothing is copied if it isn't finished"]
pub struct CopyIn<'a> {
    connection: &'a mut PgConnection,
    /// None after an error.
    sink: Option<Pin<Box<Sink>>>,
    buffer: Vec<u8>,
}

impl CopyIn<'_> {
    /// Ends it, and gives the number of rows.
    ///
    /// # Errors
    ///
    /// If the server can't make sense of what was written, or a constraint is violated. Then nothing was copied.
    pub fn finish(mut self) -> QueryResult<u64> {
        let sent = self.send();
        let Some(mut sink) = self.sink.take() else { return sent.map(|()| 0) };
        let result = match sent {
            Ok(()) => self.connection.link.go_on(poll_fn(|context| sink.as_mut().poll_finish(context))),
            Err(error) => Err(error),
        };
        self.connection.note(&result);
        result
    }

    /// Hands on what was gathered.
    fn send(&mut self) -> QueryResult<()> {
        let Some(sink) = &mut self.sink else {
            return Err(super::error::lost("an error has ended this copy before".into()));
        };
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = Cursor::new(std::mem::take(&mut self.buffer));
        let sent = self.connection.link.go_on(async {
            poll_fn(|context| sink.as_mut().poll_ready(context)).await?;
            sink.as_mut().start_send(chunk)
        });
        if sent.is_err() {
            self.sink = None;
            self.connection.note(&sent);
        }
        sent
    }
}

impl Write for CopyIn<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(data);
        if self.buffer.len() >= CHUNK {
            self.send().map_err(io::Error::other)?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send().map_err(io::Error::other)
    }
}

impl Drop for CopyIn<'_> {
    fn drop(&mut self) {
        if self.sink.take().is_some() && self.connection.is_in_transaction() {
            // The server is told that this failed, and says so: nobody asks.
            let given_up = Err(super::error::lost("a copy was given up before it was finished".into()));
            self.connection.note::<()>(&given_up);
            self.connection.unseen = given_up.err();
        }
    }
}

/// A table that is being read, by [`PgConnection::copy_out`].
///
/// If it is dropped before its end, the rest still arrives, and the next query waits for that; in a transaction, the drop
/// does, and an error in the rest makes the transaction fail.
pub struct CopyOut<'a> {
    connection: &'a mut PgConnection,
    /// None after the end, and after an error.
    stream: Option<Pin<Box<CopyOutStream>>>,
    chunk: Cursor<Vec<u8>>,
    /// Whether it was begun by a destructor that runs because of a panic.
    panicking: bool,
}

impl CopyOut<'_> {
    /// What comes next. `None` after the end, and after an error.
    fn receive(&mut self) -> QueryResult<Option<Vec<u8>>> {
        let Some(stream) = &mut self.stream else { return Ok(None) };
        let next = poll_fn(|context| stream.as_mut().poll_next(context));
        let chunk = self.connection.link.go_on(async { next.await.transpose() });
        if !matches!(chunk, Ok(Some(_))) {
            self.stream = None;
            self.connection.note(&chunk);
        }
        Ok(chunk?.map(Vec::from))
    }
}

impl BufRead for CopyOut<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.chunk.position() == self.chunk.get_ref().len() as u64
            && let Some(chunk) = self.receive().map_err(io::Error::other)?
        {
            self.chunk = Cursor::new(chunk);
        }
        self.chunk.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.chunk.consume(amount);
    }
}

impl Read for CopyOut<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fill_buf()?;
        self.chunk.read(buffer)
    }
}

impl Drop for CopyOut<'_> {
    fn drop(&mut self) {
        if self.stream.is_some() && thread::panicking() && !self.panicking {
            // Nobody knows how much there is to come.
            self.connection.link.interrupt();
        } else if self.connection.is_in_transaction() {
            let rest = iter::from_fn(|| self.receive().transpose()).find_map(Result::err);
            self.connection.unseen = rest;
        }
    }
}
