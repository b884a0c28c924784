//! The backtrace of a suspended coroutine, taken from outside: where it waits, then who asks. Nothing else is in it, and
//! the coroutine doesn't notice.

mod support;

use std::backtrace::Backtrace;
use std::cell::Cell;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::thread;

use mixio::stack::{DefaultStack, Stack, UnguardedStack};
use mixio::{Coroutine, CoroutineResult, ScopedCoroutine, Yielder, on_stack};
use support::gdb::by_gdb;
use support::{Drops, above_and_below, assert_in_order, assert_success, in_child, on_drop, page_size, panic_of};

const SIZE: usize = 1 << 20;

/// What calls a test: there a backtrace must get to, without going astray.
const HARNESS: &str = "__rust_begin_short_backtrace";

/// The frame that the coroutine's seem to have called, which an ordinary backtrace doesn't have.
const ATOP: &str = "atop_frame";

#[inline(never)]
fn innermost_wait(yielder: &Yielder<u64, u64>, value: u64) -> u64 {
    black_box(yielder.suspend(value))
}

#[inline(never)]
fn outer_wait(yielder: &Yielder<u64, u64>, value: u64) -> u64 {
    black_box(innermost_wait(yielder, value))
}

/// A coroutine that waits in there, and gives back twice what it gets.
fn doubler<S: Stack + 'static>(stack: S) -> Coroutine<u64, u64, (), S> {
    Coroutine::with_stack(stack, |yielder: &Yielder<u64, u64>, mut value| {
        while value != 0 {
            value = outer_wait(yielder, 2 * value);
        }
    })
}

/// Not in the backtrace: it has returned when that is taken.
#[inline(never)]
fn earlier_resumer<S: Stack>(coroutine: &mut Coroutine<u64, u64, (), S>, value: u64) {
    assert_eq!(black_box(coroutine.resume(value)), CoroutineResult::Yield(2 * value));
}

#[inline(never)]
fn print_stack<Input, Yield, Return, S: Stack>(coroutine: &Coroutine<Input, Yield, Return, S>) -> String {
    black_box(coroutine.backtrace()).to_string()
}

/// The names of the frames.
fn frames(text: &str) -> Vec<&str> {
    let name = |line: &'_ str| -> Option<usize> {
        let (number, _) = line.trim_start().split_once(": ")?;
        number.parse::<usize>().ok()?;
        line.find(": ").map(|at| at + 2)
    };
    text.lines().filter_map(|line| name(line).map(|at| &line[at..])).collect()
}

/// Those from the first on that has `name` in it.
fn from<'a, 'b>(frames: &'a [&'b str], name: &str) -> &'a [&'b str] {
    let at = frames.iter().position(|frame| frame.contains(name));
    &frames[at.unwrap_or_else(|| panic!("{name} is missing in {frames:#?}"))..]
}

/// Those before the first that has `name` in it.
fn up_to<'a, 'b>(frames: &'a [&'b str], name: &str) -> &'a [&'b str] {
    &frames[..frames.len() - from(frames, name).len()]
}

#[test]
fn it_has_the_coroutines_own_frames_and_the_askers_and_no_other() {
    #[inline(never)]
    fn asker_of_both(coroutine: &Coroutine<(), String, ()>) -> [String; 2] {
        black_box([coroutine.backtrace().to_string(), Backtrace::force_capture().to_string()])
    }
    #[inline(never)]
    fn look_and_wait(yielder: &Yielder<(), String>) {
        let seen_from_within = Backtrace::force_capture().to_string();
        yielder.suspend(seen_from_within);
        black_box(());
    }
    #[inline(never)]
    fn caller(yielder: &Yielder<(), String>) {
        look_and_wait(yielder);
        black_box(());
    }

    let mut coroutine = Coroutine::new(|yielder, ()| caller(yielder));
    let within = coroutine.resume(()).as_yield().unwrap();
    let [outside, ordinary] = asker_of_both(&coroutine);
    let [within, outside, ordinary] = [&within, &outside, &ordinary].map(|text| frames(text));

    assert!(!outside.is_empty() && !up_to(&outside, HARNESS).contains(&"<unknown>"), "{outside:#?}");
    // In front of the coroutine's frames is what captures it, with as much of std as that shows of itself.
    let [in_std @ .., capture] = up_to(&outside, ATOP) else { panic!("nothing captures it: {outside:#?}") };
    assert!(in_std.iter().all(|frame| frame.contains("std::backtrace")), "{outside:#?}");
    assert!(capture.ends_with("backtrace_atop::capture"), "{outside:#?}");
    let its_frames = up_to(from(&outside, "look_and_wait"), "root_frame");
    assert_eq!(its_frames, up_to(from(&within, "look_and_wait"), "root_frame"));
    assert!(its_frames.len() > 2, "{its_frames:#?}");
    let askers_frames = from(&outside, "asker_of_both");
    assert_eq!(askers_frames, from(&ordinary, "asker_of_both"));
    from(askers_frames, HARNESS);
}

