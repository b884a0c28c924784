//! The thread on which panics are in flight that are set aside on others.

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::check;
use super::spawn::spawn;
use super::token::{STACK_SIZE, Token};
use crate::stack::DefaultStack;

/// Raises tokens for other threads to catch, and catches those that they raise; on a thread of its own, on which as many
/// panics are in flight as are set aside.
///
/// There is one in a process, once it is needed; its thread sleeps when there is nothing to do, and never ends.
///
/// The others wait for it by means of a mutex and condition variables, and nothing that `std` keeps in thread-locals: so that
/// they can while their own are being destroyed.
pub(super) struct Helper {
    desk: Mutex<Desk>,
    /// There are stacks to raise tokens on, or tokens to catch.
    work: Condvar,
    /// There are raised tokens.
    raised: Condvar,
}

/// What the helper is given and gives back. It doesn't matter who gets which.
struct Desk {
    /// Whether it has its thread.
    started: bool,
    /// For tokens that threads wait for.
    stacks: Vec<DefaultStack>,
    /// For those threads.
    raised: Vec<Token>,
    /// By other threads, to be caught.
    to_catch: Vec<Token>,
    /// Those that such tokens were on, to be used again.
    free: Vec<DefaultStack>,
}

/// How many free stacks are kept. So many can be in use at once without the helper's ever giving one back to its pool, for which it
/// may take a lock: a fork meanwhile would leave that locked in the child.
const KEPT: usize = 64;

/// That of this process. Null until it is needed, and again in the child of a fork.
static CURRENT: AtomicPtr<Helper> = AtomicPtr::new(ptr::null_mut());

impl Helper {
    /// That of this process, which may not have its thread yet. None if there can't be one.
    pub(super) fn current() -> Option<&'static Helper> {
        // SAFETY: it is null, or a helper that `make` has made and nobody ever frees.
        unsafe { CURRENT.load(Ordering::Acquire).as_ref() }.or_else(Self::make)
    }

    #[cold]
    fn make() -> Option<&'static Helper> {
        if !forks_are_noticed() {
            return None;
        }
        let desk =
            Desk { started: false, stacks: Vec::new(), raised: Vec::new(), to_catch: Vec::new(), free: Vec::new() };
        let helper = Helper { desk: Mutex::new(desk), work: Condvar::new(), raised: Condvar::new() };
        let helper = Box::into_raw(Box::new(helper));
        match CURRENT.compare_exchange(ptr::null_mut(), helper, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: nobody frees it from now on.
            Ok(_) => Some(unsafe { &*helper }),
            Err(others) => {
                // SAFETY: it is from `Box::into_raw`, and nobody else has seen it.
                drop(unsafe { Box::from_raw(helper) });
                // SAFETY: it isn't null, and was put there by this function, in another thread.
                Some(unsafe { &*others })
            }
        }
    }

    /// A token that the helper has raised. None if there is no memory for its stack, or the helper has no thread and there can't
    /// be one.
    pub(super) fn raise(&'static self) -> Option<Token> {
        let mut desk = self.desk();
        if !desk.started {
            // The others wait for the mutex meanwhile.
            desk.started = check::panics_can_move()? && spawn(|| self.run()).is_ok();
            if !desk.started {
                return None;
            }
        }
        let stack = desk.free.pop().or_else(|| DefaultStack::new(STACK_SIZE).ok())?;
        desk.stacks.push(stack);
        self.work.notify_one();
        loop {
            if let Some(token) = desk.raised.pop() {
                return Some(token);
            }
            desk = self.raised.wait(desk).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Has these tokens caught by the helper, which has raised as many before. Doesn't wait for that.
    pub(super) fn catch(&'static self, tokens: Vec<Token>) {
        // Those that the helper has raised before a fork are in flight on no thread of the child's: there is nobody to catch
        // others for them.
        if ptr::eq(self, CURRENT.load(Ordering::Acquire)) {
            self.desk().to_catch.extend(tokens);
            self.work.notify_one();
        }
    }

    /// What the helper's thread does.
    fn run(&'static self) -> ! {
        let mut desk = self.desk();
        loop {
            if let Some(token) = desk.to_catch.pop() {
                drop(desk);
                let stack = token.catch();
                desk = self.desk();
                if desk.free.len() < KEPT {
                    desk.free.push(stack);
                }
            } else if let Some(stack) = desk.stacks.pop() {
                drop(desk);
                let token = Token::raise(stack);
                desk = self.desk();
                desk.raised.push(token);
                self.raised.notify_one();
            } else {
                desk = self.work.wait(desk).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        // Nothing panics while it is locked. And no count changes, so that none of the panics in flight poisons it.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sees to it that the child of a fork, which has none of the other threads, knows of no helper. False if there is no memory for
/// that.
fn forks_are_noticed() -> bool {
    static NOTICED: AtomicBool = AtomicBool::new(false);

    /// Called in the child, before `fork` returns there.
    extern "C" fn forget() {
        CURRENT.store(ptr::null_mut(), Ordering::Release);
    }

    // Two threads may do it at once: that does no harm, and a lock that a fork found locked would.
    if !NOTICED.load(Ordering::Relaxed) {
        // SAFETY: `forget` does what any signal handler might, and stays for as long as the program.
        if unsafe { libc::pthread_atfork(None, None, Some(forget)) } != 0 {
            return false;
        }
        NOTICED.store(true, Ordering::Relaxed);
    }
    true
}
