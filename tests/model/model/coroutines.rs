//! Coroutines, futures among them: created, entered, suspended, dropped.

use std::mem;

use super::{Call, Co, Coroutine, Entry, Flow, Form, Frame, Model, Outcome, Panics, State, Suspended, What};
use crate::plan::{Event, Id, Payload};
use crate::program::Kind;

impl Model<'_> {
    /// A new coroutine.
    pub(super) fn create(&mut self, kind: Kind, pool: usize, captured: Id, around: Option<Co>) -> Co {
        if kind != Kind::Future {
            self.stacks[pool] += 1;
        }
        let variables = *self.variables();
        self.coroutines.push(Coroutine {
            kind,
            state: State::Fresh,
            captured,
            pool,
            tainted: false,
            others_panic: None,
            around,
            form: Form::AsAsync,
            unwinding: None,
            variables,
            hooks: Vec::new(),
        });
        self.coroutines.len() - 1
    }

    /// A coroutine's stack is given back.
    pub(super) fn give_stack_back(&mut self, co: Co) {
        self.stacks[self.coroutines[co].pool] -= 1;
    }

    /// What is begun by a panic, or by an input, in a coroutine that is fresh or suspended.
    pub(super) fn enter(&mut self, what: What, co: Co, entry: Entry) -> Flow {
        let panicking = self.panicking();
        let coroutine = &mut self.coroutines[co];
        let state = mem::replace(&mut coroutine.state, State::Running);
        let is_future = coroutine.kind == Kind::Future;
        let others = if is_future { mem::take(&mut self.panics) } else { Panics::default() };
        self.chain.push(Frame::Operation { what, co, others });
        match (state, entry) {
            (State::Suspended(Suspended { frames, panics, hooks }), Entry::Value(input)) => {
                self.chain.extend(frames);
                self.restore(panics);
                self.tell_of_resumption(&hooks);
                Flow::Done(Outcome::Resumed(input))
            }
            (State::Suspended(Suspended { frames, hooks, .. }), Entry::Panic(payload)) => {
                coroutine.others_panic = panicking;
                self.chain.extend(frames);
                let flow = self.panic(payload);
                self.tell_of_resumption(&hooks);
                flow
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
    pub(super) fn suspend(&mut self, co: Co, outcome: Outcome) -> Flow {
        let hooks = self.tell_of_suspension(co);
        let frames = self.chain.split_off(self.root(co));
        let is_future = self.coroutines[co].kind == Kind::Future;
        let panics = if is_future { mem::take(&mut self.panics) } else { Panics::default() };
        self.coroutines[co].state = State::Suspended(Suspended { frames, panics, hooks });
        Flow::Done(outcome)
    }

    /// Drops what a slot, frame or wait had. The frame on top hears of it: that it has ended, or a panic.
    pub(super) fn drop_owned(&mut self, co: Co, cleanup: bool) -> Flow {
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
            State::Finished if is_future && coroutine.unwinding.is_none() => {}
            State::Finished => self.give_stack_back(co),
            State::Leaked => {}
            State::Suspended(_) if is_future => return self.drop_suspended_future(co),
            State::Suspended(_) if coroutine.tainted => {
                coroutine.state = State::Leaked;
                if !self.panics.are_any() {
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
    pub(super) fn unwinding(&mut self) -> u32 {
        self.unwindings += 1;
        self.unwindings
    }
}
