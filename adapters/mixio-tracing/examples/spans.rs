//! The same log twice: of plain functions whose spans leak to their neighbours, and of the same ones with spans carried.
//!
//!     cargo run -p mixio-tracing --example spans

use std::time::Duration;

use mixio::{as_async, wait};
use smol::Timer;
use smol::future::{block_on, zip};
use tracing::{info, info_span, instrument};

/// Plain code: no `async`, and nothing that it would have to know.
#[instrument]
fn order(customer: &str, minutes: u64) {
    info!("ordered");
    info_span!("kitchen").in_scope(|| {
        info!("cooks");
        wait(Timer::after(Duration::from_millis(10 * minutes)));
        info!("is done");
    });
    info!("served");
}

fn main() {
    tracing_subscriber::fmt().without_time().with_target(false).with_level(false).with_ansi(false).init();
    println!("spans as plain functions enter them:");
    serve();
    mixio_tracing::install();
    println!("\nspans carried:");
    serve();
}

fn serve() {
    let ann = as_async(|| order("ann", 1));
    let bob = as_async(|| order("bob", 2));
    block_on(zip(ann, bob));
}
