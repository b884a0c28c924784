//! Options that don't exist, or don't make sense.

use mixio::{as_async, as_sync};

#[as_async(stack = 4096)]
fn unknown() {}

#[as_async(pinned)]
fn unknown_word() {}

#[as_async(stack_size)]
fn no_value() {}

#[as_async(crate)]
fn no_value_either() {}

#[as_async(stack_size = 1 << 20, stack_size = 1 << 21)]
fn twice() {}

#[as_async(crate = mixio, crate = mixio)]
fn crate_twice() {}

#[as_async(crate = "mixio")]
fn no_path() {}

#[as_async(stack_size = bytes)]
fn not_constant(bytes: usize) -> usize {
    bytes
}

#[as_async(stack_size = "1 MiB")]
fn no_number() {}

#[as_sync(stack_size = 1 << 20)]
async fn no_stack_of_its_own() {}

#[as_sync(flavor = "current_thread")]
async fn unknown_sync() {}

fn main() {}
