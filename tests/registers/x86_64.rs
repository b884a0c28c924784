//! x86-64, System V: rbx, rbp, r12 to r15 belong to the caller.

use std::arch::naked_asm;
use std::arch::x86_64::{__m128d, _mm_add_pd, _mm_set_pd, _mm_storeu_pd};
use std::ffi::c_void;
use std::hint::black_box;

/// How many registers [`changed_registers`] looks at.
pub(crate) const REGISTERS: u64 = 6;

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
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        // call, argument, rounds left, seed, changed: 40 bytes make 16-byte alignment of the six and the return address.
        "sub rsp, 40",
        "mov [rsp], rdi",
        "mov [rsp + 8], rsi",
        "mov [rsp + 16], rdx",
        "mov [rsp + 24], rcx",
        "mov qword ptr [rsp + 32], 0",
        "2:",
        "cmp qword ptr [rsp + 16], 0",
        "je 3f",
        "dec qword ptr [rsp + 16]",
        // A new pattern each round.
        "mov rax, [rsp + 24]",
        "add rax, [rsp + 16]",
        "lea rbx, [rax + 1]",
        "lea rbp, [rax + 2]",
        "lea r12, [rax + 3]",
        "lea r13, [rax + 4]",
        "lea r14, [rax + 5]",
        "lea r15, [rax + 6]",
        "mov rdi, [rsp + 8]",
        "call [rsp]",
        "mov rax, [rsp + 24]",
        "add rax, [rsp + 16]",
        "xor ecx, ecx",
        "lea rdx, [rax + 1]",
        "cmp rbx, rdx",
        "setne cl",
        "add [rsp + 32], rcx",
        "lea rdx, [rax + 2]",
        "cmp rbp, rdx",
        "setne cl",
        "add [rsp + 32], rcx",
        "lea rdx, [rax + 3]",
        "cmp r12, rdx",
        "setne cl",
        "add [rsp + 32], rcx",
        "lea rdx, [rax + 4]",
        "cmp r13, rdx",
        "setne cl",
        "add [rsp + 32], rcx",
        "lea rdx, [rax + 5]",
        "cmp r14, rdx",
        "setne cl",
        "add [rsp + 32], rcx",
        "lea rdx, [rax + 6]",
        "cmp r15, rdx",
        "setne cl",
        "add [rsp + 32], rcx",
        "jmp 2b",
        "3:",
        "mov rax, [rsp + 32]",
        "add rsp, 40",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
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
        "mov rdi, [rdi]",
        "lea rax, [rip + 2f]",
        // Each of the entries is 5 bytes long.
        "lea rdi, [rdi + 4*rdi]",
        "add rax, rdi",
        "jmp rax",
        "2:",
        // 48 ff /0 modrm (or 49): inc, 3 bytes; ret and nop make 5.
        "inc rbx",
        "ret",
        "nop",
        "inc rbp",
        "ret",
        "nop",
        "inc r12",
        "ret",
        "nop",
        "inc r13",
        "ret",
        "nop",
        "inc r14",
        "ret",
        "nop",
        "inc r15",
        "ret",
        "nop",
    )
}

/// A vector of two numbers.
pub(crate) type Vector = __m128d;

pub(crate) fn vector(a: f64, b: f64) -> Vector {
    // SAFETY: every x86-64 has SSE2.
    unsafe { _mm_set_pd(b, a) }
}

pub(crate) fn add(a: Vector, b: Vector) -> Vector {
    // SAFETY: as above.
    unsafe { _mm_add_pd(a, b) }
}

pub(crate) fn lanes(vector: Vector) -> [f64; 2] {
    let mut lanes = [0.0; 2];
    // SAFETY: there is room for two.
    unsafe { _mm_storeu_pd(lanes.as_mut_ptr(), vector) };
    lanes
}

/// Whether sums in the widest vectors of this processor survive many calls of `switch`.
pub(crate) fn keep_widest(seed: i64, switch: impl FnMut()) -> bool {
    if is_x86_feature_detected!("avx2") {
        // SAFETY: it has it.
        unsafe { keep_avx2(seed, switch) }
    } else {
        keep(seed, switch)
    }
}

#[target_feature(enable = "avx2")]
fn keep_avx2(seed: i64, switch: impl FnMut()) -> bool {
    keep(seed, switch)
}

/// Inlined, to be compiled with the vectors of its caller.
#[inline(always)]
fn keep(seed: i64, mut switch: impl FnMut()) -> bool {
    const ROUNDS: i64 = 100_000;
    let mut sums = [[0i64; 4]; 14];
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
        *sum == [expected; 4]
    })
}
