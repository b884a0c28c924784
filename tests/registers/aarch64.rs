//! AArch64 (AAPCS64): x19 to x29 and d8 to d15 belong to the caller.

use std::arch::aarch64::{float64x2_t, vaddq_f64, vld1q_f64, vst1q_f64};
use std::arch::naked_asm;
use std::ffi::c_void;
use std::hint::black_box;

/// How many registers [`changed_registers`] looks at.
pub(crate) const REGISTERS: u64 = 19;

/// Calls `call(argument)` `rounds` times with patterns in all callee-saved registers, and counts those that it changed.
///
/// # Safety
///
/// `call` may be called with `argument`, and doesn't unwind.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn changed_registers(
    call: unsafe extern "C" fn(*mut c_void),
    argument: *mut c_void,
    rounds: u64,
    seed: u64,
) -> u64 {
    naked_asm!(
        "stp x29, x30, [sp, #-160]!",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        "stp d8, d9, [sp, #96]",
        "stp d10, d11, [sp, #112]",
        "stp d12, d13, [sp, #128]",
        "stp d14, d15, [sp, #144]",
        // call, argument, rounds left, seed, changed.
        "sub sp, sp, #48",
        "stp x0, x1, [sp]",
        "stp x2, x3, [sp, #16]",
        "str xzr, [sp, #32]",
        "2:",
        "ldp x9, x10, [sp, #16]",
        "cbz x9, 3f",
        "sub x9, x9, #1",
        "str x9, [sp, #16]",
        // A new pattern each round.
        "add x9, x9, x10",
        "add x19, x9, #1",
        "add x20, x9, #2",
        "add x21, x9, #3",
        "add x22, x9, #4",
        "add x23, x9, #5",
        "add x24, x9, #6",
        "add x25, x9, #7",
        "add x26, x9, #8",
        "add x27, x9, #9",
        "add x28, x9, #10",
        "add x29, x9, #11",
        "add x10, x9, #12",
        "fmov d8, x10",
        "add x10, x9, #13",
        "fmov d9, x10",
        "add x10, x9, #14",
        "fmov d10, x10",
        "add x10, x9, #15",
        "fmov d11, x10",
        "add x10, x9, #16",
        "fmov d12, x10",
        "add x10, x9, #17",
        "fmov d13, x10",
        "add x10, x9, #18",
        "fmov d14, x10",
        "add x10, x9, #19",
        "fmov d15, x10",
        "ldp x8, x0, [sp]",
        "blr x8",
        "ldp x9, x10, [sp, #16]",
        "add x9, x9, x10",
        // x11 counts.
        "ldr x11, [sp, #32]",
        "add x10, x9, #1",
        "cmp x19, x10",
        "cinc x11, x11, ne",
        "add x10, x9, #2",
        "cmp x20, x10",
        "cinc x11, x11, ne",
        "add x10, x9, #3",
        "cmp x21, x10",
        "cinc x11, x11, ne",
        "add x10, x9, #4",
        "cmp x22, x10",
        "cinc x11, x11, ne",
        "add x10, x9, #5",
        "cmp x23, x10",
        "cinc x11, x11, ne",
        "add x10, x9, #6",
        "cmp x24, x10",
        "cinc x11, x11, ne",
        "add x10, x9, #7",
        "cmp x25, x10",
        "cinc x11, x11, ne",
        "add x10, x9, #8",
        "cmp x26, x10",
        "cinc x11, x11, ne",
        "add x10, x9, #9",
        "cmp x27, x10",
        "cinc x11, x11, ne",
        "add x10, x9, #10",
        "cmp x28, x10",
        "cinc x11, x11, ne",
        "add x10, x9, #11",
        "cmp x29, x10",
        "cinc x11, x11, ne",
        "add x10, x9, #12",
        "fmov x12, d8",
        "cmp x12, x10",
        "cinc x11, x11, ne",
        "add x10, x9, #13",
        "fmov x12, d9",
        "cmp x12, x10",
        "cinc x11, x11, ne",
        "add x10, x9, #14",
        "fmov x12, d10",
        "cmp x12, x10",
        "cinc x11, x11, ne",
        "add x10, x9, #15",
        "fmov x12, d11",
        "cmp x12, x10",
        "cinc x11, x11, ne",
        "add x10, x9, #16",
        "fmov x12, d12",
        "cmp x12, x10",
        "cinc x11, x11, ne",
        "add x10, x9, #17",
        "fmov x12, d13",
        "cmp x12, x10",
        "cinc x11, x11, ne",
        "add x10, x9, #18",
        "fmov x12, d14",
        "cmp x12, x10",
        "cinc x11, x11, ne",
        "add x10, x9, #19",
        "fmov x12, d15",
        "cmp x12, x10",
        "cinc x11, x11, ne",
        "str x11, [sp, #32]",
        "b 2b",
        "3:",
        "ldr x0, [sp, #32]",
        "add sp, sp, #48",
        "ldp d14, d15, [sp, #144]",
        "ldp d12, d13, [sp, #128]",
        "ldp d10, d11, [sp, #112]",
        "ldp d8, d9, [sp, #96]",
        "ldp x27, x28, [sp, #80]",
        "ldp x25, x26, [sp, #64]",
        "ldp x23, x24, [sp, #48]",
        "ldp x21, x22, [sp, #32]",
        "ldp x19, x20, [sp, #16]",
        "ldp x29, x30, [sp], #160",
        "ret",
    )
}

