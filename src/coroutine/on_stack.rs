//! Calling a function on another stack, without a coroutine.

use core::ffi::c_void;
use core::mem::ManuallyDrop;
use core::panic::Location;

use super::panic::{self, Payload};
use crate::arch::{self, Control};
use crate::stack::Stack;

/// Runs `function` on `stack` and gives its value.
///
/// For work that needs more stack than there is here: a recursive parser, generated code, a C library.
///
/// # Panics
///
/// With the panic of `function`.
///
/// # Example
///
/// ```
/// use mixio::on_stack;
/// use mixio::stack::DefaultStack;
///
/// fn depth(n: u32) -> u32 {
///     if n == 0 { 0 } else { 1 + depth(n - 1) }
/// }
///
/// # fn main() -> Result<(), mixio::stack::StackError> {
/// assert_eq!(on_stack(DefaultStack::new(16 << 20)?, || depth(50_000)), 50_000);
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn on_stack<F, R>(stack: impl Stack, function: F) -> R
where
    F: FnOnce() -> R,
{
    #[cfg(feature = "std")]
    crate::stack::overflow::prepare_thread();
    let base = core::ptr::with_exposed_provenance_mut(stack.base().get());
    // SAFETY: the stack's memory is ours, since we own the `Stack` or borrow it exclusively, until this returns. Its base
    // is aligned.
    unsafe { arch::mark(base, Location::caller()) };
    // SAFETY: as above.
    unsafe { call_below(Control::below(base).cast(), function) }
}

/// Calls `function` with the stack pointer at or just below `top`.
///
/// # Safety
///
/// Below `top` is a stack's unused memory, as much as `function` needs or else a guard.
pub(super) unsafe fn call_below<F, R>(top: *mut c_void, function: F) -> R
where
    F: FnOnce() -> R,
{
    /// What the two stacks hand to each other.
    union Call<F, R> {
        function: ManuallyDrop<F>,
        result: ManuallyDrop<Result<R, Payload>>,
    }

    /// Takes the function out of the `Call` and puts the result there.
    unsafe extern "C" fn call<F, R>(call: *mut c_void)
    where
        F: FnOnce() -> R,
    {
        // SAFETY: `call_below` gives us the address of its `Call`, and waits.
        let call = unsafe { &mut *call.cast::<Call<F, R>>() };
        // SAFETY: it holds the function, which is taken only here.
        let function = unsafe { ManuallyDrop::take(&mut call.function) };
        call.result = ManuallyDrop::new(panic::catch(function));
    }

    let mut handover = Call::<F, R> { function: ManuallyDrop::new(function) };
    let base = top.map_addr(|address| address & !(arch::STACK_ALIGNMENT - 1));
    // SAFETY: `base` is aligned, the caller vouches for the memory, and `call` catches every panic.
    unsafe { arch::call_on_stack((&raw mut handover).cast(), base, call::<F, R>) };
    // SAFETY: `call` has put the result there.
    match ManuallyDrop::into_inner(unsafe { handover.result }) {
        Ok(value) => value,
        Err(payload) => panic::raise(payload),
    }
}