#[test]
fn it_names_who_asks_and_not_who_resumed() {
    let mut coroutine = doubler(DefaultStack::default());
    for value in 1..4 {
        earlier_resumer(&mut coroutine, value);
        let text = print_stack(&coroutine);
        assert_in_order(&text, &[ATOP, "innermost_wait", "outer_wait", "root_frame", "print_stack", HARNESS]);
        assert!(!text.contains("earlier_resumer"), "{text}");
    }
}

#[test]
fn a_fresh_one_and_a_finished_one_have_the_askers_frames_only() {
    let check = |coroutine: &Coroutine<u64, u64, ()>| {
        let text = print_stack(coroutine);
        assert_in_order(&text, &["print_stack", HARNESS]);
        assert!(!text.contains(ATOP) && !text.contains("root_frame"), "{text}");
    };
    let mut coroutine = doubler(DefaultStack::default());
    check(&coroutine);
    coroutine.resume(1);
    coroutine.resume(0);
    check(&coroutine);
    let mut reset = doubler(DefaultStack::default());
    reset.resume(1);
    // SAFETY: nothing on its stack has a destructor.
    unsafe { reset.force_reset() };
    check(&reset);
    let mut unwound = doubler(DefaultStack::default());
    unwound.resume(1);
    unwound.force_unwind();
    check(&unwound);
}

#[test]
fn the_coroutine_goes_on_as_if_nobody_had_asked() {
    /// Keeps more alive over a suspension than there are registers.
    #[inline(never)]
    fn many_values(yielder: &Yielder<u64, u64>, seed: u64) -> u64 {
        let mut words: [u64; 20] = std::array::from_fn(|i| seed + i as u64);
        let mut floats: [f64; 20] = std::array::from_fn(|i| (seed + i as u64) as f64 / 2.0);
        for _ in 0..50 {
            let input = yielder.suspend(words[0]);
            for (word, float) in words.iter_mut().zip(&mut floats) {
                *word = word.wrapping_mul(31).wrapping_add(input);
                *float = *float * 1.25 + input as f64;
            }
        }
        words.iter().zip(&floats).fold(0, |sum, (word, float)| sum.rotate_left(5) ^ word ^ float.to_bits())
    }
    fn outcome(ask: bool) -> u64 {
        let mut coroutine = Coroutine::new(|yielder: &Yielder<u64, u64>, seed| many_values(yielder, seed));
        let mut input = 7;
        loop {
            match coroutine.resume(input) {
                CoroutineResult::Yield(value) => input = value ^ 5,
                CoroutineResult::Return(value) => return value,
            }
            for _ in 0..if ask { 20 } else { 0 } {
                // Captured, but not printed.
                drop(black_box(coroutine.backtrace()));
            }
        }
    }
    assert_eq!(outcome(true), outcome(false));
}

