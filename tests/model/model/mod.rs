//! What is to come of a program, by the documentation: coroutines whose stacks are lists of frames.
//!
//! Nothing here runs anything. What is under way on the thread is one list, the chain; to suspend a coroutine is to cut the
//! list above its root, to resume it is to append what was cut off. A panic takes off frame by frame.

mod apply;
mod arrive;

use crate::plan::{Event, Id, Payload, Plan, Step};
use crate::program::{Guard, Kind, Op, POOLS, SLOTS};

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
}

enum State {
    Fresh,
    Running,
    Suspended(Vec<Frame>),
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
    },
    /// The bottom of a coroutine's stack.
    Root(Co),
    Wait {
        what: Awaited,
        tries: bool,
    },
    /// Something is dropped; this comes after it.
    Then(Then),
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
    /// A future, dropped while the thread is panicking.
    Refuse,
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
    /// How many panics are under way.
    panics: u32,
    /// How often there was a first one.
    first_panics: u32,
    last_id: Id,
    frames: u32,
    unwindings: u32,
    values: usize,
    stacks: [usize; POOLS],
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
        panics: 0,
        first_panics: 0,
        last_id: 0,
        frames: 0,
        unwindings: 0,
        values: 0,
        stacks: [0; POOLS],
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
    assert_eq!(model.panics, 0, "each panic was caught");
    model.plan.leaked_values = model.values;
    model.plan.leaked_stacks = model.stacks;
    model.plan
}

impl Model<'_> {
    /// The next operation that suits, or if none is left a return.
    fn next_step(&mut self) -> Flow {
        let event =
            Event::Step { frame: self.top().number, in_coroutine: self.in_coroutine(), panicking: self.panics > 0 };
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
        let event = Event::Dropped { id, in_coroutine: self.in_coroutine(), panicking: self.panics > 0 };
        self.plan.events.push(event);
    }

    fn drop_payload(&mut self, payload: Payload) {
        if let Payload::Thrown(id) = payload {
            self.dropped(id);
        }
    }

    /// Somebody catches a panic.
    fn catch(&mut self, payload: Payload) {
        self.panics -= 1;
        self.plan.events.push(Event::Caught(payload.seen()));
        self.drop_payload(payload);
    }

    /// Begins a panic.
    fn panic(&mut self, payload: Payload) -> Flow {
        self.begin_panic();
        Flow::Raise(payload)
    }

    fn begin_panic(&mut self) {
        self.first_panics += u32::from(self.panics == 0);
        self.panics += 1;
    }

    /// The first panic that is under way, if there is one.
    fn panicking(&self) -> Option<u32> {
        (self.panics > 0).then_some(self.first_panics)
    }

    /// Whether `wait` would suspend: a poll of a future is under way.
    fn in_coroutine(&self) -> bool {
        self.poll().is_some()
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
                Frame::World | Frame::Catch | Frame::Destructor | Frame::Operation { what: What::Refuse, .. } => break,
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

    /// A new coroutine.
    fn create(&mut self, kind: Kind, pool: usize, captured: Id, around: Option<Co>) -> Co {
        if kind != Kind::Future {
            self.stacks[pool] += 1;
        }
        let (state, tainted, others_panic) = (State::Fresh, false, None);
        self.coroutines.push(Coroutine { kind, state, captured, pool, tainted, others_panic, around });
        self.coroutines.len() - 1
    }

    /// A coroutine's stack is given back.
    fn give_stack_back(&mut self, co: Co) {
        self.stacks[self.coroutines[co].pool] -= 1;
    }

    /// What is begun by a panic, or by an input, in a coroutine that is fresh or suspended.
    fn enter(&mut self, what: What, co: Co, entry: Entry) -> Flow {
        let panicking = self.panicking();
        let coroutine = &mut self.coroutines[co];
        let state = std::mem::replace(&mut coroutine.state, State::Running);
        self.chain.push(Frame::Operation { what, co });
        match (state, entry) {
            (State::Suspended(frames), Entry::Value(input)) => {
                self.chain.extend(frames);
                Flow::Done(Outcome::Resumed(input))
            }
            (State::Suspended(frames), Entry::Panic(payload)) => {
                coroutine.others_panic = panicking;
                self.chain.extend(frames);
                self.panic(payload)
            }
            (State::Fresh, Entry::Value(input)) => {
                coroutine.others_panic = panicking;
                let (kind, pool) = (coroutine.kind, coroutine.pool);
                self.chain.push(Frame::Root(co));
                if kind == Kind::Future {
                    self.stacks[pool] += 1;
                }
                if let Some(input) = input {
                    self.plan.events.push(Event::Received(input));
                    self.dropped(input);
                }
                let yielder = (kind != Kind::Future).then_some(co);
                self.call(Call { yielder, ..Call::default() });
                Flow::Go
            }
            _ => unreachable!("it was fresh or suspended"),
        }
    }

    /// Suspends a running coroutine.
    fn suspend(&mut self, co: Co, outcome: Outcome) -> Flow {
        let root = self.root(co);
        self.coroutines[co].state = State::Suspended(self.chain.split_off(root));
        Flow::Done(outcome)
    }

    /// Drops what a slot, frame or wait had. The frame on top hears of it: that it has ended, or a panic.
    fn drop_owned(&mut self, co: Co, cleanup: bool) -> Flow {
        let coroutine = &mut self.coroutines[co];
        let is_future = coroutine.kind == Kind::Future;
        match coroutine.state {
            State::Fresh => {
                coroutine.state = State::Finished;
                let captured = coroutine.captured;
                self.dropped(captured);
                if !is_future {
                    self.give_stack_back(co);
                }
            }
            State::Finished if is_future => {}
            State::Finished => self.give_stack_back(co),
            State::Leaked => {}
            State::Suspended(_) if is_future && self.panics > 0 => {
                return self.enter(What::Refuse, co, Entry::Value(None));
            }
            State::Suspended(_) if coroutine.tainted => {
                coroutine.state = State::Leaked;
                if self.panics == 0 {
                    return self.panic(Payload::CannotUnwind);
                }
            }
            State::Suspended(_) => {
                let unwinding = self.unwinding();
                return self.enter(What::Drop { unwinding, cleanup }, co, Entry::Panic(Payload::Forced(unwinding)));
            }
            State::Running => unreachable!("who runs it has it"),
        }
        Flow::Done(Outcome::Ended)
    }

    /// The number of the next.
    fn unwinding(&mut self) -> u32 {
        self.unwindings += 1;
        self.unwindings
    }
}
