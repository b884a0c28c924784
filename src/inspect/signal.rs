//! A dump of a live process, on a signal.

use std::io;
use std::thread;

use signal_hook::consts::FORBIDDEN;
use signal_hook::iterator::Signals;

use crate::report::write;

/// Has a dump written to the standard error each time that the process gets this signal, `SIGUSR1` say; and
/// [enables](super::enable) the inspection.
///
/// A background thread does that, so the answer comes even if all other threads are busy, or stuck. It can't be taken back.
///
/// # Errors
///
/// If the signal can't be had (`SIGKILL`, `SIGSTOP`, `SIGSEGV`, `SIGILL`, `SIGFPE`, or no signal at all), or the thread can't be
/// started.
///
/// # Example
///
/// ```no_run
/// # fn main() -> std::io::Result<()> {
/// mixio::inspect::dump_on_signal(libc::SIGUSR1)?;
/// // kill -USR1 $(pidof server)
/// # Ok(())
/// # }
/// ```
pub fn dump_on_signal(signal: i32) -> io::Result<()> {
    if FORBIDDEN.contains(&signal) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("signal {signal} can't be handled")));
    }
    let mut signals = Signals::new([signal])?;
    super::enable();
    thread::Builder::new().name("mixio-inspect".into()).spawn(move || {
        for _ in &mut signals {
            // Somebody who waits may have locked the standard error.
            write(format!("mixio: {}\n", super::dump()).as_bytes());
        }
    })?;
    Ok(())
}