#[test]
fn of_the_coroutines_stack_nothing_is_written_but_at_its_base() {
    /// Waits some pages further down.
    #[inline(never)]
    fn wait_below(yielder: &Yielder<u64, u64>, value: u64, depth: u32) -> u64 {
        let room = black_box([value; 1024]);
        let input =
            if depth == 0 { outer_wait(yielder, value) } else { wait_below(yielder, room[depth as usize], depth - 1) };
        black_box(input)
    }
    let output = in_child("of_the_coroutines_stack_nothing_is_written_but_at_its_base", || {
        let stack = DefaultStack::new(SIZE).unwrap();
        let (limit, base) = (stack.limit().get() + stack.guard_size(), stack.base().get());
        // The control block is in the last page.
        let (from, to) = (limit.next_multiple_of(page_size()), (base - 64) & !(page_size() - 1));
        let protect = |protection| {
            // SAFETY: the pages are the stack's, and what needs to write to them runs only when it may.
            let result = unsafe { libc::mprotect(ptr::with_exposed_provenance_mut(from), to - from, protection) };
            assert_eq!(result, 0);
        };
        let mut coroutine = Coroutine::with_stack(stack, |yielder: &Yielder<u64, u64>, value| {
            let input = wait_below(yielder, value, 4);
            wait_below(yielder, input, 4)
        });
        assert_eq!(coroutine.resume(1), CoroutineResult::Yield(1));
        protect(libc::PROT_READ);
        let names = ["innermost_wait", "wait_below", "wait_below", "root_frame", "print_stack", HARNESS];
        assert_in_order(&print_stack(&coroutine), &names);
        protect(libc::PROT_READ | libc::PROT_WRITE);
        assert_eq!(coroutine.resume(2), CoroutineResult::Yield(2));
        assert_eq!(coroutine.resume(3), CoroutineResult::Return(3));
    });
    assert_success(&output);
}

#[test]
fn asked_by_a_coroutine_on_a_stack_above_and_below() {
    #[inline(never)]
    fn resumer_of_who_asks(asking: &mut Coroutine<(), String, (), UnguardedStack<'static>>) -> Option<String> {
        black_box(asking.resume(()).as_yield())
    }
    let ask = |its: UnguardedStack<'static>, askers: UnguardedStack<'static>| {
        let mut coroutine = doubler(its);
        earlier_resumer(&mut coroutine, 1);
        let mut asking = Coroutine::with_stack(askers, move |yielder: &Yielder<(), String>, ()| {
            for value in 2..4 {
                yielder.suspend(print_stack(&coroutine));
                earlier_resumer(&mut coroutine, value);
            }
        });
        while let Some(text) = resumer_of_who_asks(&mut asking) {
            let resumer = "resumer_of_who_asks";
            let names = ["innermost_wait", "outer_wait", "root_frame", "print_stack", "root_frame", resumer, HARNESS];
            assert_in_order(&text, &names);
        }
    };
    let (above, below) = above_and_below(SIZE);
    ask(above, below);
    let (above, below) = above_and_below(SIZE);
    ask(below, above);
}

#[test]
fn suspended_on_top_of_another_coroutine_and_of_a_call_on_another_stack() {
    #[inline(never)]
    fn inner_resumer(yielder: &Yielder<u64, u64>, value: u64) -> u64 {
        // The outer one's yielder, on the inner one's stack.
        ScopedCoroutine::new(|_: &Yielder<(), ()>, ()| outer_wait(yielder, value))
            .scope(|mut inner| black_box(inner.resume(()).as_return().unwrap()))
    }
    #[inline(never)]
    fn lender(yielder: &Yielder<u64, u64>, value: u64) -> u64 {
        black_box(on_stack(DefaultStack::default(), || inner_resumer(yielder, value)))
    }
    let mut coroutine = Coroutine::new(|yielder: &Yielder<u64, u64>, value| lender(yielder, value));
    assert_eq!(coroutine.resume(3), CoroutineResult::Yield(3));
    let text = print_stack(&coroutine);
    let its_frames =
        ["innermost_wait", "outer_wait", "root_frame", "inner_resumer", "call_on_stack", "lender", "root_frame"];
    assert_in_order(&text, &its_frames);
    assert_in_order(&text, &["lender", "root_frame", "print_stack", HARNESS]);
    assert!(!up_to(&frames(&text), HARNESS).contains(&"<unknown>"), "{text}");
    assert_eq!(coroutine.resume(4), CoroutineResult::Return(4));
}

