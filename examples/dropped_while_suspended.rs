//! What becomes of a suspended coroutine that is dropped: it is unwound; with `panic = "abort"` it is leaked.
//!
//! Try both: `cargo run --example dropped_while_suspended`, and the same with `--profile panic-abort`.

use std::cell::Cell;
use std::rc::Rc;

use mixio::{Coroutine, Yielder};

struct Guard(Rc<Cell<u32>>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

fn main() {
    let drops = Rc::new(Cell::new(0));
    let guards = [Guard(drops.clone()), Guard(drops.clone())];

    let [guard, _] = &guards;
    let never_resumed = Guard(guard.0.clone());
    drop(Coroutine::<(), (), (), _>::new(move |_, ()| drop(never_resumed)));
    assert_eq!(drops.get(), 1, "a closure that never ran is dropped, however the program panics");

    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _guards = guards;
        yielder.suspend(());
    });
    coroutine.resume(());
    drop(coroutine);

    let expected = if cfg!(panic = "abort") { 1 } else { 3 };
    assert_eq!(drops.get(), expected);
    println!("{} of 3 guards were dropped, and the program goes on", drops.get());
}
