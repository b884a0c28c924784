//! Waiting, and what becomes of it.

use super::{Awaited, Entry, Flow, Frame, Model, Outcome, State, Then, What};
use crate::plan::{Event, Id, Payload};
use crate::program::Kind;

impl Model<'_> {
    /// Polls what the wait on top waits for.
    pub(super) fn poll_awaited(&mut self) -> Flow {
        let Some(Frame::Wait { what, .. }) = self.chain.last_mut() else { unreachable!("a wait polls") };
        match what {
            Awaited::Leaf { id, pending: 0, value } => {
                let (id, value) = (*id, *value);
                self.values += 1;
                self.dropped(id);
                self.waited(Some(value))
            }
            Awaited::Leaf { pending, .. } => {
                *pending -= 1;
                self.wake();
                self.await_pending()
            }
            Awaited::Nested(co) => {
                let co = *co;
                self.poll_future(What::PollByWait, co)
            }
            Awaited::Dropped(co) => {
                let co = *co;
                self.unwind(What::PollByWait, co)
            }
        }
    }

    /// The wait on top is over, with a value or without.
    pub(super) fn waited(&mut self, value: Option<Id>) -> Flow {
        let Some(Frame::Wait { what, .. }) = self.chain.pop() else { unreachable!("it is on top") };
        let flow = match what {
            Awaited::Dropped(co) => {
                self.give_stack_back(co);
                Flow::Done(Outcome::Ended)
            }
            Awaited::Nested(co) => {
                self.plan.events.push(value.map_or(Event::Unwound, Event::Waited));
                // It has ended, and so nothing comes of it.
                let _ = self.drop_owned(co, false);
                Flow::Go
            }
            Awaited::Leaf { .. } => {
                self.plan.events.push(value.map_or(Event::Unwound, Event::Waited));
                Flow::Go
            }
        };
        if let Some(value) = value {
            self.dropped(value);
        }
        flow
    }

    /// A future wakes who polls: the executor, through however many waits.
    fn wake(&mut self) {
        let polls = self.chain.iter().rev().filter_map(|frame| match frame {
            Frame::Operation { what, co, .. } if self.coroutines[*co].kind == Kind::Future => Some(*what),
            _ => None,
        });
        for what in polls {
            match what {
                What::PollByWait => {}
                What::Poll { waker, .. } => return self.plan.events.push(Event::Woken(waker)),
                // Nobody will poll it again.
                _ => return,
            }
        }
    }

    /// What is waited for is pending.
    pub(super) fn await_pending(&mut self) -> Flow {
        // The thread is parked, and has been woken already.
        let Some(poll) = self.poll() else { return self.poll_awaited() };
        let Frame::Operation { what, co, .. } = self.chain[poll] else { unreachable!("a poll is an operation") };
        if !(matches!(what, What::UnwindAtOnce) && self.panics.are_any()) {
            return self.suspend(co, Outcome::Pending);
        }
        match self.chain.pop() {
            Some(Frame::Wait { what: Awaited::Leaf { id, .. }, tries }) => {
                self.dropped(id);
                self.refuse(tries)
            }
            Some(Frame::Wait { what: Awaited::Nested(co), tries }) => {
                self.chain.push(Frame::Then(Then::Refuse { tries }));
                self.drop_owned(co, false)
            }
            Some(Frame::Wait { what: Awaited::Dropped(co), .. }) => self.unwind(What::UnwindAtOnce, co),
            _ => unreachable!("a wait is refused"),
        }
    }

    /// A wait ends in an error; one that insists stays where it is for ever, with all around it in the same future.
    pub(super) fn refuse(&mut self, tries: bool) -> Flow {
        if tries {
            self.plan.events.push(Event::Refused);
            return Flow::Go;
        }
        let poll = self.poll().expect("only in a future is it refused");
        let Some(Frame::Operation { co, others, .. }) = self.chain.get(poll) else {
            unreachable!("it is an operation")
        };
        let (co, others) = (*co, *others);
        self.tell_of_suspension(co);
        self.chain.truncate(poll);
        self.panics = others;
        self.coroutines[co].state = State::Leaked;
        if self.panics.are_any() { Flow::Done(Outcome::Ended) } else { self.panic(Payload::Stranded) }
    }

    /// Goes on with a future that is to be unwound.
    pub(super) fn unwind(&mut self, what: What, co: usize) -> Flow {
        let State::Suspended(suspended) = &self.coroutines[co].state else { unreachable!("it is suspended") };
        // In a destructor that runs because of a panic there can't be another.
        let waits_to_go_on = suspended.panics.are_any();
        let unwinding = self.coroutines[co].unwinding.expect("it is to be unwound");
        let entry = if waits_to_go_on { Entry::Value(None) } else { Entry::Panic(Payload::Forced(unwinding)) };
        self.enter(what, co, entry)
    }
}
