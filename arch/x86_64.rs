//! x86-64, System V: stack switching for ELF and Mach-O.
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
//!                    | rbp                   |
//!              sp -> | rbx                   |
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
//!     | rbx                     |                     +-----------------------+  |
//!     | return address          |  } a frame          ~  frames, the first    ~  |
//!     | rbp                     |  } record           |  with rbp = control   |  |
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
//!     | rbx                     |                     +-----------------------+  |
//!     | return address          |  } a frame          ~  frames of the user   ~  |
//!     | rbp                     |  } record           |  the suspending one   |  |
//!     +-------------------------+ <------------+      +-----------------------+  |
//!     | sp                      |              |      | rbp                   |  |
//!     | address to resume at    |  } a frame   |sp -> | rbx                   |  |
//!     | the coroutine's rbp     |  } record    |      +-----------------------+  |
//!     +-------------------------+ <- rbp       +---------------------------------+
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
//! | rdi | the word | the word |
//! | rsi | control | - |
//! | rax | the coroutine's stack pointer | `Status`: the coroutine's stack pointer when it suspends itself |
//! | rcx | the address to resume at | the same |
//! | rdx | what to throw, or null | - |
//! | rbx, rbp | saved by hand: LLVM does not take them as clobbers | |
//! | all others | clobbered: the compiler spills what is live, and only that | |
//!
//! MXCSR and the x87 control word are neither saved nor restored, as with any function call: LLVM treats code that
//! runs with altered control words as undefined anyway.

use core::arch::{asm, naked_asm};
use core::ffi::c_void;
use core::mem::size_of;
use core::ptr::NonNull;

use super::{Address, Control, DropClosure, Entry, Status, Word};

/// Stacks are aligned to this many bytes at every call.
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
        // rdi: the word; rsi: control; rax: our stack pointer, at Fresh. We are still on the resumer's stack, and the
        // `call` has just pushed the return address: with rbp it makes a frame record.
        "push rbp",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset rbp, -16",
        "mov [rsi], rsp",
        "lea rcx, [rip + 2f]",
        "mov [rsi + 8], rcx",
        // The first frame's rbp is the record in the control block.
        "mov rbp, rsi",
        // The CFA, that is the resumer's stack pointer as it is outside the `asm!` of `resume`, is
        // *(u64 *)rbp + 24: the bytes are DW_CFA_def_cfa_expression (0x0f), 5 bytes long: DW_OP_breg6 rbp+0
        // (0x76 0), DW_OP_deref (0x06), DW_OP_plus_uconst 24 (0x23 0x18).
        ".cfi_escape 0x0f, 5, 0x76, 0x00, 0x06, 0x23, 0x18",
        // Below it: the three words that `resume` and this function pushed there.
        ".cfi_offset rbx, -8",
        ".cfi_offset rip, -16",
        ".cfi_offset rbp, -24",
        "mov r8, [rax]",
        "mov rdx, [rax + 8]",
        "lea rsp, [rax + 32]",
        // Not a `call`: the return predictor has one entry for the `call` that came here, and the `ret` of the first
        // `suspend` is to take that one.
        "push rcx",
        "jmp r8",
        // A signal frame is looked up at this very address, not one before: so it must be inside the function.
        "2:",
        "ud2",
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
        // `resume` has pushed rbx, and its `call` the return address.
        ".cfi_def_cfa_offset 16",
        ".cfi_offset rbx, -8",
        ".cfi_offset rip, -16",
        // rdi: the word; rsi: control; rax: the coroutine's stack pointer.
        "push rbp",
        ".cfi_def_cfa_offset 24",
        ".cfi_offset rbp, -24",
        // As when the coroutine is resumed: `root_frame` finds the resumer there.
        "mov [rsi], rsp",
        "sub rsp, 24",
        ".cfi_def_cfa_offset 48",
        "mov [rsp + 16], rax",
        "mov rcx, [rdi]",
        "mov [rsp + 8], rcx",
        "mov rcx, [rax + 8]",
        "mov [rsp], rcx",
        "mov rdx, [rdi + 8]",
        "mov rdi, [rdi + 16]",
        ".cfi_remember_state",
        "mov rbp, rsp",
        // The CFA, that is the coroutine's stack pointer as it is outside the `asm!` of `suspend`, is *(u64 *)(rbp + 16)
        // + 16: the bytes are DW_CFA_def_cfa_expression (0x0f), 5 bytes long: DW_OP_breg6 rbp+16 (0x76 0x10),
        // DW_OP_deref (0x06), DW_OP_plus_uconst 16 (0x23 0x10).
        ".cfi_escape 0x0f, 5, 0x76, 0x10, 0x06, 0x23, 0x10",
        // Where it goes on is at rbp + 8: DW_CFA_expression (0x10) for rip (16), 2 bytes long: DW_OP_breg6 rbp+8.
        ".cfi_escape 0x10, 16, 2, 0x76, 0x08",
        // Below the CFA: the two words that `suspend` pushed there.
        ".cfi_offset rbp, -8",
        ".cfi_offset rbx, -16",
        "call rdx",
        // gdb looks a signal frame up at the return address itself: until here that must hold.
        "add rsp, 24",
        ".cfi_restore_state",
        ".cfi_def_cfa_offset 24",
        "pop rbp",
        ".cfi_def_cfa_offset 16",
        ".cfi_restore rbp",
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
    // SAFETY: the other side leaves on this stack what it found on it, keeps rbx and rbp as the two `pop`s show, and
    // every other register is declared as clobbered.
    unsafe {
        asm!(
            "push rbx",
            // Pairs with the `ret` in `suspend` or `finish`.
            "call rcx",
            "pop rbx",
            inlateout("rdi") word => out,
            inlateout("rax") sp.as_ptr() => status,
            inlateout("rcx") resume_at => next,
            in("rsi") control.as_ptr(),
            in("rdx") throw,
            lateout("r12") _, lateout("r13") _, lateout("r14") _, lateout("r15") _,
            clobber_abi("sysv64"),
        );
    }
    (out, Status(status), next)
}

