//! Tables and plots: ratios first.

pub mod page;
pub mod plots;
pub mod table;
