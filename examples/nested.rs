//! Sync in async in sync in async: as deep as it comes.

use std::time::Duration;

use mixio::{as_async, wait};
use smol::Timer;

/// A plain function that calls an asynchronous one, which calls a plain one, ...
fn down(floor: u32) -> u32 {
    wait(Timer::after(Duration::from_millis(1)));
    if floor == 0 { 0 } else { wait(down_async(floor)) + 1 }
}

async fn down_async(floor: u32) -> u32 {
    Timer::after(Duration::from_millis(1)).await;
    // On a stack of its own: so it can be raced, spawned, or joined with others, as any future.
    as_async(move || down(floor - 1)).await + 1
}

/// Its branches wait side by side, since each is a function of its own.
fn side_by_side() -> (u32, u32) {
    wait(smol::future::zip(as_async(|| down(10)), as_async(|| down(20))))
}

fn main() {
    assert_eq!(smol::block_on(as_async(side_by_side)), (20, 40));
    println!("down 20 floors, by 40 functions, and up again");
}
