//! AArch64 (AAPCS64): stack switching for ELF and Mach-O.
//!
//! The contract is in `README.md` beside this file. Addresses grow upwards in the pictures; a stack grows down.
//!
//! ## Suspended
//!
//! ```text
//!            base -> +-----------------------+
//!                    | (not for assembly)    |  }
//!                    | root: return address  |  } Control
//!         control -> | (resumer: stale)      |  }
//!                    +-----------------------+
//!                    |  the closure          |
//!                    ~  frames of the user   ~
//!                    |  the suspending one   |
//!                    +-----------------------+
//!                    | x29                   |
//!              sp -> | x19                   |
//!                    +-----------------------+
//! ```
//!
//! `sp`, and the address to resume at, are kept by whoever resumes: they came out in registers and go in again in them.
//!
//! ## Running
//!
//! ```text
//!     the resumer's stack                     the coroutine's
//!                                             base -> +-----------------------+
//!     |                         |                     | (not for assembly)    |
//!     ~  frames of the resumer  ~                     | root: return address  |  } a frame
//!     +-------------------------+          control -> | resumer --------------+--+ record
//!     | (padding)               |                     +-----------------------+  |
//!     | x19                     |                     ~  frames, the first    ~  |
//!     | return address          |  } a frame          |  with x29 = control   |  |
//!     | x29                     |  } record           |                       |  |
//!     +-------------------------+ <-------------------+-----------------------+--+
//! ```
//!
//! `control` is itself a frame record, (`resumer`, `root`): a walk over frame pointers goes from the coroutine's first
//! frame through `control` to the record on the resumer's stack. For a walk by DWARF, `root_frame` says the same in
//! call frame information.
//!
//! ## Fresh
//!
//! ```text
//!            base -> +-----------------------+
//!                    | (not for assembly)    |
//!                    | root: null            |
//!         control -> | resumer: null         |
//!                    +-----------------------+
//!                    ~  the closure, aligned ~
//!                    +-----------------------+
//!                    | (padding)             |  }
//!                    | (not for assembly)    |  } Fresh
//!                    | closure               |  }
//!              sp -> | entry                 |  }
//!                    +-----------------------+
//! ```
//!
//! ## Suspended, and called atop
//!
//! ```text
//!     the caller's stack                      the coroutine's
//!                                             base -> +-----------------------+
//!     |                         |                     | (not for assembly)    |
//!     ~  frames of the caller   ~                     | root: return address  |  } a frame
//!     +-------------------------+          control -> | resumer --------------+--+ record
//!     | (padding)               |                     +-----------------------+  |
//!     | x19                     |                     ~  frames of the user   ~  |
//!     | return address          |  } a frame          |  the suspending one   |  |
//!     | x29                     |  } record           +-----------------------+  |
//!     +-------------------------+ <------------+      | x29                   |  |
//!     | (padding)               |              |sp -> | x19                   |  |
//!     | sp                      |              |      +-----------------------+  |
//!     | address to resume at    |  } a frame   +---------------------------------+
//!     | the coroutine's x29     |  } record
//!     +-------------------------+ <- x29
//!     ~  the function's frames  ~
//! ```
//!
//! The function runs on its caller's stack; of the coroutine's nothing is written but `resumer`. What unwinders take for
//! the function's caller is the coroutine where it is suspended: the lower record says so to a walk over frame pointers,
//! `atop_frame` to one by DWARF. From the coroutine's root they go on, as ever, by `root_frame` and the upper record, and so
//! in the true caller.
//!
//! ## Registers at each switch
//!
//! | register | into the coroutine | out of it |
//! | --- | --- | --- |
//! | x0 | the word | the word |
//! | x1 | the coroutine's stack pointer | `Status`: the coroutine's stack pointer when it suspends itself |
//! | x2 | what to throw, or null | - |
//! | x3 | the address to resume at | the same |
//! | x4 | control | - |
//! | x30 | where to return to in the resumer | the same, for `ret` |
//! | x19, x29 | saved by hand: LLVM does not take them as clobbers | |
//! | d8 to d15 | callee-saved, so declared as clobbers: the compiler spills the live ones | |
//! | x18 | the platform's where it is reserved, else clobbered: `clobber_abi` knows | |
//! | all others | clobbered: the compiler spills what is live, and only that | |
//!
//! Each address that is called indirectly is a BTI landing pad (`hint #34` is `bti c`; older processors skip it).
//! Return addresses are not signed. FPCR is neither saved nor restored, as with any function call.

