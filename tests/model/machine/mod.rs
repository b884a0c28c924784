//! The real thing: does what a plan says, with coroutines, and compares what comes of it.

mod body;
mod hook;
mod panics;
mod reaper;
mod things;
mod values;
mod variables;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;

use mixio::in_coroutine;
use mixio::runtime::Reaped;
use mixio::stack::{Guards, StackPool};

use crate::plan::{Event, Id, Payload, Plan, Step, Surroundings};
use crate::program::{POOLS, SLOTS};
use body::Around;
pub(crate) use panics::silence;
use things::Thing;

/// The pools that stacks come from: of different sizes and guards.
#[derive(Clone)]
pub(crate) struct Pools([StackPool; POOLS]);

impl Pools {
    pub(crate) fn new() -> Self {
        let plain = StackPool::builder().stack_size(256 << 10);
        let odd = StackPool::builder().stack_size(300_000).guard_size(20_000).colours(7);
        let protected = StackPool::builder().stack_size(512 << 10).guards(Guards::Protected);
        Pools([plain, odd, protected].map(|builder| builder.build().expect("a pool")))
    }

    /// How many stacks of each are in use.
    pub(crate) fn alive(&self) -> [usize; POOLS] {
        self.0.each_ref().map(|pool| pool.statistics().alive)
    }
}

/// What all code of one program shares.
struct World {
    plan: Plan,
    steps: Cell<usize>,
    events: Cell<usize>,
    frames: Cell<u32>,
    /// The first difference from the plan.
    failure: RefCell<Option<String>>,
    slots: [RefCell<Option<Thing>>; SLOTS],
    /// What the reaper has.
    reaped: RefCell<VecDeque<Reaped>>,
    /// As many references as there are values of context variables, and one.
    settings: Rc<()>,
    /// How many there are.
    values: Cell<usize>,
    pools: Pools,
}

thread_local! {
    /// That of the program which this thread runs. Destructors and payloads find it here.
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

fn world() -> Rc<World> {
    WORLD.with_borrow(|world| world.clone().expect("a program runs"))
}

fn surroundings() -> Surroundings {
    Surroundings { in_coroutine: in_coroutine(), panicking: thread::panicking(), variables: variables::get() }
}

/// Runs a program. The error is the first difference from the plan.
pub(crate) fn run(plan: Plan, pools: &Pools) -> Result<(), String> {
    let world = Rc::new(World {
        plan,
        steps: Cell::default(),
        events: Cell::default(),
        frames: Cell::default(),
        failure: RefCell::default(),
        slots: Default::default(),
        reaped: RefCell::default(),
        settings: Rc::default(),
        values: Cell::default(),
        pools: pools.clone(),
    });
    WORLD.set(Some(world.clone()));
    while let Err(payload) = catch_unwind(AssertUnwindSafe(|| body::call(&Around::NOTHING, None, None))) {
        world.caught(payload);
    }
    // While one is dropped another may be put back.
    let next = || world.slots.iter().find_map(|slot| slot.take()).or_else(|| reaper::take().map(Thing::Reaped));
    while let Some(thing) = next() {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(thing))) {
            world.caught(payload);
        }
    }
    reaper::set(false);
    variables::unset_all();
    world.finish();
    WORLD.set(None);
    world.failure.take().map_or(Ok(()), Err)
}

impl World {
    /// The next step, for this function.
    fn step(&self, frame: u32) -> Step {
        self.note(Event::Step { frame, sees: surroundings() });
        let at = self.steps.replace(self.steps.get() + 1);
        match self.plan.steps.get(at) {
            Some(step) if !self.has_failed() => *step,
            // Whatever is under way comes to its end.
            _ => Step::Return { value: 0 },
        }
    }

    /// The number of a function that begins.
    fn frame(&self) -> u32 {
        self.frames.set(self.frames.get() + 1);
        self.frames.get()
    }

    fn has_failed(&self) -> bool {
        self.failure.borrow().is_some()
    }

    /// Something has happened.
    fn note(&self, event: Event) {
        let at = self.events.replace(self.events.get() + 1);
        let expected = self.plan.events.get(at);
        if expected != Some(&event) {
            self.fail(|| format!("event {at} is {event:?}; the model expects {expected:?}"));
        }
    }

    /// Something differs from the plan: only the first of it is kept.
    fn fail(&self, message: impl FnOnce() -> String) {
        if !self.has_failed() {
            let message = format!("after {} steps, {}", self.steps.get(), message());
            *self.failure.borrow_mut() = Some(message);
        }
    }

    /// A panic was caught; its payload is dropped.
    fn caught(&self, payload: Box<dyn Any + Send>) {
        let kind = panics::kind(&*payload);
        if kind == Payload::Other {
            self.fail(|| format!("a panic: {}", panics::message(&*payload).unwrap_or("its payload is no message")));
        }
        self.note(Event::Caught(kind));
    }

    /// All is over: is all there that was to be?
    fn finish(&self) {
        let (steps, events) = (self.steps.get(), self.events.get());
        let (all_steps, all_events) = (self.plan.steps.len(), self.plan.events.len());
        if (steps, events) != (all_steps, all_events) {
            self.fail(|| format!("{steps} steps of {all_steps} were done, with {events} events of {all_events}"));
        }
        let (values, leaked) = (self.values.get(), self.plan.leaked_values);
        if values != leaked {
            self.fail(|| format!("{values} values are left; the model expects {leaked}"));
        }
        let settings = Rc::strong_count(&self.settings) - 1;
        // What is leaked may have some.
        if settings > 0 && self.plan.leaked_stacks == [0; POOLS] {
            self.fail(|| format!("{settings} values of context variables are left"));
        }
    }

    /// There is one more value.
    fn created(&self, id: Id) -> Id {
        self.values.set(self.values.get() + 1);
        id
    }

    /// A value's destructor runs.
    fn dropped(&self, id: Id) {
        let values = self.values.get().checked_sub(1);
        self.values.set(values.unwrap_or_else(|| {
            self.fail(|| format!("value {id} is dropped, when all were"));
            0
        }));
        self.note(Event::Dropped { id, sees: surroundings() });
    }
}
