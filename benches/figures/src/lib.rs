//! Figures for reports: [numbers as people read them](number), [medians and quartiles](Ratio), [the machine](Machine).
#![forbid(unsafe_code)]

mod machine;
pub mod number;
mod ratio;

pub use machine::Machine;
pub use ratio::Ratio;
