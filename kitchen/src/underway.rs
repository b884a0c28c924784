//! Which orders somebody is taking care of, and whether some were left.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mixio::wait;
use tokio::sync::watch;

use crate::orders::Order;

/// The orders that are under way, by their users and tokens: each is taken care of by one view, or by the [recovery](crate::recovery).
///
/// All workers share it.
pub struct Underway {
    orders: Mutex<HashSet<Key>>,
    /// Whether there may be orders that nobody takes care of.
    left: watch::Sender<bool>,
}

/// The user and the token, neither of which has a line break in it.
type Key = Arc<str>;

/// Held by who takes care of an order. Dropped before the order is [settled](Care::settled), it leaves the order to the recovery.
pub struct Care {
    underway: Arc<Underway>,
    order: Key,
    settled: bool,
}

impl Underway {
    /// None is. Have some been left by an earlier run?
    pub fn new(left: bool) -> Self {
        Underway { orders: Mutex::default(), left: watch::Sender::new(left) }
    }

    /// Takes care of an order, unless somebody does already.
    ///
    /// This comes before the order is in the database: so whatever is found there, and isn't under way, was left,
    /// or is another server's.
    pub fn enter(self: &Arc<Self>, order: &Order) -> Option<Care> {
        let order = key(order);
        let entered = self.orders().insert(order.clone());
        entered.then(|| Care { underway: self.clone(), order, settled: false })
    }

    /// Whether somebody takes care of it.
    pub fn contains(&self, order: &Order) -> bool {
        self.orders().contains(&key(order))
    }

    /// Whether some may have been left.
    pub fn are_left(&self) -> bool {
        *self.left.borrow()
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
    fn orders(&self) -> MutexGuard<'_, HashSet<Key>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(order: &Order) -> Key {
    format!("{}\n{}", order.user, order.token).into()
}

impl Care {
    /// The order is in the database as it will stay, or isn't there at all.
    pub fn settled(mut self) {
        self.settled = true;
    }
}

impl Drop for Care {
    fn drop(&mut self) {
        self.underway.orders().remove(&self.order);
        if !self.settled {
            self.underway.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(token: &str) -> Order {
        Order::new("ann", "pizza", token)
    }

    #[test]
    fn one_takes_care_at_a_time() {
        let underway = Arc::new(Underway::new(false));
        let care = underway.enter(&order("a")).unwrap();
        assert!(underway.enter(&order("a")).is_none() && underway.enter(&order("b")).is_some());
        care.settled();
        assert!(underway.enter(&order("a")).is_some());
    }

    #[test]
    fn what_is_not_settled_is_left() {
        let underway = Arc::new(Underway::new(true));
        underway.wait_for_left();
        underway.enter(&order("a")).unwrap().settled();
        assert!(!underway.are_left());
        drop(underway.enter(&order("a")));
        underway.wait_for_left();
        assert!(!underway.are_left());
    }
}
