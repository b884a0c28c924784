//! What each operation begins.

use super::{
    Awaited, Call, Co, Coroutine, Entry, Flow, Form, Frame, Home, Leaving, Model, Outcome, Slot, State, Then, What,
};
use crate::plan::{Payload, Step};
use crate::program::{self, Guard, Kind, Op, SLOTS};

impl Model<'_> {
    /// Does an operation, if it suits.
    pub(super) fn apply(&mut self, op: Op) -> Option<Flow> {
        match op {
            Op::Create { slot, kind, pool } => {
                let slot = self.empty(slot)?;
                let captured = self.value();
                self.slots[slot] = Slot::Has(self.create(kind, pool, captured, None));
                self.step(Step::Create { slot, kind, pool, captured });
                Some(Flow::Go)
            }
            Op::Resume { slot } => {
                let (slot, co) = self.full_preferably_alive(slot)?;
                let home = Home::Slot(slot);
                if self.coroutines[co].kind == Kind::Future {
                    return self.poll_slot(slot, co, home);
                }
                let has_finished = self.has_finished(co);
                if has_finished && !self.may_panic() || !self.has_room() {
                    return None;
                }
                let input = self.value();
                self.step(Step::Resume { slot, input });
                if has_finished {
                    return Some(self.refuse_finished(co, input));
                }
                self.slots[slot] = Slot::Busy;
                Some(self.enter(What::Resume { home }, co, Entry::Value(Some(input))))
            }
            Op::Throw { slot } => {
                let (slot, co) = self.full(slot, |co| co.kind != Kind::Future)?;
                if !self.may_throw(co) {
                    return None;
                }
                let payload = self.value();
                self.step(Step::Throw { slot, payload });
                if self.is_suspended(co) && !self.coroutines[co].tainted {
                    self.slots[slot] = Slot::Busy;
                }
                Some(self.throw(co, payload, Home::Slot(slot)))
            }
            Op::ForceUnwind { slot } => {
                let (slot, co) = self.full(slot, |co| co.kind != Kind::Future)?;
                if self.coroutines[co].tainted && !self.may_panic() || !self.has_room() {
                    return None;
                }
                self.step(Step::ForceUnwind { slot });
                if self.is_suspended(co) && !self.coroutines[co].tainted {
                    self.slots[slot] = Slot::Busy;
                }
                Some(self.force_unwind(co, Home::Slot(slot)))
            }
            Op::Drop { slot } => {
                let (slot, co) = self.full(slot, |_| true)?;
                if !self.has_room() {
                    return None;
                }
                self.step(Step::Drop { slot });
                self.slots[slot] = Slot::Empty;
                Some(self.drop_owned(co, false))
            }
            Op::IntoStack { slot } => self.take_stack(slot),
            Op::Swap { slot, with } => {
                if slot == with || self.slots[slot] == Slot::Busy || self.slots[with] == Slot::Busy {
                    return None;
                }
                self.slots.swap(slot, with);
                self.step(Step::Swap { slot, with });
                Some(Flow::Go)
            }
            Op::Hold { slot } => {
                let (slot, co) = self.full(slot, |_| true)?;
                if self.top().held.is_some() {
                    return None;
                }
                self.top().held = Some(co);
                self.slots[slot] = Slot::Empty;
                self.step(Step::Hold { slot });
                Some(Flow::Go)
            }
            Op::Release { slot } => {
                let slot = self.empty(slot)?;
                self.slots[slot] = Slot::Has(self.top().held.take()?);
                self.step(Step::Release { slot });
                Some(Flow::Go)
            }
            Op::Call(call) => self.has_room().then(|| self.call_function(call)),
            Op::Scope { pool } => {
                if !self.has_room() {
                    return None;
                }
                let captured = self.value();
                self.step(Step::Scope { pool, captured });
                let yielder = self.top().yielder;
                let co = self.create(Kind::Scoped, pool, captured, yielder);
                self.chain.push(Frame::Scope(co));
                self.call(Call { scoped: Some(co), yielder, ..Call::default() });
                Some(Flow::Go)
            }
            Op::ResumeScoped => {
                let co = self.top().scoped?;
                let has_finished = self.has_finished(co);
                if has_finished && !self.may_panic() || !self.has_room() {
                    return None;
                }
                let input = self.value();
                self.step(Step::ResumeScoped { input });
                if has_finished {
                    return Some(self.refuse_finished(co, input));
                }
                Some(self.enter(What::Resume { home: Home::Lent }, co, Entry::Value(Some(input))))
            }
            Op::ThrowScoped => {
                let co = self.top().scoped?;
                if !self.may_throw(co) {
                    return None;
                }
                let payload = self.value();
                self.step(Step::ThrowScoped { payload });
                Some(self.throw(co, payload, Home::Lent))
            }
            Op::ForceUnwindScoped => {
                let co = self.top().scoped?;
                if !self.has_room() {
                    return None;
                }
                self.step(Step::ForceUnwindScoped);
                Some(self.force_unwind(co, Home::Lent))
            }
            Op::Suspend { level } => self.suspend_by_yielder(level),
            Op::Return => {
                // The function at the bottom returns when all is done.
                if self.chain.len() == 2 {
                    return None;
                }
                let value = self.id();
                self.step(Step::Return { value });
                Some(self.leave(Leaving::Return(value)))
            }
            Op::Panic => {
                if !self.may_panic() {
                    return None;
                }
                let payload = self.value();
                self.step(Step::Panic { payload });
                Some(self.panic(Payload::Thrown(payload)))
            }
            Op::Wait { pending, tries } => {
                let (future, value) = (self.value(), self.id());
                self.step(Step::Wait { pending, tries, future, value });
                self.chain.push(Frame::Wait { what: Awaited::Leaf { id: future, pending, value }, tries });
                Some(self.poll_awaited())
            }
            Op::WaitNested { pool, tries } => {
                if !self.has_room() {
                    return None;
                }
                let captured = self.value();
                self.step(Step::WaitNested { pool, tries, captured });
                let co = self.create(Kind::Future, pool, captured, None);
                self.chain.push(Frame::Wait { what: Awaited::Nested(co), tries });
                Some(self.poll_awaited())
            }
            Op::WaitSlot { slot, tries } => {
                let (slot, co) = self.full(slot, |co| co.kind == Kind::Future)?;
                if !self.may_poll(co) {
                    return None;
                }
                self.step(Step::WaitSlot { slot, tries });
                self.slots[slot] = Slot::Empty;
                self.chain.push(Frame::Wait { what: Awaited::Nested(co), tries });
                Some(self.poll_awaited())
            }
            Op::Cancel { slot } => {
                let (slot, co) = self.full(slot, |co| co.kind == Kind::Future && co.form == Form::AsAsync)?;
                self.step(Step::Cancel { slot });
                self.cancel(co);
                Some(Flow::Go)
            }
            Op::SetReaper { is_set } => {
                self.has_reaper = is_set;
                self.step(Step::SetReaper { is_set });
                Some(Flow::Go)
            }
            Op::TakeReaped { slot } => {
                let slot = self.empty(slot)?;
                if self.reaped.is_empty() {
                    return None;
                }
                self.slots[slot] = Slot::Has(self.reaped.remove(0));
                self.step(Step::TakeReaped { slot });
                Some(Flow::Go)
            }
            Op::Set { variable } => {
                let value = self.id();
                self.variables()[variable] = value;
                self.step(Step::Set { variable, value });
                Some(Flow::Go)
            }
            Op::Unset { variable } => {
                self.variables()[variable] = 0;
                self.step(Step::Unset { variable });
                Some(Flow::Go)
            }
        }
    }

    /// The first slot from there on that has such a coroutine.
    pub(super) fn full(&self, from: usize, suits: impl Fn(&Coroutine) -> bool) -> Option<(usize, Co)> {
        (from..from + SLOTS).map(|slot| slot % SLOTS).find_map(|slot| match self.slots[slot] {
            Slot::Has(co) if suits(&self.coroutines[co]) => Some((slot, co)),
            _ => None,
        })
    }

    /// The first slot from there on whose coroutine has not finished, or else that has any.
    fn full_preferably_alive(&self, from: usize) -> Option<(usize, Co)> {
        let mut slots = (from..from + SLOTS).map(|slot| slot % SLOTS);
        let alive = slots.find_map(|slot| match self.slots[slot] {
            Slot::Has(co) if !self.has_finished(co) => Some((slot, co)),
            _ => None,
        });
        alive.or_else(|| self.full(from, |_| true))
    }

    /// The first empty slot from there on.
    fn empty(&self, from: usize) -> Option<usize> {
        (from..from + SLOTS).map(|slot| slot % SLOTS).find(|slot| self.slots[*slot] == Slot::Empty)
    }

    pub(super) fn has_finished(&self, co: Co) -> bool {
        matches!(self.coroutines[co].state, State::Finished | State::Leaked)
    }

    fn is_suspended(&self, co: Co) -> bool {
        matches!(self.coroutines[co].state, State::Suspended(_))
    }

    /// What resuming one that has finished panics with.
    fn finished(&self, co: Co) -> Payload {
        if let State::Leaked = self.coroutines[co].state { Payload::Leaked } else { Payload::Finished }
    }

    /// The panic of one that has finished; what it was given is dropped.
    fn refuse_finished(&mut self, co: Co, given: u32) -> Flow {
        self.begin_panic();
        self.dropped(given);
        Flow::Raise(self.finished(co))
    }

    fn poll_slot(&mut self, slot: usize, co: Co, home: Home) -> Option<Flow> {
        if !self.may_poll(co) {
            return None;
        }
        let waker = self.id();
        self.step(Step::Resume { slot, input: waker });
        self.slots[slot] = Slot::Busy;
        Some(self.poll_future(What::Poll { home, waker }, co))
    }

    fn may_throw(&self, co: Co) -> bool {
        // What throwing into a suspended one means while the thread is panicking, for whether it can be unwound later, isn't
        // documented.
        let is_clear = !self.panics.are_any() || !self.is_suspended(co);
        is_clear && self.may_panic() && self.has_room()
    }

    fn throw(&mut self, co: Co, payload: u32, home: Home) -> Flow {
        match self.coroutines[co].state {
            State::Fresh => {
                self.coroutines[co].state = State::Finished;
                let captured = self.coroutines[co].captured;
                self.dropped(captured);
                self.panic(Payload::Thrown(payload))
            }
            State::Suspended(_) if self.coroutines[co].tainted => {
                self.begin_panic();
                self.dropped(payload);
                Flow::Raise(Payload::CannotThrow)
            }
            State::Suspended(_) => self.enter(What::Resume { home }, co, Entry::Panic(Payload::Thrown(payload))),
            _ => self.refuse_finished(co, payload),
        }
    }

    fn force_unwind(&mut self, co: Co, home: Home) -> Flow {
        match self.coroutines[co].state {
            State::Fresh => {
                self.coroutines[co].state = State::Finished;
                let captured = self.coroutines[co].captured;
                self.dropped(captured);
                Flow::Go
            }
            State::Suspended(_) if self.coroutines[co].tainted => {
                self.coroutines[co].tainted = false;
                self.coroutines[co].state = State::Leaked;
                self.panic(Payload::CannotUnwind)
            }
            State::Suspended(_) => {
                let unwinding = self.unwinding();
                let what = What::ForceUnwind { home, unwinding };
                self.enter(what, co, Entry::Panic(Payload::Forced(unwinding)))
            }
            _ => Flow::Go,
        }
    }

    fn take_stack(&mut self, slot: usize) -> Option<Flow> {
        let (slot, co) = self.full(slot, |co| co.kind != Kind::Future)?;
        let has_ended = matches!(self.coroutines[co].state, State::Finished);
        if !has_ended && (!self.may_panic() || !self.has_room()) {
            return None;
        }
        let captured = self.id();
        self.step(Step::IntoStack { slot, captured });
        if has_ended {
            self.values += 1;
            let (kind, pool) = (self.coroutines[co].kind, self.coroutines[co].pool);
            self.give_stack_back(co);
            self.slots[slot] = Slot::Has(self.create(kind, pool, captured, None));
            return Some(Flow::Go);
        }
        self.slots[slot] = Slot::Empty;
        let payload =
            if let State::Leaked = self.coroutines[co].state { Payload::Leaked } else { Payload::NotFinished };
        self.begin_panic();
        self.chain.push(Frame::Then(Then::Raise(payload)));
        Some(self.drop_owned(co, true))
    }

    fn call_function(&mut self, call: program::Call) -> Flow {
        let guard = call.guard.map(|guard: Guard| (self.value(), guard));
        let within = call.within.map_or(0, |_| self.id());
        self.step(Step::Call { call, guard: guard.map_or(0, |(id, _)| id), within });
        let yielder = self.top().yielder;
        if call.catch {
            self.chain.push(Frame::Catch);
        }
        if let Some(pool) = call.pool {
            self.stacks[pool] += 1;
            self.chain.push(Frame::OnStack(pool));
        }
        if let Some(kind) = call.within {
            let left = self.enter_within(kind, within);
            self.chain.push(Frame::Within(left));
        }
        self.call(Call { guard, yielder, ..Call::default() });
        Flow::Go
    }

    fn suspend_by_yielder(&mut self, level: usize) -> Option<Flow> {
        let mut co = self.top().yielder?;
        for _ in 0..level {
            co = self.coroutines[co].around?;
        }
        // In the midst of its own panic: `panicking` would be true for all from then on, if it is never resumed.
        if !self.is_calm(self.root(co)) {
            return None;
        }
        let panicking = self.panicking();
        let coroutine = &self.coroutines[co];
        // It started in the midst of another panic, which is over. The documentation leaves open what it is taken for.
        if panicking.is_some() && coroutine.others_panic.is_some() && panicking != coroutine.others_panic {
            return None;
        }
        let tainted = panicking.is_some() && coroutine.others_panic.is_none();
        // It would abort the process.
        if tainted && coroutine.kind == Kind::Scoped {
            return None;
        }
        self.coroutines[co].tainted = tainted;
        let value = self.value();
        self.step(Step::Suspend { level, value });
        Some(self.suspend(co, Outcome::Yielded(value)))
    }
}
