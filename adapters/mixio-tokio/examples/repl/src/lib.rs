//! What an interactive session needs: see `session.evcxr`.

pub use {mixio, mixio_tokio, tokio};
