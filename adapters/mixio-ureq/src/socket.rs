//! A connection, and where it is at home.

use std::io;
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use mixio::Io;
use mixio_tokio::net::TcpStream;
use socket2::SockRef;
use tokio::runtime::{Handle, Id};
use ureq::unversioned::transport::ShutdownHandle;

/// A TCP connection that comes along to whoever uses it.
///
/// An asynchronous socket belongs to the runtime where it was opened, and is of no use when that has ended. But ureq's pool
/// belongs to an agent, which any thread may have, and so does the body of a response. So here a socket moves to the runtime
/// where it is used.
pub(crate) struct Socket {
    /// `None` if it was closed by a move that failed. Shared only with who shuts it down.
    stream: Option<Arc<TcpStream>>,
    home: Option<Home>,
    shared: Arc<Shared>,
}

/// What is left to shut a socket down from another thread.
#[derive(Debug)]
struct Shared(Mutex<Weak<TcpStream>>);

/// Where a socket is, or would be if it was opened now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Home {
    /// It blocks, on any thread.
    Anywhere,
    /// tokio promises that the id is unique among runtimes that run; in truth it counts on. If it gave one twice, a socket of a
    /// runtime that has ended would give an error.
    Runtime(Id),
}

impl Home {
    /// `None` if there can't be any here.
    fn here() -> Option<Self> {
        match Io::current() {
            Io::Blocking => Some(Home::Anywhere),
            Io::Async => Handle::try_current().ok().map(|runtime| Home::Runtime(runtime.id())),
        }
    }
}

impl Socket {
    /// One that was opened here.
    pub(crate) fn new(stream: TcpStream) -> Self {
        let stream = Arc::new(stream);
        let shared = Arc::new(Shared(Mutex::new(Arc::downgrade(&stream))));
        Socket { stream: Some(stream), home: Home::here(), shared }
    }

    /// Shuts it down, as long as it is there.
    pub(crate) fn shutdown_handle(&self) -> Weak<dyn ShutdownHandle> {
        Arc::downgrade(&self.shared) as Weak<dyn ShutdownHandle>
    }

    /// The stream, for use on this thread.
    ///
    /// Where there is no runtime it stays with its own, which serves it as long as it runs.
    ///
    /// # Errors
    ///
    /// If it can't be moved here.
    pub(crate) fn stream(&mut self) -> io::Result<&TcpStream> {
        let here = Home::here();
        if here.is_some() && here != self.home {
            self.settle(here)?;
        }
        self.stream.as_deref().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn settle(&mut self, here: Option<Home>) -> io::Result<()> {
        // So that it isn't to be shut down meanwhile.
        let mut shared = self.shared.lock();
        let closed = || io::Error::from(io::ErrorKind::NotConnected);
        let stream = self.stream.take().ok_or_else(closed)?;
        // It is being shut down if there is another.
        let stream = Arc::try_unwrap(stream).map_err(|_| closed())?;
        let moved = Arc::new(TcpStream::from_std(stream.into_std()?)?);
        *shared = Arc::downgrade(&moved);
        drop(shared);
        (self.stream, self.home) = (Some(moved), here);
        Ok(())
    }

    /// Whether it can be used here for another request: the peer has neither closed it nor said anything. Doesn't wait.
    pub(crate) fn is_idle(&mut self) -> bool {
        if Home::here().is_none() {
            return false;
        }
        let Ok(stream) = self.stream() else { return false };
        let mut byte = [MaybeUninit::uninit()];
        let peeked = SockRef::from(stream).recv_with_flags(&mut byte, libc::MSG_PEEK | libc::MSG_DONTWAIT);
        peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// As it is, wherever it is.
    pub(crate) fn as_is(&self) -> Option<&TcpStream> {
        self.stream.as_deref()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Weak<TcpStream>> {
        // Nobody leaves it half done: one that is lost in a move is closed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ShutdownHandle for Shared {
    fn shutdown(&self) {
        let stream = self.lock().upgrade();
        if let Some(stream) = stream {
            // An error is that it is shut down already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
