//! Backtraces reach the resumer, whatever takes them and wherever the stacks lie: std, the crate `backtrace`, a debugger,
//! a walk over frame pointers.

mod support;

use std::arch::naked_asm;
use std::backtrace::Backtrace;
use std::env;
use std::ffi::c_void;
use std::hint::black_box;
use std::ptr;
use std::thread;

use mixio::stack::{DefaultStack, Stack};
use mixio::{Coroutine, CoroutineResult, Yielder, on_stack};
use support::gdb::by_gdb;
use support::{above_and_below, assert_in_order, message_of, on_drop};

const SIZE: usize = 1 << 20;

#[inline(never)]
fn leaf_function<T>(look: fn() -> T) -> T {
    black_box(look())
}

#[inline(never)]
fn middle_resumer<T: 'static>(stack: impl Stack + 'static, look: fn() -> T) -> T {
    let mut inner = Coroutine::<(), (), T, _>::with_stack(stack, move |_, ()| leaf_function(look));
    black_box(inner.resume(()).as_return().unwrap())
}

#[inline(never)]
fn outermost_resumer<T: 'static>(outer: impl Stack + 'static, inner: impl Stack + 'static, look: fn() -> T) -> T {
    let mut outer = Coroutine::with_stack(outer, move |yielder: &Yielder<(), ()>, ()| {
        // What the second resumption leaves on the resumer's stack is other code than the first.
        yielder.suspend(());
        middle_resumer(inner, look)
    });
    assert!(outer.resume(()).as_yield().is_some());
    black_box(outer.resume(()).as_return().unwrap())
}

/// What calls a test: there a backtrace must get to, without going astray.
const HARNESS: &str = "__rust_begin_short_backtrace";

/// Whom a backtrace must name, from the inside out, the test's caller at last.
const NAMES: [&str; 4] = ["leaf_function", "middle_resumer", "outermost_resumer", HARNESS];

fn by_std() -> String {
    Backtrace::force_capture().to_string()
}

fn by_the_crate() -> String {
    format!("{:?}", backtrace::Backtrace::new())
}

#[test]
fn std_names_the_resumers() {
    let text = outermost_resumer(DefaultStack::default(), DefaultStack::default(), by_std);
    assert_in_order(&text, &NAMES);
}

#[test]
fn std_names_the_resumers_of_a_stack_above_its_parent() {
    let (above, below) = above_and_below(SIZE);
    let text = outermost_resumer(below, above, by_std);
    assert_in_order(&text, &NAMES);
}

#[test]
fn std_names_the_resumers_of_a_stack_below_its_parent() {
    let (above, below) = above_and_below(SIZE);
    let text = outermost_resumer(above, below, by_std);
    assert_in_order(&text, &NAMES);
}

#[test]
fn the_crate_names_the_resumers() {
    let text = outermost_resumer(DefaultStack::default(), DefaultStack::default(), by_the_crate);
    assert_in_order(&text, &NAMES);
    let (above, below) = above_and_below(SIZE);
    assert_in_order(&outermost_resumer(below, above, by_the_crate), &NAMES);
    let (above, below) = above_and_below(SIZE);
    assert_in_order(&outermost_resumer(above, below, by_the_crate), &NAMES);
}

#[test]
fn a_backtrace_ends_where_the_thread_begins() {
    // It isn't cut off after the names, and doesn't go in circles.
    fn count() -> usize {
        backtrace::Backtrace::new_unresolved().frames().len()
    }
    let outside = leaf_function(count);
    let inside = outermost_resumer(DefaultStack::default(), DefaultStack::default(), count);
    assert!(outside + 4 < inside && inside < outside + 100, "{outside} frames outside, {inside} inside");
}

#[test]
fn panics_cross_a_stack_above_and_a_stack_below() {
    fn fail() -> u32 {
        panic!("from the leaf")
    }
    let (above, below) = above_and_below(SIZE);
    assert_eq!(message_of(|| outermost_resumer(above, below, fail)), "from the leaf");
    let (above, below) = above_and_below(SIZE);
    assert_eq!(message_of(|| outermost_resumer(below, above, fail)), "from the leaf");
    assert!(!thread::panicking());
}