use core::arch::{asm, naked_asm};
use core::ffi::c_void;
use core::mem::size_of;
use core::ptr::NonNull;

use super::{Address, Control, DropClosure, Entry, Status, Word};

/// Stacks are aligned to this many bytes whenever the stack pointer is used: the processor checks it.
pub(crate) const STACK_ALIGNMENT: usize = 16;

/// What the top of a fresh coroutine's stack looks like to [`root_frame`], which takes it off. Its address is the
/// coroutine's first stack pointer.
#[repr(C)]
pub(crate) struct Fresh {
    entry: Entry,
    pub(super) closure: *mut c_void,
    // The assembly has no use for this one.
    pub(super) drop_closure: DropClosure,
    padding: usize,
}

const _: () = assert!(size_of::<Fresh>() == 32);

impl Fresh {
    /// A coroutine that will enter `entry` with `closure`.
    #[inline(always)]
    pub(crate) fn new(entry: Entry, closure: *mut c_void, drop_closure: DropClosure) -> Self {
        Fresh { entry, closure, drop_closure, padding: 0 }
    }
}

/// An ordinary function, for the sake of the others. A sanitizer brings one that has no unwind information; beside it, and
/// naked ones, LLVM would find none that needs any, and put theirs where only debuggers look.
#[cfg(any(mixio_sanitizer = "address", mixio_sanitizer = "thread"))]
#[inline(never)]
fn ordinary() {}

#[cfg(any(mixio_sanitizer = "address", mixio_sanitizer = "thread"))]
#[used]
static KEEP_ORDINARY: fn() = ordinary;

/// The frame at the root of every coroutine: entered once by the first [`resume`], never returned from, and for as
/// long as the coroutine lives the place where unwinders learn how to go on in the resumer.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn root_frame() {
    naked_asm!(
        ".cfi_startproc",
        // gdb refuses a backtrace whose frames don't grow one way, which depends on where the two stacks happen to
        // lie. It makes an exception for signal frames. Darwin's unwinder refuses signal frames, and has no gdb.
        #[cfg(not(target_vendor = "apple"))]
        ".cfi_signal_frame",
        "hint #34",
        // x0: the word; x1: our stack pointer, at Fresh; x4: control; x30: the return address. We are still on the
        // resumer's stack: x29 and x30 make a frame record.
        "stp x29, x30, [sp, #-32]!",
        "str x19, [sp, #16]",
        "mov x3, x1",
        "mov x1, x4",
        "mov x4, sp",
        "adr x30, 2f",
        "stp x4, x30, [x1]",
        // The first frame's x29 is the record in the control block.
        "mov x29, x1",
        // The CFA, that is the resumer's stack pointer as it is outside the `asm!` of `resume`, is
        // *(u64 *)x29 + 32: the bytes are DW_CFA_def_cfa_expression (0x0f), 5 bytes long: DW_OP_breg29 x29+0
        // (0x8d 0), DW_OP_deref (0x06), DW_OP_plus_uconst 32 (0x23 0x20).
        ".cfi_escape 0x0f, 5, 0x8d, 0x00, 0x06, 0x23, 0x20",
        // Below it: the words that this function stored there.
        ".cfi_offset x19, -16",
        ".cfi_offset x30, -24",
        ".cfi_offset x29, -32",
        "ldp x16, x2, [x3]",
        "add sp, x3, #32",
        // Not a call: the return predictor has one entry for the `blr` that came here, and the `ret` of the first
        // `suspend` is to take that one. By way of x16 a branch may land on `bti c`.
        "br x16",
        // A signal frame is looked up at this very address, not one before: so it must be inside the function.
        "2:",
        "brk #1",
        ".cfi_endproc",
    )
}

