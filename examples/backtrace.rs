//! A backtrace goes through the switches: from a coroutine, by the one that resumed it, to whoever resumed that.
//!
//! `cargo run --example backtrace` prints one. A debugger sees the same:
//!
//! ```text
//! gdb -batch -ex 'break mixio_breakpoint' -ex run -ex backtrace target/debug/examples/backtrace
//! ```
//!
//! With the argument `above` or `below` the inner coroutine's stack lies above or below the outer one's in memory: no
//! tool may mind. With `lent` there are two calls on other stacks besides.

use std::backtrace::Backtrace;
use std::env;
use std::hint::black_box;

use mixio::stack::{DefaultStack, Stack, UnguardedStack};
use mixio::{Coroutine, Yielder, on_stack};

/// Where a debugger is to stop.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn mixio_breakpoint() {
    black_box(());
}

#[inline(never)]
fn leaf_function() {
    mixio_breakpoint();
    println!("{}", Backtrace::force_capture());
}

#[inline(never)]
fn middle_resumer(stack: impl Stack + 'static) {
    let mut inner = Coroutine::<(), (), (), _>::with_stack(stack, |_, ()| leaf_function());
    inner.resume(());
    black_box(());
}

#[inline(never)]
fn outermost_resumer(outer: impl Stack + 'static, inner: impl Stack + 'static) {
    let mut outer = Coroutine::with_stack(outer, |yielder: &Yielder<(), ()>, ()| {
        // Suspended and resumed once more, so that it is not a fresh one any longer.
        yielder.suspend(());
        middle_resumer(inner);
    });
    outer.resume(());
    outer.resume(());
    black_box(());
}

/// A function on a stack of its own, which resumes a coroutine, which calls the leaf on its parent's stack.
#[inline(never)]
fn lender() {
    on_stack(DefaultStack::default(), || {
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.on_parent_stack(borrower));
        coroutine.resume(());
    });
    black_box(());
}

#[inline(never)]
fn borrower() {
    leaf_function();
    black_box(());
}

/// Two stacks side by side: the first lies above the second.
fn above_and_below() -> (UnguardedStack<'static>, UnguardedStack<'static>) {
    const SIZE: usize = 1 << 20;
    let (low, high) = Box::leak(Box::new_uninit_slice(2 * SIZE)).split_at_mut(SIZE);
    // SAFETY: 1 MiB is plenty for a backtrace.
    let above = unsafe { UnguardedStack::borrowed(high) }.expect("enough memory");
    // SAFETY: as above.
    let below = unsafe { UnguardedStack::borrowed(low) }.expect("enough memory");
    (above, below)
}

fn main() {
    match env::args().nth(1).as_deref() {
        None => outermost_resumer(DefaultStack::default(), DefaultStack::default()),
        Some("above") => {
            let (above, below) = above_and_below();
            outermost_resumer(below, above);
        }
        Some("below") => {
            let (above, below) = above_and_below();
            outermost_resumer(above, below);
        }
        Some("lent") => lender(),
        Some(other) => {
            eprintln!("usage: backtrace [above | below | lent], not {other}");
            std::process::exit(2);
        }
    }
}
