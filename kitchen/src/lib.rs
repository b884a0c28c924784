//! The food delivery service: the reference application of `mixio`.
//!
//! [`views`] is what an application's author writes: plain functions, on plain Diesel and a plain HTTP client. What is under
//! them is said by settings: [`mixio::Io`] whether they run on an event loop or on threads, and the database's URL which one that
//! is. [`server`] puts them on actix-web, [`database`] and [`http`] open what they use. So one thread serves many orders at once,
//! although each view just waits for what it needs.
#![forbid(unsafe_code)]

pub mod consumers;
pub mod database;
pub mod database_url;
pub mod error;
pub mod health;
pub mod http;
pub mod inspection;
pub mod logs;
pub mod orders;
pub mod recovery;
pub mod request;
pub mod schema;
pub mod server;
pub mod settings;
pub mod underway;
pub mod views;

pub use settings::Settings;