/// Breaks the rules: changes the register of the given number, counted from zero.
///
/// # Safety
///
/// `number` leads to a `u64`. Only [`changed_registers`] may call it.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn spoil(number: *mut c_void) {
    naked_asm!(
        "ldr x0, [x0]",
        "adr x9, 2f",
        // Each of the entries is 8 bytes long.
        "add x9, x9, x0, lsl #3",
        "movi d0, #0",
        "br x9",
        "2:",
        "mvn x19, x19",
        "ret",
        "mvn x20, x20",
        "ret",
        "mvn x21, x21",
        "ret",
        "mvn x22, x22",
        "ret",
        "mvn x23, x23",
        "ret",
        "mvn x24, x24",
        "ret",
        "mvn x25, x25",
        "ret",
        "mvn x26, x26",
        "ret",
        "mvn x27, x27",
        "ret",
        "mvn x28, x28",
        "ret",
        "mvn x29, x29",
        "ret",
        "fmov d8, d0",
        "ret",
        "fmov d9, d0",
        "ret",
        "fmov d10, d0",
        "ret",
        "fmov d11, d0",
        "ret",
        "fmov d12, d0",
        "ret",
        "fmov d13, d0",
        "ret",
        "fmov d14, d0",
        "ret",
        "fmov d15, d0",
        "ret",
    )
}

/// A vector of two numbers.
pub(crate) type Vector = float64x2_t;

pub(crate) fn vector(a: f64, b: f64) -> Vector {
    let lanes = [a, b];
    // SAFETY: there are two.
    unsafe { vld1q_f64(lanes.as_ptr()) }
}

pub(crate) fn add(a: Vector, b: Vector) -> Vector {
    // SAFETY: every AArch64 that std runs on has NEON.
    unsafe { vaddq_f64(a, b) }
}

pub(crate) fn lanes(vector: Vector) -> [f64; 2] {
    let mut lanes = [0.0; 2];
    // SAFETY: there is room for two.
    unsafe { vst1q_f64(lanes.as_mut_ptr(), vector) };
    lanes
}

/// Whether sums in vectors survive many calls of `switch`: of 128 bits, of which a callee saves only the lower half.
pub(crate) fn keep_widest(seed: i64, mut switch: impl FnMut()) -> bool {
    const ROUNDS: i64 = 100_000;
    let mut sums = [[0i64; 2]; 30];
    for round in 0..ROUNDS {
        switch();
        let step = black_box(seed + round);
        for (number, sum) in sums.iter_mut().enumerate() {
            for lane in sum {
                *lane += step ^ number as i64;
            }
        }
    }
    sums.iter().enumerate().all(|(number, sum)| {
        let expected: i64 = (0..ROUNDS).map(|round| (seed + round) ^ number as i64).sum();
        *sum == [expected; 2]
    })
}