#[inline(never)]
fn lender<T: Send + 'static>(look: fn() -> T) -> T {
    let value = on_stack(DefaultStack::default(), || {
        let mut coroutine =
            Coroutine::new(move |yielder: &Yielder<(), ()>, ()| yielder.on_parent_stack(|| leaf_function(look)));
        coroutine.resume(()).as_return().unwrap()
    });
    black_box(value)
}

#[test]
fn backtraces_go_through_calls_on_other_stacks() {
    let names = ["leaf_function", "call_on_stack", "root_frame", "call_on_stack", "lender", HARNESS];
    assert_in_order(&lender(by_std), &names);
    assert_in_order(&lender(by_the_crate), &names);
}

#[test]
fn a_backtrace_of_a_destructor_while_it_unwinds() {
    // Taken in the midst of unwinding, in code that a landing pad called.
    let (above, below) = above_and_below(SIZE);
    let backtrace = std::rc::Rc::new(std::cell::RefCell::new(String::new()));
    let inside = backtrace.clone();
    let mut outer = Coroutine::with_stack(above, move |_: &Yielder<(), ()>, ()| {
        let mut inner = Coroutine::with_stack(below, move |yielder: &Yielder<(), ()>, ()| {
            let _on_drop = on_drop(|| *inside.borrow_mut() = leaf_function(by_std));
            yielder.suspend(());
        });
        inner.resume(());
        dropper(inner);
    });
    assert_eq!(outer.resume(()), CoroutineResult::Return(()));
    assert_in_order(&backtrace.borrow(), &["leaf_function", "root_frame", "dropper", "root_frame", HARNESS]);
}

#[inline(never)]
fn dropper<T>(value: T) {
    drop(value);
    black_box(());
}

/// The frame pointer of the function that calls this.
#[unsafe(naked)]
extern "C" fn frame_pointer() -> usize {
    #[cfg(target_arch = "x86_64")]
    naked_asm!("mov rax, rbp", "ret");
    #[cfg(target_arch = "aarch64")]
    naked_asm!("mov x0, x29", "ret");
}

/// Two words: the caller's frame record, and the address that the function returns to.
type FrameRecord = [usize; 2];

/// Reads a frame record.
///
/// # Safety
///
/// There is one.
unsafe fn frame_record(address: usize) -> FrameRecord {
    // SAFETY: the caller knows.
    unsafe { ptr::with_exposed_provenance::<FrameRecord>(address).read() }
}

/// Whether this program was compiled with frame pointers.
#[inline(never)]
fn has_frame_pointers() -> bool {
    #[inline(never)]
    fn callee() -> usize {
        black_box(frame_pointer())
    }
    let local = 0u8;
    let here = ptr::from_ref(black_box(&local)).expose_provenance();
    let (mine, its) = (frame_pointer(), callee());
    // Without them there is anything at all in the register.
    let close = |address: usize| address.is_multiple_of(8) && address.abs_diff(here) < 4096;
    // SAFETY: it is on this stack.
    close(mine) && close(its) && its < mine && unsafe { frame_record(its) }[0] == mine
}

/// The names of the functions that an address is in, those inlined there first.
fn names_at(address: usize) -> String {
    let mut names = String::new();
    // Return addresses: the call lies before them.
    backtrace::resolve(ptr::without_provenance_mut::<c_void>(address - 1), |symbol| {
        names += &format!("{}\n", symbol.name().expect("a symbol has a name"));
    });
    names
}

