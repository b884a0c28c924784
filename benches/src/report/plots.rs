//! Plots, as SVG. On white, whatever is around them.

mod bars;
mod lines;

use std::error::Error;
use std::path::Path;

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::style::RGBColor;

use crate::names::*;
use crate::results::Timed;

/// A plot that was drawn.
pub struct Plot {
    /// What it is of.
    pub topic: &'static str,
    /// What it shows, for who can't see it.
    pub title: &'static str,
    /// Its name in the folder.
    pub file: &'static str,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

/// Of which topics there are bars.
const BARS: [Plot; 5] = [
    Plot { topic: "switch", title: "Ratios of times for a switch", file: "switch.svg" },
    Plot { topic: "bridge", title: "Ratios of times for a wait", file: "bridge.svg" },
    Plot { topic: "lifecycle", title: "Ratios of times from creation to drop", file: "lifecycle.svg" },
    Plot { topic: "alive", title: "Ratios of times with 1,000 alive at once", file: "alive.svg" },
    Plot { topic: "cancel", title: "Ratios of times for a drop while suspended", file: "cancel.svg" },
];
const DEPTH: Plot = Plot { topic: "depth", title: "Nanoseconds for a wait, by call depth", file: "depth.svg" };
const MANY: Plot =
    Plot { topic: "many", title: "Nanoseconds for a resumption, by how many there are", file: "many.svg" };

/// Draws all into a folder, and tells which there are.
///
/// # Errors
///
/// If a file can't be written.
pub fn draw(times: &[Timed], folder: &Path) -> Result<Vec<Plot>, Box<dyn Error>> {
    for plot in &BARS {
        bars::draw(times.iter().filter(|timed| timed.topic == plot.topic), &folder.join(plot.file))?;
    }
    let of_depth = [lines::Panel { title: DEPTH.title, works: "depth-", suffix: "" }];
    lines::draw(times, &of_depth, "call depth", &folder.join(DEPTH.file))?;
    let of_many = [
        lines::Panel { title: "in order, little stack in use", works: "many-", suffix: "-ordered-little" },
        lines::Panel { title: "shuffled, little stack in use", works: "many-", suffix: "-shuffled-little" },
        lines::Panel { title: "in order, 512 bytes in use", works: "many-", suffix: "-ordered-512" },
        lines::Panel { title: "shuffled, 512 bytes in use", works: "many-", suffix: "-shuffled-512" },
    ];
    lines::draw(times, &of_many, "coroutines", &folder.join(MANY.file))?;
    Ok(BARS.into_iter().chain([DEPTH, MANY]).collect())
}

/// The same for a contestant in every plot: mixio stands out.
fn colour(contestant: &str) -> RGBColor {
    match contestant {
        MIXIO => RGBColor(208, 60, 20),
        MIXIO_SMALL | MIXIO_REUSED | MIXIO_FUTURE => RGBColor(240, 150, 90),
        COROSENSEI | BY_HAND => RGBColor(30, 90, 170),
        COROSENSEI_REUSED | BY_HAND_REUSED | BY_HAND_BOXED => RGBColor(120, 170, 220),
        NATIVE => RGBColor(150, 200, 140),
        NATIVE_BOXED => RGBColor(50, 130, 60),
        STACKFUL => RGBColor(190, 160, 20),
        GENERATOR => RGBColor(20, 150, 160),
        _ => RGBColor(130, 130, 130),
    }
}

/// Names carry Markdown's quotes for code.
fn plain(text: &str) -> String {
    text.replace('`', "")
}
