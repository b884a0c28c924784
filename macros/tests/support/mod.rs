//! What several of the tests share.
#![allow(dead_code, reason = "each test file is a crate of its own, and uses some of this")]

use std::cell::RefCell;
use std::rc::Rc;

/// What was dropped, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Rc<RefCell<Vec<&'static str>>>);

impl Log {
    pub(crate) fn noisy(&self, name: &'static str) -> Noisy {
        Noisy { name, log: self.clone() }
    }

    pub(crate) fn note(&self, event: &'static str) {
        self.0.borrow_mut().push(event);
    }

    /// What is in it; it is empty afterwards.
    pub(crate) fn take(&self) -> Vec<&'static str> {
        self.0.take()
    }
}

/// Notes when it is dropped.
pub(crate) struct Noisy {
    name: &'static str,
    log: Log,
}

impl Noisy {
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }
}

impl Drop for Noisy {
    fn drop(&mut self) {
        self.log.note(self.name);
    }
}
