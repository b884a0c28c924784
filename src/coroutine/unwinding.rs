//! Getting rid of a coroutine that has not finished.

#[cfg(feature = "std")]
use std::{any::Any, sync::Arc};

use core::fmt;
#[cfg(feature = "std")]
use core::panic::Location;

use super::Coroutine;
#[cfg(all(feature = "std", panic = "unwind"))]
use super::CoroutineResult;
#[cfg(feature = "std")]
use super::panic::{self, Payload};
use crate::arch;
use crate::stack::Stack;

impl<Input, Yield, Return, S: Stack> Coroutine<Input, Yield, Return, S> {
    /// Unwinds the coroutine, so that every destructor on its stack runs, and finishes it. Does nothing if it has
    /// finished.
    ///
    /// It is resumed by a panic with a payload of mixio's own (with std, `is_forced_unwind` knows it). Where the coroutine catches that panic and suspends
    /// itself again it is raised again, until the coroutine's function is left one way or the other; the value that it
    /// may return is dropped. A coroutine that was never resumed has its closure dropped.
    ///
    /// # Panics
    ///
    /// With the panic of code that runs meanwhile, on the coroutine's stack or in the destructor of a value that it
    /// suspends itself with. And if the coroutine can't be unwound:
    ///
    /// - it has caught the panic and suspended itself again 1,000 times;
    /// - it is suspended by a destructor in the midst of unwinding, be it for this or for a panic of its own: another
    ///   panic there would abort the process. (On this thread [`std::thread::panicking`] stays true from then on.)
    /// - this is a build with `panic = "abort"`, or without the feature `std`.
    ///
    /// Its stack is leaked then, with all that is on it. Dropping the coroutine does the same, but while the thread is
    /// panicking already it says so on the standard error, and in a build without unwinding not at all.
    ///
    /// Rust tells whether a thread is panicking, but not by which panics. So a coroutine that was resumed, and suspended
    /// itself, in the midst of somebody else's panic is taken to be in its own, and leaked, until it suspends itself the
    /// next time; unless that panic was under way when the coroutine started. In one that started then, a destructor that
    /// suspends it in a panic of its own isn't known for what it is: the process aborts.
    pub fn force_unwind(&mut self) {
        match self.unwind() {
            Ok(unwound) => unwound.settle(),
            Err(error) => panic!("{error}"),
        }
    }

    /// Unwinds, or leaks and says why.
    pub(crate) fn unwind(&mut self) -> Result<Unwound<Return>, CannotUnwind> {
        if self.suspended.is_none() {
            return Ok(Unwound::AsTold);
        }
        if !self.started() {
            self.drop_fresh();
            return Ok(Unwound::AsTold);
        }
        self.unwind_suspended()
    }

    #[cfg(all(feature = "std", panic = "unwind"))]
    #[cold]
    fn unwind_suspended(&mut self) -> Result<Unwound<Return>, CannotUnwind> {
        /// How often a coroutine may catch the unwind and suspend itself again.
        const ATTEMPTS: usize = 1000;

        if self.suspended_unwinding() {
            self.leak();
            return Err(CannotUnwind::SuspendedByDestructor);
        }
        let unwinds = ForcedUnwinds::new();
        // Of a value that it has suspended itself with.
        let mut panic_of_drop = None;
        for _ in 0..ATTEMPTS {
            let Some(sp) = self.suspended.take() else { break };
            let (others_panic, alive) = (std::thread::panicking(), unwinds.alive());
            // SAFETY: it is suspended, not fresh, and we are on its thread.
            let outcome = unsafe { self.raise_at(sp, unwinds.payload()) };
            match self.came_back(outcome) {
                Ok(CoroutineResult::Yield(value)) => {
                    if let Err(payload) = panic::catch(|| drop(value)) {
                        panic_of_drop.get_or_insert(payload);
                    }
                    // A panic is under way, and it is not one that was before; or ours, which nobody has caught.
                    if std::thread::panicking() && (!others_panic || unwinds.alive() > alive) {
                        self.leak();
                        return Err(CannotUnwind::SuspendedByDestructor);
                    }
                }
                Ok(CoroutineResult::Return(value)) => {
                    return Ok(panic_of_drop.map_or(Unwound::Returned(value), Unwound::Panicked));
                }
                Err(payload) if unwinds.made(&payload) => {
                    return Ok(panic_of_drop.map_or(Unwound::AsTold, Unwound::Panicked));
                }
                Err(payload) => return Ok(Unwound::Panicked(payload)),
            }
        }
        self.leak();
        Err(CannotUnwind::Swallowed)
    }

    #[cfg(not(all(feature = "std", panic = "unwind")))]
    fn unwind_suspended(&mut self) -> Result<Unwound<Return>, CannotUnwind> {
        self.leak();
        Err(CannotUnwind::NoUnwinding)
    }

    /// Gives up a coroutine that can't be unwound: its stack stays as it is for ever.
    pub(crate) fn leak(&mut self) {
        self.suspended = None;
    }

    /// Finishes a coroutine that was never resumed.
    pub(super) fn drop_fresh(&mut self) {
        let Some(sp) = self.suspended else { return };
        // SAFETY: it has not been resumed, as the caller knows.
        let (closure, drop_closure) = unsafe { arch::fresh_closure(sp) };
        // SAFETY: no frame is on the stack yet.
        unsafe { self.force_reset() };
        // SAFETY: the entry function never took the closure, and never will.
        unsafe { drop_closure(closure) };
    }
}

impl<Input, Yield, Return, S: Stack> Drop for Coroutine<Input, Yield, Return, S> {
    fn drop(&mut self) {
        /// Gives the stack back, however `drop` is left.
        struct GiveBack<'a, Input, Yield, Return, S: Stack>(&'a mut Coroutine<Input, Yield, Return, S>);

