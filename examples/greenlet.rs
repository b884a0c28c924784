//! greenlet's words, in ours: `switch`, `throw`, `dead`, `parent`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use mixio::{Coroutine, CoroutineResult, Yielder};

/// `gr = greenlet(run); gr.switch(x)` is `Coroutine::new(run)`, `.resume(x)`; `parent.switch(y)` is `yielder.suspend(y)`.
fn switch() {
    let mut gr = Coroutine::new(|parent: &Yielder<&str, String>, mut word| {
        loop {
            word = parent.suspend(format!("{word}, and back"));
            if word == "enough" {
                return 42;
            }
        }
    });
    assert_eq!(gr.resume("there"), CoroutineResult::Yield("there, and back".into()));
    assert_eq!(gr.resume("again"), CoroutineResult::Yield("again, and back".into()));
    assert!(!gr.done());
    assert_eq!(gr.resume("enough"), CoroutineResult::Return(42));
    assert!(gr.done(), "`gr.dead`");
}

/// `gr.throw(exception)` is `.throw(payload)`: raised where the coroutine is suspended, which may catch it. What it doesn't
/// catch goes on in whoever has resumed it: its `parent`, for the moment.
fn throw() {
    let mut gr = Coroutine::new(|parent: &Yielder<(), &str>, ()| {
        let caught = catch_unwind(AssertUnwindSafe(|| parent.suspend("waits"))).unwrap_err();
        let caught = *caught.downcast::<&str>().expect("a text");
        parent.suspend(caught);
    });
    assert_eq!(gr.resume(()), CoroutineResult::Yield("waits"));
    assert_eq!(gr.throw(Box::new("wake up")), CoroutineResult::Yield("wake up"));
    let uncaught = catch_unwind(AssertUnwindSafe(|| gr.throw(Box::new("stop")))).unwrap_err();
    assert_eq!(*uncaught.downcast::<&str>().expect("a text"), "stop");
    assert!(gr.done());
}

/// `GreenletExit`, which greenlet throws into what nobody refers to any more: dropping unwinds.
fn exit() {
    struct Farewell;
    impl Drop for Farewell {
        fn drop(&mut self) {
            println!("goodbye");
        }
    }
    let mut gr = Coroutine::new(|parent: &Yielder<(), ()>, ()| {
        let _farewell = Farewell;
        parent.suspend(());
    });
    gr.resume(());
    drop(gr);
}

/// `parent`s: whoever resumes is the parent until it is switched back to. They nest as calls do.
fn parents() {
    let mut outer = Coroutine::new(|main: &Yielder<(), u32>, ()| {
        let mut inner = Coroutine::new(|outer: &Yielder<(), u32>, ()| outer.suspend(1));
        while let CoroutineResult::Yield(number) = inner.resume(()) {
            main.suspend(10 * number);
        }
    });
    assert_eq!(outer.resume(()), CoroutineResult::Yield(10));
    assert_eq!(outer.resume(()), CoroutineResult::Return(()));
}

fn main() {
    switch();
    throw();
    exit();
    parents();
}
