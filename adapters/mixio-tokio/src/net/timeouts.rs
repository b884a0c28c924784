//! How long a read or a write of a stream may take.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use socket2::SockRef;
use tokio::time::timeout;

use crate::place::{need_runtime, wait_io};

/// The timeouts of an asynchronous stream, which it shares with its clones.
///
/// Kept here, where the kernel needn't be told of each: a client that has a deadline sets one before each read. The socket, which
/// doesn't block, has no use for them before it is std's again.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeouts(Arc<[Timeout; 2]>);

/// Which of the two.
#[derive(Clone, Copy, Debug)]
pub(super) enum Direction {
    Read,
    Write,
}

impl Timeouts {
    pub(super) fn of(socket: &SockRef<'_>) -> io::Result<Self> {
        let (read, write) = (Direction::Read.timeout(socket)?, Direction::Write.timeout(socket)?);
        Ok(Timeouts(Arc::new([Timeout::new(read), Timeout::new(write)])))
    }

    /// Waits for a read or a write, for no longer than it may take.
    pub(super) fn wait_within<R>(
        &self,
        direction: Direction,
        operation: impl Future<Output = io::Result<R>>,
    ) -> io::Result<R> {
        let Some(limit) = self.0[direction as usize].get() else { return wait_io(operation) };
        // For the timer.
        need_runtime()?;
        // What a blocking socket gives on Unix.
        let expired = |_| Err(io::ErrorKind::WouldBlock.into());
        wait_io(async { timeout(limit, operation).await.unwrap_or_else(expired) })
    }

    pub(super) fn get(&self, direction: Direction) -> Option<Duration> {
        self.0[direction as usize].get()
    }

    /// # Errors
    ///
    /// If the timeout is zero, as with std.
    pub(super) fn set(&self, direction: Direction, timeout: Option<Duration>) -> io::Result<()> {
        if timeout == Some(Duration::ZERO) {
            return Err(zero_timeout());
        }
        self.0[direction as usize].set(timeout);
        Ok(())
    }

    /// Gives them to a socket that is to block.
    pub(super) fn apply(&self, socket: &SockRef<'_>) -> io::Result<()> {
        for direction in [Direction::Read, Direction::Write] {
            let timeout = self.get(direction);
            if direction.timeout(socket)? != timeout {
                direction.set_timeout(socket, timeout)?;
            }
        }
        Ok(())
    }
}

impl Direction {
    /// Of the socket.
    pub(super) fn timeout(self, socket: &SockRef<'_>) -> io::Result<Option<Duration>> {
        match self {
            Direction::Read => socket.read_timeout(),
            Direction::Write => socket.write_timeout(),
        }
    }

    /// As std sets it.
    ///
    /// # Errors
    ///
    /// If the timeout is zero: the kernel would take that for none.
    pub(super) fn set_timeout(self, socket: &SockRef<'_>, timeout: Option<Duration>) -> io::Result<()> {
        if timeout == Some(Duration::ZERO) {
            return Err(zero_timeout());
        }
        // Nor may it become zero by rounding.
        let timeout = timeout.map(|timeout| timeout.max(Duration::from_micros(1)));
        match self {
            Direction::Read => socket.set_read_timeout(timeout),
            Direction::Write => socket.set_write_timeout(timeout),
        }
    }
}

pub(super) fn zero_timeout() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "cannot set a 0 duration timeout")
}

/// In nanoseconds, of which 64 bits make 584 years; zero is none.
#[derive(Debug, Default)]
struct Timeout(AtomicU64);

impl Timeout {
    fn new(timeout: Option<Duration>) -> Self {
        let this = Timeout::default();
        this.set(timeout);
        this
    }

    fn get(&self) -> Option<Duration> {
        Some(Duration::from_nanos(self.0.load(Ordering::Relaxed))).filter(|timeout| !timeout.is_zero())
    }

    fn set(&self, timeout: Option<Duration>) {
        let nanoseconds = timeout.map_or(0, |timeout| timeout.as_nanos().try_into().unwrap_or(u64::MAX));
        self.0.store(nanoseconds, Ordering::Relaxed);
    }
}
