//! What a walk over frame pointers meets atop a suspended coroutine. Not in `tests/`, since only here can code of our own be
//! called there.

use core::arch::naked_asm;
use core::ffi::c_void;
use std::env;
use std::hint::black_box;

use crate::arch;
use crate::{Coroutine, Yielder};

/// Two words: the caller's frame record, and the address that the function returns to.
type FrameRecord = [usize; 2];

/// Reads a frame record.
///
/// # Safety
///
/// There is one.
unsafe fn frame_record(address: usize) -> FrameRecord {
    // SAFETY: the caller knows.
    unsafe { core::ptr::with_exposed_provenance::<FrameRecord>(address).read() }
}

/// The names of the functions that this returns to, those inlined there first.
fn names_at(return_address: usize) -> String {
    let mut names = String::new();
    backtrace::resolve(core::ptr::without_provenance_mut(return_address - 1), |symbol| {
        names += &format!("{}\n", symbol.name().expect("a symbol has a name"));
    });
    names
}

/// What is known before the walk, and what it finds.
struct Walk {
    control: usize,
    /// Whether this program has frame pointers: if not then only the records that we make can be followed.
    to_its_end: bool,
    names: Vec<String>,
}

/// Calls `walk` with the frame pointer of whoever calls this.
#[unsafe(naked)]
unsafe extern "C" fn walk_from_caller(argument: *mut c_void) {
    #[cfg(target_arch = "x86_64")]
    naked_asm!("mov rsi, rbp", "jmp {}", sym walk);
    #[cfg(target_arch = "aarch64")]
    naked_asm!("hint #34", "mov x1, x29", "b {}", sym walk);
}

unsafe extern "C" fn walk(argument: *mut c_void, mut address: usize) {
    // SAFETY: `walker` passes its own, and waits.
    let walk = unsafe { &mut *argument.cast::<Walk>() };
    if walk.to_its_end {
        while !walk.names.last().is_some_and(|names| names.contains("walker")) {
            assert!(address != 0 && walk.names.len() < 50, "it has lost its way: {:?}", walk.names);
            // SAFETY: up to there each function has one.
            let record = unsafe { frame_record(address) };
            walk.names.push(names_at(record[1]));
            address = record[0];
        }
    } else {
        // SAFETY: it is the one that `atop_frame` has made.
        walk.names.push(names_at(unsafe { frame_record(address) }[1]));
        // SAFETY: the control block is one, for as long as something is called atop the coroutine.
        let root = unsafe { frame_record(walk.control) };
        walk.names.push(names_at(root[1]));
        // SAFETY: and so is what it leads to.
        walk.names.push(names_at(unsafe { frame_record(root[0]) }[1]));
    }
}

#[inline(never)]
fn wait_here(yielder: &Yielder<(), ()>) {
    yielder.suspend(());
    black_box(());
}

#[inline(never)]
fn first_resumer(coroutine: &mut Coroutine<(), (), ()>) {
    coroutine.resume(());
    black_box(());
}

/// Walks from atop the coroutine to this function.
#[inline(never)]
fn walker(coroutine: &Coroutine<(), (), ()>, to_its_end: bool) -> String {
    let (sp, address, control) = coroutine.suspended_at().expect("it is suspended");
    let mut walk = Walk { control: control.expose_provenance().get(), to_its_end, names: Vec::new() };
    // SAFETY: that is where it is suspended, and stays so; `walk` takes this argument, and what it asserts holds or else
    // ends the process.
    unsafe { arch::call_atop(sp, address, control, walk_from_caller, (&raw mut walk).cast()) };
    black_box(walk.names.concat())
}

#[test]
fn frame_pointers_lead_from_the_coroutine_to_whoever_asks() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        loop {
            wait_here(yielder);
        }
    });
    for _ in 0..3 {
        first_resumer(&mut coroutine);
        // ci/test sets it where it compiles with frame pointers.
        let names = walker(&coroutine, env::var_os("MIXIO_FRAME_POINTERS").is_some());
        // Without frame pointers it is the last to be known; the optimizer may inline it.
        let last = if names.contains("call_atop") { "call_atop" } else { "walker" };
        let mut rest = &*names;
        for name in ["wait_here", "root_frame", last] {
            let at = rest.find(name).unwrap_or_else(|| panic!("{name} is missing, or out of order, in:\n{names}"));
            rest = &rest[at + name.len()..];
        }
        assert!(!names.contains("first_resumer"), "{names}");
    }
}
