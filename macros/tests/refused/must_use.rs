//! What isn't used is told.
#![deny(unused_must_use)]

use mixio::{as_async, as_sync};

#[as_async]
#[must_use]
fn future() -> u32 {
    1
}

#[as_sync]
#[must_use = "it took long"]
async fn value() -> u32 {
    1
}

fn main() {
    future();
    value();
}
