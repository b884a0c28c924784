//! Streams as iterators, and functions as streams.
#![cfg(feature = "stream")]

mod executors;
mod support;

use std::cell::Cell;
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use executors::Executor;
use futures::stream::{self, FusedStream as _, FuturesUnordered, Stream, StreamExt as _};
use mixio::stack::StackPool;
use mixio::{StreamYielder, as_async, as_stream, in_coroutine, wait, wait_iter};
use support::{Drops, Log, message_of, on_drop, panic_of, poll};

for_each_executor!(each_next_waits, a_producer_waits_between_items, both_ways_and_back, streams_take_turns);

const TICK: Duration = Duration::from_millis(2);

fn ticking<E: Executor>(items: u32) -> impl Stream<Item = u32> {
    // Not `Unpin`.
    stream::iter(0..items).then(|item| async move {
        E::sleep(TICK).await;
        item
    })
}

fn next<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
}

fn each_next_waits<E: Executor>() {
    let items = E::run(as_async(|| {
        let boxed: u32 = wait_iter(Box::pin(ticking::<E>(4))).sum();
        let pinned = wait_iter(pin!(ticking::<E>(4))).filter(|item| item % 2 == 1).collect::<Vec<_>>();
        (boxed, pinned)
    }));
    assert_eq!(items, (6, vec![1, 3]));
}

fn a_producer_waits_between_items<E: Executor>() {
    let stream = as_stream(|yielder| {
        for item in 0..5 {
            wait(E::sleep(TICK));
            yielder.suspend(item);
        }
        wait(E::sleep(TICK));
    });
    assert_eq!(E::run(stream.collect::<Vec<_>>()), [0, 1, 2, 3, 4]);
}

fn both_ways_and_back<E: Executor>() {
    let doubled = as_stream(|yielder| {
        for item in wait_iter(pin!(ticking::<E>(5))) {
            yielder.suspend(2 * item);
        }
    });
    let items = E::run(as_async(|| wait_iter(doubled).map(|item| item + 1).collect::<Vec<_>>()));
    assert_eq!(items, [1, 3, 5, 7, 9]);
}

fn streams_take_turns<E: Executor>() {
    const STREAMS: u32 = 100;

    let (waiting, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let items = E::run(async {
        let mut handles = Vec::new();
        for number in 0..STREAMS {
            let (waiting, most) = (waiting.clone(), most.clone());
            let stream = as_stream(move |yielder| {
                for item in 0..3 {
                    waiting.set(waiting.get() + 1);
                    most.set(most.get().max(waiting.get()));
                    wait(E::sleep(TICK));
                    waiting.set(waiting.get() - 1);
                    yielder.suspend((number, item));
                }
            });
            handles.push(E::spawn(stream.collect::<Vec<_>>()));
        }
        let mut items = Vec::new();
        for handle in handles {
            items.push(handle.await);
        }
        items
    });
    for (number, items) in (0..).zip(items) {
        assert_eq!(items, [(number, 0), (number, 1), (number, 2)]);
    }
    assert!(most.get() > 1, "they wait one after the other");
}

#[test]
fn outside_of_any_coroutine_the_thread_is_parked() {
    assert!(!in_coroutine());
    let (sender, receiver) = futures::channel::mpsc::unbounded();
    let other = std::thread::spawn(move || {
        for item in 0..3 {
            std::thread::sleep(TICK);
            sender.unbounded_send(item).unwrap();
        }
    });
    assert_eq!(wait_iter(receiver).collect::<Vec<_>>(), [0, 1, 2]);
    other.join().unwrap();
}

/// A stream that begins again after its end.
struct Restarting(u32);

impl Stream for Restarting {
    type Item = u32;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u32>> {
        self.0 += 1;
        Poll::Ready(Some(self.0).filter(|item| item % 3 != 0))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (1, Some(77))
    }
}

#[test]
fn the_iterator_is_fused() {
    let mut items = wait_iter(Restarting(0));
    assert_eq!(items.size_hint(), (1, Some(77)));
    assert_eq!(items.by_ref().collect::<Vec<_>>(), [1, 2]);
    assert_eq!((items.next(), items.next(), items.size_hint()), (None, None, (0, Some(0))));
    assert_eq!(items.get_ref().0, 3);
}

#[test]
fn what_the_iterator_has_not_given_stays_in_the_stream() {
    let mut items = wait_iter(stream::iter(0..5));
    for item in items.by_ref() {
        if item == 1 {
            break;
        }
    }
    assert_eq!(items.get_mut().next().now(), Some(2));
    assert_eq!(items.into_inner().collect::<Vec<_>>().now(), [3, 4]);
}

/// For futures that are ready at once.
trait Now: Future + Sized {
    fn now(self) -> Self::Output {
        match pin!(self).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("it is pending"),
        }
    }
}

impl<F: Future> Now for F {}

