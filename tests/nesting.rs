//! Coroutines within coroutines, many at once in any order, and coroutines that move while they are suspended.

mod support;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use mixio::stack::DefaultStack;
use mixio::{Coroutine, CoroutineResult, ScopedCoroutine, Yielder, on_stack};
use support::{Drops, Log, message_of};

const DEEP: u32 = 1_000;

/// Enough for a debug build of what the deep tests do; a thousand of them are small.
fn small_stack() -> DefaultStack {
    DefaultStack::new(128 << 10).unwrap()
}

#[test]
fn a_thousand_deep() {
    fn nested(depth: u32) -> u32 {
        if depth == 0 {
            return 0;
        }
        let mut inner = Coroutine::with_stack(small_stack(), move |yielder: &Yielder<u32, u32>, n| {
            let below = nested(depth - 1);
            yielder.suspend(n) + below
        });
        assert_eq!(inner.resume(depth), CoroutineResult::Yield(depth));
        inner.resume(1).as_return().unwrap()
    }
    assert_eq!(nested(DEEP), DEEP);
}

#[test]
fn a_suspension_that_goes_up_a_thousand_levels() {
    // Each level passes on what the one below yields.
    fn nested(yielder: &Yielder<u32, u32>, depth: u32) -> u32 {
        if depth == 0 {
            return yielder.suspend(7) + yielder.suspend(8);
        }
        let mut inner = Coroutine::with_stack(small_stack(), move |yielder: &Yielder<u32, u32>, _| {
            nested(yielder, depth - 1) //
        });
        let mut input = 0;
        loop {
            match inner.resume(input) {
                CoroutineResult::Yield(value) => input = yielder.suspend(value + 1) + 1,
                CoroutineResult::Return(value) => return value,
            }
        }
    }
    let mut outermost = Coroutine::new(|yielder: &Yielder<u32, u32>, _| nested(yielder, DEEP));
    assert_eq!(outermost.resume(0), CoroutineResult::Yield(7 + DEEP));
    assert_eq!(outermost.resume(100), CoroutineResult::Yield(8 + DEEP));
    assert_eq!(outermost.resume(200), CoroutineResult::Return(300 + 2 * DEEP));
}

#[test]
fn a_panic_from_a_thousand_deep() {
    fn nested(drops: &Drops, depth: u32) {
        let _counted = drops.counted();
        if depth == 0 {
            panic!("from below");
        }
        let drops = drops.clone();
        Coroutine::<(), (), (), _>::with_stack(small_stack(), move |_, ()| nested(&drops, depth - 1)).resume(());
    }
    let drops = Drops::new();
    assert_eq!(message_of(|| nested(&drops, DEEP)), "from below");
    assert_eq!(drops.count(), 1 + DEEP as usize);
    assert!(!std::thread::panicking());
}

#[test]
fn a_thousand_suspended_ones_dropped_at_once() {
    // Each is owned by a frame on the stack of the one around it.
    fn nested(yielder: &Yielder<(), ()>, drops: &Drops, depth: u32) {
        let _counted = drops.counted();
        if depth > 0 {
            let drops = drops.clone();
            let mut inner = Coroutine::with_stack(small_stack(), move |yielder: &Yielder<(), ()>, ()| {
                nested(yielder, &drops, depth - 1);
            });
            while inner.resume(()).as_yield().is_some() {
                yielder.suspend(());
            }
        }
        yielder.suspend(());
    }
    let drops = Drops::new();
    let inside = drops.clone();
    let mut outermost = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| nested(yielder, &inside, DEEP));
    outermost.resume(());
    assert_eq!(drops.count(), 0);
    drop(outermost);
    assert_eq!(drops.count(), 1 + DEEP as usize);
    assert!(!std::thread::panicking());
}

#[test]
fn recursion_within() {
    fn walk(yielder: &Yielder<u32, u32>, depth: u32) -> u32 {
        let kept = black_box([depth; 4]);
        let below = if depth == 0 { 0 } else { walk(yielder, depth - 1) };
        let input = yielder.suspend(depth);
        assert_eq!(kept, [depth; 4]);
        below + input
    }
    let mut coroutine = Coroutine::new(|yielder, _| walk(yielder, 500));
    for depth in 0..=500 {
        assert_eq!(coroutine.resume(depth), CoroutineResult::Yield(depth));
    }
    // The input of the first resumption was the closure's.
    assert_eq!(coroutine.resume(501), CoroutineResult::Return((1..=501).sum()));
}

