//! Which spans are entered on this thread.

use tracing::span::Id;
use tracing::{Dispatch, Subscriber as _};
use tracing_subscriber::Registry;

/// The spans that were entered around a function when it started or was resumed, as far as the subscriber tells.
///
/// Of those the function has entered none, so it must not leave them.
#[derive(Default)]
pub(crate) struct Outside(Vec<Id>);

impl Outside {
    pub(crate) fn look(subscriber: &Dispatch) -> Self {
        Outside(match subscriber.downcast_ref() {
            Some(registry) => entered(registry),
            None => current(subscriber).into_iter().collect(),
        })
    }

    /// Leaves all other spans that are entered, and gives them, the innermost first.
    pub(crate) fn leave_inner(mut self, subscriber: &Dispatch) -> Vec<Id> {
        let mut inner = Vec::new();
        let mut leave = |id: Id| {
            // A handle, for if nobody else keeps it open.
            let id = subscriber.clone_span(&id);
            subscriber.exit(&id);
            inner.push(id);
        };
        if let Some(registry) = subscriber.downcast_ref() {
            for id in entered(registry) {
                match self.0.iter().position(|outer| *outer == id) {
                    Some(outer) => drop(self.0.swap_remove(outer)),
                    None => leave(id),
                }
            }
        } else {
            while let Some(id) = current(subscriber)
                && !self.0.contains(&id)
            {
                leave(id);
            }
        }
        inner
    }
}

fn current(subscriber: &Dispatch) -> Option<Id> {
    subscriber.current_span().into()
}

/// All spans that are entered, the innermost first, and as often as they are entered.
///
/// A registry tells no more than the current one. So they are left and entered again, in the registry alone: the layers on top
/// of it, to which that would be news, aren't told. One that was entered again comes where it was entered first, which is
/// where the registry has it, too.
fn entered(registry: &Registry) -> Vec<Id> {
    let mut entered = Vec::new();
    while let Some(id) = registry.current_span().into() {
        registry.exit(&id);
        entered.push(id);
    }
    for id in entered.iter().rev() {
        registry.enter(id);
    }
    entered
}