/// Where [`resume`] enters to call a function atop a suspended coroutine: the word leads to an `AtopCall`. The coroutine
/// stays suspended as it was.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn atop_frame() {
    naked_asm!(
        ".cfi_startproc",
        // As for `root_frame`: the function's frames and the coroutine's lie on two stacks.
        #[cfg(not(target_vendor = "apple"))]
        ".cfi_signal_frame",
        "hint #34",
        // x0: the word; x1: the coroutine's stack pointer; x4: control; x30: the return address.
        "stp x29, x30, [sp, #-32]!",
        ".cfi_def_cfa_offset 32",
        ".cfi_offset x30, -24",
        ".cfi_offset x29, -32",
        "str x19, [sp, #16]",
        ".cfi_offset x19, -16",
        // As when the coroutine is resumed: `root_frame` finds the resumer there.
        "mov x5, sp",
        "str x5, [x4]",
        "ldr x5, [x1, #8]",
        "ldp x6, x2, [x0]",
        "ldr x0, [x0, #16]",
        "stp x5, x6, [sp, #-32]!",
        ".cfi_def_cfa_offset 64",
        "str x1, [sp, #16]",
        ".cfi_remember_state",
        "mov x29, sp",
        // The CFA, that is the coroutine's stack pointer as it is outside the `asm!` of `suspend`, is *(u64 *)(x29 + 16)
        // + 16: the bytes are DW_CFA_def_cfa_expression (0x0f), 5 bytes long: DW_OP_breg29 x29+16 (0x8d 0x10),
        // DW_OP_deref (0x06), DW_OP_plus_uconst 16 (0x23 0x10).
        ".cfi_escape 0x0f, 5, 0x8d, 0x10, 0x06, 0x23, 0x10",
        // Where it goes on is at x29 + 8: DW_CFA_expression (0x10) for x30 (30), 2 bytes long: DW_OP_breg29 x29+8.
        ".cfi_escape 0x10, 30, 2, 0x8d, 0x08",
        // Below the CFA: the two words that `suspend` stored there.
        ".cfi_offset x29, -8",
        ".cfi_offset x19, -16",
        "blr x2",
        // gdb looks a signal frame up at the return address itself: until here that must hold.
        "add sp, sp, #32",
        ".cfi_restore_state",
        ".cfi_def_cfa_offset 32",
        "ldp x29, x30, [sp], #32",
        ".cfi_def_cfa_offset 0",
        ".cfi_restore x29",
        ".cfi_restore x30",
        // The function has kept it.
        ".cfi_restore x19",
        "ret",
        ".cfi_endproc",
    )
}

/// Switches into the coroutine, until it suspends itself or finishes.
///
/// # Safety
///
/// `sp` and `resume_at` are what `prepare` or the last `resume` gave for the coroutine; they are used only once, on the
/// thread that the coroutine's frames expect. `throw` is null if the coroutine is fresh.
///
/// Or `resume_at` is [`atop_frame`], for a coroutine that is suspended: this is not a use of `sp`, then, and what comes
/// back has no meaning.
#[inline(always)]
pub(crate) unsafe fn resume(
    sp: NonNull<c_void>,
    resume_at: Address,
    control: NonNull<Control>,
    word: Word,
    throw: *mut c_void,
) -> (Word, Status, Address) {
    let (out, status, next);
    // SAFETY: the other side pushes x19, x29 and x30 on this stack and takes them off again before it comes back;
    // every other register is declared as clobbered.
    unsafe {
        asm!(
            // Pairs with the `ret` in `suspend` or `finish`.
            "blr x3",
            // Coming out of a signal frame, an unwinder looks at the return address itself: keep it in this block.
            "nop",
            inlateout("x0") word => out,
            inlateout("x1") sp.as_ptr() => status,
            in("x2") throw,
            inlateout("x3") resume_at => next,
            in("x4") control.as_ptr(),
            lateout("x20") _, lateout("x21") _, lateout("x22") _, lateout("x23") _, lateout("x24") _,
            lateout("x25") _, lateout("x26") _, lateout("x27") _, lateout("x28") _,
            lateout("d8") _, lateout("d9") _, lateout("d10") _, lateout("d11") _,
            lateout("d12") _, lateout("d13") _, lateout("d14") _, lateout("d15") _,
            clobber_abi("C"),
        );
    }
    (out, Status(status), next)
}

