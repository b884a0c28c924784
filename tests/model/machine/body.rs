//! The functions of a program: each does the steps that come while it is on top.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};

use mixio::hooks::with_hook;
use mixio::local::Context;
use mixio::{FutureExt as _, ScopedCoroutine, WaitError, Yielder, on_stack, try_wait};

use super::hook::Told;
use super::reaper;
use super::things::{Loan, Scoped, Thing, future as nested, stack};
use super::values::{Captured, Carried, Large, Leaf, Thrown};
use super::{variables, world};
use crate::plan::{Event, Id, Step};
use crate::program::{Call, Guard, Within};

/// The yielders that a function has.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) yielder: Option<&'a dyn Suspend>,
    pub(super) outer: Option<&'a Around<'a>>,
}

impl Around<'_> {
    pub(super) const NOTHING: Self = Around { yielder: None, outer: None };
}

/// A yielder of whatever values.
pub(super) trait Suspend {
    fn suspend(&self, value: Id);
}

impl<V: Carried> Suspend for Yielder<V, V> {
    fn suspend(&self, value: Id) {
        let input = self.suspend(V::new(value));
        world().note(Event::Received(input.id()));
    }
}

/// What a coroutine runs.
pub(super) fn coroutine<V: Carried>(around: &Around, captured: Captured, input: V) -> V {
    let _captured = captured;
    world().note(Event::Received(input.id()));
    drop(input);
    V::new(call(around, None, None))
}

/// What an `as_async` runs.
pub(super) fn future(captured: Captured) -> Large {
    let _captured = captured;
    Large::new(call(&Around::NOTHING, None, None))
}

/// A local with a destructor.
struct Local<'a> {
    around: &'a Around<'a>,
    guard: Guard,
    counted: Option<Captured>,
}

impl Drop for Local<'_> {
    fn drop(&mut self) {
        self.counted = None;
        if self.guard == Guard::Runs
            && let Err(payload) = catch_unwind(AssertUnwindSafe(|| call(self.around, None, None)))
        {
            world().caught(payload);
        }
    }
}

/// Does steps until it is to return.
pub(super) fn call(around: &Around, guard: Option<(Id, Guard)>, mut scoped: Option<&mut dyn Scoped>) -> Id {
    let frame = world().frame();
    let _local = guard.map(|(id, guard)| Local { around, guard, counted: Some(Captured::new(id)) });
    let mut held = None;
    loop {
        let step = world().step(frame);
        match step {
            Step::Create { slot, kind, pool, captured } => {
                let thing = Thing::new(kind, pool, captured);
                put(slot, thing);
            }
            Step::Resume { slot, input } => Loan::with(slot, |thing| thing.resume(input)),
            Step::Throw { slot, payload } => Loan::with(slot, |thing| thing.throw(payload)),
            Step::ForceUnwind { slot } => Loan::with(slot, Thing::force_unwind),
            Step::Drop { slot } => drop(world().slots[slot].take()),
            Step::IntoStack { slot, captured } => {
                if let Some(thing) = world().slots[slot].take() {
                    put(slot, thing.again(captured));
                }
            }
            Step::Swap { slot, with } => world().slots[slot].swap(&world().slots[with]),
            Step::Hold { slot } => held = world().slots[slot].take(),
            Step::Release { slot } => {
                if let Some(thing) = held.take() {
                    put(slot, thing);
                }
            }
            Step::Call { call, guard, within } => call_function(around, call, guard, within),
            Step::Scope { pool, captured } => scope(around, pool, captured),
            Step::ResumeScoped { input } => with(&mut scoped, |scoped| scoped.resume(input)),
            Step::ThrowScoped { payload } => with(&mut scoped, |scoped| scoped.throw(payload)),
            Step::ForceUnwindScoped => with(&mut scoped, |scoped| scoped.force_unwind()),
            Step::Suspend { level, value } => suspend(around, level, value),
            Step::Return { value } => return value,
            Step::Panic { payload } => panic_any(Thrown::new(payload)),
            Step::Wait { pending, tries, future, value } => wait(Leaf::new(future, pending, value), tries),
            Step::WaitNested { pool, tries, captured } => wait(nested(pool, captured), tries),
            Step::WaitSlot { slot, tries } => {
                if let Some(thing) = world().slots[slot].take() {
                    wait(thing, tries);
                }
            }
            Step::Cancel { slot } => {
                if let Some(thing) = world().slots[slot].take() {
                    put(slot, thing.cancel());
                }
            }
            Step::SetReaper { is_set } => reaper::set(is_set),
            Step::TakeReaped { slot } => match reaper::take() {
                Some(reaped) => put(slot, Thing::Reaped(reaped)),
                None => world().fail(|| "the reaper has nothing".to_owned()),
            },
            Step::Set { variable, value } => variables::set(variable, value),
            Step::Unset { variable } => variables::unset(variable),
        }
    }
}

fn put(slot: usize, thing: Thing) {
    if world().slots[slot].replace(Some(thing)).is_some() {
        world().fail(|| format!("slot {slot} is not empty"));
    }
}

fn with(scoped: &mut Option<&mut dyn Scoped>, function: impl FnOnce(&mut dyn Scoped)) {
    match scoped {
        Some(scoped) => function(*scoped),
        None => world().fail(|| "there is no scoped coroutine".to_owned()),
    }
}

fn call_function(around: &Around, how: Call, guard: Id, within: Id) {
    let function = || call(around, how.guard.map(|kind| (guard, kind)), None);
    let function = || match how.within {
        Some(Within::Scope(variable)) => variables::scope(variable, within, function),
        Some(Within::Context) => Context::current().run(function),
        Some(Within::Hook) => with_hook(Told(within), function),
        None => function(),
    };
    let function = || match how.pool {
        Some(pool) => on_stack(stack(pool), function),
        None => function(),
    };
    if !how.catch {
        function();
    } else if let Err(payload) = catch_unwind(AssertUnwindSafe(function)) {
        world().caught(payload);
    }
}

fn scope(around: &Around, pool: usize, captured: Id) {
    let captured = Captured::new(captured);
    let function = |yielder: &Yielder<Large, Large>, input| {
        coroutine(&Around { yielder: Some(yielder), outer: Some(around) }, captured, input)
    };
    ScopedCoroutine::with_stack(stack(pool), function).scope(|mut scoped| call(around, None, Some(&mut scoped)));
}

fn suspend(around: &Around, level: usize, value: Id) {
    let mut around = around;
    for _ in 0..level {
        around = around.outer.unwrap_or(&Around::NOTHING);
    }
    match around.yielder {
        Some(yielder) => yielder.suspend(value),
        None => world().fail(|| "there is no yielder".to_owned()),
    }
}

fn wait<F>(future: F, tries: bool)
where
    F: Future<Output: Into<Option<Large>>>,
{
    let value = if tries { try_wait(future) } else { Ok(future.wait()) };
    match value.map(Into::into) {
        Ok(Some(value)) => world().note(Event::Waited(value.id())),
        Ok(None) => world().note(Event::Unwound),
        Err(WaitError::Cancelled) => world().note(Event::Refused),
        Err(error) => world().fail(|| format!("cannot wait: {error}")),
    }
}
