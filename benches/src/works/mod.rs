//! What is timed: works, each with its contestants.

mod alive;
mod bridge;
mod cancel;
mod depth;
mod hop;
mod lifecycle;
mod many;
mod switch;

use std::time::Duration;

/// Something to do, and who does it.
pub struct Work {
    /// For choosing, and a heading in the report.
    pub topic: &'static str,
    /// Unlike that of any other work.
    pub name: String,
    /// What is timed, for people.
    pub title: String,
    /// How many operations there are in one iteration: times are given for each.
    pub operations: u64,
    /// How many rounds are enough: fewer where it takes long to get ready.
    pub rounds: usize,
    /// The contestant that ratios are taken to.
    pub reference: &'static str,
    /// Who does it.
    pub contestants: Vec<Contestant>,
    /// Who doesn't, and why.
    pub absent: Vec<(&'static str, &'static str)>,
}

/// One way to do a work.
pub struct Contestant {
    /// One of [`names`](crate::names).
    pub name: &'static str,
    run: Box<dyn Fn(u64) -> Duration>,
}

impl Contestant {
    /// Does so many iterations, and tells how long they took, without what it takes to get ready and clean up.
    ///
    /// # Panics
    ///
    /// If it can't be done: when the peer finds no more stacks, say.
    pub fn run(&self, iterations: u64) -> Duration {
        (self.run)(iterations)
    }
}

impl Work {
    fn new(topic: &'static str, name: impl Into<String>, title: impl Into<String>, reference: &'static str) -> Self {
        Work {
            topic,
            name: name.into(),
            title: title.into(),
            operations: 1,
            rounds: usize::MAX,
            reference,
            contestants: Vec::new(),
            absent: Vec::new(),
        }
    }

    fn operations(mut self, operations: usize) -> Self {
        self.operations = operations as u64;
        self
    }

    fn rounds(mut self, rounds: usize) -> Self {
        self.rounds = rounds;
        self
    }

    fn with(mut self, name: &'static str, run: impl Fn(u64) -> Duration + 'static) -> Self {
        self.contestants.push(Contestant { name, run: Box::new(run) });
        self
    }

    fn without(mut self, name: &'static str, reason: &'static str) -> Self {
        self.absent.push((name, reason));
        self
    }
}

/// All works. `many` are the numbers of coroutines to resume in turns.
pub fn all(many: &[usize]) -> Vec<Work> {
    let mut works = vec![switch::work()];
    works.extend(bridge::works());
    works.extend(depth::works());
    works.extend(alive::works());
    works.extend(cancel::works());
    works.extend(many::works(many));
    // What leaves threads behind comes last, so that none of them is there when others are timed.
    works.extend(lifecycle::works());
    works.push(hop::work());
    works
}

/// For [`all`], in a real run.
pub const MANY: [usize; 3] = [1_000, 10_000, 100_000];
/// For [`all`], in a smoke run.
pub const MANY_QUICK: [usize; 2] = [100, 1_000];

/// Has the inspection on meanwhile.
fn inspected(time: impl FnOnce() -> Duration) -> Duration {
    mixio::inspect::enable();
    let time = time();
    mixio::inspect::disable();
    time
}
