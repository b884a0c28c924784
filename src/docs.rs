//! Longer pages: what there is to be said beyond single items.

#[doc = include_str!("../docs/soundness.md")]
pub mod soundness {}
