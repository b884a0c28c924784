//! There and back again: a value goes to another task or thread, which adds one and answers.

use std::cell::Cell;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::Work;
use crate::drive::poll;
use crate::names::*;
use crate::peers::{Bridge, ByHand, Mixio, Stackful};

pub(super) fn work() -> Work {
    Work::new("hop", "hop", "to another task or thread and back", NATIVE)
        .with(MIXIO, bridged::<Mixio>)
        .with(BY_HAND, bridged::<ByHand>)
        .with(STACKFUL, bridged::<Stackful>)
        .with(NATIVE, native)
        .with(THREADS, threads)
        .with(SPAWN_BLOCKING, spawn_blocking)
        .with(MAY, may)
}

/// A channel for one value between two tasks of a thread. It wakes nobody: both are polled in turns.
#[derive(Clone, Default)]
struct Slot(Rc<Cell<Option<usize>>>);

struct Receive<'a>(&'a Slot);

impl Future for Receive<'_> {
    type Output = usize;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<usize> {
        self.0.0.take().map_or(Poll::Pending, Poll::Ready)
    }
}

/// Polls both in turns until the first is ready.
fn in_turns(asks: impl Future<Output = Duration>, answers: impl Future<Output = ()>) -> Duration {
    let (mut asks, mut answers) = (pin!(asks), pin!(answers));
    black_box((&mut asks, &mut answers));
    loop {
        if let Poll::Ready(time) = poll(asks.as_mut()) {
            break time;
        }
        assert!(poll(answers.as_mut()).is_pending(), "it never ends");
    }
}

fn bridged<B: Bridge>(iterations: u64) -> Duration {
    let (question, answer) = (Slot::default(), Slot::default());
    let (questions, answers) = (question.clone(), answer.clone());
    let asks = B::as_async(move || {
        let (start, mut sum) = (Instant::now(), 0);
        for value in 0..iterations as usize {
            question.0.set(Some(value));
            sum += B::wait(Receive(&answers));
        }
        time(start, sum)
    });
    in_turns(
        asks,
        B::as_async(move || {
            loop {
                let value = B::wait(Receive(&questions));
                answer.0.set(Some(value + 1));
            }
        }),
    )
}

fn native(iterations: u64) -> Duration {
    let (question, answer) = (Slot::default(), Slot::default());
    let (questions, answers) = (question.clone(), answer.clone());
    let asks = async move {
        let (start, mut sum) = (Instant::now(), 0);
        for value in 0..iterations as usize {
            question.0.set(Some(value));
            sum += Receive(&answers).await;
        }
        time(start, sum)
    };
    in_turns(asks, async move {
        loop {
            let value = Receive(&questions).await;
            answer.0.set(Some(value + 1));
        }
    })
}

fn time(start: Instant, sum: usize) -> Duration {
    let time = start.elapsed();
    black_box(sum);
    time
}

fn threads(iterations: u64) -> Duration {
    let (ask, questions) = mpsc::channel();
    let (answer, answers) = mpsc::channel();
    // Ends when the questions do.
    let thread = std::thread::spawn(move || questions.iter().try_for_each(|value: usize| answer.send(value + 1)));
    let (start, mut sum) = (Instant::now(), 0);
    for value in 0..iterations as usize {
        ask.send(value).expect("the thread listens");
        sum += answers.recv().expect("the thread answers");
    }
    let time = time(start, sum);
    drop(ask);
    thread.join().expect("it doesn't panic").expect("all answers are wanted");
    time
}

fn spawn_blocking(iterations: u64) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("tokio starts");
    runtime.block_on(async {
        let (start, mut sum) = (Instant::now(), 0);
        for value in 0..iterations as usize {
            sum += tokio::task::spawn_blocking(move || value + 1).await.expect("it doesn't panic");
        }
        time(start, sum)
    })
}

/// Between two of its coroutines, on whichever of its threads.
fn may(iterations: u64) -> Duration {
    let (ask, questions) = may::sync::mpsc::channel();
    let (answer, answers) = may::sync::mpsc::channel();
    // SAFETY: neither touches a thread-local, and both need little stack: `may` asks for no more.
    let answering =
        unsafe { may::coroutine::spawn(move || questions.iter().try_for_each(|value: usize| answer.send(value + 1))) };
    // SAFETY: as above.
    let asking = unsafe {
        may::coroutine::spawn(move || {
            let (start, mut sum) = (Instant::now(), 0);
            for value in 0..iterations as usize {
                ask.send(value).expect("the other listens");
                sum += answers.recv().expect("the other answers");
            }
            time(start, sum)
        })
    };
    let time = asking.join().expect("it doesn't panic");
    answering.join().expect("it doesn't panic").expect("all answers are wanted");
    time
}
