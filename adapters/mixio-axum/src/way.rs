//! The ways in which a [`View`](crate::View) runs, as types.

use std::fmt;
use std::sync::Arc;

use mixio_tokio::Workers;

use crate::spawn::Spawn;

/// How views run while the setting is [`Io::Async`](mixio::Io::Async): [`Pinned`] or [`Local`].
pub trait Way: Spawn + Clone + Send + Sync + 'static {}

impl Way for Pinned {}
impl Way for Local {}

/// On the workers of mixio-tokio: see [`pinned()`](crate::pinned).
#[derive(Clone, Default)]
pub struct Pinned {
    /// None: those of the process.
    pub(crate) workers: Option<Arc<Workers>>,
}

/// On the thread of the server: see [`local()`](crate::local).
#[derive(Clone, Debug)]
pub struct Local(pub(crate) ());

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned").field("workers", &self.workers).finish()
    }
}
