//! From a function that gives items to a stream.

use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::thread;

use futures_core::{FusedStream, Stream};

use crate::stack::StackPool;
use crate::{AsAsync, Cancel, as_async, wait};

/// Makes a stream of a plain function, which gives items by [`StreamYielder::suspend`] and may [`wait`] in between.
/// (Feature `stream`.)
///
/// The function starts with the first poll, on a stack of its own, and runs on the thread that polls. It runs only while
/// an item is asked for: it stays suspended from each item until the next one is.
///
/// # Example
///
/// ```
/// use futures::StreamExt as _;
/// use mixio::{StreamYielder, as_stream, wait};
/// use std::time::Duration;
///
/// /// Suspends from any depth of its calls.
/// fn countdown(yielder: &StreamYielder<u32>, from: u32) {
///     if from > 0 {
///         wait(smol::Timer::after(Duration::from_millis(1)));
///         yielder.suspend(from);
///         countdown(yielder, from - 1);
///     }
/// }
///
/// let stream = as_stream(|yielder| countdown(yielder, 3));
/// assert_eq!(smol::block_on(stream.collect::<Vec<_>>()), [3, 2, 1]);
/// ```
///
/// The function may own what it needs, and borrow nothing, since a stream can be leaked:
///
/// ```compile_fail,E0373
/// let text = String::from("borrowed");
/// let stream = mixio::as_stream(|yielder| text.chars().for_each(|char| yielder.suspend(char)));
/// ```
///
/// # Nesting
///
/// The yielder can't leave the function, so that nobody suspends when the stream isn't polled:
///
/// ```compile_fail,E0521
/// let kept = std::rc::Rc::new(std::cell::Cell::new(None));
/// let stream = mixio::as_stream({
///     let kept = kept.clone();
///     move |yielder: &mixio::StreamYielder<u32>| kept.set(Some(yielder))
/// });
/// ```
///
/// So a nested [`as_async`](fn@crate::as_async), whose function is `'static`, can't use it either:
///
/// ```compile_fail,E0521
/// use mixio::{StreamYielder, as_async, as_stream, wait};
///
/// let stream = as_stream(|yielder: &StreamYielder<u32>| wait(as_async(move || yielder.suspend(1))));
/// ```
///
/// Futures and iterators that the function waits for can, since they may borrow; and a stream within is passed on item by
/// item:
///
/// ```
/// use futures::StreamExt as _;
/// use mixio::{StreamYielder, as_stream, wait, wait_iter};
///
/// let stream = as_stream(|yielder| {
///     wait(async { yielder.suspend(1) });
///     let inner = as_stream(|inner| (2..4).for_each(|item| inner.suspend(item)));
///     wait_iter(inner).for_each(|item| yielder.suspend(item));
/// });
/// assert_eq!(smol::block_on(stream.collect::<Vec<_>>()), [1, 2, 3]);
/// ```
#[track_caller]
pub fn as_stream<T, F>(producer: F) -> AsStream<T, impl FnOnce() + 'static>
where
    F: FnOnce(&StreamYielder<T>) + 'static,
    T: 'static,
{
    let desk = Rc::new(Desk { item: Cell::new(None), asked: Cell::new(false), closed: Cell::new(false) });
    let yielder = StreamYielder { desk: desk.clone() };
    AsStream { desk: Asker(desk), producer: as_async(move || producer(&yielder)), ended: false }
}

/// What lies between the stream and its producer.
struct Desk<T> {
    item: Cell<Option<T>>,
    /// Whether the producer may go on. If the stream is dropped it stays as it was, so that the producer doesn't.
    asked: Cell<bool>,
    /// Whether nobody will ask any more.
    closed: Cell<bool>,
}

/// The stream's side of the desk: closes it when it is dropped.
struct Asker<T>(Rc<Desk<T>>);

impl<T> Drop for Asker<T> {
    fn drop(&mut self) {
        self.0.closed.set(true);
    }
}

/// The stream that [`as_stream`] makes.
///
/// It ends when the function returns, or panics: from then on it gives `None`, for ever.
///
/// # Dropping
///
/// As that of an [`AsAsync`](crate::AsAsync#dropping): a function that has started and not finished is unwound. If one of its
/// destructors gives an item meanwhile, nobody asks for it: it is dropped, and the destructor goes on.
///
/// # Threads
///
/// It is not `Send`: the function's stack may hold anything.
///
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// send(mixio::as_stream(|yielder| yielder.suspend(1)));
/// ```
#[must_use = "a stream does nothing unless it is polled"]
pub struct AsStream<T, F: 'static = fn()> {
    // Dropped before the producer, which is to know.
    desk: Asker<T>,
    producer: AsAsync<(), F>,
    ended: bool,
}

