//! Plain functions as actix-web handlers, by mixio.
#![forbid(unsafe_code)]

mod body;
mod failure;
mod function;
mod guard;
mod send_response;
mod view;
mod views;
pub mod way;

pub use body::{BodyError, BodyReader, BodyWriter, DEFAULT_LIMIT, StreamBody, stream};
pub use failure::Failure;
pub use function::Function;
pub use send_response::SendResponse;
pub use view::{View, ViewFuture, attached, by_setting, handler};
pub use views::{Ticket, Views};
