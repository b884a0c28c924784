//! The ways in which a [`View`](crate::View) runs, as types.

/// As a task of its own: see [`handler()`](crate::handler).
#[derive(Debug)]
pub enum Detached {}

/// With its client: see [`attached()`](crate::attached).
#[derive(Debug)]
pub enum Attached {}

/// As a task, or on a thread: see [`by_setting()`](crate::by_setting).
#[derive(Debug)]
pub enum BySetting {}
