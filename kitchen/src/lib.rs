//! The food delivery service: the reference application of `mixio`.
//!
//! [`views`] is what an application's author writes: plain functions, on plain Diesel and a plain HTTP client. The rest
//! puts non-blocking I/O under them. [`database`] and [`http`] turn asynchronous drivers into synchronous ones by
//! `mixio::wait`, and [`server`] turns each view into a future by `mixio::as_async`. So one thread serves many orders at
//! once, although each view just waits for what it needs.
#![forbid(unsafe_code)]

pub mod consumers;
pub mod database;
pub mod error;
pub mod health;
pub mod http;
pub mod inspection;
pub mod logs;
pub mod orders;
pub mod request;
pub mod running;
pub mod schema;
pub mod server;
pub mod settings;
pub mod views;

pub use settings::Settings;
