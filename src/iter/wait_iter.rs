//! From a stream to an iterator.

use std::fmt;
use std::future::poll_fn;
use std::iter::FusedIterator;
use std::pin::Pin;

use futures_core::Stream;

use crate::wait;

/// Makes an iterator of a stream: each `next` [`wait`]s for the next item. (Feature `stream`.)
///
/// The stream must be `Unpin`, as it can be moved between two items. Any other one is made so by pinning it:
/// `wait_iter(pin!(stream))` or `wait_iter(Box::pin(stream))`.
///
/// # Example
///
/// ```
/// use std::pin::pin;
///
/// use futures::stream::{self, StreamExt as _};
/// use mixio::{as_async, wait_iter};
///
/// fn total() -> u64 {
///     // Not `Unpin`, because of its `async` block.
///     let prices = stream::iter(1..=3).then(|price| async move {
///         smol::Timer::after(std::time::Duration::from_millis(price)).await;
///         10 * price
///     });
///     wait_iter(pin!(prices)).filter(|price| *price != 20).sum()
/// }
///
/// assert_eq!(smol::block_on(as_async(total)), 40);
/// assert_eq!(total(), 40); // the same function, on a thread of its own
/// ```
///
/// A stream of results stops at the first error as any iterator does:
///
/// ```
/// let answers = futures::stream::iter(["1", "2", "three"]);
/// let numbers: Result<Vec<u32>, _> = mixio::wait_iter(answers).map(str::parse).collect();
/// assert!(numbers.is_err());
/// ```
pub fn wait_iter<S>(stream: S) -> WaitIter<S>
where
    S: Stream + Unpin,
{
    WaitIter { stream, ended: false }
}

/// The iterator that [`wait_iter`] makes.
///
/// Once the stream has ended it isn't polled again: `next` gives `None` for ever, whatever the stream would do.
///
/// # Panics
///
/// `next` panics as [`wait`] does: with the panic of the stream, to unwind the function if its
/// [`AsAsync`](crate::AsAsync) is dropped meanwhile, and where it can't wait. No item is lost by that: the stream can be
/// taken out, or asked again.
#[derive(Clone)]
#[must_use = "an iterator does nothing unless it is asked for items"]
pub struct WaitIter<S> {
    stream: S,
    ended: bool,
}

impl<S> WaitIter<S> {
    /// The stream.
    ///
    /// ```
    /// let items = mixio::wait_iter(futures::stream::iter([1, 2]));
    /// assert_eq!(futures::Stream::size_hint(items.get_ref()), (2, Some(2)));
    /// ```
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream, to be changed. An item that is taken from it here is not one of the iterator's.
    ///
    /// ```
    /// use futures::StreamExt as _;
    /// use mixio::{FutureExt as _, wait_iter};
    ///
    /// let mut items = wait_iter(futures::stream::iter([1, 2, 3]));
    /// assert_eq!(items.get_mut().next().wait(), Some(1));
    /// assert_eq!(items.collect::<Vec<_>>(), [2, 3]);
    /// ```
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The stream, with the items that the iterator has not given yet.
    ///
    /// ```
    /// use futures::StreamExt as _;
    /// use mixio::{FutureExt as _, wait_iter};
    ///
    /// let mut items = wait_iter(futures::stream::iter([1, 2, 3]));
    /// assert_eq!(items.next(), Some(1));
    /// assert_eq!(items.into_inner().collect::<Vec<_>>().wait(), [2, 3]);
    /// ```
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S> Iterator for WaitIter<S>
where
    S: Stream + Unpin,
{
    type Item = S::Item;

    #[track_caller]
    fn next(&mut self) -> Option<S::Item> {
        if self.ended {
            return None;
        }
        let item = wait(poll_fn(|context| Pin::new(&mut self.stream).poll_next(context)));
        self.ended = item.is_none();
        item
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.ended { (0, Some(0)) } else { self.stream.size_hint() }
    }
}

impl<S> FusedIterator for WaitIter<S> where S: Stream + Unpin {}

impl<S> fmt::Debug for WaitIter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitIter").field("ended", &self.ended).finish_non_exhaustive()
    }
}
