//! The views that are running, so that the server can wait for them before it stops.

use tokio::sync::watch;

/// Counts views, and lets no more in when the server is being stopped.
pub struct Running {
    state: watch::Sender<State>,
}

#[derive(Default)]
struct State {
    views: usize,
    stopping: bool,
}

/// Held by a view while it runs.
pub struct Ticket {
    state: watch::Sender<State>,
}

impl Running {
    /// None runs yet.
    #[expect(clippy::new_without_default, reason = "there is one, and it is made by name")]
    pub fn new() -> Self {
        Running { state: watch::Sender::new(State::default()) }
    }

    /// Lets a view in, unless the server is being stopped.
    pub fn enter(&self) -> Option<Ticket> {
        let entered = self.state.send_if_modified(|state| {
            let open = !state.stopping;
            state.views += usize::from(open);
            open
        });
        entered.then(|| Ticket { state: self.state.clone() })
    }

    /// Lets in what a running view leaves to be done, even if the server is being stopped: it waits for the view anyway.
    pub fn stay(&self) -> Ticket {
        self.state.send_modify(|state| state.views += 1);
        Ticket { state: self.state.clone() }
    }

    /// How many views run.
    pub fn count(&self) -> usize {
        self.state.borrow().views
    }

    /// Whether the server is being stopped.
    pub fn is_stopping(&self) -> bool {
        self.state.borrow().stopping
    }

    /// From here on, lets none in. The future is ready when all that run have ended.
    pub async fn stop(&self) {
        self.state.send_modify(|state| state.stopping = true);
        // An error would mean that the sender is gone, and that is us.
        let _ = self.state.subscribe().wait_for(|state| state.views == 0).await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.state.send_modify(|state| state.views -= 1);
    }
}
