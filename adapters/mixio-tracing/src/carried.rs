//! The hook.

use std::cell::Cell;

use mixio::hooks::Hook;
use tracing::span::Id;
use tracing::{Dispatch, dispatcher};

use crate::entered::Outside;

/// The spans of a function, carried over its suspensions.
pub(crate) struct Carried(Cell<State>);

enum State {
    Runs {
        subscriber: Dispatch,
        outside: Outside,
    },
    Suspended {
        subscriber: Dispatch,
        /// What it has entered, the innermost first; a handle of each.
        inner: Vec<Id>,
    },
    /// While a subscriber is called. If it is found so later then that one has panicked.
    Between,
}

impl State {
    fn runs(subscriber: Dispatch) -> Self {
        State::Runs { outside: Outside::look(&subscriber), subscriber }
    }
}

impl Carried {
    pub(crate) fn new() -> Self {
        Carried(Cell::new(State::runs(default())))
    }
}

impl Hook for Carried {
    fn suspend(&self) {
        if let State::Runs { subscriber, outside } = self.0.replace(State::Between) {
            let inner = outside.leave_inner(&subscriber);
            self.0.set(State::Suspended { subscriber, inner });
        }
    }

    fn resume(&self) {
        // The default may be another by now, and spans belong to the subscriber in which they were made.
        let (subscriber, inner) = match self.0.replace(State::Between) {
            State::Suspended { subscriber, inner } if !inner.is_empty() => (subscriber, inner),
            _ => (default(), Vec::new()),
        };
        let now = State::runs(subscriber.clone());
        for id in inner.into_iter().rev() {
            // The function's own handle keeps it open from here on. If there is none, this closes it.
            if !subscriber.try_close(id.clone()) {
                subscriber.enter(&id);
            }
        }
        self.0.set(now);
    }
}

fn default() -> Dispatch {
    dispatcher::get_default(Dispatch::clone)
}
