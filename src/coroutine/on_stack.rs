//! Calling a function on another stack, without a coroutine.

use core::ffi::c_void;
use core::mem::ManuallyDrop;
use core::panic::Location;

use super::panic::{self, Payload};
use crate::arch::{self, Control};
use crate::stack::{Stack, runs_on};
use crate::tools::{Registration, Switches};

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
    assert!(!runs_on(&stack), "a function can't be called on a stack on which its caller runs");
    // SAFETY: the stack is ours, as below, and nothing is on it.
    let registration = unsafe { Registration::new(&stack) };
    let base = core::ptr::with_exposed_provenance_mut(stack.base().get());
    // SAFETY: the stack's memory is ours, since we own the `Stack` or borrow it exclusively, until this returns. Its base
    // is aligned.
    unsafe { arch::mark(base, Location::caller()) };
    // SAFETY: as above.
    let result = unsafe { call_below(Control::below(base).cast(), Switches::for_call(&stack), function) };
    // SAFETY: the function has returned, or its panic was caught.
    unsafe { registration.end(&stack) };
    result.unwrap_or_else(|payload| panic::raise(payload))
}

/// Calls `function` with the stack pointer at or just below `top`, and catches its panic.
///
/// # Safety
///
/// Below `top` is a stack's unused memory, as much as `function` needs or else a guard. `switches` are for a call there.
pub(super) unsafe fn call_below<F, R>(top: *mut c_void, switches: Switches, function: F) -> Result<R, Payload>
where
    F: FnOnce() -> R,
{
    /// A call on another stack.
    struct Call<F, R> {
        switches: Switches,
        handover: Handover<F, R>,
    }

    /// What the two stacks hand to each other in it.
    union Handover<F, R> {
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
        // SAFETY: we have just arrived on this stack.
        unsafe { call.switches.arrived_inside() };
        // SAFETY: it holds the function.
        let function = unsafe { &mut call.handover.function };
        // SAFETY: it is taken only here.
        let function = unsafe { ManuallyDrop::take(function) };
        call.handover.result = ManuallyDrop::new(panic::catch(function));
        // SAFETY: what comes next is the way back.
        unsafe { call.switches.going_outside_for_good() };
    }

    let mut call_there = Call::<F, R> { switches, handover: Handover { function: ManuallyDrop::new(function) } };
    let base = top.map_addr(|address| address & !(arch::STACK_ALIGNMENT - 1));
    // SAFETY: here comes the switch to that stack.
    unsafe { call_there.switches.going_inside() };
    // SAFETY: `base` is aligned, the caller vouches for the memory, and `call` catches every panic.
    unsafe { arch::call_on_stack((&raw mut call_there).cast(), base, call::<F, R>) };
    // SAFETY: we are back.
    unsafe { call_there.switches.arrived_outside() };
    // SAFETY: `call` has put the result there.
    ManuallyDrop::into_inner(unsafe { call_there.handover.result })
}
