//! A panic that is raised on one thread and caught on another.

use std::mem::ManuallyDrop;
use std::panic::resume_unwind;

use crate::coroutine::{Coroutine, Yielder};
use crate::stack::DefaultStack;

/// Usable bytes of the stack that a token is on.
///
/// To raise a panic and to catch it has been seen to take 6,088 of them in a debug build on x86-64, 5,192 in a release build,
/// and on AArch64 7,936 and 7,040. What is left is for a signal handler that runs meanwhile.
pub(super) const STACK_SIZE: usize = 32 << 10;

/// A panic in flight, on a stack of its own: a coroutine that has raised it, and is suspended by a destructor while it
/// unwinds.
///
/// It has added one to the count of the thread that raised it, and takes one off that of the thread that catches it. If it is
/// dropped it does neither, and its stack is leaked.
pub(super) struct Token(ManuallyDrop<Coroutine<(), (), (), DefaultStack>>);

// SAFETY: coroutines in general stay on their thread, since anything may be on their stacks: values that aren't `Send`, and
// addresses of thread-locals that the compiler found before a switch and uses after it. On a token's stack, while it is
// suspended, there are these frames and no others, from the base up:
//
// - `enter`, the entry function, with the `catch_unwind` in it, and the closure of `raise`. Their values are a yielder (the
//   address of the control block, on this very stack), a `SuspendOnDrop` (the same) and, of the coroutine's input and
//   result, units. Before the switch `enter` asks for `panicking()`, which has its thread-local read by a function that is
//   never inlined; after it `catch_unwind` lowers the count.
// - `SuspendOnDrop::drop`, and the switch: after it, were the coroutine thrown into, which a token never is, a panic would be
//   raised.
//
// So even if all of these, and `std`, are inlined into one function, then thread-locals are used in it only after the switch:
// there is no earlier address for them to share. For that `raise_unit`, which raises the count before the switch, is never
// inlined.
//
// The frames that raised the panic, those of `raise_unit`, `std` and the unwinder, are not among them: the unwinder cut them
// off when it entered the landing pad of the closure. It goes on by `_Unwind_Resume`, with what it finds in the exception
// and on the stack. The exception, an allocation with a `Box<()>` in it, may be freed by any thread.
//
// The stack itself is `Send`. Whoever resumes the coroutine owns it, and got it from the thread that ran it last by way of a
// mutex or a join: so what was written there is seen here. The coroutine isn't entered in any list of its thread. (The
// control words for floating point are not saved by a switch, on one thread or between two.)
unsafe impl Send for Token {}

impl Token {
    /// Raises a panic: from now on one more is in flight on this thread. The panic hook isn't called.
    pub(super) fn raise(stack: DefaultStack) -> Self {
        let mut coroutine = Coroutine::with_stack(stack, |yielder, ()| {
            let _suspend = SuspendOnDrop(yielder);
            raise_unit()
        });
        let suspended = coroutine.resume_catching(());
        debug_assert!(suspended.is_ok() && !coroutine.done());
        Token(ManuallyDrop::new(coroutine))
    }

    /// Catches the panic: from now on one less is in flight on this thread. Gives the stack that it was on.
    pub(super) fn catch(self) -> DefaultStack {
        let mut coroutine = ManuallyDrop::into_inner(self.0);
        let panicked = coroutine.resume_catching(());
        debug_assert!(panicked.is_err());
        coroutine.into_stack()
    }
}

/// Suspends the coroutine in the midst of its panic.
struct SuspendOnDrop<'a>(&'a Yielder<(), ()>);

impl Drop for SuspendOnDrop<'_> {
    fn drop(&mut self) {
        // Not `suspend`, which would note for `force_unwind` what is never asked.
        self.0.switch(());
    }
}

/// Never inlined, so that the thread-local that it writes is not found by a function that uses it again on another thread.
#[inline(never)]
fn raise_unit() {
    resume_unwind(Box::new(()))
}
