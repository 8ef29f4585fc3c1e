//! Curves as a picture, as SVG: both axes logarithmic.
//!
//! The axes are the plotting library's. Curves, markers and legend are drawn in pixels, by the
//! same functions, so that the legend shows just what the plot does.

pub mod style;

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
use style::Style;

/// As wide as a README is shown, and at least as high as this.
const WIDTH: u32 = 900;
const HEIGHT: u32 = 560;
const LEGEND_LEFT: i32 = 662;
const LEGEND_TOP: i32 = 108;
const LEGEND_STEP: i32 = 34;
/// Between the last line of the legend and the lower edge.
const LEGEND_FOOT: u32 = 60;
const GRID: RGBColor = RGBColor(222, 222, 222);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<io::Error>>;

/// What a picture shows.
pub struct Chart {
    pub title: String,
    /// How it was measured, and where.
    pub caption: String,
    pub x_title: String,
    pub y_title: String,
    /// From one mark on the x axis to the next.
    pub x_step: f64,
    /// In the order of the legend.
    pub curves: Vec<Curve>,
}

pub struct Curve {
    /// In the legend; a curve that another one stands for there has none.
    pub label: Option<String>,
    pub style: Style,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
}

impl Curve {
    /// Its rightmost point.
    fn end(&self) -> (f64, f64) {
        self.points.last().copied().unwrap_or_default()
    }
}

/// Puts the curves that reach farthest first, and of those the highest: the order in which the eye
/// meets them.
pub fn sort(curves: &mut [Curve]) {
    curves.sort_by(|a, b| b.end().0.total_cmp(&a.end().0).then(b.end().1.total_cmp(&a.end().1)));
}

pub fn svg(chart: &Chart) -> Result<String, Box<dyn Error>> {
    let mut text = String::new();
    let legend = chart.curves.iter().filter(|curve| curve.label.is_some()).count();
    let lines = u32::try_from(legend)? * LEGEND_STEP.cast_unsigned();
    let height = HEIGHT.max(LEGEND_TOP.cast_unsigned() + lines + LEGEND_FOOT);
    {
        let area = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        draw(&area, chart)?;
        area.present()?;
    }
    Ok(text)
}

fn draw(area: &Area<'_>, chart: &Chart) -> Drawn {
    area.fill(&WHITE)?;
    let centre = WIDTH.cast_signed() / 2;
    area.draw_text(&chart.title, &font(30, HPos::Center), (centre, 14))?;
    area.draw_text(&chart.caption, &font(18, HPos::Center), (centre, 50))?;
    draw_curves(area, chart)?;
    draw_legend(area, &chart.curves)
}

fn draw_curves(area: &Area<'_>, chart: &Chart) -> Drawn {
    let curves = &chart.curves;
    let points = || curves.iter().flat_map(|curve| curve.points.iter().copied());
    let (x, y) = (around(points().map(|p| p.0), 1.15), around(points().map(|p| p.1), 1.25));
    let (x_ticks, y_ticks) = (powers(chart.x_step, &x), one_two_five(&y));
    let mut axes = ChartBuilder::on(area)
        .margin_top(86)
        .margin_left(8)
        .margin_bottom(8)
        .margin_right(WIDTH.cast_signed() - LEGEND_LEFT + 12)
        .x_label_area_size(58)
        .y_label_area_size(84)
        .build_cartesian_2d(
            x.log_scale().with_key_points(x_ticks),
            y.log_scale().with_key_points(y_ticks),
        )?;
    axes.configure_mesh()
        .bold_line_style(GRID)
        .axis_style(BLACK.mix(0.6))
        .x_desc(&chart.x_title)
        .y_desc(&chart.y_title)
        .axis_desc_style(font(22, HPos::Center))
        .label_style(font(21, HPos::Center))
        .x_label_formatter(&|x| x.to_string())
        .y_label_formatter(&|y| y.to_string())
        .draw()?;
    // The last drawn lies on top: the thick ones, and of them those that come first in the legend.
    let mut drawn: Vec<_> = curves.iter().rev().collect();
    drawn.sort_by_key(|curve| curve.style.is_thick());
    for curve in drawn {
        let pixels: Vec<_> = curve.points.iter().map(|point| axes.backend_coord(point)).collect();
        curve.style.line(area, &pixels)?;
        pixels.iter().try_for_each(|&pixel| curve.style.marker(area, pixel))?;
    }
    Ok(())
}

