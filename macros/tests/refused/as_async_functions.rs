//! What `as_async` is for: plain functions.

use std::fmt::Display;

use mixio::as_async;

#[as_async]
async fn asynchronous() {}

#[as_async]
const fn constant() {}

#[as_async]
extern "C" fn foreign() {}

#[as_async]
fn opaque(n: u32) -> Option<impl Display> {
    Some(n)
}

#[as_async]
fn never() -> ! {
    loop {}
}

#[as_async]
struct Structure;

#[as_async]
const CONSTANT: u8 = 1;

#[as_async]
pub mod module {}

trait Cook {
    #[as_async]
    fn declared(self, n: u8) -> Vec<u8>;
}

fn main() {}
