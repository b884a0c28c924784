//! Coroutines: functions that can be suspended anywhere in their calls and resumed where they left off.
//!
//! [`Coroutine`] and [`Yielder`] are the two sides of a switch; [`ScopedCoroutine`] is for closures that borrow. Names
//! and meaning are those of the crate corosensei, so that a user of it moves by changing an import; but its trap handlers
//! have no counterpart here.

#[cfg(feature = "std")]
pub(crate) mod backtrace;
mod creation;
mod on_stack;
mod panic;
mod scoped;
#[cfg(feature = "std")]
pub(crate) mod set_aside;
pub(crate) mod unwinding;
mod word;
mod yielder;

use core::ffi::c_void;
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::panic::Location;
use core::ptr::NonNull;

use crate::arch::{self, Address, Control, STACK_ALIGNMENT, Status, Word};
#[cfg(feature = "std")]
use crate::stack::{DefaultStack, StackError};
use crate::stack::{Stack, runs_on};
use panic::Payload;
use word::{decode, encode};

pub use on_stack::on_stack;
pub use scoped::{ScopedCoroutine, ScopedCoroutineRef};
#[cfg(feature = "std")]
pub use unwinding::is_forced_unwind;
pub use yielder::Yielder;

/// What resuming a coroutine gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CoroutineResult<Yield, Return> {
    /// The coroutine suspended itself with this value, and can be resumed.
    Yield(Yield),
    /// The coroutine's function returned this value: it has finished.
    Return(Return),
}

impl<Yield, Return> CoroutineResult<Yield, Return> {
    /// The value it suspended with, if it did.
    pub fn as_yield(self) -> Option<Yield> {
        match self {
            CoroutineResult::Yield(value) => Some(value),
            CoroutineResult::Return(_) => None,
        }
    }

    /// The value it returned, if it did.
    pub fn as_return(self) -> Option<Return> {
        match self {
            CoroutineResult::Yield(_) => None,
            CoroutineResult::Return(value) => Some(value),
        }
    }
}

