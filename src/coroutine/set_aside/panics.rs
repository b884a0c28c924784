//! Setting panics aside, and restoring them.

use std::thread;

use super::helper::Helper;
use super::token::Token;
use crate::stack::DefaultStack;

/// Panics that were taken off the count of a thread, to be put back on it by [`restore`](Self::restore).
///
/// If it is dropped instead the count stays as it is: right for panics that are never caught, because the stack that they
/// unwind is leaked.
#[must_use = "a thread that catches a panic that was set aside must have restored it before"]
pub(crate) struct Panics {
    /// As many as there are panics: those that the tokens were on, kept so that restoring them can't fail.
    stacks: Vec<DefaultStack>,
    /// Who has raised the tokens. Set if there are any.
    helper: Option<&'static Helper>,
}

/// Takes all panics off the count of this thread: [`panicking`](thread::panicking) is false afterwards.
///
/// Free of charge if there are none. Otherwise it takes two switches between threads for each, and the first time in a process
/// three threads are started. It never panics; where it [can't](super) set panics aside it leaves those that remain as they
/// are. Of the stack that it is called on it takes no more than a small panic does: 5 KiB the first time in a debug build, half of
/// that in a release build.
///
/// The stack that they unwind should be suspended next, and not run any destructor or catch anything before they are
/// restored.
#[inline(always)]
pub(crate) fn set_aside() -> Panics {
    let mut panics = Panics { stacks: Vec::new(), helper: None };
    if thread::panicking() {
        panics.take();
    }
    panics
}

/// No thread has more panics under way, each in a destructor that runs because of the one before.
const MOST: usize = 256;

impl Panics {
    /// Whether there are none.
    #[inline(always)]
    pub(crate) fn is_none(&self) -> bool {
        self.stacks.is_empty()
    }

    /// Puts them back on the count of this thread, on top of those that are there.
    ///
    /// Free of charge if there are none. Otherwise no other thread is waited for, unless there are others.
    #[inline(always)]
    pub(crate) fn restore(self) {
        if !self.is_none() {
            self.put_back();
        }
    }

    #[cold]
    #[inline(never)]
    fn take(&mut self) {
        let Some(helper) = Helper::current() else { return };
        self.helper = Some(helper);
        // A count that was taken below zero, by panics that were caught while they were set aside, can't be got to the end of.
        while thread::panicking() && self.stacks.len() < MOST {
            let Some(token) = helper.raise() else { return };
            self.stacks.push(token.catch());
        }
    }

    #[cold]
    #[inline(never)]
    fn put_back(self) {
        // Those of whoever resumes the coroutine. If it is the panic hook that does, then `std` wouldn't count what is raised
        // now; once a panic was caught it does again.
        let others = set_aside();
        self.raise();
        others.raise();
    }

    fn raise(self) {
        let tokens = self.stacks.into_iter().map(Token::raise).collect();
        if let Some(helper) = self.helper {
            helper.catch(tokens);
        }
    }
}
