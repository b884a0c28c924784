//! Which orders somebody is taking care of, and whether some were left.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mixio::wait;
use tokio::sync::watch;

/// The orders that are under way, by their tokens: each is taken care of by one view, or by the [recovery](crate::recovery).
///
/// All workers share it.
pub struct Underway {
    tokens: Mutex<HashSet<Box<str>>>,
    /// Whether there may be orders that nobody takes care of.
    left: watch::Sender<bool>,
}

/// Held by who takes care of an order. Dropped before the order is [settled](Care::settled), it leaves the order to the recovery.
pub struct Care {
    underway: Arc<Underway>,
    token: Box<str>,
    settled: bool,
}

impl Underway {
    /// None is. Some may have been left by an earlier run.
    #[expect(clippy::new_without_default, reason = "there is one, and it is made by name")]
    pub fn new() -> Self {
        Underway { tokens: Mutex::default(), left: watch::Sender::new(true) }
    }

    /// Takes care of an order, unless somebody does already.
    ///
    /// This comes before the order is in the database: so whatever is found there, and isn't under way, was left.
    pub fn enter(self: &Arc<Self>, token: &str) -> Option<Care> {
        let entered = self.tokens().insert(token.into());
        entered.then(|| Care { underway: self.clone(), token: token.into(), settled: false })
    }

    /// Whether somebody takes care of it.
    pub fn contains(&self, token: &str) -> bool {
        self.tokens().contains(token)
    }

    /// Waits until some may have been left, and takes note of that.
    pub fn wait_for_left(&self) {
        // An error would mean that the sender is gone, and that is us.
        let _ = wait(self.left.subscribe().wait_for(|&left| left));
        self.left.send_replace(false);
    }

    /// Has [`wait_for_left`](Self::wait_for_left) come back.
    pub fn leave(&self) {
        self.left.send_replace(true);
    }

    /// It is never locked for long: nothing waits while it is.
    fn tokens(&self) -> MutexGuard<'_, HashSet<Box<str>>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Care {
    /// The order is in the database as it will stay, or isn't there at all.
    pub fn settled(mut self) {
        self.settled = true;
    }
}

impl Drop for Care {
    fn drop(&mut self) {
        self.underway.tokens().remove(&self.token);
        if !self.settled {
            self.underway.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_takes_care_at_a_time() {
        let underway = Arc::new(Underway::new());
        let care = underway.enter("a").unwrap();
        assert!(underway.enter("a").is_none() && underway.enter("b").is_some());
        care.settled();
        assert!(underway.enter("a").is_some());
    }

    #[test]
    fn what_is_not_settled_is_left() {
        let underway = Arc::new(Underway::new());
        // Whatever an earlier run has left.
        underway.wait_for_left();
        underway.enter("a").unwrap().settled();
        assert!(!*underway.left.borrow());
        drop(underway.enter("a"));
        underway.wait_for_left();
        assert!(!*underway.left.borrow());
    }
}