        impl<Input, Yield, Return, S: Stack> Drop for GiveBack<'_, Input, Yield, Return, S> {
            fn drop(&mut self) {
                if self.0.done() && !self.0.leaked() {
                    // SAFETY: no frame is on it, and the coroutine is being dropped.
                    drop(unsafe { self.0.take_stack() });
                }
            }
        }

        let this = GiveBack(self);
        match this.0.unwind() {
            Ok(unwound) => unwound.settle(),
            Err(error) => error.say(),
        }
    }
}

/// How a coroutine ended that was to be unwound.
#[allow(dead_code, reason = "which of them there can be depends on whether this build unwinds")]
pub(crate) enum Unwound<Return> {
    /// It was unwound to its root, or had not started, or had finished before.
    AsTold,
    /// It has caught the panic, and its function has returned.
    Returned(Return),
    /// A panic has come up, not the one that was to unwind it.
    #[cfg(feature = "std")]
    Panicked(Payload),
}

impl<Return> Unwound<Return> {
    /// Drops what it has returned, or raises its panic.
    pub(super) fn settle(self) {
        #[cfg(feature = "std")]
        if let Unwound::Panicked(payload) = self {
            panic::raise(payload);
        }
    }
}

/// The payload of the panic that unwinds a suspended coroutine.
#[cfg(feature = "std")]
struct ForcedUnwind(Arc<()>);

/// Whether a panic is none: whether this is the payload with which mixio unwinds what is dropped, or
/// [cancelled](crate::AsAsync::cancel), while it is suspended.
///
/// For code that catches panics, to log them say, or to go on with the next job. A function that is to end in its midst ends there only
/// if such a payload is passed on. Whoever swallows it meets it again at the next `wait`, and after 1,000 times the stack is leaked.
///
/// A payload of [`Coroutine::throw`](crate::Coroutine::throw) is none of mixio's.
///
/// # Example
///
/// ```
/// use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
///
/// fn run_jobs(jobs: Vec<Box<dyn FnOnce()>>) {
///     for job in jobs {
///         if let Err(payload) = catch_unwind(AssertUnwindSafe(job)) {
///             if mixio::is_forced_unwind(&*payload) {
///                 resume_unwind(payload); // not a crash, and not for us
///             }
///             println!("a job has panicked: we go on");
///         }
///     }
///     println!("done");
/// }
///
/// let jobs = || -> Vec<Box<dyn FnOnce()>> { vec![Box::new(|| panic!("crash")), Box::new(|| mixio::wait(std::future::pending()))] };
/// let mut waits = mixio::as_async(move || run_jobs(jobs()));
/// # std::panic::set_hook(Box::new(|_| {}));
/// # use std::{future::Future, pin::Pin, task::{Context, Waker}};
/// # assert!(Pin::new(&mut waits).poll(&mut Context::from_waker(Waker::noop())).is_pending());
/// drop(waits); // "done" isn't said
/// ```
#[cfg(feature = "std")]
pub fn is_forced_unwind(payload: &(dyn Any + Send)) -> bool {
    payload.is::<ForcedUnwind>()
}

/// Makes [`ForcedUnwind`]s for one unwinding, knows them again, and counts those that are not dropped yet: nobody has
/// caught them, or else keeps them.
#[cfg(feature = "std")]
pub(crate) struct ForcedUnwinds(Arc<()>);

#[cfg(feature = "std")]
impl ForcedUnwinds {
    pub(crate) fn new() -> Self {
        ForcedUnwinds(Arc::new(()))
    }

    pub(crate) fn payload(&self) -> Payload {
        Box::new(ForcedUnwind(self.0.clone()))
    }

    /// How many are on their way, or caught and kept.
    #[cfg(panic = "unwind")]
    fn alive(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }

    pub(crate) fn made(&self, payload: &Payload) -> bool {
        payload.downcast_ref::<ForcedUnwind>().is_some_and(|one| Arc::ptr_eq(&one.0, &self.0))
    }
}

/// Why a suspended coroutine had to be leaked.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code, reason = "which of them there can be depends on whether this build unwinds")]
pub(crate) enum CannotUnwind {
    Swallowed,
    SuspendedByDestructor,
    /// By a `wait` in a destructor, here.
    #[cfg(feature = "std")]
    Stranded(&'static Location<'static>),
    NoUnwinding,
}

impl CannotUnwind {
    /// Says, from a destructor, that a stack was leaked: by a panic, or while there is one by a line on the standard error.
    /// In a build that can't unwind it is silent: there it is no surprise.
    pub(crate) fn say(self) {
        #[cfg(all(feature = "std", panic = "unwind"))]
        if std::thread::panicking() {
            crate::report::say(format_args!("{self}"));
        } else {
            panic!("{self}");
        }
    }
}

impl fmt::Display for CannotUnwind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self {
            #[cfg(feature = "std")]
            CannotUnwind::Stranded(place) => {
                return write!(
                    f,
                    "a destructor waits at {place}, but its `AsAsync` was dropped where nobody can wait with it, so that \
                     its stack is leaked: await its `cancel()` instead of dropping it, or have a runtime adapter install \
                     a reaper (mixio::runtime::set_reaper), or use `try_wait` there"
                );
            }
            CannotUnwind::Swallowed => "that keeps catching the panic and suspending itself",
            CannotUnwind::SuspendedByDestructor => "that is suspended by a destructor while it unwinds",
            CannotUnwind::NoUnwinding => {
                "that is suspended, in a build with panic = \"abort\" or without the feature \"std\""
            }
        };
        write!(f, "cannot unwind a coroutine {why}; its stack is leaked")
    }
}
