//! Running off the end of a stack: the report, the end of the process, and handlers of other people's.

#[path = "../support/mod.rs"]
mod support;

mod coroutines;
mod faults;
mod handlers;
mod stacks;
mod threads;

use std::ffi::c_int;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt as _;
use std::panic::Location;
use std::process::Output;

use mixio::Coroutine;
use support::{page_size, stderr};

/// Recurses until there is no stack left, in small steps.
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let room = black_box([depth; 16]);
    if depth == u64::MAX {
        return 0;
    }
    // What comes back is needed, and so is what was there before: it is no tail call.
    let below = recurse(black_box(depth + 1));
    below.wrapping_add(black_box(room)[below as usize % 16])
}

fn overflow() {
    black_box(recurse(black_box(0)));
    eprintln!("not reached");
}

/// A coroutine that overflows when it is resumed.
fn overflowing() -> Coroutine<(), (), ()> {
    Coroutine::new(|_, ()| overflow())
}

/// Tells the parent that the next line is to be in the report.
#[track_caller]
fn expect_next_line() {
    let here = Location::caller();
    eprintln!("created at {}:{}!", here.file(), here.line() + 1);
}

/// Fails unless the process was ended by one report, of a stack of about such a size, that names the line which the child
/// has told.
fn assert_reported(output: &Output, size: usize) {
    let stderr = stderr(output);
    let line = stderr.split("created at ").nth(1).and_then(|rest| rest.split('!').next());
    let line = line.unwrap_or_else(|| panic!("no line in: {stderr}"));
    let created = format!("\nmixio: the coroutine created at {line}:");
    assert!(stderr.contains(&created), "{created} is not in: {stderr}");
    assert_ended_by_report(output, size);
}

/// Fails unless the process was ended by one report, of a stack of about such a size.
fn assert_ended_by_report(output: &Output, size: usize) {
    let stderr = stderr(output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{:?}: {stderr}", output.status);
    assert_eq!(stderr.matches("mixio: ").count(), 1, "{stderr}");
    let (_, rest) = stderr.split_once(" has overflowed its stack of ").unwrap_or_else(|| panic!("{stderr}"));
    let (told, rest) = rest.split_once(' ').unwrap();
    let told: usize = told.parse().unwrap();
    assert!(told >= size && told < size.next_power_of_two() + 4 * page_size(), "{told} for {size}: {stderr}");
    for part in ["stack_size(bytes)", "DefaultStack::new(bytes)", "StackPool::builder()"] {
        assert!(rest.contains(part), "{part} is not in: {stderr}");
    }
    assert!(rest.contains("\nfatal: stack overflow in a coroutine, aborting\n"), "{stderr}");
    assert!(!stderr.contains("not reached"), "{stderr}");
}

/// Fails unless it was this signal that ended the process, with no report of ours.
fn assert_not_ours(output: &Output, signal: c_int) {
    let stderr = stderr(output);
    assert_eq!(output.status.signal(), Some(signal), "{:?}: {stderr}", output.status);
    assert!(stderr.contains("about to") && !stderr.contains("not reached"), "{stderr}");
    assert!(!stderr.contains("mixio"), "{stderr}");
}
