//! What a thread sees of panics that are set aside, and that std counts as the module says.

mod process;
#[path = "../../../../tests/support/mod.rs"]
#[allow(unreachable_pub, reason = "shared with the integration tests")]
mod support;

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use super::token::{STACK_SIZE, Token};
use super::{check, set_aside};
use crate::coroutine::{Coroutine, CoroutineResult, Yielder};
use crate::stack::DefaultStack;

/// Calls a function when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Calls `function` in the midst of so many panics, one inside another, and catches them; each has to arrive with its payload.
fn amid_panics(depth: usize, function: &mut dyn FnMut()) {
    if depth == 0 {
        return function();
    }
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _amid = OnDrop(|| {
            assert!(thread::panicking());
            amid_panics(depth - 1, function);
            assert!(thread::panicking(), "the panics around this one are still in flight");
        });
        resume_unwind(Box::new(depth));
    }));
    assert_eq!(payload(caught), depth);
}

/// What a panic of `amid_panics` carried.
fn payload<T>(caught: Result<T, Box<dyn Any + Send>>) -> usize {
    *caught.err().expect("the panic arrives").downcast().expect("it has its payload")
}

/// A panic counts, and an end of it; that is, this thread's count is zero before and after.
fn panics_count_as_usual() {
    assert!(!thread::panicking());
    amid_panics(1, &mut || assert!(thread::panicking()));
    assert!(!thread::panicking());
}

#[test]
fn std_counts_as_assumed() {
    assert_eq!(check::panics_can_move(), Some(true));
}

#[test]
fn a_token_moves_a_panic_to_another_thread() {
    let stack = || DefaultStack::new(STACK_SIZE).expect("a stack");
    let token = Token::raise(stack());
    assert!(thread::panicking());
    thread::spawn(move || {
        let _own = Token::raise(stack());
        token.catch();
        assert!(!thread::panicking(), "one was raised here, and one caught");
    })
    .join()
    .expect("counted as expected");
    assert!(thread::panicking(), "it was caught elsewhere");
    thread::spawn(move || Token::raise(stack())).join().expect("a token").catch();
    panics_count_as_usual();
}

#[test]
fn nothing_is_set_aside_where_nobody_panics() {
    let panics = set_aside();
    assert!(panics.is_none());
    panics.restore();
    panics_count_as_usual();
}

#[test]
fn neighbours_see_no_panic() {
    for depth in 1..=4 {
        amid_panics(depth, &mut || {
            let panics = set_aside();
            assert!(!panics.is_none());
            panics_count_as_usual();
            amid_panics(3, &mut || ());
            panics_count_as_usual();
            panics.restore();
            assert!(thread::panicking());
        });
        panics_count_as_usual();
    }
}

#[test]
fn a_neighbours_mutex_is_not_poisoned() {
    let poisoned_by = |unlock: fn(&mut dyn FnMut())| {
        let mutex = Mutex::new(());
        let mut guard = Some(mutex.lock().expect("it is new"));
        amid_panics(1, &mut || unlock(&mut || drop(guard.take())));
        mutex.is_poisoned()
    };
    assert!(poisoned_by(|unlock| unlock()), "std has found a better way");
    assert!(!poisoned_by(|unlock| {
        let panics = set_aside();
        unlock();
        panics.restore();
    }));
}

#[test]
fn again_and_again_in_one_destructor() {
    amid_panics(2, &mut || {
        for _ in 0..100 {
            let panics = set_aside();
            assert!(!thread::panicking());
            panics.restore();
            assert!(thread::panicking());
        }
    });
    panics_count_as_usual();
}

#[test]
fn others_can_be_set_aside_meanwhile_and_restored_in_any_order() {
    let mut coroutines: Vec<_> = (1..=3).map(coroutine_amid).collect();
    coroutines.iter_mut().for_each(resume);
    amid_panics(2, &mut || {
        let panics = set_aside();
        // They go on as they like, not as the frames of one stack would.
        resume(&mut coroutines[0]);
        resume(&mut coroutines[2]);
        panics.restore();
        let panics = set_aside();
        resume(&mut coroutines[1]);
        panics.restore();
    });
    panics_count_as_usual();

    fn coroutine_amid(depth: usize) -> Coroutine<(), (), ()> {
        Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
            amid_panics(depth, &mut || {
                let panics = set_aside();
                yielder.suspend(());
                panics.restore();
            });
        })
    }

    fn resume(coroutine: &mut Coroutine<(), (), ()>) {
        coroutine.resume(());
        panics_count_as_usual();
    }
}

#[test]
fn a_thousand_coroutines_in_any_order() {
    const COROUTINES: usize = 1000;
    const SUSPENSIONS: usize = 3;

    let finished = Rc::new(Cell::new(0));
    let mut coroutines: Vec<_> = (0..COROUTINES).map(|number| coroutine_amid(number % 4, &finished)).collect();
    let mut random = 88_172_645_463_325_252_u64;
    while !coroutines.is_empty() {
        // Marsaglia's xorshift64.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let index = (random % coroutines.len() as u64) as usize;
        match coroutines[index].resume(()) {
            CoroutineResult::Yield(()) => {}
            CoroutineResult::Return(()) => drop(coroutines.swap_remove(index)),
        }
        assert!(!thread::panicking());
        if random.is_multiple_of(50) {
            panics_count_as_usual();
        }
    }
    assert_eq!(finished.get(), COROUTINES);
    panics_count_as_usual();

    /// Suspends itself several times in the midst of so many panics.
    fn coroutine_amid(depth: usize, finished: &Rc<Cell<usize>>) -> Coroutine<(), (), ()> {
        let finished = finished.clone();
        Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
            amid_panics(depth, &mut || {
                for _ in 0..SUSPENSIONS {
                    let panics = set_aside();
                    yielder.suspend(());
                    panics.restore();
                    assert_eq!(thread::panicking(), depth > 0);
                }
            });
            finished.set(finished.get() + 1);
        })
    }
}

#[test]
fn many_threads_at_once() {
    const THREADS: usize = 8;

    let start = Arc::new(Barrier::new(THREADS));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let start = start.clone();
            thread::spawn(move || {
                start.wait();
                for round in 0..100 {
                    amid_panics(1 + round % 3, &mut || {
                        let panics = set_aside();
                        panics_count_as_usual();
                        panics.restore();
                    });
                    assert!(!thread::panicking());
                }
                panics_count_as_usual();
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("counted as expected");
    }
}

#[test]
fn a_coroutine_that_is_leaked_takes_its_panics_along() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        amid_panics(2, &mut || {
            let panics = set_aside();
            yielder.suspend(());
            panics.restore();
        });
    });
    coroutine.resume(());
    std::mem::forget(coroutine);
    panics_count_as_usual();
    neighbours_see_no_panic();
}

#[test]
fn on_a_stack_with_little_room() {
    // The whole of it, what the panic itself takes included. The first time on a thread it takes more than later.
    let room = DefaultStack::new(16 << 10).expect("a stack");
    thread::spawn(|| {
        let mut coroutine = Coroutine::with_stack(room, |yielder: &Yielder<(), ()>, ()| {
            amid_panics(1, &mut || {
                let panics = set_aside();
                yielder.suspend(());
                panics.restore();
            });
        });
        coroutine.resume(());
        panics_count_as_usual();
        assert_eq!(coroutine.resume(()), CoroutineResult::Return(()));
    })
    .join()
    .expect("counted as expected");
}
