//! What is to come of a program, by the documentation: coroutines whose stacks are lists of frames.
//!
//! Nothing here runs anything. What is under way on the thread is one list, the chain; to suspend a coroutine is to cut the
//! list above its root, to resume it is to append what was cut off. A panic takes off frame by frame. How many panics are under
//! way is counted as a thread does; what a future runs counts from zero.

mod apply;
mod around;
mod arrive;
mod coroutines;
mod futures;
mod waiting;

use crate::plan::{Event, Id, Payload, Plan, Step, Values};
use crate::program::{Guard, Kind, Op, POOLS, SLOTS};
use around::Left;

/// Frames on one stack: bounded, since that stack is.
const MOST_FRAMES: usize = 16;

/// Frames in the whole chain.
const MOST_CHAIN: usize = 120;

/// The number of a coroutine.
type Co = usize;

struct Coroutine {
    kind: Kind,
    state: State,
    captured: Id,
    pool: usize,
    /// Suspended in the midst of a panic that may be its own: it can't be unwound now.
    tainted: bool,
    /// The panic that was under way when it was started, or is now unwound, which so isn't its own.
    others_panic: Option<u32>,
    /// Of a scoped one: that in which it was made.
    around: Option<Co>,
    /// Of a future.
    form: Form,
    /// Of a future that is to be unwound: which unwinding that is.
    unwinding: Option<u32>,
    /// Of a future: the context variables that it sees.
    variables: Values,
    /// Of a future: the outermost first.
    hooks: Vec<Id>,
}

/// What whoever has a future sees of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    AsAsync,
    Cancel,
    Reaped,
}

/// Panics under way.
#[derive(Clone, Copy, Default)]
struct Panics {
    count: u32,
    /// The number of the first, if there are any.
    first: u32,
}

impl Panics {
    fn are_any(self) -> bool {
        self.count > 0
    }
}

/// What is kept of a suspended coroutine.
struct Suspended {
    frames: Vec<Frame>,
    /// Of a future: its own, which are set aside.
    panics: Panics,
    /// Of a future: those that were told that it is suspended.
    hooks: Vec<Id>,
}

enum State {
    Fresh,
    Running,
    Suspended(Suspended),
    Finished,
    Leaked,
}

/// What is under way: each waits for the one that follows.
enum Frame {
    /// The bottom of the thread.
    World,
    /// A function of the program. It takes the next operation.
    Call(Call),
    /// Catches a call's panic.
    Catch,
    /// The bottom of a stack that `on_stack` has borrowed from this pool.
    OnStack(usize),
    /// The owner of a scoped coroutine.
    Scope(Co),
    /// A guard's destructor.
    Destructor,
    /// Something that is done to a coroutine, which runs.
    Operation {
        what: What,
        co: Co,
        /// If it is a future: those of whoever does that, which are set aside meanwhile.
        others: Panics,
    },
    /// The bottom of a coroutine's stack.
    Root(Co),
    Wait {
        what: Awaited,
        tries: bool,
    },
    /// Something is dropped; this comes after it.
    Then(Then),
    /// A function is called within something, which is then left.
    Within(Left),
}

#[derive(Default)]
struct Call {
    number: u32,
    guard: Option<(Id, Guard)>,
    held: Option<Co>,
    /// The scoped coroutine that it is called with.
    scoped: Option<Co>,
    /// The coroutine whose yielder it has.
    yielder: Option<Co>,
    leaving: Option<Leaving>,
}

#[derive(Clone, Copy)]
enum Leaving {
    Return(Id),
    Panic(Payload),
}

#[derive(Clone, Copy)]
enum What {
    /// Or thrown into.
    Resume {
        home: Home,
    },
    ForceUnwind {
        home: Home,
        unwinding: u32,
    },
    /// `cleanup`: while a panic goes on, so that none may come out of it.
    Drop {
        unwinding: u32,
        cleanup: bool,
    },
    /// A future, with this waker.
    Poll {
        home: Home,
        waker: Id,
    },
    /// A future, by the wait below.
    PollByWait,
    /// A future, where nobody can wait with it.
    UnwindAtOnce,
}

/// Where it is put when it comes back.
#[derive(Clone, Copy)]
enum Home {
    Slot(usize),
    /// Its owner has lent it.
    Lent,
}

enum Awaited {
    /// Counted itself: pending so many times, then it has the value.
    Leaf {
        id: Id,
        pending: u32,
        value: Id,
    },
    Nested(Co),
    /// A future that was dropped, and is unwound.
    Dropped(Co),
}