#[test]
#[cfg_attr(mixio_sanitizer = "address", ignore = "the sanitizer keeps locals elsewhere than on the stack")]
fn the_control_block_is_a_frame_record() {
    // What any walk over frame pointers meets at the root of a coroutine, in any build: first the control block, which
    // is where the yielder is, then a record on the resumer's stack.
    #[inline(never)]
    fn look(control: usize) -> [FrameRecord; 2] {
        // SAFETY: the coroutine runs, so it is one.
        let root = unsafe { frame_record(control) };
        // SAFETY: so is what it leads to.
        [root, unsafe { frame_record(root[0]) }]
    }
    #[inline(never)]
    fn resumer(coroutine: &mut Coroutine<(), [FrameRecord; 2], (), DefaultStack>) -> [FrameRecord; 2] {
        black_box(coroutine.resume(()).as_yield().unwrap())
    }
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), _>, ()| {
        loop {
            yielder.suspend(look(ptr::from_ref(yielder).expose_provenance()));
        }
    });
    // Fresh, and twice resumed where it was suspended.
    for _ in 0..3 {
        let local = 0u8;
        let here = ptr::from_ref(black_box(&local)).addr();
        let [root, record] = resumer(&mut coroutine);
        assert!(names_at(root[1]).contains("root_frame"), "{}", names_at(root[1]));
        assert!(root[0] < here && here - root[0] < 4096, "{:#x} is not just below {here:#x}", root[0]);
        let names = names_at(record[1]);
        assert!(names.contains("resume"), "{names}");
        if has_frame_pointers() {
            assert!(record[0] > root[0] && record[0] - root[0] < 8192, "{record:x?} at {:#x}", root[0]);
        }
    }
}

#[test]
fn a_walk_over_frame_pointers_names_the_resumers() {
    #[inline(never)]
    fn walk() -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let mut address = frame_pointer();
        // Not to its end: the C library, at the root of the thread, may have none.
        let mut at_its_end = false;
        while !at_its_end {
            assert!(address != 0 && names.len() < 50, "it has lost its way: {names:?}");
            // SAFETY: up to there each function has one.
            let record = unsafe { frame_record(address) };
            names.push(names_at(record[1]));
            let is_in = |function| names.last().is_some_and(|names| names.contains(function));
            at_its_end = !is_in("closure") && (is_in("outermost_resumer") || is_in("lender"));
            address = record[0];
        }
        names
    }

    if !has_frame_pointers() {
        // Elsewhere only std has them, and `the_control_block_is_a_frame_record` is all that can be tested.
        let demanded = env::var_os("MIXIO_FRAME_POINTERS").is_some();
        assert!(!demanded, "MIXIO_FRAME_POINTERS is set, but RUSTFLAGS was without -Cforce-frame-pointers=yes");
        return;
    }
    let (above, below) = above_and_below(SIZE);
    let walks = [
        outermost_resumer(DefaultStack::default(), DefaultStack::default(), walk),
        outermost_resumer(above, below, walk),
        lender(walk),
    ];
    assert_in_order(&walks[0].concat(), &NAMES[..3]);
    assert_in_order(&walks[1].concat(), &NAMES[..3]);
    assert_in_order(&walks[2].concat(), &["leaf_function", "call_on_stack", "root_frame", "call_on_stack", "lender"]);
}

/// Where gdb is to stop.
const BREAKPOINT: &str = "mixio_test_breakpoint";

#[inline(never)]
#[unsafe(no_mangle)]
fn mixio_test_breakpoint() {
    black_box(());
}

#[test]
fn gdb_names_the_resumers() {
    let text = by_gdb(BREAKPOINT, "gdb_names_the_resumers", || {
        outermost_resumer(DefaultStack::default(), DefaultStack::default(), mixio_test_breakpoint);
    });
    assert_in_order(&text, &NAMES);
}

#[test]
fn gdb_names_the_resumers_of_a_stack_above_its_parent() {
    let text = by_gdb(BREAKPOINT, "gdb_names_the_resumers_of_a_stack_above_its_parent", || {
        let (above, below) = above_and_below(SIZE);
        outermost_resumer(below, above, mixio_test_breakpoint);
    });
    assert_in_order(&text, &NAMES);
}

#[test]
fn gdb_names_the_resumers_of_a_stack_below_its_parent() {
    let text = by_gdb(BREAKPOINT, "gdb_names_the_resumers_of_a_stack_below_its_parent", || {
        let (above, below) = above_and_below(SIZE);
        outermost_resumer(above, below, mixio_test_breakpoint);
    });
    assert_in_order(&text, &NAMES);
}

#[test]
fn gdb_goes_through_calls_on_other_stacks() {
    let text = by_gdb(BREAKPOINT, "gdb_goes_through_calls_on_other_stacks", || lender(mixio_test_breakpoint));
    // Of signal frames gdb doesn't give the name.
    let switch = "<signal handler called>";
    assert_in_order(&text, &["leaf_function", switch, "enter", switch, switch, "lender", HARNESS]);
}
