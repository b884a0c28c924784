//! Plain functions as axum handlers, by mixio: pinned on an ordinary runtime, or on a local one.
