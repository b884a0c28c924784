//! From a closure and a stack to a coroutine, and into the closure when it is first resumed.

use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::panic::Location;
use core::ptr::NonNull;

use super::word::{decode, encode};
use super::{Coroutine, Yielder, panic};
use crate::arch::{self, Control, STACK_ALIGNMENT, Status, Word};
use crate::stack::{MIN_STACK_SIZE, Stack};
use crate::tools::Tools;

impl<Input, Yield, Return, S: Stack> Coroutine<Input, Yield, Return, S> {
    /// As [`with_stack_unchecked`](Self::with_stack_unchecked), for a place in the program that isn't the caller's, and a
    /// stack that is known to be as it should, on a thread that has one for signals.
    ///
    /// # Safety
    ///
    /// As there.
    #[inline]
    pub(crate) unsafe fn created_at<F>(created: &'static Location<'static>, stack: S, function: F) -> Self
    where
        F: FnOnce(&Yielder<Input, Yield>, Input) -> Return,
    {
        /// What the entry function needs below the closure: frames of its own, and those of a small user function.
        const LEAST_FRAMES: usize = 1024;

        let (limit, base) = (stack.limit().get() + stack.guard_size(), stack.base().get());
        // Below the control block; the alignment of the closure may be larger than the stack's.
        let closure = (base - size_of::<Control>())
            .checked_sub(size_of::<F>())
            .map(|address| address & !(align_of::<F>().max(STACK_ALIGNMENT) - 1))
            // Of most it is known to the compiler that they fit.
            .filter(|address| {
                size_of::<F>() + align_of::<F>() + size_of::<Control>() + LEAST_FRAMES <= MIN_STACK_SIZE
                    || *address >= limit + LEAST_FRAMES
            });
        let Some(closure) = closure else {
            panic!(
                "the coroutine's closure captures {} bytes, too many for a stack of {} bytes: box some of them, or \
                 use a larger stack",
                size_of::<F>(),
                base - limit
            )
        };
        // SAFETY: the stack is ours, and nothing is on it.
        let tools = unsafe { Tools::new(&stack) };
        let base = core::ptr::with_exposed_provenance_mut::<c_void>(base);
        let closure = base.with_addr(closure);
        // SAFETY: it is aligned for an F, and lies inside the stack, which is ours.
        unsafe { closure.cast::<F>().write(function) };
        // SAFETY: called at most once, with `closure`, if the entry function hasn't taken it.
        let drop_closure = |closure: *mut c_void| unsafe { closure.cast::<F>().drop_in_place() };
        let entry = enter::<Input, Yield, Return, F>;
        // SAFETY: both are aligned to STACK_ALIGNMENT, and below each is enough memory, as checked.
        let (fresh, address) = unsafe { arch::prepare(base, closure, entry, closure, drop_closure, created, tools) };
        Coroutine { suspended: Some(fresh), address, stack: ManuallyDrop::new(stack), marker: PhantomData }
    }
}

/// Where a coroutine's stack begins: the function that its first resumption enters.
///
/// # Safety
///
/// `closure` leads to an `F` that is taken only here, `word` to an `Input`; `control` is the running coroutine's.
unsafe extern "C" fn enter<Input, Yield, Return, F>(word: Word, control: NonNull<Control>, closure: *mut c_void) -> !
where
    F: FnOnce(&Yielder<Input, Yield>, Input) -> Return,
{
    // SAFETY: the control block lives as long as the stack.
    let tools = unsafe { &control.as_ref().tools };
    // SAFETY: we have just arrived on the stack.
    unsafe { tools.switches.arrived_inside() };
    // SAFETY: as the caller says; the stack, with the control block, outlives this function.
    let yielder = unsafe { Yielder::of(control) };
    #[cfg(feature = "std")]
    if std::thread::panicking() {
        // SAFETY: the control block lives as long as the stack.
        panic::note(unsafe { control.as_ref() });
    }
    // SAFETY: as the caller says.
    let function = unsafe { closure.cast::<F>().read() };
    // SAFETY: as the caller says.
    let input = unsafe { decode::<Input>(word) };
    let (word, status);
    let (mut value, mut payload);
    match panic::catch(|| function(yielder, input)) {
        Ok(returned) => {
            value = ManuallyDrop::new(returned);
            // SAFETY: it is not used again.
            (word, status) = (unsafe { encode(&mut value) }, Status::RETURNED);
        }
        Err(panic) => {
            payload = ManuallyDrop::new(panic);
            // SAFETY: it is not used again.
            (word, status) = (unsafe { encode(&mut payload) }, Status::PANICKED);
        }
    }
    // SAFETY: we are the coroutine, and what is left on its stack are the value or payload, which the resumer takes.
    unsafe { arch::finish(control, word, status) }
}
