//! Bodies of requests and responses, read and written by plain code.

mod error;
mod reader;
mod stream;

pub use error::BodyError;
pub use reader::{BodyReader, DEFAULT_LIMIT};
pub use stream::{BodyWriter, StreamBody, stream};