#[test]
fn suspended_by_a_destructor_in_the_midst_of_a_panic() {
    #[inline(never)]
    fn panicking(yielder: &Yielder<u64, u64>) {
        let _suspends = on_drop(|| assert_eq!(outer_wait(yielder, 1), 2));
        panic!("ordinary");
    }
    let mut coroutine = Coroutine::new(|yielder: &Yielder<u64, u64>, _| {
        drop(panic_of(|| panicking(yielder)));
        0
    });
    assert_eq!(coroutine.resume(0), CoroutineResult::Yield(1));
    assert!(thread::panicking());
    let text = print_stack(&coroutine);
    assert_in_order(&text, &[ATOP, "innermost_wait", "outer_wait", "panicking", "root_frame", "print_stack", HARNESS]);
    assert_eq!(coroutine.resume(2), CoroutineResult::Return(0));
    assert!(!thread::panicking());
}

#[test]
fn asked_by_a_destructor_in_the_midst_of_a_panic() {
    let mut coroutine = doubler(DefaultStack::default());
    earlier_resumer(&mut coroutine, 1);
    let text = Cell::new(String::new());
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _asks = on_drop(|| text.set(print_stack(&coroutine)));
        panic!("ordinary");
    }));
    assert!(panicked.is_err());
    assert_in_order(&text.take(), &["innermost_wait", "outer_wait", "root_frame", "print_stack", HARNESS]);
    earlier_resumer(&mut coroutine, 2);
}

#[test]
fn it_can_be_thrown_into_and_dropped_afterwards() {
    let drops = Drops::new();
    let make = || {
        let counted = drops.counted();
        let mut coroutine = Coroutine::with_stack(drops.stack(), move |yielder: &Yielder<u64, u64>, value| {
            let _counted = counted;
            outer_wait(yielder, value)
        });
        assert_eq!(coroutine.resume(1), CoroutineResult::Yield(1));
        assert_in_order(&print_stack(&coroutine), &["innermost_wait", "root_frame", "print_stack", HARNESS]);
        coroutine
    };
    let mut thrown = make();
    let payload = panic_of(|| thrown.throw(Box::new("thrown")));
    assert_eq!(payload.downcast_ref(), Some(&"thrown"));
    assert_eq!(drops.count(), 1);
    drop(thrown);
    assert_eq!(drops.count(), 2);
    drop(make());
    assert_eq!(drops.count(), 4);
}

#[test]
fn a_scoped_one_has_a_backtrace_too() {
    let mut value = 1;
    let text = ScopedCoroutine::new(|yielder: &Yielder<u64, u64>, input| value = outer_wait(yielder, input)).scope(
        |mut coroutine| {
            assert_eq!(coroutine.resume(5), CoroutineResult::Yield(5));
            let text = coroutine.backtrace().to_string();
            assert_eq!(coroutine.resume(6), CoroutineResult::Return(()));
            text
        },
    );
    assert_in_order(&text, &[ATOP, "innermost_wait", "outer_wait", "root_frame", HARNESS]);
    assert_eq!(value, 6);
}

/// What gdb prints in the midst of a capture.
fn while_gdb_looks(test: &str, stacks: impl FnOnce() -> (UnguardedStack<'static>, UnguardedStack<'static>)) -> String {
    by_gdb("_Unwind_Backtrace", test, || {
        let (its, askers) = stacks();
        let mut coroutine = doubler(its);
        earlier_resumer(&mut coroutine, 1);
        let mut asking = Coroutine::with_stack(askers, move |_: &Yielder<(), ()>, ()| drop(print_stack(&coroutine)));
        asking.resume(());
    })
}

/// Whom gdb must name: of signal frames it doesn't give the name.
const SEEN_BY_GDB: [&str; 8] = {
    const SWITCH: &str = "<signal handler called>";
    ["capture", SWITCH, "innermost_wait", "outer_wait", SWITCH, "print_stack", SWITCH, HARNESS]
};

#[test]
fn gdb_goes_from_a_stack_below_the_askers_to_the_asker() {
    let text = while_gdb_looks("gdb_goes_from_a_stack_below_the_askers_to_the_asker", || {
        let (above, below) = above_and_below(SIZE);
        (below, above)
    });
    assert_in_order(&text, &SEEN_BY_GDB);
}

#[test]
fn gdb_goes_from_a_stack_above_the_askers_to_the_asker() {
    let text = while_gdb_looks("gdb_goes_from_a_stack_above_the_askers_to_the_asker", || above_and_below(SIZE));
    assert_in_order(&text, &SEEN_BY_GDB);
}
