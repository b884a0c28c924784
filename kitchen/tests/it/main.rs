//! The kitchen from outside: over real sockets, with a database of its own for each test.
#![forbid(unsafe_code)]

mod backends;
mod bad_input;
mod bad_kitchens;
mod binary;
mod client;
mod fake_kitchen;
mod health;
mod host;
mod inspection;
mod logs;
mod notifications;
mod orders;
mod overlap;
mod program;
mod recovery;
mod rights;
mod shutdown;
mod source;
mod tokens;
