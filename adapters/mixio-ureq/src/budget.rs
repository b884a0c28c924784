//! What is left of one of ureq's timeouts.

use std::time::{Duration, Instant};

use ureq::Error;
use ureq::unversioned::transport::NextTimeout;

/// A timeout that has begun to run.
///
/// ureq tells how much is left when it calls; an operation in several steps has to count on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    timeout: NextTimeout,
    started: Instant,
}

/// How long one step may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    timeout: NextTimeout,
}

impl Budget {
    pub(crate) fn new(timeout: NextTimeout) -> Self {
        Budget { timeout, started: Instant::now() }
    }

    /// As [`new`](Self::new), but some of it is spent already.
    pub(crate) fn with_spent(timeout: NextTimeout, spent: Duration) -> Self {
        Budget::new(less(timeout, spent))
    }

    /// For one read.
    ///
    /// # Errors
    ///
    /// If nothing is left. So with the others.
    pub(crate) fn read(&self) -> Result<Limit, Error> {
        Limit::new(self.left().for_read())
    }

    /// For one write.
    pub(crate) fn write(&self) -> Result<Limit, Error> {
        Limit::new(self.left().for_write())
    }

    /// For the next of so many attempts, of which the first that succeeds is the last: each gets half of what is left,
    /// but for the last, which gets all.
    pub(crate) fn attempt(&self, attempts: usize) -> Result<Limit, Error> {
        let mut left = Limit::new(self.left())?;
        if attempts > 1
            && let Some(limit) = left.duration()
        {
            left.timeout.after = (limit / 2).max(MIN_ATTEMPT.min(limit)).into();
        }
        Ok(left)
    }

    fn left(&self) -> NextTimeout {
        less(self.timeout, self.started.elapsed())
    }
}

/// An attempt in less time than that is futile.
const MIN_ATTEMPT: Duration = Duration::from_millis(10);

impl Limit {
    fn new(timeout: NextTimeout) -> Result<Self, Error> {
        let limit = Limit { timeout };
        if timeout.after.is_zero() { Err(limit.error()) } else { Ok(limit) }
    }

    /// `None` for any time; never zero.
    pub(crate) fn duration(&self) -> Option<Duration> {
        self.timeout.not_zero().map(|duration| *duration)
    }

    /// That it took longer.
    pub(crate) fn error(&self) -> Error {
        Error::Timeout(self.timeout.reason)
    }
}

fn less(mut timeout: NextTimeout, spent: Duration) -> NextTimeout {
    if !timeout.after.is_not_happening() {
        timeout.after = timeout.after.saturating_sub(spent).into();
    }
    timeout
}
