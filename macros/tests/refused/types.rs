//! Errors in a function are shown where they are, as if there were no attribute.

use mixio::{as_async, as_sync};

#[as_async]
fn tail(text: String) -> u32 {
    text
}

#[as_async]
fn unit(n: u32) {
    n
}

#[as_async]
fn returned(n: u32) -> u32 {
    return n == 1;
}

#[as_sync]
async fn tail_sync(text: &str) -> u32 {
    text
}

#[as_sync]
async fn unit_sync(n: u32) {
    n
}

#[as_sync]
async fn returned_sync(n: u32) -> u32 {
    return n == 1;
}

#[as_sync]
async fn question_mark(text: &str) -> Option<u32> {
    Some(text.parse()?)
}

#[as_async]
#[deny(unused_variables, unused_mut)]
fn lints(mut n: u32, unused: u32) -> u32 {
    n
}

#[as_sync]
#[deny(unused_variables, unused_mut)]
async fn lints_sync(mut n: u32, (unused, _): (u32, u32)) -> u32 {
    n
}

#[as_async]
unsafe fn stays_unsafe() {}

fn main() {
    drop(stays_unsafe());
}
