//! What the model expects of the machine: what to do at each step, and what comes of it.

use crate::program::{Call, Kind, VARIABLES};

/// The number of a value, or of a future, waker or payload. None is used twice.
pub(crate) type Id = u32;

/// An operation in detail: the machine does it, and decides nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Create {
        slot: usize,
        kind: Kind,
        pool: usize,
        captured: Id,
    },
    Resume {
        slot: usize,
        input: Id,
    },
    Throw {
        slot: usize,
        payload: Id,
    },
    ForceUnwind {
        slot: usize,
    },
    Drop {
        slot: usize,
    },
    IntoStack {
        slot: usize,
        captured: Id,
    },
    Swap {
        slot: usize,
        with: usize,
    },
    Hold {
        slot: usize,
    },
    Release {
        slot: usize,
    },
    Call {
        call: Call,
        guard: Id,
        /// What the variable is set to that it is in the scope of, or the number of the hook.
        within: Id,
    },
    Scope {
        pool: usize,
        captured: Id,
    },
    ResumeScoped {
        input: Id,
    },
    ThrowScoped {
        payload: Id,
    },
    ForceUnwindScoped,
    Suspend {
        level: usize,
        value: Id,
    },
    /// The value is that of a coroutine, if what returns is its outermost function.
    Return {
        value: Id,
    },
    Panic {
        payload: Id,
    },
    Wait {
        pending: u32,
        tries: bool,
        future: Id,
        value: Id,
    },
    WaitNested {
        pool: usize,
        tries: bool,
        captured: Id,
    },
    WaitSlot {
        slot: usize,
        tries: bool,
    },
    Cancel {
        slot: usize,
    },
    SetReaper {
        is_set: bool,
    },
    TakeReaped {
        slot: usize,
    },
    Set {
        variable: usize,
        value: Id,
    },
    Unset {
        variable: usize,
    },
}

/// The values of the context variables; zero for none.
pub(crate) type Values = [Id; VARIABLES];

/// What code sees around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Surroundings {
    pub(crate) in_coroutine: bool,
    pub(crate) panicking: bool,
    pub(crate) variables: Values,
}

/// What can be seen from outside of mixio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A function does its next step: which function, counted from the first call.
    Step {
        frame: u32,
        sees: Surroundings,
    },
    /// A value's destructor runs: what was captured, or sent in or out, a local, a payload, or a future.
    Dropped {
        id: Id,
        sees: Surroundings,
    },
    /// A coroutine has got this input.
    Received(Id),
    /// Its resumer has got this, which it suspended itself with.
    Yielded(Id),
    /// Its resumer, or who polled, has got this, which it returned.
    Returned(Id),
    /// A poll was pending.
    Pending,
    /// Who polled or waited for a `Cancel` or a `Reaped` has learnt that it is done, and has got no value.
    Unwound,
    /// The reaper was given a dropped future, and has kept it or not.
    Reaped {
        is_kept: bool,
    },
    /// A hook is told of a suspension, or a resumption.
    Told {
        hook: Id,
        resumes: bool,
        sees: Surroundings,
    },
    /// A wait gave this value.
    Waited(Id),
    /// A wait was refused.
    Refused,
    /// A future that was waited for has woken whoever polls: with this waker.
    Woken(Id),
    Caught(Payload),
}

/// What a panic says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    /// The program's own.
    Thrown(Id),
    /// mixio's own, for this unwinding of a coroutine.
    Forced(u32),
    /// A destructor has insisted on waiting where nobody can wait with it.
    Stranded,
    /// The coroutine or future has finished.
    Finished,
    /// The coroutine could not be unwound, and is leaked.
    Leaked,
    /// It could not be unwound now.
    CannotUnwind,
    /// It can't be thrown into.
    CannotThrow,
    /// It has a stack that can't be taken.
    NotFinished,
    /// Nothing that is expected.
    Other,
}

impl Payload {
    /// As code sees it that catches it: it can't tell one unwinding from another.
    pub(crate) fn seen(self) -> Self {
        if let Payload::Forced(_) = self { Payload::Forced(0) } else { self }
    }
}

/// All that a program is to do.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) events: Vec<Event>,
    /// How many values are never dropped, since the coroutine that has them is leaked.
    pub(crate) leaked_values: usize,
    /// Likewise the stacks of each pool.
    pub(crate) leaked_stacks: [usize; crate::program::POOLS],
}
