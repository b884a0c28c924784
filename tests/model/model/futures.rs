//! Futures: polled, cancelled, dropped, unwound.

use super::{Awaited, Co, Entry, Flow, Form, Frame, Model, Outcome, State, What};
use crate::plan::{Event, Payload};
use crate::program::MOST_REAPED;

impl Model<'_> {
    /// Whether it is known what comes of polling it.
    pub(super) fn may_poll(&self, co: Co) -> bool {
        let panics = self.has_finished(co) && !self.is_spent(co);
        (!panics || self.may_panic()) && self.has_room()
    }

    /// Whether it is a `Cancel` of what was not suspended.
    fn is_spent(&self, co: Co) -> bool {
        self.coroutines[co].form == Form::Cancel && self.coroutines[co].unwinding.is_none()
    }

    pub(super) fn poll_future(&mut self, what: What, co: Co) -> Flow {
        match self.coroutines[co].state {
            _ if self.is_spent(co) => self.gives_none(what, co),
            State::Suspended(_) if self.coroutines[co].unwinding.is_some() => self.unwind(what, co),
            State::Fresh | State::Suspended(_) => self.enter(what, co, Entry::Value(None)),
            _ => {
                if let What::Poll { home, .. } = what {
                    self.put_back(co, home);
                }
                self.panic(Payload::Finished)
            }
        }
    }

    /// A poll of something that is unwound has ended.
    fn gives_none(&mut self, what: What, co: Co) -> Flow {
        match what {
            What::Poll { home, .. } => {
                self.put_back(co, home);
                self.plan.events.push(Event::Unwound);
                Flow::Done(Outcome::Ended)
            }
            What::PollByWait => Flow::Done(Outcome::Unwound),
            _ => Flow::Done(Outcome::Ended),
        }
    }

    /// An operation on a future is done.
    pub(super) fn future_done(&mut self, what: What, co: Co, outcome: Outcome) -> Flow {
        self.give_stack_back_at_once(what, co);
        if self.coroutines[co].unwinding.is_some() {
            match (outcome, &self.coroutines[co].state) {
                // It has caught the panic.
                (Outcome::Pending, State::Suspended(suspended)) if !suspended.panics.are_any() => {
                    return self.unwind(what, co);
                }
                (Outcome::Returned(value), _) if self.coroutines[co].form != Form::Cancel => {
                    self.dropped(value);
                    return self.gives_none(what, co);
                }
                (outcome, _) => return self.polled(what, co, outcome),
            }
        }
        self.polled(what, co, outcome)
    }

    /// What unwinds it at once is dropped right afterwards.
    fn give_stack_back_at_once(&mut self, what: What, co: Co) {
        if matches!(what, What::UnwindAtOnce) && self.has_finished(co) {
            self.give_stack_back(co);
        }
    }

    /// A poll has come to this.
    fn polled(&mut self, what: What, co: Co, outcome: Outcome) -> Flow {
        match (what, outcome) {
            (What::Poll { home, .. }, outcome) => {
                self.put_back(co, home);
                match outcome {
                    Outcome::Returned(value) => self.gives(Event::Returned(value), value),
                    _ => {
                        self.plan.events.push(Event::Pending);
                        Flow::Done(Outcome::Ended)
                    }
                }
            }
            (What::PollByWait, outcome) => Flow::Done(outcome),
            (_, Outcome::Returned(value)) => {
                self.dropped(value);
                Flow::Done(Outcome::Ended)
            }
            _ => unreachable!("where nobody can wait with it, no future is left suspended"),
        }
    }

    /// A panic has come out of a future. `cleanup`: where one is under way.
    pub(super) fn future_panicked(&mut self, what: What, co: Co, payload: Payload, cleanup: bool) -> Flow {
        self.give_stack_back_at_once(what, co);
        if let Some(unwinding) = self.coroutines[co].unwinding {
            if payload == Payload::Forced(unwinding) {
                self.panics.count -= 1;
                return self.gives_none(what, co);
            }
            if cleanup {
                self.panics.count -= 1;
                self.drop_payload(payload);
                return self.gives_none(what, co);
            }
        }
        if let What::Poll { home, .. } = what {
            self.put_back(co, home);
        }
        Flow::Raise(payload)
    }

    /// Makes a `Cancel` of it.
    pub(super) fn cancel(&mut self, co: Co) {
        self.coroutines[co].form = Form::Cancel;
        match self.coroutines[co].state {
            State::Fresh => {
                self.coroutines[co].state = State::Finished;
                self.dropped(self.coroutines[co].captured);
            }
            State::Suspended(_) => self.coroutines[co].unwinding = Some(self.unwinding()),
            _ => {}
        }
    }

    /// Whether a `wait` here is one that somebody may come back to.
    fn can_suspend(&self) -> bool {
        self.poll().is_some_and(|poll| !matches!(self.chain[poll], Frame::Operation { what: What::UnwindAtOnce, .. }))
    }

    /// Gets rid of it in the best way that there is here.
    pub(super) fn drop_suspended_future(&mut self, co: Co) -> Flow {
        if self.coroutines[co].form == Form::Reaped {
            return self.go_on_unwinding(co);
        }
        if self.coroutines[co].unwinding.is_none() {
            self.coroutines[co].unwinding = Some(self.unwinding());
        }
        if self.can_suspend() {
            return self.wait_for_unwinding(co);
        }
        if self.has_reaper {
            let is_kept = self.reaped.len() < MOST_REAPED;
            self.plan.events.push(Event::Reaped { is_kept });
            if is_kept {
                self.coroutines[co].form = Form::Reaped;
                self.reaped.push(co);
                return Flow::Done(Outcome::Ended);
            }
        }
        self.unwind(What::UnwindAtOnce, co)
    }

    /// What was to unwind it is dropped.
    pub(super) fn go_on_unwinding(&mut self, co: Co) -> Flow {
        if self.can_suspend() && self.panics.are_any() {
            return self.wait_for_unwinding(co);
        }
        self.unwind(What::UnwindAtOnce, co)
    }

    fn wait_for_unwinding(&mut self, co: Co) -> Flow {
        self.chain.push(Frame::Wait { what: Awaited::Dropped(co), tries: true });
        self.poll_awaited()
    }
}
