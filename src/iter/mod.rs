//! Asynchronous streams and synchronous iterators, each made of the other.

mod as_stream;
mod wait_iter;

pub use as_stream::{AsStream, StreamYielder, as_stream};
pub use wait_iter::{WaitIter, wait_iter};
