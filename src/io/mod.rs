//! Synchronous I/O over asynchronous: [`Waiting`].
//!
//! With the feature `tokio-io` for tokio's traits, with `futures-io` for those of the crates futures and smol.

#[cfg(feature = "futures-io")]
mod futures;
mod shared;
mod timeout;
#[cfg(feature = "tokio-io")]
mod tokio;

use std::fmt;
use std::future::Pending;
use std::io;
use std::marker::PhantomData;
use std::time::Duration;

#[cfg(feature = "futures-io")]
pub use futures::Futures;
#[cfg(feature = "tokio-io")]
pub use tokio::Tokio;

/// [`Read`](io::Read), [`Write`](io::Write), [`Seek`](io::Seek) and [`BufRead`](io::BufRead) over asynchronous I/O: each
/// call [`wait`](crate::wait)s. So a library that takes any stream of bytes, be it for TLS, WebSockets or lines, runs on
/// an asynchronous one, unchanged.
///
/// It implements those of the four traits whose asynchronous counterpart `T` implements. There are two families of
/// these, and a type may belong to both, so the constructor names the one that is meant: `Waiting::tokio` or
/// `Waiting::futures`.
///
/// `T` must be `Unpin`, which sockets and files are. Any other is made so by `Box::pin`.
///
/// ```
/// # #[cfg(feature = "futures-io")]
/// # fn main() -> std::io::Result<()> {
/// use std::io::{self, BufRead as _, BufReader, Write as _};
/// use std::net::{TcpListener, TcpStream};
///
/// use mixio::as_async;
/// use mixio::io::Waiting;
/// use smol::Async;
///
/// fn serve(client: Async<TcpStream>) -> io::Result<()> {
///     let mut client = BufReader::new(Waiting::futures(client));
///     let mut name = String::new();
///     client.read_line(&mut name)?;
///     write!(client.get_mut(), "hello, {name}")
/// }
///
/// fn ask(server: Async<TcpStream>) -> io::Result<String> {
///     let mut server = Waiting::futures(server);
///     server.write_all(b"world\n")?;
///     io::read_to_string(server)
/// }
///
/// // Both on this thread.
/// let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0))?;
/// let address = listener.get_ref().local_addr()?;
/// let answer = smol::block_on(async {
///     let (client, server) = smol::future::try_zip(listener.accept(), Async::<TcpStream>::connect(address)).await?;
///     let server = as_async(|| ask(server));
///     let (_, answer) = smol::future::try_zip(as_async(|| serve(client.0)), server).await?;
///     io::Result::Ok(answer)
/// })?;
/// assert_eq!(answer, "hello, world\n");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "futures-io"))]
/// # fn main() {}
/// ```
///
/// # Both ways at once
///
/// As with any stream, one that reads while another writes takes two: `Waiting` of each half that tokio's `into_split`
/// gives, or of two references to an `Async` of smol's.
///
/// # Errors
///
/// Those of the stream, as they are. If it can't wait, in a destructor say: one of the kind `Other` that holds the
/// [`WaitError`](crate::WaitError). With a [timeout](Self::set_read_timeout), `TimedOut`.
///
/// An empty buffer is read or written at once, without asking the stream.
///
/// # Panics
///
/// As [`try_wait`](crate::try_wait): with the panic of the stream, and to unwind the function if its
/// [`AsAsync`](crate::AsAsync) is dropped meanwhile. With that of the timer.
///
/// # Dropping
///
/// Drops the stream, and does no more: what it has buffered may need a [`flush`](io::Write::flush) or `shutdown` before.
pub struct Waiting<T, Family, Timer = NoTimer> {
    inner: T,
    timer: Option<Timer>,
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
    family: PhantomData<Family>,
}

/// The type of the timer of a [`Waiting`] that was given none.
pub type NoTimer = fn(Duration) -> Pending<()>;

impl<T, Family> Waiting<T, Family> {
    fn new(inner: T) -> Self {
        Waiting { inner, timer: None, read_timeout: None, write_timeout: None, family: PhantomData }
    }
}

