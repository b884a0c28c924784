//! The exit status is the number of the check that failed, or 0.

#![no_std]
#![no_main]

use core::ffi::c_int;
use core::panic::PanicInfo;

// Only to be started, and to end.
#[link(name = "c")]
unsafe extern "C" {
    fn _exit(status: c_int) -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: it ends the process.
    unsafe { _exit(101) }
}

/// `core` as it comes from rustup was compiled to unwind, and without optimisation the linker looks for this.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// Called by the C runtime.
#[unsafe(no_mangle)]
extern "C" fn main() -> c_int {
    mixio_no_std::checks()
}
