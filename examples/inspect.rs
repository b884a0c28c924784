//! What is suspended, where, and for how long: a dump of a live process, with backtraces on demand.

use std::future::pending;
use std::time::Duration;

use mixio::{as_async, inspect, wait};
use smol::{LocalExecutor, Timer};

#[inline(never)]
fn bake() {
    wait(Timer::after(Duration::from_secs(1000)));
}

#[inline(never)]
fn wait_for_ann() {
    wait(pending::<()>());
}

fn main() {
    inspect::enable(); // once, early
    let kitchen = LocalExecutor::new();
    let orders =
        [kitchen.spawn(as_async(bake).named("order 5")), kitchen.spawn(as_async(wait_for_ann).named("order 6"))];
    smol::block_on(kitchen.run(Timer::after(Duration::from_millis(50))));

    println!("{}", inspect::dump());
    let dump = inspect::dump().with_backtraces();
    let order = &dump.functions()[0];
    println!("\n{}", order.backtrace().expect("it is suspended, on this thread"));
    assert_eq!(order.name(), Some("order 5"));
    assert!(order.waited().expect("it is suspended") >= Duration::from_millis(10));

    drop(orders);
    smol::block_on(kitchen.run(smol::future::yield_now()));
    assert!(inspect::dump().functions().is_empty());
}
