//! Nanoseconds as lines over a number, both on logarithmic axes.

use std::collections::BTreeMap;
use std::path::Path;

use mixio_figures::number::round;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Area, Drawn, colour, plain};
use crate::results::Timed;

/// The works whose names are this prefix, a number, and this suffix.
pub(super) struct Panel {
    pub(super) title: &'static str,
    pub(super) works: &'static str,
    pub(super) suffix: &'static str,
}

/// By contestant, its points: the number and the nanoseconds.
type Lines<'a> = BTreeMap<&'a str, Vec<(f64, f64)>>;

const WIDTH: u32 = 900;
const HEIGHT: u32 = 300;
/// For the names of the lines, on the right.
const LEGEND: u32 = 200;

/// Draws the panels, two in a row.
pub(super) fn draw(times: &[Timed], panels: &[Panel], number: &str, file: &Path) -> Drawn {
    let lines: Vec<Lines<'_>> = panels.iter().map(|panel| panel.lines(times)).collect();
    let columns = panels.len().min(2);
    let rows = panels.len().div_ceil(columns);
    let area = SVGBackend::new(file, (WIDTH, HEIGHT * rows as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    let (plots, legend) = area.split_horizontally(WIDTH - LEGEND);
    // The same scale for all panels, so that they compare.
    let points = || lines.iter().flat_map(BTreeMap::values).flatten();
    let range = |of: fn(&(f64, f64)) -> f64| {
        let least = points().map(of).fold(f64::INFINITY, f64::min);
        least..points().map(of).fold(0.0, f64::max).max(least)
    };
    let (numbers, times) = (range(|point| point.0), range(|point| point.1));
    if points().next().is_some() {
        for ((area, panel), lines) in plots.split_evenly((rows, columns)).iter().zip(panels).zip(&lines) {
            let mut chart = ChartBuilder::on(area)
                .caption(panel.title, ("sans-serif", 15))
                .margin(10)
                .x_label_area_size(40)
                .y_label_area_size(56)
                .build_cartesian_2d(numbers.clone().log_scale(), (times.start * 0.7..times.end * 1.4).log_scale())?;
            chart
                .configure_mesh()
                .light_line_style(WHITE)
                .x_labels(4)
                .x_desc(number)
                .y_desc("ns")
                .x_label_formatter(&|number| round(*number))
                .y_label_formatter(&|time| round(*time))
                .draw()?;
            for (contestant, points) in lines {
                let colour = colour(contestant);
                chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
                chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
            }
        }
    }
    names(&legend, &lines)?;
    area.present()?;
    Ok(())
}

impl Panel {
    fn lines<'a>(&self, times: &'a [Timed]) -> Lines<'a> {
        let mut lines = Lines::new();
        for timed in times {
            let number = timed.work.strip_prefix(self.works).and_then(|rest| rest.strip_suffix(self.suffix));
            let Some(number) = number.and_then(|number| number.parse().ok()) else { continue };
            for time in &timed.times {
                lines.entry(&*time.contestant).or_default().push((number, time.nanoseconds));
            }
        }
        lines
    }
}

fn names(area: &Area<'_>, lines: &[Lines<'_>]) -> Drawn {
    let names: BTreeMap<&str, ()> = lines.iter().flat_map(BTreeMap::keys).map(|name| (*name, ())).collect();
    let style = ("sans-serif", 13).into_font().color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
    for (index, name) in names.into_keys().enumerate() {
        let y = 50 + 22 * index as i32;
        area.draw(&PathElement::new(vec![(4, y), (24, y)], colour(name).stroke_width(3)))?;
        area.draw(&Text::new(plain(name), (30, y), style.clone()))?;
    }
    Ok(())
}
