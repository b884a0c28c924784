//! Medians and their spread.

use serde::{Deserialize, Serialize};

/// A median and its spread: often of ratios.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Ratio {
    /// A quarter is less.
    pub lower: f64,
    /// Half is less.
    pub median: f64,
    /// A quarter is more.
    pub upper: f64,
}

impl Ratio {
    /// Of some values, of which there is at least one.
    pub fn of(mut values: Vec<f64>) -> Ratio {
        values.sort_by(f64::total_cmp);
        let last = values.len() - 1;
        Ratio { lower: values[last / 4], median: values[last / 2], upper: values[last - last / 4] }
    }

    /// Of what two contestants took, round by round.
    pub fn between(ours: &[f64], theirs: &[f64]) -> Ratio {
        Ratio::of(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect())
    }
}
