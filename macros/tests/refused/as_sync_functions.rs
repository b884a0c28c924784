//! What `as_sync` is for: async functions.

use mixio::as_sync;

#[as_sync]
fn synchronous() {}

#[as_sync]
async extern "C" fn foreign() {}

#[as_sync]
struct Structure;

trait Cook {
    #[as_sync]
    async fn declared(&self) -> u8;
}

fn main() {}
