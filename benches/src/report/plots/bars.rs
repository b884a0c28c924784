//! Ratios as bars that begin at 1, the reference: to the left is faster.

use std::path::Path;

use mixio_figures::number::{round, short};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Area, Drawn, colour, plain};
use crate::results::{Time, Timed};

const WIDTH: i32 = 900;
/// Where names end and bars may begin; where those must end, so that their numbers have room.
const LEFT: i32 = 300;
const RIGHT: i32 = WIDTH - 80;
const ROW: i32 = 24;
/// Above the bars of a work, for its title, and below them, for the scale.
const HEAD: i32 = 44;
const FOOT: i32 = 36;

/// Draws the works below one another.
pub(super) fn draw<'a>(works: impl Iterator<Item = &'a Timed>, file: &Path) -> Drawn {
    let works: Vec<&Timed> = works.collect();
    let heights: Vec<i32> = works.iter().map(|work| HEAD + ROW * rows(work).len() as i32 + FOOT).collect();
    let area = SVGBackend::new(file, (WIDTH as u32, heights.iter().sum::<i32>().max(1) as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut top = 0;
    for (work, height) in works.into_iter().zip(heights) {
        panel(&area, work, top)?;
        top += height;
    }
    area.present()?;
    Ok(())
}

/// The fastest first.
fn rows(work: &Timed) -> Vec<(&Time, f64)> {
    let mut rows: Vec<_> = work.times.iter().filter_map(|time| Some((time, time.ratio?.median))).collect();
    rows.sort_by(|one, other| one.1.total_cmp(&other.1));
    rows
}

fn panel(area: &Area<'_>, work: &Timed, top: i32) -> Drawn {
    let rows = rows(work);
    let bottom = top + HEAD + ROW * rows.len() as i32;
    // A whole number of decades, with 1 among them.
    let exponents = || rows.iter().map(|(_, ratio)| ratio.log10());
    let lowest = exponents().fold(0.0, f64::min).floor();
    let highest = exponents().fold(0.0, f64::max).ceil().max(lowest + 1.0);
    let x = |ratio: f64| LEFT + ((ratio.log10() - lowest) / (highest - lowest) * f64::from(RIGHT - LEFT)) as i32;

    let text =
        |size: i32, horizontal| ("sans-serif", size).into_font().color(&BLACK).pos(Pos::new(horizontal, VPos::Center));
    area.draw(&Text::new(plain(&work.title), (12, top + 16), text(16, HPos::Left)))?;
    let reference = format!("time / time of {}; to the left is faster", plain(&work.reference));
    area.draw(&Text::new(reference, (12, top + 34), text(12, HPos::Left)))?;
    for exponent in lowest as i32..=highest as i32 {
        let ratio = 10_f64.powi(exponent);
        let line = vec![(x(ratio), top + HEAD), (x(ratio), bottom)];
        area.draw(&PathElement::new(line, RGBColor(215, 215, 215)))?;
        area.draw(&Text::new(round(ratio), (x(ratio), bottom + 12), text(12, HPos::Center)))?;
    }
    for (index, (time, ratio)) in rows.iter().enumerate() {
        let middle = top + HEAD + ROW * index as i32 + ROW / 2;
        area.draw(&Text::new(plain(&time.contestant), (LEFT - 10, middle), text(13, HPos::Right)))?;
        let (from, to) = (x(ratio.min(1.0)), x(ratio.max(1.0)));
        let fill = colour(&time.contestant).filled();
        // A bar of no length, the reference's, is to be seen as well.
        area.draw(&Rectangle::new([(from - 1, middle - 8), (to + 1, middle + 8)], fill))?;
        area.draw(&Text::new(short(*ratio), (to + 6, middle), text(13, HPos::Left)))?;
    }
    area.draw(&PathElement::new(vec![(x(1.0), top + HEAD), (x(1.0), bottom)], BLACK))?;
    Ok(())
}
