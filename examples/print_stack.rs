//! Where do they wait? The stacks of suspended coroutines, printed from outside, as by greenhack's `print_stack`.
//!
//! Each is printed from where it waits up to its root; after that comes whoever asks.

use mixio::{Coroutine, CoroutineResult, Yielder};

#[inline(never)]
fn wait_for_the_oven(yielder: &Yielder<(), &'static str>) {
    yielder.suspend("the oven");
    println!("the pizza is done");
}

#[inline(never)]
fn bake_a_pizza(yielder: &Yielder<(), &'static str>) {
    println!("kneading");
    wait_for_the_oven(yielder);
    println!("slicing");
}

#[inline(never)]
fn wait_for_the_kettle(yielder: &Yielder<(), &'static str>) {
    yielder.suspend("the kettle");
    println!("the tea is done");
}

fn main() {
    let mut cooks = [
        Coroutine::new(|yielder, ()| bake_a_pizza(yielder)),
        Coroutine::new(|yielder, ()| wait_for_the_kettle(yielder)),
    ];
    for cook in &mut cooks {
        if let CoroutineResult::Yield(what) = cook.resume(()) {
            println!("one waits for {what}, here:\n{}", cook.backtrace());
        }
    }
    // They go on as if nobody had looked.
    for cook in &mut cooks {
        cook.resume(());
        assert!(cook.done());
    }
}
