//! What a frame does when the one above it is done, or panics.

use super::{Awaited, Call, Co, Entry, Flow, Frame, Home, Leaving, Model, Outcome, Slot, State, Then, What};
use crate::plan::{Event, Id, Payload};
use crate::program::{Guard, Kind};

impl Model<'_> {
    /// What was above the frame on top is done.
    pub(super) fn done(&mut self, outcome: Outcome) -> Flow {
        match self.chain.last() {
            Some(Frame::Call(Call { leaving: Some(leaving), .. })) => {
                let leaving = *leaving;
                self.leave(leaving)
            }
            Some(Frame::Call(_)) => {
                if let Outcome::Resumed(Some(input)) = outcome {
                    self.plan.events.push(Event::Received(input));
                    self.dropped(input);
                }
                Flow::Go
            }
            Some(Frame::Wait { .. }) => match outcome {
                Outcome::Resumed(_) => self.poll_awaited(),
                Outcome::Pending => self.await_pending(),
                Outcome::Returned(value) => self.waited(Some(value)),
                Outcome::Unwound => self.waited(None),
                _ => unreachable!("a wait polls, and is resumed"),
            },
            Some(Frame::World) => self.close(),
            Some(_) => match self.chain.pop() {
                Some(Frame::Catch | Frame::Destructor) => Flow::Done(Outcome::Ended),
                Some(Frame::OnStack(pool)) => {
                    self.stacks[pool] -= 1;
                    Flow::Done(outcome)
                }
                Some(Frame::Scope(co)) => {
                    self.chain.push(Frame::Then(Then::Done));
                    self.drop_owned(co, false)
                }
                Some(Frame::Root(co)) => {
                    self.values += 1;
                    self.finish(co);
                    Flow::Done(outcome)
                }
                Some(Frame::Operation { what, co, others }) => {
                    self.restore(others);
                    if self.coroutines[co].kind == Kind::Future {
                        self.future_done(what, co, outcome)
                    } else {
                        self.operation_done(what, co, outcome)
                    }
                }
                Some(Frame::Within(left)) => {
                    self.leave_within(left);
                    Flow::Done(outcome)
                }
                Some(Frame::Then(Then::Done)) => Flow::Done(Outcome::Ended),
                Some(Frame::Then(Then::Raise(payload))) => Flow::Raise(payload),
                Some(Frame::Then(Then::Refuse { tries })) => self.refuse(tries),
                _ => unreachable!("the others were looked at before"),
            },
            None => unreachable!("the world is at the bottom"),
        }
    }

    /// What was above the frame on top has panicked.
    pub(super) fn raise(&mut self, payload: Payload) -> Flow {
        match self.chain.last() {
            Some(Frame::Call(_)) => return self.leave(Leaving::Panic(payload)),
            Some(Frame::World) => {
                self.catch(payload);
                if self.is_closing {
                    return self.close();
                }
                self.call(Call::default());
                return Flow::Go;
            }
            _ => {}
        }
        match self.chain.pop() {
            Some(Frame::Catch) => {
                self.catch(payload);
                Flow::Done(Outcome::Ended)
            }
            Some(Frame::OnStack(pool)) => {
                self.stacks[pool] -= 1;
                Flow::Raise(payload)
            }
            Some(Frame::Scope(co) | Frame::Wait { what: Awaited::Nested(co), .. }) => {
                self.chain.push(Frame::Then(Then::Raise(payload)));
                self.drop_owned(co, true)
            }
            Some(Frame::Wait { what: Awaited::Leaf { id, .. }, .. }) => {
                self.dropped(id);
                Flow::Raise(payload)
            }
            // It has ended with this panic; or else the wait has.
            Some(Frame::Wait { what: Awaited::Dropped(co), .. }) if self.has_finished(co) => {
                self.give_stack_back(co);
                Flow::Raise(payload)
            }
            Some(Frame::Wait { what: Awaited::Dropped(co), .. }) => {
                self.chain.push(Frame::Then(Then::Raise(payload)));
                self.go_on_unwinding(co)
            }
            Some(Frame::Within(left)) => {
                self.leave_within(left);
                Flow::Raise(payload)
            }
            Some(Frame::Destructor) => {
                self.catch(payload);
                Flow::Done(Outcome::Ended)
            }
            Some(Frame::Root(co)) => {
                self.finish(co);
                Flow::Raise(payload)
            }
            Some(Frame::Operation { what, co, others }) => {
                self.restore(others);
                if self.coroutines[co].kind == Kind::Future {
                    self.future_panicked(what, co, payload, others.are_any())
                } else {
                    self.operation_panicked(what, co, payload)
                }
            }
            Some(Frame::Then(Then::Done)) => Flow::Raise(payload),
            _ => unreachable!("no panic comes out of a destructor that runs because of another"),
        }
    }

    /// A function ends: what it holds is dropped, the last first.
    pub(super) fn leave(&mut self, leaving: Leaving) -> Flow {
        let call = self.top();
        call.leaving = Some(leaving);
        if let Some(held) = call.held.take() {
            return self.drop_owned(held, matches!(leaving, Leaving::Panic(_)));
        }
        if let Some((id, guard)) = call.guard.take() {
            let yielder = call.yielder;
            self.dropped(id);
            if guard == Guard::Runs {
                self.chain.push(Frame::Destructor);
                self.call(Call { yielder, ..Call::default() });
                return Flow::Go;
            }
        }
        self.chain.pop();
        match leaving {
            Leaving::Return(value) => Flow::Done(Outcome::Returned(value)),
            Leaving::Panic(payload) => Flow::Raise(payload),
        }
    }

    /// A coroutine's function has been left, one way or the other.
    fn finish(&mut self, co: Co) {
        let captured = self.coroutines[co].captured;
        self.dropped(captured);
        self.coroutines[co].state = State::Finished;
        // What unwinds one has its stack until it is dropped.
        if self.coroutines[co].kind == Kind::Future && self.coroutines[co].unwinding.is_none() {
            self.give_stack_back(co);
        }
    }

    /// A coroutine goes back to where it was taken from.
    pub(super) fn put_back(&mut self, co: Co, home: Home) {
        if let Home::Slot(slot) = home {
            self.slots[slot] = Slot::Has(co);
        }
    }

    fn operation_done(&mut self, what: What, co: Co, outcome: Outcome) -> Flow {
        match (what, outcome) {
            (What::Resume { home }, Outcome::Yielded(value)) => {
                self.put_back(co, home);
                self.gives(Event::Yielded(value), value)
            }
            (What::Resume { home }, Outcome::Returned(value)) => {
                self.put_back(co, home);
                self.gives(Event::Returned(value), value)
            }
            (What::ForceUnwind { .. } | What::Drop { .. }, Outcome::Returned(value)) => {
                self.dropped(value);
                self.unwound(what, co)
            }
            (What::ForceUnwind { unwinding, .. } | What::Drop { unwinding, .. }, Outcome::Yielded(value)) => {
                self.dropped(value);
                if self.coroutines[co].tainted {
                    return self.give_up(what, co);
                }
                self.enter(what, co, Entry::Panic(Payload::Forced(unwinding)))
            }
            _ => unreachable!("a coroutine yields or returns"),
        }
    }

    /// The machine gets a value, and drops it.
    pub(super) fn gives(&mut self, event: Event, value: Id) -> Flow {
        self.plan.events.push(event);
        self.dropped(value);
        Flow::Done(Outcome::Ended)
    }

    fn operation_panicked(&mut self, what: What, co: Co, payload: Payload) -> Flow {
        match what {
            What::Resume { home } => self.put_back(co, home),
            What::ForceUnwind { unwinding, .. } | What::Drop { unwinding, .. } => {
                let flow = self.unwound(what, co);
                if payload == Payload::Forced(unwinding) {
                    self.panics.count -= 1;
                    return flow;
                }
            }
            _ => unreachable!("the others are done to futures"),
        }
        Flow::Raise(payload)
    }

    /// A coroutine has been unwound, be it by itself.
    fn unwound(&mut self, what: What, co: Co) -> Flow {
        match what {
            What::ForceUnwind { home, .. } => self.put_back(co, home),
            _ => self.give_stack_back(co),
        }
        Flow::Done(Outcome::Ended)
    }

    /// A coroutine can't be unwound after all.
    fn give_up(&mut self, what: What, co: Co) -> Flow {
        self.coroutines[co].state = State::Leaked;
        self.coroutines[co].tainted = false;
        match what {
            What::ForceUnwind { home, .. } => {
                self.put_back(co, home);
                self.panic(Payload::CannotUnwind)
            }
            _ if !self.panics.are_any() => self.panic(Payload::CannotUnwind),
            _ => Flow::Done(Outcome::Ended),
        }
    }

    /// The program is over: what the slots and the reaper still have is dropped, the first first.
    fn close(&mut self) -> Flow {
        self.is_closing = true;
        if let Some((slot, co)) = self.full(0, |_| true) {
            self.slots[slot] = Slot::Empty;
            return self.drop_owned(co, false);
        }
        if !self.reaped.is_empty() {
            let co = self.reaped.remove(0);
            return self.drop_owned(co, false);
        }
        self.chain.pop();
        Flow::Go
    }
}
