//! The curves as a picture: both axes logarithmic.
//!
//! The axes are the plotting library's. Curves, markers and legend are drawn in pixels, by the
//! same functions, so that the legend shows just what the plot does.

use super::{
    Report,
    figure::{Curve, Figure},
    marks::Style,
};
use plotters::{
    backend::SVGBackend,
    chart::ChartBuilder,
    coord::{
        Shift,
        combinators::{BindKeyPoints as _, IntoLogRange as _},
    },
    drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea as _},
    style::{
        BLACK, Color as _, IntoFont as _, RGBColor, TextStyle, WHITE,
        text_anchor::{HPos, Pos, VPos},
    },
};
use std::{error::Error, io, iter, ops::Range};

/// As wide as a README is shown.
const SIZE: (u32, u32) = (900, 560);
const LEGEND_LEFT: i32 = 662;
const LEGEND_TOP: i32 = 108;
const LEGEND_STEP: i32 = 34;
const GRID: RGBColor = RGBColor(222, 222, 222);

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<io::Error>>;

pub(super) fn svg(report: &Report) -> Result<String, Box<dyn Error>> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        draw(&area, report, &Figure::of(report.kind))?;
        area.present()?;
    }
    Ok(text)
}

fn draw(area: &Area<'_>, report: &Report, figure: &Figure) -> Drawn {
    let curves = figure.curves(&report.rows);
    area.fill(&WHITE)?;
    let centre = SIZE.0.cast_signed() / 2;
    area.draw_text(figure.title, &font(30, HPos::Center), (centre, 14))?;
    let caption =
        format!("{}; {}; {}", report.machine, report.method(), figure.remark(&report.rows));
    area.draw_text(&caption, &font(18, HPos::Center), (centre, 50))?;
    draw_curves(area, figure, &curves)?;
    draw_legend(area, figure, &curves)
}

fn draw_curves(area: &Area<'_>, figure: &Figure, curves: &[Curve]) -> Drawn {
    let points = || curves.iter().flat_map(|curve| curve.points.iter().copied());
    let (x, y) = (around(points().map(|p| p.0), 1.15), around(points().map(|p| p.1), 1.25));
    let (x_ticks, y_ticks) = (powers(figure.x_step, &x), one_two_five(&y));
    let mut chart = ChartBuilder::on(area)
        .margin_top(86)
        .margin_left(8)
        .margin_bottom(8)
        .margin_right(SIZE.0.cast_signed() - LEGEND_LEFT + 12)
        .x_label_area_size(58)
        .y_label_area_size(84)
        .build_cartesian_2d(
            x.log_scale().with_key_points(x_ticks),
            y.log_scale().with_key_points(y_ticks),
        )?;
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .axis_style(BLACK.mix(0.6))
        .x_desc(figure.x_title)
        .y_desc(figure.y_title)
        .axis_desc_style(font(22, HPos::Center))
        .label_style(font(21, HPos::Center))
        .x_label_formatter(&|x| x.to_string())
        .y_label_formatter(&|y| y.to_string())
        .draw()?;
    // The last drawn lies on top: the highest, which come first in the legend.
    for curve in curves.iter().rev() {
        let pixels: Vec<_> = curve.points.iter().map(|point| chart.backend_coord(point)).collect();
        let style = Style::of(curve.name);
        style.line(area, &pixels)?;
        pixels.iter().try_for_each(|&pixel| style.marker(area, pixel))?;
    }
    Ok(())
}

fn draw_legend(area: &Area<'_>, figure: &Figure, curves: &[Curve]) -> Drawn {
    let lines = iter::successors(Some(LEGEND_TOP), |y| Some(y + LEGEND_STEP));
    for (curve, y) in curves.iter().zip(lines) {
        let style = Style::of(curve.name);
        if curve.points.len() > 1 || !curve.name.single_thread() {
            style.line(area, &[(LEGEND_LEFT, y), (LEGEND_LEFT + 40, y)])?;
        }
        style.marker(area, (LEGEND_LEFT + 20, y))?;
        let label = font(20, HPos::Left).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw_text(&figure.label(curve.name), &label, (LEGEND_LEFT + 50, y))?;
    }
    Ok(())
}

fn font(size: u32, anchor: HPos) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&BLACK).pos(Pos::new(anchor, VPos::Top))
}

/// From below the least to above the greatest of `values`, by `factor`.
fn around(values: impl Iterator<Item = f64> + Clone, factor: f64) -> Range<f64> {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let greatest = values.fold(0.0, f64::max);
    least / factor..greatest * factor
}

fn powers(base: f64, range: &Range<f64>) -> Vec<f64> {
    let powers = iter::successors(Some(1.0), |power| Some(power * base));
    within(range, powers)
}

/// 1, 2, 5, 10 and so on, or, if those would be crowded, 1, 10, 100 and so on.
fn one_two_five(range: &Range<f64>) -> Vec<f64> {
    let decades = || (-6..=9).map(|exponent| 10_f64.powi(exponent));
    let ticks = within(range, decades().flat_map(|ten| [1.0, 2.0, 5.0].map(|digit| digit * ten)));
    if ticks.len() <= 10 { ticks } else { within(range, decades()) }
}

fn within(range: &Range<f64>, ascending: impl Iterator<Item = f64>) -> Vec<f64> {
    ascending.take_while(|tick| *tick <= range.end).filter(|tick| *tick >= range.start).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kind::Kind, machine::Machine, recommend::Advice, rounds::tests::row, subjects::Name,
    };
    use std::time::Duration;
    use striped_counter::Backend;

    #[test]
    fn ticks_are_in_range_and_not_crowded() {
        assert_eq!(powers(2.0, &(0.9..9.0)), [1.0, 2.0, 4.0, 8.0]);
        assert_eq!(powers(10.0, &(0.9..100.1)), [1.0, 10.0, 100.0]);
        assert_eq!(one_two_five(&(3.0..60.0)), [5.0, 10.0, 20.0, 50.0]);
        assert_eq!(one_two_five(&(0.4..20_000.0)), [1.0, 10.0, 100.0, 1_000.0, 10_000.0]);
    }

    #[test]
    fn the_picture_is_whole_and_escaped() {
        let striped = Name::Backend(Backend::Striped);
        let rows = vec![row(striped, 1, 300.0), row(Name::AtomicU64, 1, 500.0)];
        let advice = Advice::new(Kind::Counter, &rows, Backend::Striped);
        let machine = Machine { model: "A & B <C>".to_owned(), cpus: 2 };
        let (kind, window) = (Kind::Counter, Duration::ZERO);
        let report = Report { kind, machine, repeats: 1, window, rows, advice };
        let picture = svg(&report).unwrap();
        assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
        assert!(picture.contains("A &amp; B &lt;C&gt;, 2 CPUs"));
        assert!(["Striped", "AtomicU64"].iter().all(|name| picture.contains(name)));
    }
}
