//! The kitchen under load, beside the same service in native async Rust and on pools of threads. `ci/load` runs it.
//!
//! | module | what is there |
//! | --- | --- |
//! | [`contestants`] | who takes part, and how each is started |
//! | [`alike`] | whether they are the same service |
//! | [`crowd`] | clients that place orders, each the next one when the last is answered |
//! | [`measure`] | one run: a contestant, so many clients, and what it took |
//! | [`agreement`] | whether an order was lost or doubled |
//! | [`schedule`] | which runs there are, in turns |
//! | [`results`], [`bars`] | what came out, as data, and what has to be reached |
//! | [`report`] | a page and a plot of it |
//!
//! The contestants, the kitchen service (`cook`), PostgreSQL and the clients (`load`) are processes of their own.
#![forbid(unsafe_code)]

pub mod agreement;
pub mod alike;
pub mod bars;
pub mod contestants;
pub mod crowd;
pub mod http;
pub mod measure;
pub mod program;
pub mod report;
pub mod results;
pub mod schedule;
pub mod stage;

/// What went wrong, for people.
pub type Error = Box<dyn std::error::Error>;
