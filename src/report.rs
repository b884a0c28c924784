//! What mixio says on the standard error.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Says it, in a line of its own, and to the tests that it belongs to: those see what `eprintln` prints, and nothing else.
///
/// But that panics if nothing can be written, and this is called by destructors, and right before the process is ended for
/// good reason.
pub(crate) fn say(what: fmt::Arguments<'_>) {
    if cfg!(panic = "unwind") {
        let _ = catch_unwind(AssertUnwindSafe(|| eprintln!("mixio: {what}")));
    } else {
        write(format!("mixio: {what}\n").as_bytes());
    }
}

/// Writes as much of it as can be written. It takes no lock, and may be called by a signal handler.
pub(crate) fn write(mut rest: &[u8]) {
    while !rest.is_empty() {
        // SAFETY: it is memory of ours.
        let written = unsafe { libc::write(libc::STDERR_FILENO, rest.as_ptr().cast(), rest.len()) };
        match usize::try_from(written) {
            Ok(written) if written > 0 => rest = rest.get(written..).unwrap_or_default(),
            Err(_) if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            _ => break,
        }
    }
}
