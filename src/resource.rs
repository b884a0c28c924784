//! An asynchronous acquire and release as a synchronous guard.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use crate::report::say;
use crate::{try_wait, wait};

/// Acquires a value by a future, and gives a guard of it that [`wait`]s for its release when it is dropped.
///
/// `release` is called at most once, with the value: it is an `async` closure or function, or one that returns a future.
///
/// # Panics
///
/// As [`wait`], while it acquires: with the panic of the future, to unwind the function if its
/// [`AsAsync`](crate::AsAsync) is dropped meanwhile, and where it can't wait. There is nothing to release then.
///
/// # Example
///
/// ```
/// use mixio::{as_async, resource};
///
/// struct Session(u32);
///
/// async fn log_in() -> Session {
///     smol::Timer::after(std::time::Duration::from_millis(1)).await;
///     Session(7)
/// }
///
/// async fn log_out(session: Session) {
///     println!("session {} is over", session.0);
/// }
///
/// fn work(text: &str) -> Result<u32, std::num::ParseIntError> {
///     let session = resource(log_in(), log_out);
///     let number: u32 = text.parse()?; // logs out here too
///     Ok(number * session.0)
/// }
///
/// assert_eq!(smol::block_on(as_async(|| work("6"))), Ok(42));
/// assert!(smol::block_on(as_async(|| work("six"))).is_err());
/// ```
///
/// To keep a guard in a structure its type must have a name, which that of a function pointer has:
///
/// ```
/// use futures::future::LocalBoxFuture;
/// use mixio::{Resource, resource};
///
/// struct Server {
///     lease: Resource<u32, fn(u32) -> LocalBoxFuture<'static, ()>>,
/// }
///
/// let server = Server { lease: resource(async { 7 }, |lease| Box::pin(async move { println!("{lease} is over") })) };
/// assert_eq!(*server.lease, 7);
/// ```
#[track_caller]
pub fn resource<A, R, O>(acquire: A, release: R) -> Resource<A::Output, R, O>
where
    A: IntoFuture,
    R: AsyncFnOnce(A::Output) -> O,
{
    Resource::new(wait(acquire), release)
}

/// As [`resource`], for an acquisition that may fail.
///
/// # Errors
///
/// That of `acquire`. `release` is dropped then, and not called.
///
/// # Panics
///
/// As [`resource`].
///
/// # Example
///
/// ```
/// use std::io;
///
/// use mixio::try_resource;
///
/// async fn connect(address: &str) -> io::Result<String> {
///     if address.is_empty() { Err(io::ErrorKind::InvalidInput.into()) } else { Ok(address.to_owned()) }
/// }
///
/// fn greet(address: &str) -> io::Result<String> {
///     let connection = try_resource(connect(address), async |connection| println!("{connection} is closed"))?;
///     Ok(format!("hello, {}", *connection))
/// }
///
/// assert_eq!(greet("kitchen").unwrap(), "hello, kitchen");
/// assert_eq!(greet("").unwrap_err().kind(), io::ErrorKind::InvalidInput);
/// ```
#[track_caller]
pub fn try_resource<A, T, E, R, O>(acquire: A, release: R) -> Result<Resource<T, R, O>, E>
where
    A: IntoFuture<Output = Result<T, E>>,
    R: AsyncFnOnce(T) -> O,
{
    wait(acquire).map(|value| Resource::new(value, release))
}

/// A value that is released by a future: the guard that [`resource`] and [`try_resource`] give.
///
/// # Dropping
///
/// The drop waits for the release, in any coroutine and outside of one, also while a panic unwinds the stack. What the
/// release gives, be it an error, is dropped: [`release`](Self::release) returns it.
///
/// Where a destructor can't wait (see [`WaitError`](crate::WaitError)) the release goes no further than its first poll,
/// and a line on the standard error says so. That is so, most of all, if the [`AsAsync`](crate::AsAsync) is dropped [where
/// nobody can wait with it](crate::AsAsync#dropping) while the guard is held: a release that is ready at once is carried out
/// in full, and any other is begun. If the `AsAsync` is dropped while it waits for the release then the release is dropped as
/// any other future is.
///
/// A panic in the release goes on from the drop; while another panic unwinds the stack, it aborts the process.
#[must_use = "what isn't kept is released at once"]
pub struct Resource<T, R, O = ()>
where
    R: AsyncFnOnce(T) -> O,
{
    /// `None` only while the guard is taken apart.
    held: Option<(T, R)>,
    marker: PhantomData<fn() -> O>,
}

impl<T, R, O> Resource<T, R, O>
where
    R: AsyncFnOnce(T) -> O,
{
    fn new(value: T, release: R) -> Self {
        Resource { held: Some((value, release)), marker: PhantomData }
    }

    /// Releases the value, and gives what the release gives.
    ///
    /// # Panics
    ///
    /// As [`wait`]. The release is dropped then, and has been polled at most as far as it got.
    ///
    /// # Example
    ///
    /// ```
    /// use mixio::resource;
    ///
    /// let file = resource(async { "written" }, async |file| Err::<(), _>(format!("{file}, but not synced")));
    /// assert_eq!(file.release(), Err("written, but not synced".to_owned()));
    /// ```
    #[track_caller]
    pub fn release(mut self) -> O {
        let (value, release) = self.take();
        wait(release(value))
    }

    /// The value, which nobody will release.
    ///
    /// ```
    /// let value = mixio::resource(async { 7 }, async |_| unreachable!()).into_inner();
    /// assert_eq!(value, 7);
    /// ```
    pub fn into_inner(mut self) -> T {
        self.take().0
    }

    fn take(&mut self) -> (T, R) {
        self.held.take().expect(HELD)
    }
}

const HELD: &str = "a resource is held until it is taken apart";

impl<T, R, O> Deref for Resource<T, R, O>
where
    R: AsyncFnOnce(T) -> O,
{
    type Target = T;

    fn deref(&self) -> &T {
        &self.held.as_ref().expect(HELD).0
    }
}

impl<T, R, O> DerefMut for Resource<T, R, O>
where
    R: AsyncFnOnce(T) -> O,
{
    fn deref_mut(&mut self) -> &mut T {
        &mut self.held.as_mut().expect(HELD).0
    }
}

impl<T, R, O> Drop for Resource<T, R, O>
where
    R: AsyncFnOnce(T) -> O,
{
    fn drop(&mut self) {
        let Some((value, release)) = self.held.take() else { return };
        if let Err(error) = try_wait(release(value)) {
            say(format_args!("a resource was not released in full: {error}"));
        }
    }
}

impl<T, R, O> fmt::Debug for Resource<T, R, O>
where
    T: fmt::Debug,
    R: AsyncFnOnce(T) -> O,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Resource").field(&**self).finish()
    }
}
