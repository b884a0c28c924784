//! A hook that says what it is told.

use std::future::pending;

use mixio::hooks::Hook;
use mixio::{WaitError, try_wait};

use super::{surroundings, world};
use crate::plan::{Event, Id};

/// The hook with this number.
pub(super) struct Told(pub(super) Id);

impl Told {
    fn told(&self, resumes: bool) {
        if try_wait(pending::<()>()) != Err(WaitError::InHook) {
            world().fail(|| "a hook may wait".to_owned());
        }
        world().note(Event::Told { hook: self.0, resumes, sees: surroundings() });
    }
}

impl Hook for Told {
    fn suspend(&self) {
        self.told(false);
    }

    fn resume(&self) {
        self.told(true);
    }
}
