//! A page and a plot.

pub mod page;
pub mod plot;
pub mod table;