impl<T, Family, Timer> Waiting<T, Family, Timer> {
    /// The stream.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The stream, to be changed.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// The stream. Timer and timeouts are dropped.
    pub fn into_inner(self) -> T {
        self.inner
    }

    /// With a timer, which [timeouts](Self::set_read_timeout) need: a function that gives a future, which is ready after
    /// the duration. The timeouts stay as they were.
    ///
    /// ```
    /// # use mixio::io::Waiting;
    /// # #[cfg(feature = "tokio-io")]
    /// let stream = Waiting::tokio(tokio::io::empty()).with_timer(tokio::time::sleep);
    /// # #[cfg(feature = "futures-io")]
    /// let stream = Waiting::futures(smol::io::empty()).with_timer(smol::Timer::after);
    /// ```
    pub fn with_timer<New, Sleep>(self, timer: New) -> Waiting<T, Family, New>
    where
        New: Fn(Duration) -> Sleep,
        Sleep: Future,
    {
        let Waiting { inner, read_timeout, write_timeout, family, .. } = self;
        Waiting { inner, timer: Some(timer), read_timeout, write_timeout, family }
    }

    /// How long one call may wait to read: after that it fails with [`TimedOut`](io::ErrorKind::TimedOut), on every system.
    /// `None`, as at first: without end.
    ///
    /// Nothing is lost by that: what comes later is there for the next call. A call like `read_exact` or `read_line` is
    /// several of these, each with the whole timeout; what those before it have read is where that call leaves it.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if it is zero. [`Unsupported`](io::ErrorKind::Unsupported) if there
    /// is no timer: see [`with_timer`](Self::with_timer).
    ///
    /// # Example
    ///
    /// ```
    /// # #[cfg(feature = "futures-io")]
    /// # fn main() -> std::io::Result<()> {
    /// use std::io::{ErrorKind, Read as _, Write as _};
    /// use std::os::unix::net::UnixStream;
    /// use std::time::Duration;
    ///
    /// use mixio::io::Waiting;
    /// use smol::Async;
    ///
    /// let (ours, mut theirs) = UnixStream::pair()?;
    /// let mut ours = Waiting::futures(Async::new(ours)?).with_timer(smol::Timer::after);
    /// ours.set_read_timeout(Some(Duration::from_millis(10)))?;
    /// let mut buffer = [0; 5];
    /// assert_eq!(ours.read(&mut buffer).unwrap_err().kind(), ErrorKind::TimedOut);
    ///
    /// theirs.write_all(b"later")?;
    /// ours.read_exact(&mut buffer)?;
    /// assert_eq!(&buffer, b"later");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "futures-io"))]
    /// # fn main() {}
    /// ```
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.read_timeout = self.checked(timeout)?;
        Ok(())
    }

    /// As [`set_read_timeout`](Self::set_read_timeout), for writing, flushing and shutting down.
    ///
    /// Of what a call was to write that timed out, the stream has taken nothing. A `write_all` is several calls: those
    /// before have been written, and nobody says how much that is.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.write_timeout = self.checked(timeout)?;
        Ok(())
    }

    /// The timeout that [`set_read_timeout`](Self::set_read_timeout) has set.
    pub fn read_timeout(&self) -> Option<Duration> {
        self.read_timeout
    }

    /// The timeout that [`set_write_timeout`](Self::set_write_timeout) has set.
    pub fn write_timeout(&self) -> Option<Duration> {
        self.write_timeout
    }

    fn checked(&self, timeout: Option<Duration>) -> io::Result<Option<Duration>> {
        let refused = |kind, why: &str| Err(io::Error::new(kind, why));
        match timeout {
            Some(Duration::ZERO) => refused(io::ErrorKind::InvalidInput, "a timeout of zero"),
            Some(_) if self.timer.is_none() => {
                refused(io::ErrorKind::Unsupported, "a timeout needs a timer: see `Waiting::with_timer`")
            }
            _ => Ok(timeout),
        }
    }
}

impl<T: fmt::Debug, Family, Timer> fmt::Debug for Waiting<T, Family, Timer> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting")
            .field("inner", &self.inner)
            .field("read_timeout", &self.read_timeout)
            .field("write_timeout", &self.write_timeout)
            .finish_non_exhaustive()
    }
}
