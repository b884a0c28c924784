//! Spans that are carried over suspensions.

mod capture;
mod endings;
mod executors;
mod leak;
mod no_registry;
mod outside;
mod subscribers;

/// Waits for the neighbours.
#[track_caller]
fn pause() {
    mixio::wait(smol::future::yield_now());
}