#[test]
fn many_in_any_order() {
    const MANY: usize = 100;
    let mut coroutines: Vec<_> = (0..MANY)
        .map(|number| {
            Coroutine::with_stack(small_stack(), move |yielder: &Yielder<usize, usize>, first: usize| {
                let mut sum = first;
                for _ in 0..9 {
                    sum += yielder.suspend(number * 1_000_000 + sum);
                }
                sum
            })
        })
        .collect();
    let mut sums = [0; MANY];
    let mut random = 0x1234_5678_9abc_def1_u64;
    while coroutines.iter().any(|coroutine| !coroutine.done()) {
        // Xorshift: the same order each time.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let number = random as usize % MANY;
        let input = random as usize >> 32 & 0xff;
        if coroutines[number].done() {
            continue;
        }
        sums[number] += input;
        match coroutines[number].resume(input) {
            CoroutineResult::Yield(value) => assert_eq!(value, number * 1_000_000 + sums[number]),
            CoroutineResult::Return(value) => assert_eq!(value, sums[number]),
        }
    }
}

#[test]
fn a_scheduler_inside_a_coroutine() {
    type Task = Coroutine<(), u32, ()>;

    let log = Rc::new(RefCell::new(Vec::new()));
    let inside = log.clone();
    let mut scheduler = Coroutine::new(move |yielder: &Yielder<Option<Task>, ()>, first: Option<Task>| {
        let mut queue: VecDeque<Task> = first.into_iter().collect();
        while let Some(mut task) = queue.pop_front() {
            if let CoroutineResult::Yield(value) = task.resume(()) {
                inside.borrow_mut().push(value);
                queue.push_back(task);
            }
            queue.extend(yielder.suspend(()));
        }
    });
    let task = |from: u32| -> Task {
        Coroutine::new(move |yielder: &Yielder<(), u32>, ()| {
            yielder.suspend(from);
            yielder.suspend(from + 1);
        })
    };
    scheduler.resume(Some(task(10)));
    let mut second = task(20);
    // Half run here, the rest there.
    assert_eq!(second.resume(()), CoroutineResult::Yield(20));
    let mut next = Some(second);
    while scheduler.resume(next.take()).as_yield().is_some() {}
    assert_eq!(*log.borrow(), [10, 11, 21]);
}

#[test]
fn moved_while_suspended() {
    let make = || {
        Coroutine::new(|yielder: &Yielder<u32, u32>, first: u32| {
            // Its own address, which must stay what it is.
            let local = black_box(first);
            let address = black_box(&local) as *const u32;
            let second = yielder.suspend(local);
            assert_eq!(address, black_box(&local) as *const u32);
            yielder.suspend(local + second) + local
        })
    };
    let mut coroutine = make();
    assert_eq!(coroutine.resume(1), CoroutineResult::Yield(1));
    let mut boxed = Box::new(coroutine);
    assert_eq!(boxed.resume(2), CoroutineResult::Yield(3));
    let mut vec = vec![make(), *boxed, make()];
    for _ in 0..20 {
        vec.push(make());
    }
    vec.swap(1, 10);
    assert_eq!(vec[10].resume(4), CoroutineResult::Return(5));
    assert_eq!(vec[1].resume(6), CoroutineResult::Yield(6));
    let mut taken = vec.swap_remove(1);
    drop(vec);
    assert_eq!(taken.resume(7), CoroutineResult::Yield(13));
}

#[test]
fn moved_into_another_coroutine_and_back() {
    let mut traveller = Coroutine::new(|yielder: &Yielder<(), u32>, ()| {
        for n in 0.. {
            yielder.suspend(n);
        }
    });
    assert_eq!(traveller.resume(()), CoroutineResult::Yield(0));
    let mut host = Coroutine::new(|_: &Yielder<Coroutine<(), u32, ()>, ()>, mut guest: Coroutine<(), u32, ()>| {
        assert_eq!(guest.resume(()), CoroutineResult::Yield(1));
        guest
    });
    let mut traveller = host.resume(traveller).as_return().unwrap();
    drop(host);
    assert_eq!(traveller.resume(()), CoroutineResult::Yield(2));
}