/// Switches back to the resumer, until the next [`resume`]: gives its word and what it throws.
///
/// Always inlined: its `ret` takes the return predictor's entry of the `blr` in [`resume`], so no call may lie
/// between a resumption and the next suspension in the code that is to be fast.
///
/// # Safety
///
/// `control` is that of the coroutine that is running, and the code that calls this runs on top of it: on its
/// stack, or on one that its frames lent out and still wait for.
#[inline(always)]
pub(crate) unsafe fn suspend(control: NonNull<Control>, word: Word) -> (Word, *mut c_void) {
    let (out, throw);
    // SAFETY: sp, x19 and x29 come back as they were, and every other register is declared as clobbered.
    unsafe {
        asm!(
            "stp x19, x29, [sp, #-16]!",
            "ldr x4, [x1]",
            "adr x3, 2f",
            "mov x1, sp",
            "ldr x19, [x4, #16]",
            "ldp x29, x30, [x4]",
            "add sp, x4, #32",
            "ret",
            // The next `resume` calls this, as `root_frame` was called: see there.
            "2:",
            "hint #34",
            "stp x29, x30, [sp, #-32]!",
            "str x19, [sp, #16]",
            "mov x5, sp",
            "str x5, [x4]",
            "ldp x19, x29, [x1]",
            "add sp, x1, #16",
            inlateout("x0") word => out,
            in("x1") control.as_ptr(),
            lateout("x2") throw,
            lateout("x20") _, lateout("x21") _, lateout("x22") _, lateout("x23") _, lateout("x24") _,
            lateout("x25") _, lateout("x26") _, lateout("x27") _, lateout("x28") _,
            lateout("d8") _, lateout("d9") _, lateout("d10") _, lateout("d11") _,
            lateout("d12") _, lateout("d13") _, lateout("d14") _, lateout("d15") _,
            clobber_abi("C"),
        );
    }
    (out, throw)
}

/// Switches back to the resumer for good.
///
/// # Safety
///
/// As for [`suspend`]; and nothing on the coroutine's stack is used again, but for what `word` leads to, which the
/// resumer reads before it lets go of the stack.
#[inline(always)]
pub(crate) unsafe fn finish(control: NonNull<Control>, word: Word, status: Status) -> ! {
    // SAFETY: the resumer finds its stack as `suspend` would have left it.
    unsafe {
        asm!(
            "ldr x3, [x2]",
            "str xzr, [x2]",
            "ldr x19, [x3, #16]",
            "ldp x29, x30, [x3]",
            "add sp, x3, #32",
            "ret",
            in("x2") control.as_ptr(),
            in("x0") word,
            in("x1") status.0,
            options(noreturn),
        )
    }
}

/// Asks something of valgrind, in its own words: a request, as `valgrind.h` numbers them, and five arguments. Gives the
/// answer, or `otherwise` where there is no valgrind.
///
/// # Safety
///
/// Whatever the request says of this program is true.
#[cfg(feature = "valgrind")]
#[inline(always)]
pub(crate) unsafe fn valgrind_request(otherwise: usize, request: &[usize; 6]) -> usize {
    let answer;
    // SAFETY: to a processor that is nothing: it turns x12 by 128 bits in all, and combines x10 with itself. Valgrind
    // writes to x3 alone.
    unsafe {
        asm!(
            "ror x12, x12, #3",
            "ror x12, x12, #13",
            "ror x12, x12, #51",
            "ror x12, x12, #61",
            "orr x10, x10, x10",
            inlateout("x3") otherwise => answer,
            in("x4") request,
        );
    }
    answer
}

/// Calls `function(argument)` with the stack pointer at `base`, and comes back.
///
/// # Safety
///
/// `base` is aligned to [`STACK_ALIGNMENT`], and below it is as much unused, writable memory as `function` needs.
/// `function` does not unwind.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn call_on_stack(
    argument: *mut c_void,
    base: *mut c_void,
    function: unsafe extern "C" fn(*mut c_void),
) {
    naked_asm!(
        ".cfi_startproc",
        #[cfg(not(target_vendor = "apple"))]
        ".cfi_signal_frame",
        "hint #34",
        "stp x29, x30, [sp, #-16]!",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset x30, -8",
        ".cfi_offset x29, -16",
        "mov x29, sp",
        ".cfi_def_cfa_register x29",
        "mov sp, x1",
        "blr x2",
        "mov sp, x29",
        "ldp x29, x30, [sp], #16",
        ".cfi_def_cfa sp, 0",
        "ret",
        ".cfi_endproc",
    )
}
