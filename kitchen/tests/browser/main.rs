//! The page in a real browser, which talks to the real program.
//!
//! The tests are plain functions, as are those of a blocking WebDriver client; in truth `fantoccini` is an asynchronous one, and each
//! call waits for it.
#![forbid(unsafe_code)]

mod browser;
mod connection;
mod kitchen;
mod orders;
mod screenshots;
mod service;