impl<T, F> AsStream<T, F> {
    /// Unwinds the function, if it has started and not finished, and lets its destructors [`wait`]: see
    /// [`AsAsync::cancel`].
    ///
    /// # Panics
    ///
    /// As there.
    ///
    /// ```
    /// use mixio::{as_stream, resource};
    /// use smol::stream::StreamExt as _;
    ///
    /// let mut stream = as_stream(|yielder| {
    ///     let table = resource(async { 7 }, async |table| println!("table {table} is free"));
    ///     (0..).for_each(|course| yielder.suspend((*table, course)));
    /// });
    /// smol::block_on(async {
    ///     assert_eq!(stream.next().await, Some((7, 0)));
    ///     stream.cancel().await; // table 7 is free
    /// });
    /// ```
    pub fn cancel(self) -> Cancel<()> {
        let AsStream { desk, producer, .. } = self;
        drop(desk);
        producer.cancel()
    }

    /// With a name, for [`inspect`](crate::inspect): see [`AsAsync::named`].
    ///
    /// ```
    /// let courses = mixio::as_stream(|yielder| yielder.suspend("soup")).named("table 7");
    /// assert_eq!(mixio::wait_iter(courses).next(), Some("soup"));
    /// ```
    pub fn named(self, name: impl Into<String>) -> Self {
        AsStream { producer: self.producer.named(name), ..self }
    }

    /// With a stack of at least `bytes`: see [`AsAsync::stack_size`]. Without effect once the function has started.
    ///
    /// # Panics
    ///
    /// The first poll panics if there can't be such a stack.
    ///
    /// ```
    /// let stream = mixio::as_stream(|yielder| yielder.suspend(1)).stack_size(64 << 10);
    /// assert_eq!(mixio::wait_iter(stream).next(), Some(1));
    /// ```
    pub fn stack_size(self, bytes: usize) -> Self {
        AsStream { producer: self.producer.stack_size(bytes), ..self }
    }

    /// With a stack of this pool: see [`AsAsync::stack_pool`]. Without effect once the function has started.
    ///
    /// # Panics
    ///
    /// The first poll panics if the pool has none.
    ///
    /// ```
    /// # fn main() -> Result<(), mixio::stack::StackError> {
    /// let small = mixio::stack::StackPool::builder().stack_size(16 << 10).build()?;
    /// let stream = mixio::as_stream(|yielder| yielder.suspend(1)).stack_pool(&small);
    /// assert_eq!(mixio::wait_iter(stream).count(), 1);
    /// assert_eq!(small.statistics().cached, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn stack_pool(self, pool: &StackPool) -> Self {
        AsStream { producer: self.producer.stack_pool(pool), ..self }
    }
}

impl<T, F> Stream for AsStream<T, F>
where
    F: FnOnce() + 'static,
{
    type Item = T;

    /// Runs the function until it gives an item, waits for something that is pending, or returns.
    ///
    /// # Panics
    ///
    /// With the panic of the function. If there is no memory for its stack.
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let this = &mut *self;
        // Set meanwhile, for if it panics.
        if std::mem::replace(&mut this.ended, true) {
            return Poll::Ready(None);
        }
        this.desk.0.asked.set(true);
        let polled = Pin::new(&mut this.producer).poll(context);
        this.ended = polled.is_ready();
        match this.desk.0.item.take() {
            None if polled.is_pending() => Poll::Pending,
            item => Poll::Ready(item),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.ended.then_some(0))
    }
}

impl<T, F> FusedStream for AsStream<T, F>
where
    F: FnOnce() + 'static,
{
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl<T, F> fmt::Debug for AsStream<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsStream").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// The function's side of a stream: gives items.
///
/// The function that [`as_stream`] is given gets a reference to one. It can be lent to everything that the function calls,
/// and to closures, futures and iterators within it, but it can't be kept, nor sent to another thread.
pub struct StreamYielder<T> {
    desk: Rc<Desk<T>>,
}

impl<T> StreamYielder<T> {
    /// Gives an item to whoever polls the stream, and suspends the function until the next item is asked for.
    ///
    /// # Panics
    ///
    /// As [`wait`]: with a payload of mixio's own, to unwind the function if the stream is dropped. Code that catches
    /// that and suspends again meets it again. (A destructor that runs meanwhile doesn't: there, the item is dropped.)
    ///
    /// # Example
    ///
    /// ```
    /// use mixio::{as_stream, wait_iter};
    ///
    /// let squares = as_stream(|yielder| (1..).for_each(|n: u64| yielder.suspend(n * n)));
    /// assert_eq!(wait_iter(squares).take(3).collect::<Vec<_>>(), [1, 4, 9]);
    /// ```
    #[track_caller]
    pub fn suspend(&self, item: T) {
        if self.desk.closed.get() && thread::panicking() {
            return;
        }
        self.desk.asked.set(false);
        self.desk.item.set(Some(item));
        wait(poll_fn(|_| if self.desk.asked.get() { Poll::Ready(()) } else { Poll::Pending }));
    }
}

impl<T> fmt::Debug for StreamYielder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamYielder").finish_non_exhaustive()
    }
}
