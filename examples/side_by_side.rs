//! A thousand plain functions wait side by side, on one thread.

use std::time::{Duration, Instant};

use mixio::{as_async, wait};

/// Nothing here says `async`.
fn five_requests(number: u32) -> u32 {
    (0..5).map(|_| request(number)).sum()
}

fn request(number: u32) -> u32 {
    wait(tokio::time::sleep(Duration::from_millis(100)));
    number
}

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let start = Instant::now();
    let total = tokio::task::LocalSet::new().block_on(&runtime, async {
        let tasks: Vec<_> =
            (0..1000).map(|number| tokio::task::spawn_local(as_async(move || five_requests(number)))).collect();
        let mut total = 0;
        for task in tasks {
            total += task.await.expect("no request panics");
        }
        total
    });
    assert_eq!(total, 5 * 999 * 1000 / 2);
    println!("1,000 functions, each of which waited 100 ms five times: {:.2?}, not 500 s", start.elapsed());
    Ok(())
}
