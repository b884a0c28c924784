//! What must not be done, from safe code and from unsafe code: a panic with a clear message, never a crash.

mod support;

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::ptr;
use std::rc::Rc;

use mixio::stack::{DefaultStack, Stack, StackPointer};
use mixio::{Coroutine, CoroutineResult, Yielder};
use support::{CountedStack, Drops, message_of};

const FINISHED: &str = "cannot resume a coroutine that is finished";
const RUNNING: &str = "cannot resume a coroutine that is running, or could not be unwound";

#[test]
fn resuming_one_that_has_returned() {
    let mut coroutine = Coroutine::<(), (), u8>::new(|_, ()| 1);
    assert_eq!(coroutine.resume(()), CoroutineResult::Return(1));
    for _ in 0..3 {
        assert_eq!(message_of(|| coroutine.resume(())), FINISHED);
    }
    assert!(coroutine.done());
}

#[test]
fn resuming_one_that_has_panicked() {
    let mut coroutine = Coroutine::<(), (), ()>::new(|_, ()| panic!("once"));
    assert_eq!(message_of(|| coroutine.resume(())), "once");
    assert_eq!(message_of(|| coroutine.resume(())), FINISHED);
}

#[test]
fn resuming_one_that_was_unwound() {
    for started in [false, true] {
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
        if started {
            coroutine.resume(());
        }
        coroutine.force_unwind();
        assert_eq!(message_of(|| coroutine.resume(())), FINISHED);
        assert_eq!(message_of(|| coroutine.throw(Box::new("late"))), "cannot throw into a coroutine that is finished");
    }
}

#[test]
fn a_panic_of_misuse_inside_a_coroutine_is_like_any_other() {
    let mut outer = Coroutine::<(), (), ()>::new(|_, ()| {
        let mut inner = Coroutine::<(), (), ()>::new(|_, ()| ());
        inner.resume(());
        inner.resume(());
    });
    assert_eq!(message_of(|| outer.resume(())), FINISHED);
    assert!(outer.done());
}

type Plain = Coroutine<(), (), String, CountedStack>;

thread_local! {
    /// The coroutine that runs, for what only raw pointers can do.
    static RUNS: Cell<*mut Plain> = const { Cell::new(ptr::null_mut()) };
}

/// Runs a coroutine that can get at itself.
fn run_with_pointer(drops: &Drops, function: fn() -> String) -> String {
    let coroutine =
        Box::new(ManuallyDrop::new(Coroutine::with_stack(drops.stack(), move |_: &Yielder<(), ()>, ()| function())));
    let pointer = Box::into_raw(coroutine).cast::<Plain>();
    RUNS.set(pointer);
    // SAFETY: it comes from the box. The function breaks the rules of references, as it is there to do: through this
    // same pointer, and while nothing else is done with the coroutine.
    let coroutine = unsafe { &mut *pointer };
    let result = coroutine.resume(()).as_return().unwrap();
    // The box itself is leaked, with the coroutine that may have been dropped in place.
    result
}

#[test]
fn resuming_the_running_one() {
    let drops = Drops::new();
    let message = run_with_pointer(&drops, || {
        // SAFETY: none, strictly: there is another reference. It must be noticed all the same.
        let coroutine = unsafe { &mut *RUNS.get() };
        assert!(coroutine.done() && coroutine.started());
        message_of(|| coroutine.resume(()))
    });
    assert_eq!(message, RUNNING);
    assert_eq!(drops.count(), 0);
}

#[test]
fn throwing_into_the_running_one() {
    let message = run_with_pointer(&Drops::new(), || {
        // SAFETY: as in `resuming_the_running_one`.
        let coroutine = unsafe { &mut *RUNS.get() };
        message_of(|| coroutine.throw(Box::new("not thrown")))
    });
    assert_eq!(message, "cannot throw into a coroutine that is running, or could not be unwound");
}

#[test]
fn unwinding_the_running_one() {
    let result = run_with_pointer(&Drops::new(), || {
        // SAFETY: as in `resuming_the_running_one`.
        let coroutine = unsafe { &mut *RUNS.get() };
        // To the caller it has finished, like one that can't be resumed: there is nothing to do.
        coroutine.force_unwind();
        "still here".to_owned()
    });
    assert_eq!(result, "still here");
}

#[test]
fn dropping_oneself() {
    let drops = Drops::new();
    let inside = drops.clone();
    thread_local! {
        static DROPS: RefCell<Option<Drops>> = const { RefCell::new(None) };
    }
    DROPS.set(Some(inside));
    let result = run_with_pointer(&drops, || {
        // SAFETY: as in `resuming_the_running_one`; it is not dropped again.
        unsafe { RUNS.get().drop_in_place() };
        let drops = DROPS.take().unwrap();
        // We still run, on that stack: it is leaked.
        assert_eq!(drops.count(), 0);
        "still here".to_owned()
    });
    assert_eq!(result, "still here");
    assert_eq!(drops.count(), 0);
}

/// A coroutine that safe code can reach while it runs.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Option<Coroutine<(), (), String>>>>);

impl Shared {
    /// Runs one that can get at itself.
    fn run(function: fn(&Shared) -> String) -> String {
        let shared = Shared::default();
        let inside = shared.clone();
        *shared.0.borrow_mut() = Some(Coroutine::new(move |_, ()| function(&inside)));
        let result = shared.0.borrow_mut().as_mut().unwrap().resume(());
        result.as_return().unwrap()
    }
}

#[test]
fn resuming_the_running_one_from_safe_code() {
    let message = Shared::run(|shared| message_of(|| shared.0.borrow_mut().as_mut().unwrap().resume(())));
    assert!(message.contains("already borrowed") || message.contains("BorrowMutError"), "{message}");
    // And without a panic.
    assert_eq!(Shared::run(|shared| shared.0.try_borrow_mut().unwrap_err().to_string()), "RefCell already borrowed");
}

#[test]
fn dropping_oneself_from_safe_code() {
    let message = Shared::run(|shared| message_of(|| shared.0.take()));
    assert!(message.contains("already borrowed") || message.contains("BorrowMutError"), "{message}");
}

/// Breaks the contract as it is told to.
struct BadStack(DefaultStack, usize, usize);

// SAFETY: none: this is what is tested. Nothing runs on it.
unsafe impl Stack for BadStack {
    fn base(&self) -> StackPointer {
        StackPointer::new(self.0.base().get() - self.1).unwrap()
    }

    fn limit(&self) -> StackPointer {
        StackPointer::new(self.base().get() - self.2).unwrap()
    }
}

#[test]
fn a_stack_that_breaks_its_contract() {
    for (misaligned, size) in [(8, 8192), (1, 65536), (0, 4080), (0, 0)] {
        let stack = BadStack(DefaultStack::default(), misaligned, size);
        let base = stack.base();
        assert_eq!(
            message_of(|| Coroutine::<(), (), (), _>::with_stack(stack, |_, ()| ())),
            format!(
                "a stack of {size} bytes up to {base:#x} breaks the contract of mixio::stack::Stack: at least 4096 \
                 bytes, with a base aligned to 16"
            )
        );
    }
}
