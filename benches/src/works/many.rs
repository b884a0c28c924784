//! Many coroutines, resumed round after round: what counts is how well their stacks share the caches.

use std::hint::black_box;
use std::time::{Duration, Instant};

use mixio_figures::number::thousands;

use super::Work;
use crate::bodies::{Body, Echo, EchoOn512, in_use, touch};
use crate::drive::{Boxed, PendOnce, boxed, poll};
use crate::names::*;
use crate::peers::{Corosensei, Generator, Mixio, MixioSmall, Peer, Stackful};

pub(super) fn works(numbers: &[usize]) -> Vec<Work> {
    let mut works = Vec::new();
    for &number in numbers {
        for order in [Order::Created, Order::Shuffled] {
            works.push(work::<Echo>(number, order));
            works.push(work::<EchoOn512>(number, order));
        }
    }
    works
}

/// More mappings than Linux allows by default: see `vm.max_map_count`.
const TOO_MANY: usize = 32_700;
const TWO_MAPPINGS: &str = "two mappings a stack, and Linux allows 65,530 by default: it ends at about 32,700";

fn work<U: Use>(number: usize, order: Order) -> Work {
    let name = format!("many-{number}-{}-{}", order.name(), U::NAME);
    let title = format!("{} resumed {}, {}, each", thousands(number as u64), order.title(), U::TITLE);
    let too_many = number > TOO_MANY;
    let reference = if too_many { NATIVE_BOXED } else { COROSENSEI };
    let work = Work::new("many", name, title, reference)
        .operations(number)
        // To create so many takes far longer than to resume them.
        .rounds(if too_many {
            5
        } else if number > 1_000 {
            9
        } else {
            usize::MAX
        })
        .with(MIXIO, move |iterations| coroutines::<Mixio, U>(number, order, iterations))
        .with(MIXIO_SMALL, move |iterations| coroutines::<MixioSmall, U>(number, order, iterations))
        .with(NATIVE_BOXED, move |iterations| {
            time(U::native, |future| _ = poll(future.as_mut()), number, order, iterations)
        });
    if too_many {
        return [COROSENSEI, GENERATOR, STACKFUL].into_iter().fold(work, |work, name| work.without(name, TWO_MAPPINGS));
    }
    work.with(COROSENSEI, move |iterations| coroutines::<Corosensei, U>(number, order, iterations))
        .with(GENERATOR, move |iterations| coroutines::<Generator, U>(number, order, iterations))
        .with(STACKFUL, move |iterations| coroutines::<Stackful, U>(number, order, iterations))
}

/// How much stack a coroutine uses.
trait Use: Body {
    const NAME: &str;
    const TITLE: &str;

    /// A native future that does the same. No value goes in.
    fn native() -> Boxed<usize>;
}

impl Use for Echo {
    const NAME: &str = "little";
    const TITLE: &str = "little stack in use";

    fn native() -> Boxed<usize> {
        boxed(async {
            loop {
                PendOnce::new(0).await;
            }
        })
    }
}

impl Use for EchoOn512 {
    const NAME: &str = "512";
    const TITLE: &str = "512 bytes of stack in use";

    fn native() -> Boxed<usize> {
        boxed(async {
            let mut words = in_use();
            loop {
                touch(&mut words, 1);
                PendOnce::new(0).await;
            }
        })
    }
}

fn coroutines<P: Peer, U: Use>(number: usize, order: Order, iterations: u64) -> Duration {
    time(P::new::<U>, |coroutine| _ = black_box(coroutine.resume(1)), number, order, iterations)
}

/// Creates them, resumes each once untimed, and then so many times around.
#[inline(always)]
fn time<C>(create: impl Fn() -> C, resume: impl Fn(&mut C), number: usize, order: Order, iterations: u64) -> Duration {
    let mut all: Vec<C> = (0..number).map(|_| create()).collect();
    let order = order.of(number);
    all.iter_mut().for_each(&resume);
    let start = Instant::now();
    for _ in 0..iterations {
        for &index in &order {
            resume(&mut all[index as usize]);
        }
    }
    start.elapsed()
}

#[derive(Clone, Copy)]
enum Order {
    Created,
    Shuffled,
}

impl Order {
    fn name(self) -> &'static str {
        match self {
            Order::Created => "ordered",
            Order::Shuffled => "shuffled",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Order::Created => "in the order of their creation",
            Order::Shuffled => "in shuffled order",
        }
    }

    /// The indexes, in order; always the same.
    fn of(self, number: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..number as u32).collect();
        if let Order::Shuffled = self {
            let mut state = 0x9e37_79b9_7f4a_7c15_u64;
            for last in (1..number).rev() {
                // Marsaglia's xorshift.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                order.swap(last, (state % (last as u64 + 1)) as usize);
            }
        }
        order
    }
}
