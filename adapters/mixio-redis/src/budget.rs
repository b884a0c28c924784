//! How long it may take to connect.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// Time that has begun to run, or any time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    limit: Option<Duration>,
    started: Instant,
}

/// An attempt in less time than that is futile.
const MIN_ATTEMPT: Duration = Duration::from_millis(10);

impl Budget {
    pub(crate) fn new(limit: Option<Duration>) -> Self {
        Budget { limit, started: Instant::now() }
    }

    /// What is left; `None` for any time.
    ///
    /// # Errors
    ///
    /// If nothing is left. So with the other.
    pub(crate) fn left(&self) -> io::Result<Option<Duration>> {
        let Some(limit) = self.limit else { return Ok(None) };
        let left = limit.saturating_sub(self.started.elapsed());
        if left.is_zero() { Err(expired()) } else { Ok(Some(left)) }
    }

    /// For the next of so many attempts, of which the first that succeeds is the last: each gets half of what is left, but for
    /// the last, which gets all.
    pub(crate) fn attempt(&self, attempts: usize) -> io::Result<Option<Duration>> {
        let left = self.left()?;
        Ok(if attempts > 1 { left.map(|left| (left / 2).max(MIN_ATTEMPT.min(left))) } else { left })
    }
}

pub(crate) fn expired() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "connection timed out")
}