#[derive(Clone, Copy)]
enum Then {
    Done,
    /// A panic goes on.
    Raise(Payload),
    /// A wait was refused.
    Refuse {
        tries: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slot {
    Empty,
    /// What belongs there is in use.
    Busy,
    Has(Co),
}

/// What happens next.
enum Flow {
    /// The function on top takes an operation.
    Go,
    /// What was on top is done, and the frame below goes on.
    Done(Outcome),
    /// A panic, in the frame on top.
    Raise(Payload),
}

enum Outcome {
    Ended,
    /// A suspended coroutine goes on, with this input, if it isn't a future's.
    Resumed(Option<Id>),
    Yielded(Id),
    Pending,
    Returned(Id),
    /// A future was unwound, and has no value.
    Unwound,
}

/// How a suspended coroutine goes on.
enum Entry {
    Value(Option<Id>),
    Panic(Payload),
}

/// The model.
struct Model<'a> {
    ops: std::slice::Iter<'a, Op>,
    chain: Vec<Frame>,
    coroutines: Vec<Coroutine>,
    slots: [Slot; SLOTS],
    /// Those under way, without those that are set aside.
    panics: Panics,
    /// How often there was a first one.
    first_panics: u32,
    last_id: Id,
    frames: u32,
    unwindings: u32,
    values: usize,
    stacks: [usize; POOLS],
    /// The context variables outside of any future.
    variables: Values,
    has_reaper: bool,
    /// What the reaper has, in the order in which it got it.
    reaped: Vec<Co>,
    /// Whether the program is over.
    is_closing: bool,
    plan: Plan,
}

/// What a program is to do.
pub(crate) fn plan(ops: &[Op]) -> Plan {
    let mut model = Model {
        ops: ops.iter(),
        chain: vec![Frame::World],
        coroutines: Vec::new(),
        slots: [Slot::Empty; SLOTS],
        panics: Panics::default(),
        first_panics: 0,
        last_id: 0,
        frames: 0,
        unwindings: 0,
        values: 0,
        stacks: [0; POOLS],
        variables: Values::default(),
        has_reaper: false,
        reaped: Vec::new(),
        is_closing: false,
        plan: Plan::default(),
    };
    model.call(Call::default());
    let mut flow = Flow::Go;
    while !model.chain.is_empty() {
        flow = match flow {
            Flow::Go => model.next_step(),
            Flow::Done(outcome) => model.done(outcome),
            Flow::Raise(payload) => model.raise(payload),
        };
    }
    assert_eq!(model.panics.count, 0, "each panic was caught");
    model.plan.leaked_values = model.values;
    model.plan.leaked_stacks = model.stacks;
    model.plan
}

impl Model<'_> {
    /// The next operation that suits, or if none is left a return.
    fn next_step(&mut self) -> Flow {
        let event = Event::Step { frame: self.top().number, sees: self.surroundings() };
        self.plan.events.push(event);
        while let Some(op) = self.ops.next() {
            if let Some(flow) = self.apply(*op) {
                return flow;
            }
        }
        let value = self.id();
        self.step(Step::Return { value });
        self.leave(Leaving::Return(value))
    }

    fn step(&mut self, step: Step) {
        self.plan.steps.push(step);
    }

    /// The function that runs.
    fn top(&mut self) -> &mut Call {
        match self.chain.last_mut() {
            Some(Frame::Call(call)) => call,
            _ => unreachable!("only functions take operations"),
        }
    }

    /// Calls a function.
    fn call(&mut self, call: Call) {
        self.frames += 1;
        self.chain.push(Frame::Call(Call { number: self.frames, ..call }));
    }

    fn id(&mut self) -> Id {
        self.last_id += 1;
        self.last_id
    }

    /// A new value.
    fn value(&mut self) -> Id {
        self.values += 1;
        self.id()
    }

    fn dropped(&mut self, id: Id) {
        self.values -= 1;
        let event = Event::Dropped { id, sees: self.surroundings() };
        self.plan.events.push(event);
    }

    fn drop_payload(&mut self, payload: Payload) {
        if let Payload::Thrown(id) = payload {
            self.dropped(id);
        }
    }

    /// Somebody catches a panic.
    fn catch(&mut self, payload: Payload) {
        self.panics.count -= 1;
        self.plan.events.push(Event::Caught(payload.seen()));
        self.drop_payload(payload);
    }

    /// Begins a panic.
    fn panic(&mut self, payload: Payload) -> Flow {
        self.begin_panic();
        Flow::Raise(payload)
    }

    fn begin_panic(&mut self) {
        if !self.panics.are_any() {
            self.first_panics += 1;
            self.panics.first = self.first_panics;
        }
        self.panics.count += 1;
    }

    /// The first panic that is under way, if there is one.
    fn panicking(&self) -> Option<u32> {
        self.panics.are_any().then_some(self.panics.first)
    }

    /// Brings back panics that were set aside.
    fn restore(&mut self, others: Panics) {
        if others.are_any() {
            self.panics.first = others.first;
            self.panics.count += others.count;
        }
    }

    /// Where the innermost poll of a future is, be it to drop it.
    fn poll(&self) -> Option<usize> {
        self.chain.iter().rposition(
            |frame| matches!(frame, Frame::Operation { co, .. } if self.coroutines[*co].kind == Kind::Future),
        )
    }

    /// Where a running coroutine begins.
    fn root(&self, co: Co) -> usize {
        let root = self.chain.iter().rposition(|frame| matches!(frame, Frame::Root(root) if *root == co));
        root.expect("it runs")
    }

    /// Whether what lies from there on may be suspended: it is not in the midst of a panic.
    fn is_calm(&self, from: usize) -> bool {
        !self.chain[from..].iter().any(|frame| {
            matches!(frame, Frame::Call(Call { leaving: Some(Leaving::Panic(_)), .. }) | Frame::Then(Then::Raise(_)))
        })
    }

    /// Whether a panic that begins now is caught, and doesn't come out of a destructor that runs because of another.
    fn may_panic(&self) -> bool {
        for frame in self.chain.iter().rev() {
            match frame {
                Frame::World | Frame::Catch | Frame::Destructor => break,
                // It is dropped where it comes out.
                Frame::Operation { co, others, .. } if self.coroutines[*co].unwinding.is_some() && others.are_any() => {
                    break;
                }
                Frame::Operation { what: What::Drop { cleanup: true, .. }, .. } => return false,
                _ => {}
            }
        }
        true
    }

    /// Whether the stack in use has room for some more frames.
    fn has_room(&self) -> bool {
        let bottom = self.chain.iter().rposition(|frame| matches!(frame, Frame::Root(_) | Frame::OnStack(_)));
        self.chain.len() - bottom.unwrap_or(0) < MOST_FRAMES && self.chain.len() < MOST_CHAIN
    }
}
