//! The setting: whether synchronous code runs on asynchronous I/O, or blocks its thread as it always did.

use std::env;
use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU8, Ordering};

/// The environment variable that [`Io::current`] reads.
const VARIABLE: &str = "MIXIO";

/// Which I/O synchronous code runs on: the setting of the process.
///
/// mixio itself waits for futures and needs no setting. It is for libraries that can do both, such as the sockets of
/// `mixio-tokio`: the same function then runs on non-blocking sockets and an event loop, or on `std::net` and threads,
/// with no runtime at all. They ask for [`Io::current`] when they open something.
///
/// The environment variable `MIXIO`, which is `async` or `blocking`, decides, unless the program does by [`Io::set`].
/// Without either, or if the variable is empty, it is [`Io::Async`].
///
/// # Example
///
/// ```standalone_crate
/// use mixio::Io;
///
/// fn pause(duration: std::time::Duration) {
///     match Io::current() {
///         Io::Async => drop(mixio::wait(smol::Timer::after(duration))),
///         Io::Blocking => std::thread::sleep(duration),
///     }
/// }
///
/// Io::Blocking.set();
/// pause(std::time::Duration::from_millis(1));
/// assert_eq!(Io::current(), Io::Blocking);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Io {
    /// Non-blocking I/O on an event loop: what can't be done at once is waited for by [`wait`](crate::wait).
    #[default]
    Async = 1,
    /// The blocking calls of `std`, on whatever thread makes them.
    Blocking = 2,
}

/// The setting as a number, zero if nobody has asked for it.
static CURRENT: AtomicU8 = AtomicU8::new(0);

impl Io {
    /// The setting of this process: what [`set`](Self::set) was called on last, or else what the environment says.
    ///
    /// The environment is read once, by the first call.
    ///
    /// # Panics
    ///
    /// If the environment variable `MIXIO` is neither `async` nor `blocking`: [`from_env`](Self::from_env) gives that
    /// as an error.
    pub fn current() -> Self {
        match Self::known() {
            Some(io) => io,
            None => Self::decide(),
        }
    }

    /// Makes this the setting of the process, whatever the environment says.
    ///
    /// For `main`, before anything is opened: what is open stays as it is.
    pub fn set(self) {
        CURRENT.store(self as u8, Ordering::Relaxed);
    }

    /// What the environment variable `MIXIO` says, or [`Io::Async`] if it isn't set, or empty.
    ///
    /// # Errors
    ///
    /// If it is neither `async` nor `blocking`.
    ///
    /// # Example
    ///
    /// ```standalone_crate
    /// use mixio::Io;
    ///
    /// match Io::from_env() {
    ///     Ok(io) => io.set(),
    ///     Err(error) => eprintln!("MIXIO: {error}"),
    /// }
    /// ```
    pub fn from_env() -> Result<Self, ParseIoError> {
        match env::var_os(VARIABLE) {
            Some(value) if !value.is_empty() => value.to_string_lossy().parse(),
            _ => Ok(Io::default()),
        }
    }

    fn known() -> Option<Self> {
        // Relaxed: the number is all there is to see.
        match CURRENT.load(Ordering::Relaxed) {
            1 => Some(Io::Async),
            2 => Some(Io::Blocking),
            _ => None,
        }
    }

    #[cold]
    fn decide() -> Self {
        let io = Self::from_env().unwrap_or_else(|error| panic!("the environment variable {VARIABLE}: {error}"));
        // If it was set meanwhile, by another thread, then that counts.
        let _ = CURRENT.compare_exchange(0, io as u8, Ordering::Relaxed, Ordering::Relaxed);
        Self::known().unwrap_or(io)
    }
}

/// `async` or `blocking`: what [`FromStr`] reads.
impl fmt::Display for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Io::Async => "async",
            Io::Blocking => "blocking",
        })
    }
}

/// Reads `async` or `blocking`, in lower case.
impl FromStr for Io {
    type Err = ParseIoError;

    fn from_str(text: &str) -> Result<Self, ParseIoError> {
        match text {
            "async" => Ok(Io::Async),
            "blocking" => Ok(Io::Blocking),
            _ => Err(ParseIoError { text: text.into() }),
        }
    }
}

/// A text that is not an [`Io`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseIoError {
    text: Box<str>,
}

impl fmt::Display for ParseIoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is neither \"async\" nor \"blocking\"", self.text)
    }
}

impl Error for ParseIoError {}
