//! A reaper that keeps some futures, for the program to take.

use std::rc::Rc;

use mixio::runtime::{Reaped, Reaper, set_reaper};

use super::world;
use crate::plan::Event;
use crate::program::MOST_REAPED;

struct Queue;

impl Reaper for Queue {
    fn reap(&self, reaped: Reaped) -> Result<(), Reaped> {
        let world = world();
        let is_kept = world.reaped.borrow().len() < MOST_REAPED;
        world.note(Event::Reaped { is_kept });
        if !is_kept {
            return Err(reaped);
        }
        world.reaped.borrow_mut().push_back(reaped);
        Ok(())
    }
}

/// Sets it, or none, for this thread.
pub(super) fn set(is_set: bool) {
    set_reaper(is_set.then(|| Rc::new(Queue) as _));
}

/// What it has had for longest.
pub(super) fn take() -> Option<Reaped> {
    world().reaped.borrow_mut().pop_front()
}
