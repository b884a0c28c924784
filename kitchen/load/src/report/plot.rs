//! The plot, as SVG: four figures over the number of clients. On white, whatever is around it.

use std::path::Path;

use mixio_figures::number::round;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::Error;
use crate::contestants::{self, MIXIO, NATIVE, THREADS};
use crate::results::{self, Run};

const WIDTH: u32 = 900;
const HEIGHT: u32 = 300;
/// For the names of the lines, on the right.
const LEGEND: u32 = 160;

/// One of the figures.
struct Panel {
    title: &'static str,
    unit: &'static str,
    figure: fn(&Run) -> f64,
}

const PANELS: [Panel; 4] = [
    Panel { title: "requests a second", unit: "requests/s", figure: |run| run.requests_per_second },
    Panel { title: "latency, 99% are below", unit: "ms", figure: |run| run.p99 },
    Panel { title: "CPU time for a request", unit: "µs", figure: |run| run.processor_time },
    Panel { title: "peak of resident memory", unit: "MiB", figure: |run| run.peak_memory / (1 << 20) as f64 },
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws it. There is to be at least one run.
///
/// # Errors
///
/// If the file can't be written.
pub fn draw(runs: &[Run], file: &Path) -> Result<(), Error> {
    let area = SVGBackend::new(file, (WIDTH, 2 * HEIGHT)).into_drawing_area();
    let fill = area.fill(&WHITE);
    fill.map_err(owned)?;
    let (plots, legend) = area.split_horizontally(WIDTH - LEGEND);
    for (area, panel) in plots.split_evenly((2, 2)).iter().zip(&PANELS) {
        panel.draw(area, runs)?;
    }
    names(&legend)?;
    area.present().map_err(owned)
}

impl Panel {
    fn draw(&self, area: &Area<'_>, runs: &[Run]) -> Result<(), Error> {
        let numbers = results::clients(runs);
        let lines: Vec<_> =
            contestants::ALL.iter().map(|one| (one.name, self.line(runs, one.name, &numbers))).collect();
        let values = || lines.iter().flat_map(|(_, points)| points).map(|point| point.1);
        let (least, most) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
        let (first, last) = (numbers[0] as f64, numbers[numbers.len() - 1] as f64);
        let mut chart = ChartBuilder::on(area)
            .caption(self.title, ("sans-serif", 15))
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(56)
            .build_cartesian_2d((first * 0.8..last * 1.25).log_scale(), (least * 0.7..most * 1.4).log_scale())
            .map_err(owned)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_labels(4)
            .y_labels(6)
            .x_desc("clients at once")
            .y_desc(self.unit)
            .x_label_formatter(&|number| round(*number))
            .y_label_formatter(&|value| round(*value))
            .draw()
            .map_err(owned)?;
        for (name, points) in &lines {
            let colour = colour(name);
            let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2));
            chart.draw_series(line).map_err(owned)?;
            chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, colour.filled()))).map_err(owned)?;
        }
        Ok(())
    }

    /// The medians.
    fn line(&self, runs: &[Run], contestant: &str, numbers: &[usize]) -> Vec<(f64, f64)> {
        let median = |clients: &usize| {
            let spread = results::spread(&results::of(runs, contestant, *clients), self.figure)?;
            Some((*clients as f64, spread.median))
        };
        numbers.iter().filter_map(median).collect()
    }
}

fn names(area: &Area<'_>) -> Result<(), Error> {
    let style = ("sans-serif", 13).into_font().color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
    for (index, contestant) in contestants::ALL.iter().enumerate() {
        let y = 50 + 22 * index as i32;
        let line = PathElement::new(vec![(4, y), (24, y)], colour(contestant.name).stroke_width(3));
        area.draw(&line).map_err(owned)?;
        area.draw(&Text::new(contestant.name, (30, y), style.clone())).map_err(owned)?;
    }
    Ok(())
}

/// As in the plots of the benches: mixio stands out.
fn colour(contestant: &str) -> RGBColor {
    if contestant == MIXIO.name {
        RGBColor(208, 60, 20)
    } else if contestant == NATIVE.name {
        RGBColor(50, 130, 60)
    } else if contestant == THREADS.name {
        RGBColor(30, 90, 170)
    } else {
        RGBColor(120, 170, 220)
    }
}

/// plotters' errors borrow from the drawing.
fn owned(error: impl std::fmt::Display) -> Error {
    error.to_string().into()
}