#[test]
fn dropped_while_the_next_item_is_waited_for() {
    let drops = Drops::new();
    let counted = drops.counted();
    let mut future = as_async(move || {
        let items = stream::iter([1]).chain(stream::pending()).map(move |item| (item, &counted).0);
        wait_iter(items).count()
    });
    assert!(poll(&mut future).is_pending());
    assert_eq!(drops.count(), 0);
    drop(future);
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_panic_of_the_stream_comes_out_of_next() {
    let mut items = wait_iter(stream::iter(0..3).inspect(|item| assert!(*item != 1, "on purpose")));
    assert_eq!(items.next(), Some(0));
    assert_eq!(message_of(|| items.next()), "on purpose");
    assert_eq!(items.next(), Some(2));
}

#[test]
fn an_item_is_produced_only_when_asked_for() {
    let log = Log::new();
    let seen = log.clone();
    let mut stream = as_stream(move |yielder| {
        for item in 0..3 {
            log.push(format!("makes {item}"));
            yielder.suspend(item);
        }
        log.push("ends");
    });
    assert!(seen.entries().is_empty());
    assert_eq!(next(&mut stream), Poll::Ready(Some(0)));
    assert_eq!(seen.entries(), ["makes 0"]);
    assert_eq!(next(&mut stream), Poll::Ready(Some(1)));
    assert_eq!(seen.entries(), ["makes 0", "makes 1"]);
    assert_eq!(next(&mut stream), Poll::Ready(Some(2)));
    assert!(!stream.is_terminated());
    assert_eq!(next(&mut stream), Poll::Ready(None));
    assert_eq!(seen.entries(), ["makes 0", "makes 1", "makes 2", "ends"]);
}

#[test]
fn after_its_end_a_stream_gives_none() {
    let mut stream = as_stream(|yielder| yielder.suspend("only"));
    assert_eq!(stream.size_hint(), (0, None));
    assert_eq!(next(&mut stream), Poll::Ready(Some("only")));
    for _ in 0..3 {
        assert_eq!(next(&mut stream), Poll::Ready(None));
        assert!(stream.is_terminated());
        assert_eq!(stream.size_hint(), (0, Some(0)));
    }
    assert_eq!(next(&mut as_stream(|_: &StreamYielder<()>| ())), Poll::Ready(None));
}

#[test]
fn a_panic_of_the_producer_comes_out_of_poll_next() {
    let mut stream = as_stream(|yielder| {
        yielder.suspend(1);
        panic!("on purpose");
    });
    assert_eq!(next(&mut stream), Poll::Ready(Some(1)));
    assert_eq!(message_of(|| next(&mut stream)), "on purpose");
    assert!(stream.is_terminated());
    assert_eq!(next(&mut stream), Poll::Ready(None));
}

#[test]
fn pending_while_the_producer_waits() {
    let (sender, receiver) = futures::channel::oneshot::channel();
    let mut stream = as_stream(|yielder| yielder.suspend(wait(receiver).unwrap()));
    assert_eq!(next(&mut stream), Poll::Pending);
    assert_eq!(next(&mut stream), Poll::Pending);
    sender.send(7).unwrap();
    assert_eq!(next(&mut stream), Poll::Ready(Some(7)));
    assert_eq!(next(&mut stream), Poll::Ready(None));
}

#[test]
fn dropping_a_stream_unwinds_its_producer() {
    for taken in 0..3 {
        let drops = Drops::new();
        let (captured, counter) = (drops.counted(), drops.clone());
        let mut stream = as_stream(move |yielder| {
            let _captured = captured;
            for _ in 0..2 {
                let _local = counter.counted();
                // Dropped with the stream, or by who takes it.
                yielder.suspend(counter.counted());
            }
            unreachable!("nobody asks");
        });
        for _ in 0..taken {
            assert!(matches!(next(&mut stream), Poll::Ready(Some(_))));
        }
        drop(stream);
        // What is captured; an item for each that was taken; a local variable of each round.
        assert_eq!(drops.count(), 1 + 2 * taken);
        assert!(!in_coroutine() && !std::thread::panicking());
    }
}

#[test]
fn dropping_a_stream_while_its_producer_waits() {
    let drops = Drops::new();
    let counted = drops.counted();
    let mut stream = as_stream(move |yielder: &StreamYielder<()>| {
        let _counted = counted;
        wait(pending::<()>());
        yielder.suspend(());
    });
    assert_eq!(next(&mut stream), Poll::Pending);
    drop(stream);
    assert_eq!(drops.count(), 1);
}

/// An `AsAsync` that is dropped then isn't unwound at once, but goes on until it waits: nobody asks for that item.
#[test]
fn a_stream_that_is_dropped_by_a_panic_makes_no_item() {
    let (drops, made) = (Drops::new(), Rc::new(Cell::new(0)));
    let (counted, count) = (drops.counted(), made.clone());
    let mut stream = as_stream(move |yielder| {
        let _counted = counted;
        loop {
            count.set(count.get() + 1);
            yielder.suspend(());
        }
    });
    assert_eq!(next(&mut stream), Poll::Ready(Some(())));
    let payload = panic_of(move || {
        let _stream = stream;
        std::panic::resume_unwind(Box::new("on purpose"))
    });
    assert_eq!(*payload.downcast::<&str>().unwrap(), "on purpose");
    assert_eq!((drops.count(), made.get()), (1, 1));
}

#[test]
fn a_producer_that_catches_the_unwind_meets_it_again() {
    let log = Log::new();
    let seen = log.clone();
    let mut stream = as_stream(move |yielder| {
        for attempt in 0..3 {
            assert!(catch_unwind(AssertUnwindSafe(|| yielder.suspend(attempt))).is_err());
            log.push(format!("caught {attempt}"));
        }
    });
    assert_eq!(next(&mut stream), Poll::Ready(Some(0)));
    drop(stream);
    assert_eq!(seen.entries(), ["caught 0", "caught 1", "caught 2"]);
}

/// Nobody asks for it, so it is dropped, however the function is unwound.
#[test]
fn an_item_from_a_destructor_of_a_dropped_stream() {
    for cancels in [false, true] {
        let (drops, log) = (Drops::new(), Log::new());
        let (first, last, seen) = (drops.counted(), drops.counted(), log.clone());
        let mut stream = as_stream(move |yielder| {
            let _gives = on_drop(|| {
                yielder.suspend(last);
                log.push("goes on");
            });
            yielder.suspend(first);
        });
        assert!(matches!(next(&mut stream), Poll::Ready(Some(_))));
        if cancels {
            assert!(poll(&mut stream.cancel()).is_ready());
        } else {
            drop(stream);
        }
        assert_eq!(seen.entries(), ["goes on"]);
        assert_eq!(drops.count(), 2);
    }
}

#[test]
fn items_from_within_futures_that_the_producer_waits_for() {
    let mut stream = as_stream(|yielder| {
        wait(async {
            yielder.suspend(1);
            ready(()).await;
            yielder.suspend(2);
        });
        // Polled by a waker of its own.
        let branches = (3..6).map(|item| async move { yielder.suspend(item) });
        wait(branches.collect::<FuturesUnordered<_>>().collect::<()>());
    });
    let mut items = Vec::new();
    while let Poll::Ready(Some(item)) = next(&mut stream) {
        items.push(item);
    }
    items.sort_unstable();
    assert_eq!(items, [1, 2, 3, 4, 5]);
    assert!(stream.is_terminated());
}

#[test]
fn items_from_a_coroutine_of_the_users_own() {
    let mut stream = as_stream(|yielder| {
        mixio::ScopedCoroutine::new(|inner: &mixio::Yielder<(), ()>, ()| {
            yielder.suspend(1);
            inner.suspend(());
            yielder.suspend(2);
        })
        .scope(|mut coroutine| {
            coroutine.resume(());
            coroutine.resume(());
        });
    });
    assert_eq!(next(&mut stream), Poll::Ready(Some(1)));
    assert_eq!(next(&mut stream), Poll::Ready(Some(2)));
    assert_eq!(next(&mut stream), Poll::Ready(None));
}

#[test]
fn a_nested_function_passes_its_items_through_a_stream_of_its_own() {
    fn walk(depth: u32) -> impl Stream<Item = u32> + Unpin {
        as_stream(move |yielder| {
            yielder.suspend(depth);
            if depth > 0 {
                let below: Pin<Box<dyn Stream<Item = u32>>> = Box::pin(walk(depth - 1));
                wait_iter(below).for_each(|item| yielder.suspend(item));
            }
            yielder.suspend(depth);
        })
    }
    // And inside of an `as_async`.
    let mut future = as_async(|| wait_iter(walk(3)).collect::<Vec<_>>());
    assert_eq!(poll(&mut future), Poll::Ready(vec![3, 2, 1, 0, 0, 1, 2, 3]));
}

#[test]
fn errors_are_items() {
    let parse = |text: &'static str| {
        as_stream(move |yielder: &StreamYielder<Result<u32, _>>| {
            text.split(' ').for_each(|word| yielder.suspend(word.parse::<u32>()));
        })
    };
    assert_eq!(wait_iter(parse("1 2 3")).collect::<Result<Vec<_>, _>>(), Ok(vec![1, 2, 3]));
    assert!(wait_iter(parse("1 two 3")).collect::<Result<Vec<_>, _>>().is_err());
}

#[test]
fn a_great_many_items() {
    let mut count = 0;
    for item in wait_iter(as_stream(|yielder| (0..1_000_000u32).for_each(|item| yielder.suspend(item)))) {
        assert_eq!(item, count);
        count += 1;
    }
    assert_eq!(count, 1_000_000);
}

#[test]
fn the_stack_goes_back_to_its_pool() {
    let pool = StackPool::builder().stack_size(16 << 10).build().unwrap();
    for taken in 0..3 {
        let mut stream = as_stream(|yielder| yielder.suspend(())).stack_pool(&pool);
        for _ in 0..taken {
            assert!(next(&mut stream).is_ready());
        }
        drop(stream);
        let statistics = pool.statistics();
        assert_eq!((statistics.alive, statistics.cached), (0, usize::from(taken > 0)));
    }
    let mut stream = as_stream(|yielder| yielder.suspend(())).stack_size(usize::MAX);
    assert!(message_of(|| next(&mut stream)).contains("no address space has room"));
    assert_eq!(next(&mut stream), Poll::Ready(None));
}
