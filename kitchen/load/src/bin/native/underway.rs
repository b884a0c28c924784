//! Which orders are under way, so that none is placed twice at the same time.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use crate::orders::Order;

/// A user and a token.
type Key = (Box<str>, Box<str>);

/// Their users and tokens.
#[derive(Clone, Default)]
pub(crate) struct Underway {
    orders: Rc<RefCell<HashSet<Key>>>,
}

/// Held by who takes care of an order.
pub(crate) struct Care {
    underway: Underway,
    order: Key,
}

impl Underway {
    /// Takes care of an order, unless somebody does already.
    pub(crate) fn enter(&self, order: &Order) -> Option<Care> {
        let order: Key = (order.user.as_str().into(), order.token.as_str().into());
        let entered = self.orders.borrow_mut().insert(order.clone());
        entered.then(|| Care { underway: self.clone(), order })
    }
}

impl Drop for Care {
    fn drop(&mut self) {
        self.underway.orders.borrow_mut().remove(&self.order);
    }
}
