//! A million plain functions on one thread, all of them waiting at once, each on a guarded stack of its own.
//!
//! Prints memory and mappings as it goes (Linux). `cargo run --release --example million [HOW_MANY]`

use std::cell::Cell;
use std::future::poll_fn;
use std::hint::black_box;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use mixio::stack::StackPool;
use mixio::{as_async, wait};

/// Nothing here says `async`.
fn order(number: usize, is_open: &Cell<bool>) -> usize {
    // A little stack, in use while it waits.
    let details = black_box([number; 16]);
    wait(poll_fn(|_| if is_open.get() { Poll::Ready(()) } else { Poll::Pending }));
    details.iter().sum::<usize>() / details.len()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let how_many = std::env::args().nth(1).map_or(Ok(1_000_000), |count| count.parse::<usize>())?;
    let start = Instant::now();
    let say = |what: &str, count: usize| {
        println!("{:8} {what:9} {:6.2} s {}", count, start.elapsed().as_secs_f32(), memory());
    };
    let mut context = Context::from_waker(Waker::noop());
    let is_open = Rc::new(Cell::new(false));
    let before = resident_and_tables();

    let mut orders = Vec::new();
    for number in 0..how_many {
        let is_open = is_open.clone();
        let mut order = as_async(move || order(number, &is_open));
        assert!(Pin::new(&mut order).poll(&mut context).is_pending());
        orders.push(order);
        if (number + 1) % (how_many / 10).max(1) == 0 {
            say("suspended", number + 1);
        }
    }
    let pool = StackPool::global(mixio::stack::DEFAULT_STACK_SIZE)?;
    assert_eq!(pool.statistics().alive, how_many);
    println!("{pool:?}: {:?}", pool.statistics());
    if let (Some(before), Some(now)) = (before, resident_and_tables()) {
        println!("{} bytes of memory each, page tables and all", now.saturating_sub(before) * 1024 / how_many.max(1));
    }

    is_open.set(true);
    for (number, order) in orders.iter_mut().enumerate() {
        assert_eq!(Pin::new(order).poll(&mut context), Poll::Ready(number));
        if (number + 1) % (how_many / 10).max(1) == 0 {
            say("completed", number + 1);
        }
    }
    drop(orders);
    assert_eq!(pool.statistics().alive, 0);
    say("given back", 0);
    Ok(())
}

/// What the kernel says of this process.
fn memory() -> String {
    let Some((resident, tables)) = field("VmRSS:").zip(field("VmPTE:")) else { return String::new() };
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    format!(
        "{:7} MiB resident, {:4} MiB of page tables, {:4} mappings",
        resident >> 10,
        tables >> 10,
        maps.lines().count()
    )
}

fn resident_and_tables() -> Option<usize> {
    Some(field("VmRSS:")? + field("VmPTE:")?)
}

/// A field of /proc/self/status, in KiB.
fn field(name: &str) -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}