/// Switches back to the resumer, until the next [`resume`]: gives its word and what it throws.
///
/// Always inlined: its `ret` takes the return predictor's entry of the `call` in [`resume`], so no call may lie
/// between a resumption and the next suspension in the code that is to be fast.
///
/// # Safety
///
/// `control` is that of the coroutine that is running, and the code that calls this runs on top of it: on its
/// stack, or on one that its frames lent out and still wait for.
#[inline(always)]
pub(crate) unsafe fn suspend(control: NonNull<Control>, word: Word) -> (Word, *mut c_void) {
    let (out, throw);
    // SAFETY: rsp comes back as it was, rbx and rbp are popped as pushed, and every other register is declared as
    // clobbered.
    unsafe {
        asm!(
            "push rbp",
            "push rbx",
            "lea rcx, [rip + 2f]",
            "mov rax, rsp",
            "mov rsp, [rsi]",
            "pop rbp",
            "ret",
            // The next `resume` calls this, as `root_frame` was called: see there.
            "2:",
            "push rbp",
            "mov [rsi], rsp",
            "mov rsp, rax",
            "pop rbx",
            "pop rbp",
            inlateout("rdi") word => out,
            in("rsi") control.as_ptr(),
            lateout("rdx") throw,
            lateout("r12") _, lateout("r13") _, lateout("r14") _, lateout("r15") _,
            clobber_abi("sysv64"),
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
            "mov rsp, [rsi]",
            "mov qword ptr [rsi], 0",
            "pop rbp",
            "ret",
            in("rsi") control.as_ptr(),
            in("rdi") word,
            in("rax") status.0,
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
    // SAFETY: to a processor that is nothing: it turns rdi by 128 bits in all, and exchanges rbx with itself. Valgrind
    // writes to rdx alone.
    unsafe {
        asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") request,
            inlateout("rdx") otherwise => answer,
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
        "push rbp",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset rbp, -16",
        "mov rbp, rsp",
        ".cfi_def_cfa_register rbp",
        "mov rsp, rsi",
        "call rdx",
        "mov rsp, rbp",
        "pop rbp",
        ".cfi_def_cfa rsp, 8",
        "ret",
        ".cfi_endproc",
    )
}
