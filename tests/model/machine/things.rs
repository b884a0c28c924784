//! What a slot holds, and what can be done to it.

use std::pin::Pin;
use std::task::{Context, Poll};

use mixio::runtime::Reaped;
use mixio::stack::PooledStack;
use mixio::{AsAsync, Cancel, Coroutine, CoroutineResult, ScopedCoroutineRef, as_async};

use super::body::{self, Around};
use super::values::{Captured, Carried, Large, Thrown, Word, waker};
use super::world;
use crate::plan::{Event, Id};
use crate::program::Kind;

/// A coroutine that takes, suspends itself with, and returns values of one kind.
type CoroutineOf<V> = Coroutine<V, V, V, PooledStack>;

pub(super) enum Thing {
    Word(CoroutineOf<Word>),
    Large(CoroutineOf<Large>),
    Future(AsAsync<Large, Box<dyn FnOnce() -> Large>>),
    Cancel(Cancel<Large>),
    Reaped(Reaped),
}

/// A stack of this pool.
pub(super) fn stack(pool: usize) -> PooledStack {
    world().pools.0[pool].get().expect("a stack")
}

impl Thing {
    pub(super) fn new(kind: Kind, pool: usize, captured: Id) -> Self {
        match kind {
            Kind::Word => Thing::Word(coroutine(stack(pool), captured)),
            Kind::Large => Thing::Large(coroutine(stack(pool), captured)),
            Kind::Future => Thing::Future(future(pool, captured)),
            Kind::Scoped => unreachable!("a scoped one is in no slot"),
        }
    }

    /// Resumes it with this value, or polls it with this waker.
    pub(super) fn resume(&mut self, input: Id) {
        match self {
            Thing::Word(coroutine) => note(coroutine.resume(Word::new(input))),
            Thing::Large(coroutine) => note(coroutine.resume(Large::new(input))),
            future => {
                let waker = waker(input);
                match Pin::new(future).poll(&mut Context::from_waker(&waker)) {
                    Poll::Ready(Some(value)) => note(CoroutineResult::<Large, _>::Return(value)),
                    Poll::Ready(None) => world().note(Event::Unwound),
                    Poll::Pending => world().note(Event::Pending),
                }
            }
        }
    }

    pub(super) fn throw(&mut self, payload: Id) {
        match self {
            Thing::Word(coroutine) => note(coroutine.throw(Box::new(Thrown::new(payload)))),
            Thing::Large(coroutine) => note(coroutine.throw(Box::new(Thrown::new(payload)))),
            _ => world().fail(|| "a future can't be thrown into".to_owned()),
        }
    }

    pub(super) fn force_unwind(&mut self) {
        match self {
            Thing::Word(coroutine) => coroutine.force_unwind(),
            Thing::Large(coroutine) => coroutine.force_unwind(),
            _ => world().fail(|| "a future can't be unwound".to_owned()),
        }
    }

    /// What cancels it.
    pub(super) fn cancel(self) -> Self {
        match self {
            Thing::Future(future) => Thing::Cancel(future.cancel()),
            other => other,
        }
    }

    /// Another coroutine on the stack of this one, which has finished.
    pub(super) fn again(self, captured: Id) -> Self {
        match self {
            Thing::Word(old) => Thing::Word(coroutine(old.into_stack(), captured)),
            Thing::Large(old) => Thing::Large(coroutine(old.into_stack(), captured)),
            future => future,
        }
    }
}

/// As a future: what it gives, if anything.
impl Future for Thing {
    type Output = Option<Large>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Large>> {
        match &mut *self {
            Thing::Future(future) => Pin::new(future).poll(context).map(Some),
            Thing::Cancel(cancel) => Pin::new(cancel).poll(context),
            Thing::Reaped(reaped) => Pin::new(reaped).poll(context).map(|()| None),
            Thing::Word(_) | Thing::Large(_) => {
                world().fail(|| "a coroutine can't be polled".to_owned());
                Poll::Ready(None)
            }
        }
    }
}

fn coroutine<V: Carried>(stack: PooledStack, captured: Id) -> CoroutineOf<V> {
    let captured = Captured::new(captured);
    Coroutine::with_stack(stack, move |yielder, input| {
        body::coroutine(&Around { yielder: Some(yielder), outer: None }, captured, input)
    })
}

pub(super) fn future(pool: usize, captured: Id) -> AsAsync<Large, Box<dyn FnOnce() -> Large>> {
    let captured = Captured::new(captured);
    let function: Box<dyn FnOnce() -> Large> = Box::new(move || body::future(captured));
    as_async(function).stack_pool(&world().pools.0[pool])
}

/// What comes of resuming a coroutine.
fn note<V: Carried>(result: CoroutineResult<V, V>) {
    let (event, _value) = match result {
        CoroutineResult::Yield(value) => (Event::Yielded(value.id()), value),
        CoroutineResult::Return(value) => (Event::Returned(value.id()), value),
    };
    world().note(event);
}

/// A slot's thing, as long as it is used; it is put back however that ends.
pub(super) struct Loan {
    slot: usize,
    thing: Option<Thing>,
}

impl Loan {
    pub(super) fn with(slot: usize, function: impl FnOnce(&mut Thing)) {
        let mut loan = Loan { slot, thing: world().slots[slot].take() };
        match &mut loan.thing {
            Some(thing) => function(thing),
            None => world().fail(|| format!("slot {slot} is empty")),
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let before = world().slots[self.slot].replace(self.thing.take());
        if before.is_some() {
            world().fail(|| format!("slot {} is not empty", self.slot));
        }
    }
}

/// What can be done to a scoped coroutine, whatever its values borrow.
pub(super) trait Scoped {
    fn resume(&mut self, input: Id);
    fn throw(&mut self, payload: Id);
    fn force_unwind(&mut self);
}

impl Scoped for ScopedCoroutineRef<'_, Large, Large, Large, PooledStack> {
    fn resume(&mut self, input: Id) {
        note(ScopedCoroutineRef::resume(self, Large::new(input)));
    }

    fn throw(&mut self, payload: Id) {
        note(ScopedCoroutineRef::throw(self, Box::new(Thrown::new(payload))));
    }

    fn force_unwind(&mut self) {
        ScopedCoroutineRef::force_unwind(self);
    }
}
