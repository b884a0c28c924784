//! Random programs: lists of operations, from a seed.

use fastrand::Rng;

/// How many places there are that anybody can take a coroutine from.
pub(crate) const SLOTS: usize = 6;

/// How many pools the stacks come from.
pub(crate) const POOLS: usize = 3;

/// How many context variables there are.
pub(crate) const VARIABLES: usize = 2;

/// How many dropped futures the reaper keeps; it declines the others.
pub(crate) const MOST_REAPED: usize = 3;

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A `Coroutine` whose values have one machine word.
    Word,
    /// A `Coroutine` whose values have more.
    Large,
    /// A `ScopedCoroutine`: never in a slot, but in the frame of its scope.
    Scoped,
    /// An `AsAsync`.
    Future,
}

/// What the code that runs does next, wherever that is: at the bottom of the thread, on top of coroutines, or in a
/// destructor.
///
/// Any list of these is a program, so that any part of a failing one can be left out. A `slot` is where the search for one
/// that suits begins; what suits nowhere is skipped. Which, the model says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Create {
        slot: usize,
        kind: Kind,
        pool: usize,
    },
    /// Resumes a coroutine; polls a future, be it a `Cancel` or a `Reaped`.
    Resume {
        slot: usize,
    },
    Throw {
        slot: usize,
    },
    ForceUnwind {
        slot: usize,
    },
    Drop {
        slot: usize,
    },
    /// Takes the stack of a coroutine, and makes another on it.
    IntoStack {
        slot: usize,
    },
    Swap {
        slot: usize,
        with: usize,
    },
    /// Moves what is in a slot to a local variable of the frame.
    Hold {
        slot: usize,
    },
    /// Moves it back.
    Release {
        slot: usize,
    },
    Call(Call),
    /// Calls a function with a scoped coroutine, which borrows from here.
    Scope {
        pool: usize,
    },
    ResumeScoped,
    ThrowScoped,
    ForceUnwindScoped,
    /// Suspends a coroutine whose yielder is at hand: the innermost, or one around it.
    Suspend {
        level: usize,
    },
    Return,
    Panic,
    /// Waits for a future that is pending so many times.
    Wait {
        pending: u32,
        tries: bool,
    },
    /// Waits for an `as_async` made for that.
    WaitNested {
        pool: usize,
        tries: bool,
    },
    /// Waits for a future of a slot.
    WaitSlot {
        slot: usize,
        tries: bool,
    },
    /// Makes a `Cancel` of an `AsAsync`.
    Cancel {
        slot: usize,
    },
    /// Sets a reaper, or none.
    SetReaper {
        is_set: bool,
    },
    /// Moves what the reaper has had for longest to a slot.
    TakeReaped {
        slot: usize,
    },
    Set {
        variable: usize,
    },
    Unset {
        variable: usize,
    },
}

/// A call of a function, with what it has in its frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    /// Whether the caller catches its panics.
    pub(crate) catch: bool,
    /// Whether it has a local with a destructor.
    pub(crate) guard: Option<Guard>,
    /// Whether it runs on a stack of its own, by `on_stack`.
    pub(crate) pool: Option<usize>,
    pub(crate) within: Option<Within>,
}

/// What a function is called within.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Within {
    /// The scope of a variable.
    Scope(usize),
    /// A copy of the context.
    Context,
    Hook,
}

/// A local with a destructor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// It counts.
    Plain,
    /// It counts, and goes on with the program.
    Runs,
}

/// How often each kind of operation comes up, on average: in the order of [`operation`].
const WEIGHTS: [u32; 25] = [10, 22, 3, 3, 3, 2, 2, 4, 1, 11, 3, 7, 1, 1, 12, 3, 4, 9, 3, 3, 3, 2, 3, 3, 1];

/// The program that a seed stands for.
///
/// Each has a mixture of its own, some without some of the kinds: so that the others meet in all ways.
pub(crate) fn generate(seed: u64) -> Vec<Op> {
    let mut rng = Rng::with_seed(seed);
    let mut weights = WEIGHTS.map(|weight| weight * [0, 1, 1, 1, 2, 2, 4, 8][rng.usize(..8)]);
    weights[0] = WEIGHTS[0];
    let length = rng.usize(8..320);
    (0..length).map(|_| operation(pick(&mut rng, &weights), &mut rng)).collect()
}

/// A number of an entry, as often as the entry says.
fn pick(rng: &mut Rng, weights: &[u32]) -> usize {
    let mut left = rng.u32(..weights.iter().sum::<u32>());
    weights
        .iter()
        .position(|weight| left.checked_sub(*weight).map(|rest| left = rest).is_none())
        .expect("within the sum")
}

fn operation(kind: usize, rng: &mut Rng) -> Op {
    let (slot, pool, variable) = (rng.usize(..SLOTS), rng.usize(..POOLS), rng.usize(..VARIABLES));
    match kind {
        0 => {
            let kind = [Kind::Word, Kind::Large, Kind::Future, Kind::Future][rng.usize(..4)];
            Op::Create { slot, kind, pool }
        }
        1 => Op::Resume { slot },
        2 => Op::Throw { slot },
        3 => Op::ForceUnwind { slot },
        4 => Op::Drop { slot },
        5 => Op::IntoStack { slot },
        6 => Op::Swap { slot, with: rng.usize(..SLOTS) },
        7 => Op::Hold { slot },
        8 => Op::Release { slot },
        9 => Op::Call(Call {
            catch: rng.bool(),
            guard: [None, Some(Guard::Plain), Some(Guard::Runs)][rng.usize(..5).min(2)],
            pool: (rng.u32(..6) == 0).then_some(pool),
            within: [Some(Within::Scope(variable)), Some(Within::Context), Some(Within::Hook), None]
                [rng.usize(..6).min(3)],
        }),
        10 => Op::Scope { pool },
        11 => Op::ResumeScoped,
        12 => Op::ThrowScoped,
        13 => Op::ForceUnwindScoped,
        14 => Op::Suspend { level: rng.usize(..3) / 2 },
        15 => Op::Return,
        16 => Op::Panic,
        17 => Op::Wait { pending: rng.u32(..4), tries: rng.bool() },
        18 => Op::WaitNested { pool, tries: rng.bool() },
        19 => Op::WaitSlot { slot, tries: rng.bool() },
        20 => Op::Cancel { slot },
        21 => Op::SetReaper { is_set: rng.bool() },
        22 => Op::TakeReaped { slot },
        23 => Op::Set { variable },
        24 => Op::Unset { variable },
        _ => unreachable!("there are as many weights as kinds"),
    }
}