#[test]
fn made_in_a_coroutine_that_is_gone() {
    let mut maker = Coroutine::<u32, (), Coroutine<(), u32, u32>>::new(|_, n| {
        let mut made = Coroutine::new(move |yielder: &Yielder<(), u32>, ()| {
            yielder.suspend(n);
            n + 1
        });
        assert_eq!(made.resume(()), CoroutineResult::Yield(5));
        made
    });
    let mut made = maker.resume(5).as_return().unwrap();
    drop(maker);
    assert_eq!(made.resume(()), CoroutineResult::Return(6));
}

#[test]
fn an_inner_one_suspends_the_outer_one() {
    // The outer one's yielder is used on the inner one's stack, which is thereby suspended with it.
    let mut outer = Coroutine::new(|outer_yielder: &Yielder<u32, &'static str>, _| {
        let mut sum = 0;
        ScopedCoroutine::new(|yielder: &Yielder<u32, &'static str>, n: u32| {
            sum += n;
            sum += outer_yielder.suspend("outer, from the inner one's stack");
            sum += yielder.suspend("inner");
            sum += outer_yielder.suspend("outer, again");
        })
        .scope(|mut inner| {
            assert_eq!(inner.resume(1), CoroutineResult::Yield("inner"));
            assert_eq!(inner.resume(10), CoroutineResult::Return(()));
        });
        sum
    });
    assert_eq!(outer.resume(0), CoroutineResult::Yield("outer, from the inner one's stack"));
    assert_eq!(outer.resume(100), CoroutineResult::Yield("outer, again"));
    assert_eq!(outer.resume(1000), CoroutineResult::Return(1111));
}

#[test]
fn an_outer_one_unwound_through_an_inner_one() {
    let log = Log::new();
    let inside = log.clone();
    let mut outer = Coroutine::new(move |outer_yielder: &Yielder<(), ()>, ()| {
        let _outer = inside.on_drop("outer");
        ScopedCoroutine::new(|_: &Yielder<(), ()>, ()| {
            let _inner = inside.on_drop("inner");
            outer_yielder.suspend(());
        })
        .scope(|mut inner| {
            let _scope = inside.on_drop("scope");
            inner.resume(());
        });
    });
    outer.resume(());
    drop(outer);
    assert_eq!(log.entries(), ["inner", "scope", "outer"]);
}

#[test]
fn suspended_on_a_borrowed_stack() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<u32, u32>, first| {
        on_stack(small_stack(), || yielder.suspend(first + 1) + on_stack(small_stack(), || yielder.suspend(first + 2)))
    });
    assert_eq!(coroutine.resume(1), CoroutineResult::Yield(2));
    assert_eq!(coroutine.resume(10), CoroutineResult::Yield(3));
    assert_eq!(coroutine.resume(20), CoroutineResult::Return(30));
}

#[test]
fn one_thread_each() {
    // Nothing is shared between threads but code.
    let threads: Vec<_> = (0..4u64)
        .map(|thread| {
            std::thread::spawn(move || {
                let mut coroutine = Coroutine::new(|yielder: &Yielder<u64, u64>, mut n: u64| {
                    for _ in 0..10_000 {
                        n = yielder.suspend(n + 1);
                    }
                    panic!("{n}");
                });
                let mut n = thread << 32;
                for _ in 0..10_000 {
                    n = coroutine.resume(n).as_yield().unwrap();
                }
                let caught = catch_unwind(AssertUnwindSafe(|| -> CoroutineResult<u64, ()> { coroutine.resume(n) }));
                support::message(caught.unwrap_err())
            })
        })
        .collect();
    for (number, thread) in threads.into_iter().enumerate() {
        assert_eq!(thread.join().unwrap(), ((number << 32) + 10_000).to_string());
    }
}