fn draw_legend(area: &Area<'_>, curves: &[Curve]) -> Drawn {
    let lines = iter::successors(Some(LEGEND_TOP), |y| Some(y + LEGEND_STEP));
    let labelled = curves.iter().filter_map(|curve| Some((curve, curve.label.as_ref()?)));
    for ((curve, label), y) in labelled.zip(lines) {
        if curve.points.len() > 1 || curve.style.is_dashed() {
            curve.style.line(area, &[(LEGEND_LEFT, y), (LEGEND_LEFT + 40, y)])?;
        }
        curve.style.marker(area, (LEGEND_LEFT + 20, y))?;
        let left = font(20, HPos::Left).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw_text(label, &left, (LEGEND_LEFT + 50, y))?;
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
    use super::{
        style::{BLACK, Shape},
        *,
    };

    fn curve(label: &str, points: &[(f64, f64)]) -> Curve {
        let style = Style::thin(BLACK, Shape::Disc);
        Curve { label: Some(label.to_owned()), style, points: points.to_vec() }
    }

    fn chart(curves: Vec<Curve>) -> Chart {
        let caption = "A & B <C>, 2 CPUs".to_owned();
        let [title, x_title, y_title] = ["costs", "threads", "ns"].map(str::to_owned);
        Chart { title, caption, x_title, y_title, x_step: 2.0, curves }
    }

    #[test]
    fn ticks_are_in_range_and_not_crowded() {
        assert_eq!(powers(2.0, &(0.9..9.0)), [1.0, 2.0, 4.0, 8.0]);
        assert_eq!(powers(10.0, &(0.9..100.1)), [1.0, 10.0, 100.0]);
        assert_eq!(one_two_five(&(3.0..60.0)), [5.0, 10.0, 20.0, 50.0]);
        assert_eq!(one_two_five(&(0.4..20_000.0)), [1.0, 10.0, 100.0, 1_000.0, 10_000.0]);
    }

    #[test]
    fn the_farthest_curve_stands_first_and_of_those_the_highest() {
        let mut curves = [
            curve("short", &[(1.0, 9.0)]),
            curve("low", &[(1.0, 1.0), (2.0, 1.0)]),
            curve("high", &[(1.0, 1.0), (2.0, 3.0)]),
        ];
        sort(&mut curves);
        let labels = curves.map(|curve| curve.label.unwrap());
        assert_eq!(labels, ["high", "low", "short"]);
    }

    #[test]
    fn the_picture_is_whole_and_escaped() {
        let mut hidden = curve("hidden", &[(1.0, 2.0), (8.0, 20.0)]);
        hidden.style = hidden.style.dashed();
        hidden.label = None;
        let curves = vec![curve("first", &[(1.0, 300.0)]), curve("second", &[(1.0, 5.0)]), hidden];
        let picture = svg(&chart(curves)).unwrap();
        assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
        assert!(picture.contains("A &amp; B &lt;C&gt;, 2 CPUs"));
        assert!(["first", "second"].iter().all(|name| picture.contains(name)));
        assert!(!picture.contains("hidden"));
    }

    #[test]
    fn a_long_legend_makes_the_picture_higher() {
        let height = |curves: usize| {
            let curves = (0..curves).map(|_| curve("one", &[(1.0, 1.0), (2.0, 2.0)])).collect();
            let picture = svg(&chart(curves)).unwrap();
            picture.split("height=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
        };
        assert_eq!(height(5), "560");
        assert_eq!(height(20), (108 + 20 * 34 + 60).to_string());
    }
}
