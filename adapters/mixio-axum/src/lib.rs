//! Plain functions as axum handlers, by mixio.
#![forbid(unsafe_code)]

mod failure;
mod function;
mod task;
mod view;
mod views;
pub mod way;

pub use failure::Failure;
pub use function::Function;
pub use view::{View, local, pinned};
pub use views::{Ticket, Views};