cfg_if::cfg_if! {
    if #[cfg(feature = "std")] {
        /// Declares a type over a stack, which is [`DefaultStack`] where there is one.
        macro_rules! over_stack {
            ($(#[$meta:meta])* $vis:vis struct $name:ident<$($lifetime:lifetime,)? $($param:ident),*> $body:tt) => {
                $(#[$meta])*
                $vis struct $name<$($lifetime,)? $($param,)* S: Stack = DefaultStack> $body
            };
        }
    } else {
        /// Declares a type over a stack, which the user brings.
        macro_rules! over_stack {
            ($(#[$meta:meta])* $vis:vis struct $name:ident<$($lifetime:lifetime,)? $($param:ident),*> $body:tt) => {
                $(#[$meta])*
                $vis struct $name<$($lifetime,)? $($param,)* S: Stack> $body
            };
        }
    }
}
use over_stack;

over_stack! {
    /// A function on a stack of its own, which suspends itself and is resumed.
    ///
    /// `resume(input)` runs the function until it suspends itself or returns; values go both ways. An asymmetric,
    /// stackful coroutine, in the words of the literature: the function may suspend from any depth of its calls, and
    /// always returns to whoever resumed it.
    ///
    /// # Dropping
    ///
    /// Dropping a suspended coroutine unwinds it, as by [`force_unwind`](Self::force_unwind): every destructor on its
    /// stack runs, once. Dropping one that was never resumed drops the closure. With `panic = "abort"`, and without
    /// the feature `std`, there is no unwinding: a suspended coroutine that is dropped leaks its stack, and all that
    /// is on it.
    ///
    /// # Threads
    ///
    /// A coroutine stays on the thread that created it, since its stack may hold anything:
    ///
    /// ```compile_fail,E0277
    /// fn send<T: Send>(_: T) {}
    /// send(mixio::Coroutine::new(|_: &mixio::Yielder<(), ()>, ()| ()));
    /// ```
    ///
    /// # Borrowing
    ///
    /// The closure must be `'static`: a coroutine may be leaked while something borrows from its stack.
    /// [`ScopedCoroutine`] takes closures that borrow.
    ///
    /// # Floating point
    ///
    /// A switch keeps what a function call keeps. The control words (MXCSR and the x87 control word, FPCR) are those of
    /// the thread: who changes one sees it changed after a switch too.
    ///
    /// # Example
    ///
    /// ```
    /// use mixio::{Coroutine, CoroutineResult};
    ///
    /// let mut average = Coroutine::new(|yielder, mut value: f64| {
    ///     let (mut sum, mut count) = (0.0, 0.0);
    ///     while value.is_finite() {
    ///         sum += value;
    ///         count += 1.0;
    ///         value = yielder.suspend(sum / count);
    ///     }
    ///     count as usize
    /// });
    /// assert_eq!(average.resume(1.0), CoroutineResult::Yield(1.0));
    /// assert_eq!(average.resume(2.0), CoroutineResult::Yield(1.5));
    /// assert_eq!(average.resume(f64::NAN), CoroutineResult::Return(2));
    /// ```
    pub struct Coroutine<Input, Yield, Return> {
        /// Its stack pointer, exactly while it may be resumed: fresh or suspended.
        suspended: Option<NonNull<c_void>>,
        /// Where it goes on when it is resumed, if it may be.
        address: Address,
        /// Given back only when no frame is left on it.
        stack: ManuallyDrop<S>,
        // Contravariant in Input, covariant in the others.
        marker: PhantomData<fn(Input) -> CoroutineResult<Yield, Return>>,
        // The raw pointers make it neither Send nor Sync.
    }
}

#[cfg(feature = "std")]
impl<Input, Yield, Return> Coroutine<Input, Yield, Return, DefaultStack> {
    /// A coroutine that will run `function`, on a new [`DefaultStack`].
    ///
    /// # Panics
    ///
    /// If there is no memory for a stack: [`try_new`](Self::try_new) gives an error instead. If `function` itself is
    /// too large for the stack.
    #[track_caller]
    pub fn new<F>(function: F) -> Self
    where
        F: FnOnce(&Yielder<Input, Yield>, Input) -> Return + 'static,
        Input: 'static,
        Yield: 'static,
        Return: 'static,
    {
        Self::with_stack(DefaultStack::default(), function)
    }

    /// As [`new`](Self::new), with an error if there is no memory for a stack.
    ///
    /// # Errors
    ///
    /// Those of [`DefaultStack::new`].
    ///
    /// # Panics
    ///
    /// If `function` itself is too large for the stack.
    #[track_caller]
    pub fn try_new<F>(function: F) -> Result<Self, StackError>
    where
        F: FnOnce(&Yielder<Input, Yield>, Input) -> Return + 'static,
        Input: 'static,
        Yield: 'static,
        Return: 'static,
    {
        Ok(Self::with_stack(DefaultStack::new(crate::stack::DEFAULT_STACK_SIZE)?, function))
    }
}

impl<Input, Yield, Return, S: Stack> Coroutine<Input, Yield, Return, S> {
    /// A coroutine that will run `function` on `stack`.
    ///
    /// # Panics
    ///
    /// If `function` itself, that is what it captures, is too large for the stack. (In a debug build, to start it takes
    /// about ten times its size: each call on the way to it copies it. Box what is large.)
    #[track_caller]
    pub fn with_stack<F>(stack: S, function: F) -> Self
    where
        F: FnOnce(&Yielder<Input, Yield>, Input) -> Return + 'static,
        Input: 'static,
        Yield: 'static,
        Return: 'static,
        S: 'static,
    {
        // SAFETY: all is 'static.
        unsafe { Self::with_stack_unchecked(stack, function) }
    }

    /// As [`with_stack`](Self::with_stack), for closures, values and stacks that borrow.
    ///
    /// [`ScopedCoroutine`] is the safe way to that.
    ///
    /// # Safety
    ///
    /// What is borrowed stays borrowed until the coroutine has finished, was reset, or was dropped without leaking its
    /// stack. If the coroutine itself is leaked, that is for ever.
    ///
    /// # Panics
    ///
    /// As [`with_stack`](Self::with_stack).
    #[track_caller]
    pub unsafe fn with_stack_unchecked<F>(stack: S, function: F) -> Self
    where
        F: FnOnce(&Yielder<Input, Yield>, Input) -> Return,
    {
        // The stack may come from another thread, and this be one that has no alternate signal stack.
        #[cfg(feature = "std")]
        crate::stack::overflow::prepare_thread();
        let (limit, base) = (stack.limit().get() + stack.guard_size(), stack.base().get());
        assert!(
            base.is_multiple_of(STACK_ALIGNMENT) && base - limit >= crate::stack::MIN_STACK_SIZE,
            "a stack of {} bytes up to {base:#x} breaks the contract of mixio::stack::Stack: at least {} bytes, with \
             a base aligned to {STACK_ALIGNMENT}",
            base.wrapping_sub(limit),
            crate::stack::MIN_STACK_SIZE,
        );
        assert!(!runs_on(&stack), "a coroutine can't have the stack on which it is created");
        // SAFETY: as the caller says.
        unsafe { Self::created_at(Location::caller(), stack, function) }
    }

    /// Runs the coroutine until it suspends itself or returns.
    ///
    /// The first call starts the function with `input`; each later one makes the
    /// [`suspend`](Yielder::suspend) that it is suspended in return `input`.
    ///
    /// # Panics
    ///
    /// If the coroutine has finished: returned, panicked, or was unwound. With the coroutine's own panic, payload
    /// intact, if it panics; it has finished then.
    #[inline]
    pub fn resume(&mut self, input: Input) -> CoroutineResult<Yield, Return> {
        match self.resume_catching(input) {
            Ok(result) => result,
            Err(payload) => panic::raise(payload),
        }
    }

    /// As `resume`, but gives the coroutine's panic instead of raising it.
    #[inline(always)]
    pub(crate) fn resume_catching(&mut self, input: Input) -> Result<CoroutineResult<Yield, Return>, Payload> {
        // While it runs it can't be resumed, nor unwound.
        let Some(sp) = self.suspended.take() else { not_suspended("resume", self.leaked()) };
        // SAFETY: it is where the coroutine is suspended.
        unsafe { self.switch_to(sp, input) }
    }

    /// Switches into the coroutine.
    ///
    /// # Safety
    ///
    /// `sp` is that of the coroutine as it is suspended, or fresh.
    #[inline(always)]
    unsafe fn switch_to(
        &mut self,
        sp: NonNull<c_void>,
        input: Input,
    ) -> Result<CoroutineResult<Yield, Return>, Payload> {
        let mut input = ManuallyDrop::new(input);
        // SAFETY: the input is not used again.
        let word = unsafe { encode(&mut input) };
        // SAFETY: as the caller says; and we are on its thread, since it isn't Send.
        let outcome = unsafe { arch::resume(sp, self.address, self.control(), word, core::ptr::null_mut()) };
        self.came_back(outcome)
    }

    /// Resumes the coroutine by a panic with `payload` at the place where it is suspended.
    ///
    /// Otherwise as [`resume`](Self::resume): the coroutine may catch the panic and suspend itself again, or return.
    /// The panic hook isn't called. A coroutine that was never resumed is finished by this without running at all:
    /// its closure is dropped.
    ///
    /// # Panics
    ///
    /// If the coroutine has finished. If a destructor has suspended it in the midst of a panic of its own: a second
    /// panic there would abort the process. With `payload`, if the coroutine doesn't catch it.
    ///
    /// # Aborts
    ///
    /// If the coroutine is suspended, in a build with `panic = "abort"`: there it can't be unwound.
    ///
    /// # Example
    ///
    /// ```
    /// use mixio::{Coroutine, CoroutineResult};
    /// use std::panic::{AssertUnwindSafe, catch_unwind};
    ///
    /// let mut coroutine = Coroutine::new(|yielder, ()| {
    ///     let interrupted = catch_unwind(AssertUnwindSafe(|| yielder.suspend(()))).unwrap_err();
    ///     *interrupted.downcast::<&str>().unwrap()
    /// });
    /// coroutine.resume(());
    /// assert_eq!(coroutine.throw(Box::new("stop")), CoroutineResult::Return("stop"));
    /// ```
    #[cfg(feature = "std")]
    pub fn throw(&mut self, payload: Payload) -> CoroutineResult<Yield, Return> {
        if self.suspended.is_some() && !self.started() {
            self.drop_fresh();
            panic::raise(payload);
        }
        assert!(
            !self.suspended_unwinding(),
            "cannot throw into a coroutine that is suspended by a destructor while it unwinds"
        );
        if self.suspended.is_some() && cfg!(not(panic = "unwind")) {
            panic::abort("cannot throw into a suspended coroutine in a build with panic = \"abort\"");
        }
        self.throw_catching(payload).unwrap_or_else(|payload| panic::raise(payload))
    }

    /// As `throw`, for one that has started and that no destructor has suspended in a panic; gives the coroutine's panic
    /// instead of raising it.
    #[cfg(feature = "std")]
    pub(crate) fn throw_catching(&mut self, payload: Payload) -> Result<CoroutineResult<Yield, Return>, Payload> {
        let Some(sp) = self.suspended.take() else { not_suspended("throw into", self.leaked()) };
        // SAFETY: it is suspended, not fresh, and we are on its thread.
        let outcome = unsafe { self.raise_at(sp, payload) };
        self.came_back(outcome)
    }

    /// Switches into the coroutine with a panic.
    ///
    /// # Safety
    ///
    /// As [`arch::resume`], for a suspended coroutine.
    #[cfg(feature = "std")]
    unsafe fn raise_at(&mut self, sp: NonNull<c_void>, payload: Payload) -> (Word, Status, Address) {
        // SAFETY: `prepare` has put it there.
        panic::note(unsafe { self.control().as_ref() });
        let mut payload = ManuallyDrop::new(payload);
        // SAFETY: as the caller says; `suspend` reads the payload, and nobody the word.
        unsafe { arch::resume(sp, self.address, self.control(), Word::uninit(), (&raw mut payload).cast()) }
    }

    /// What the coroutine's switch back means.
    #[inline(always)]
    fn came_back(
        &mut self,
        (word, status, address): (Word, Status, Address),
    ) -> Result<CoroutineResult<Yield, Return>, Payload> {
        // Of no meaning if it has finished; but then the compiler needn't keep the old one over the switch.
        self.address = address;
        if let Some(sp) = status.suspended() {
            self.suspended = Some(sp);
            // SAFETY: `Yielder::suspend` encoded a Yield and waits.
            Ok(CoroutineResult::Yield(unsafe { decode(word) }))
        } else if status == Status::RETURNED {
            self.suspended = None;
            // SAFETY: `enter` encoded a Return; its frames are gone, but not the memory they were in.
            Ok(CoroutineResult::Return(unsafe { decode(word) }))
        } else {
            self.suspended = None;
            // SAFETY: `enter` encoded a payload, likewise.
            Err(unsafe { decode(word) })
        }
    }

    /// Whether it has been resumed at least once.
    pub fn started(&self) -> bool {
        // SAFETY: `prepare` has put it there.
        self.done() || unsafe { self.control().as_ref() }.started()
    }

    /// Whether it has finished: returned, panicked, was unwound or reset. It can't be resumed then.
    pub fn done(&self) -> bool {
        self.suspended.is_none()
    }

    /// Marks the coroutine as finished without unwinding it: what is on its stack is forgotten.
    ///
    /// # Safety
    ///
    /// As for `longjmp` out of the coroutine: sound only if no frame on its stack needs its destructors to run.
    pub unsafe fn force_reset(&mut self) {
        if self.suspended.take().is_some() {
            // SAFETY: `prepare` has put it there.
            unsafe { self.control().as_ref() }.clear();
        }
    }

    /// The stack, of a coroutine that has finished: to be used again.
    ///
    /// # Panics
    ///
    /// If the coroutine hasn't finished; it is dropped then. If it could not be unwound.
    pub fn into_stack(mut self) -> S {
        assert!(self.done(), "cannot take the stack of a coroutine that has not finished");
        assert!(!self.leaked(), "cannot take the stack of a coroutine that could not be unwound");
        // SAFETY: `self` is forgotten, so this is the only one.
        let stack = unsafe { self.take_stack() };
        core::mem::forget(self);
        stack
    }

    /// Takes the stack.
    ///
    /// # Safety
    ///
    /// The coroutine has finished, and is not used again, nor dropped.
    #[inline(always)]
    pub(crate) unsafe fn take_stack(&mut self) -> S {
        debug_assert!(self.done() && !self.leaked());
        // SAFETY: `prepare` has put it there.
        let tools = unsafe { &self.control().as_ref().tools };
        // SAFETY: no frame is on the stack.
        unsafe { tools.end(&*self.stack) };
        // SAFETY: nobody else will, as the caller says.
        unsafe { ManuallyDrop::take(&mut self.stack) }
    }

    /// Its yielder, to be used only while it runs.
    #[cfg(feature = "std")]
    pub(crate) fn yielder(&self) -> NonNull<Yielder<Input, Yield>> {
        self.control().cast()
    }

    /// The control block, which lives as long as the stack.
    #[inline(always)]
    fn control(&self) -> NonNull<Control> {
        let address = self.stack.base().get() - size_of::<Control>();
        let control = core::ptr::with_exposed_provenance_mut(address);
        // SAFETY: a stack isn't at null.
        unsafe { NonNull::new_unchecked(control) }
    }

    /// Whether a destructor has suspended it in the midst of a panic of its own, so that no other may be raised there.
    #[cfg(feature = "std")]
    pub(crate) fn suspended_unwinding(&self) -> bool {
        // SAFETY: `prepare` has put it there.
        self.suspended.is_some() && unsafe { self.control().as_ref() }.unwinding.get()
    }

    /// Whether frames are on the stack that nobody will take off: it must not be given back then.
    #[inline(always)]
    fn leaked(&self) -> bool {
        // SAFETY: `prepare` has put it there.
        self.suspended.is_none() && unsafe { self.control().as_ref() }.has_frames()
    }
}

// Not a method: a coroutine whose address nobody takes can live in registers.
#[cold]
#[inline(never)]
fn not_suspended(what: &str, has_frames: bool) -> ! {
    let state = if has_frames { "running, or could not be unwound" } else { "finished" };
    panic!("cannot {what} a coroutine that is {state}")
}

impl<Input, Yield, Return, S: Stack> fmt::Debug for Coroutine<Input, Yield, Return, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Coroutine");
        debug.field("started", &self.started()).field("done", &self.done()).finish_non_exhaustive()
    }
}
