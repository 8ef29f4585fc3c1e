//! Plots of curves, as SVG: both axes are logarithmic, and each curve is labelled at its end.

pub mod style;

use super::text::wrap;
use std::{fmt::Write as _, iter, ops::Range};
use style::Style;

/// What a plot shows.
#[derive(Clone, Debug)]
pub struct Chart {
    pub title: String,
    /// How and where it was measured, and warnings: one paragraph each.
    pub captions: Vec<String>,
    pub x_title: String,
    pub y_title: String,
    pub curves: Vec<Curve>,
}

#[derive(Clone, Debug)]
pub struct Curve {
    pub label: String,
    pub style: Style,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
}

/// The screen that a plot is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// As wide as a README is displayed.
    Wide,
    /// A phone.
    Narrow,
}

impl Size {
    fn width(self) -> f64 {
        match self {
            Self::Wide => 880.0,
            Self::Narrow => 390.0,
        }
    }

    /// Returns the height without the head and the axis, unless labels need more.
    fn height(self) -> f64 {
        match self {
            Self::Wide => 400.0,
            Self::Narrow => 330.0,
        }
    }

    /// Returns the height of the text, in pixels.
    fn font(self) -> f64 {
        match self {
            Self::Wide => 15.0,
            Self::Narrow => 13.0,
        }
    }
}

/// The distance between labels, relative to the height of their letters.
const GAP: f64 = 1.2;
/// The average width of a letter, relative to its height, rounded up.
const LETTER: f64 = 0.6;
/// The same for labels, which are bold.
const BOLD: f64 = 0.65;
/// The distance between the outermost points and the edges of the plot.
const INSET: f64 = 20.0;

/// Where everything is.
struct Layout {
    width: f64,
    height: f64,
    font: f64,
    /// The edges of the plot.
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x: Range<f64>,
    y: Range<f64>,
}

/// Returns the plot, which follows the light or dark scheme of its viewer.
pub fn svg(chart: &Chart, size: Size) -> String {
    let font = size.font();
    let titles = wrap(&chart.title, columns(size, font + 3.0, BOLD));
    let column = columns(size, font - 2.0, LETTER * 0.9);
    let captions: Vec<_> =
        chart.captions.iter().flat_map(|caption| wrap(caption, column)).collect();
    let head = (font + 8.0) * float(titles.len()) + (font + 3.0) * float(captions.len());
    let layout = Layout::new(chart, size, head);
    let mut canvas = Canvas { text: String::new(), font };
    canvas.head(&titles, &captions);
    canvas.axes(chart, &layout);
    canvas.text += &layout.curves(chart);
    layout.labels(chart).iter().for_each(|label| canvas.label(label));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w:.0} {h:.0}\" width=\"{w:.0}\" \
         height=\"{h:.0}\" role=\"img\" aria-label=\"{title}\">\n<style>{sheet}</style>\n\
         <rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n{drawn}</svg>\n",
        w = layout.width,
        h = layout.height,
        title = escape(&chart.title),
        sheet = style::sheet(),
        drawn = canvas.text
    )
}

/// What has been drawn so far.
struct Canvas {
    text: String,
    font: f64,
}

impl Canvas {
    fn write(&mut self, attributes: &str, (x, y): (f64, f64), text: &str) {
        let text = escape(text);
        let _ = writeln!(self.text, "<text {attributes} x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>");
    }

    /// Draws text in small letters, with the given anchor.
    fn small(&mut self, anchor: &str, at: (f64, f64), text: &str) {
        let size = self.font - 2.0;
        let attributes = format!("class=\"soft\" font-size=\"{size}\" text-anchor=\"{anchor}\"");
        self.write(&attributes, at, text);
    }

    fn path(&mut self, class: &str, path: &str) {
        let _ = writeln!(self.text, "<path class=\"{class}\" fill=\"none\" d=\"{path}\"/>");
    }

    fn head(&mut self, titles: &[String], captions: &[String]) {
        let mut y = 5.0;
        for title in titles {
            y += self.font + 8.0;
            let size = self.font + 3.0;
            let attributes = format!("class=\"ink\" font-weight=\"600\" font-size=\"{size}\"");
            self.write(&attributes, (12.0, y), title);
        }
        for caption in captions {
            y += self.font + 3.0;
            self.small("start", (12.0, y), caption);
        }
    }

    fn axes(&mut self, chart: &Chart, layout: &Layout) {
        let Layout { left, right, top, bottom, font, .. } = *layout;
        for tick in layout.x_ticks(chart) {
            let x = layout.x_pixel(tick);
            self.path("grid", &format!("M{x:.1} {top:.1}V{bottom:.1}"));
            self.small("middle", (x, bottom + font + 4.0), &number(tick));
        }
        for tick in one_two_five(&layout.y) {
            let y = layout.y_pixel(tick);
            self.path("grid", &format!("M{left:.1} {y:.1}H{right:.1}"));
            self.small("end", (left - 7.0, y + font * 0.3), &number(tick));
        }
        self.path("axis", &format!("M{left:.1} {top:.1}V{bottom:.1}H{right:.1}"));
        self.small("start", (12.0, top - 10.0), &chart.y_title);
        let middle = f64::midpoint(left, right);
        self.small("middle", (middle, bottom + 2.0 * font + 10.0), &chart.x_title);
    }

    fn label(&mut self, label: &Label) {
        let (end, x, y) = (label.end, label.x, label.y);
        if (y - end.1).abs() > self.font * 0.7 {
            let path = format!("M{:.1} {:.1}L{:.1} {y:.1}", end.0 + 7.0, end.1, x - 2.0);
            self.path("axis", &path);
        }
        let attributes = format!(
            "class=\"halo {}\" font-weight=\"600\" font-size=\"{}\" stroke-width=\"4\" \
             stroke-linejoin=\"round\" paint-order=\"stroke\"",
            label.style.text(),
            self.font - 1.0
        );
        self.write(&attributes, (x, y + self.font * 0.33), &label.text);
    }
}

/// Returns how many letters of height `font` fit, if `letter` is their relative width.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some dozens")]
fn columns(size: Size, font: f64, letter: f64) -> usize {
    ((size.width() - 24.0) / (font * letter)) as usize
}

/// The label at the end of a curve.
struct Label {
    text: String,
    style: Style,
    /// The end of the curve.
    end: (f64, f64),
    x: f64,
    y: f64,
}

impl Layout {
    /// Lays the plot out below a head of that height.
    fn new(chart: &Chart, size: Size, head: f64) -> Self {
        let font = size.font();
        let points = || chart.curves.iter().flat_map(|curve| &curve.points);
        let (x, y) = (range(points().map(|p| p.0)), range(points().map(|p| p.1)));
        // Labels of curves that end early are within the plot.
        let at_the_end = |curve: &&Curve| curve.points.last().is_some_and(|end| end.0 >= x.end);
        let labels: Vec<_> = chart.curves.iter().filter(at_the_end).collect();
        let letters = labels.iter().map(|curve| curve.label.chars().count()).max().unwrap_or(0);
        let width = size.width();
        let right = width - float(letters) * (font - 1.0) * BOLD - 4.0;
        let top = head + 48.0;
        let plot = size.height().max(float(labels.len() + 1) * font * GAP);
        let ticks = one_two_five(&y);
        let y = ticks.first().zip(ticks.last()).map_or(y, |(first, last)| *first..*last);
        let letters = ticks.iter().map(|tick| number(*tick).len()).max().unwrap_or(1);
        let left = float(letters) * font * LETTER + 22.0;
        let bottom = top + plot;
        Self { width, height: bottom + 2.0 * font + 22.0, font, left, right, top, bottom, x, y }
    }

    fn x_pixel(&self, x: f64) -> f64 {
        let share = (x / self.x.start).ln() / (self.x.end / self.x.start).ln();
        let share = if share.is_finite() { share } else { 0.5 };
        self.left + INSET + share * (self.right - self.left - 2.0 * INSET)
    }

    fn y_pixel(&self, y: f64) -> f64 {
        let share = (y / self.y.start).ln() / (self.y.end / self.y.start).ln();
        self.bottom - share * (self.bottom - self.top)
    }

    /// Returns the numbers at which there are points, as far as there is room for them.
    fn x_ticks(&self, chart: &Chart) -> Vec<f64> {
        let points = chart.curves.iter().flat_map(|curve| &curve.points);
        let mut all: Vec<_> = points.map(|point| point.0).collect();
        all.sort_by(f64::total_cmp);
        all.dedup();
        let room = |tick: f64| float(number(tick).len()) * self.font * LETTER;
        let mut ticks: Vec<f64> = Vec::new();
        // Begins with the last one, which shows how far the axis goes.
        for tick in all.into_iter().rev() {
            let free = ticks.last().is_none_or(|next| {
                self.x_pixel(*next) - self.x_pixel(tick)
                    > f64::midpoint(room(*next), room(tick)) + 8.0
            });
            if free {
                ticks.push(tick);
            }
        }
        ticks
    }

    fn curves(&self, chart: &Chart) -> String {
        let mut text = String::new();
        // The thick ones are drawn last, on top.
        let mut curves: Vec<_> = chart.curves.iter().collect();
        curves.sort_by_key(|curve| curve.style.is_thick());
        for curve in curves {
            let pixels: Vec<_> =
                curve.points.iter().map(|(x, y)| (self.x_pixel(*x), self.y_pixel(*y))).collect();
            if pixels.len() > 1 {
                text += &curve.style.line(&pixels);
            }
            text.extend(pixels.iter().map(|pixel| curve.style.marker(*pixel)));
        }
        text
    }

    /// Returns the labels of all curves, without overlaps among those that end at the same place.
    fn labels(&self, chart: &Chart) -> Vec<Label> {
        let label = |curve: &Curve| {
            let (x, y) = *curve.points.last()?;
            let end = (self.x_pixel(x), self.y_pixel(y));
            let (text, style) = (curve.label.clone(), curve.style);
            Some(Label { text, style, end, x: end.0 + 14.0, y: end.1 })
        };
        let mut labels: Vec<_> = chart.curves.iter().filter_map(label).collect();
        labels.sort_by(|a, b| a.end.0.total_cmp(&b.end.0).then(a.y.total_cmp(&b.y)));
        for together in labels.chunk_by_mut(|a, b| (a.end.0 - b.end.0).abs() < 1.0) {
            let mut heights: Vec<_> = together.iter().map(|label| label.y).collect();
            spread(&mut heights, self.font * GAP, self.top..self.bottom);
            together.iter_mut().zip(heights).for_each(|(label, height)| label.y = height);
        }
        labels
    }
}

/// Moves ascending `heights` at least `gap` apart, each as little as possible, and within `range`
/// if there is room.
fn spread(heights: &mut [f64], gap: f64, range: Range<f64>) {
    // Labels that touch form runs. A run's height is the mean of the heights of its first label
    // that each of its labels would prefer. If a run touches the one before, both are merged: this
    // is isotonic regression.
    let mut runs: Vec<(usize, f64)> = Vec::new();
    for (number, height) in heights.iter().enumerate() {
        let mut run = (1, height - float(number) * gap);
        while let Some(&(labels, mean)) = runs.last().filter(|(_, mean)| *mean > run.1) {
            runs.pop();
            let all = labels + run.0;
            run = (all, (mean * float(labels) + run.1 * float(run.0)) / float(all));
        }
        runs.push(run);
    }
    let means = runs.into_iter().flat_map(|(labels, mean)| iter::repeat_n(mean, labels));
    let last = float(heights.len().saturating_sub(1)) * gap;
    for ((number, height), mean) in heights.iter_mut().enumerate().zip(means) {
        *height = mean.min(range.end - last).max(range.start) + float(number) * gap;
    }
}

/// Returns the range of the values that can be drawn.
fn range(values: impl Iterator<Item = f64>) -> Range<f64> {
    let drawable = |value: &f64| value.is_finite() && *value > 0.0;
    let (least, greatest) = values
        .filter(drawable)
        .fold((f64::INFINITY, 0.0_f64), |(least, greatest), v| (least.min(v), greatest.max(v)));
    if least <= greatest { least..greatest } else { 1.0..1.0 }
}

/// Returns 1, 2, 5, 10 and so on around `range`, or 1, 10, 100 and so on if those would be too
/// crowded. Returns at least two.
fn one_two_five(range: &Range<f64>) -> Vec<f64> {
    // Tolerates rounding: 0.2 is not exactly twice 0.1.
    let (start, end) = (range.start * (1.0 + 1e-9), range.end * (1.0 - 1e-9));
    let ticks = |digits: &[f64]| {
        let decades = (-9..=12).map(|exponent| 10_f64.powi(exponent));
        let all: Vec<_> =
            decades.flat_map(|ten| digits.iter().map(move |digit| digit * ten)).collect();
        let last_below = all.iter().rposition(|tick| *tick <= start).unwrap_or(0);
        let first_above = all.iter().position(|tick| *tick >= end).unwrap_or(all.len() - 1);
        all[last_below..=first_above.max(last_below + 1)].to_vec()
    };
    let fine = ticks(&[1.0, 2.0, 5.0]);
    if fine.len() <= 11 { fine } else { ticks(&[1.0]) }
}

/// Formats a number of an axis: 0.5, 2, 10,000.
fn number(number: f64) -> String {
    if number < 1.0 {
        return format!("{number:.6}").trim_end_matches('0').to_owned();
    }
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "lengths of texts")]
fn float(count: usize) -> f64 {
    count as f64
}

/// Escapes text for XML and HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::{
        style::{BLACK, Shape},
        *,
    };

    fn curve(label: &str, points: &[(f64, f64)]) -> Curve {
        let style = Style::thin(BLACK, Shape::Disc);
        Curve { label: label.to_owned(), style, points: points.to_vec() }
    }

    fn chart(curves: Vec<Curve>) -> Chart {
        let captions = vec!["A & B <C>, 2 CPUs".to_owned()];
        let [title, x_title, y_title] = ["costs", "threads", "ns"].map(str::to_owned);
        Chart { title, captions, x_title, y_title, curves }
    }

    fn layout(chart: &Chart) -> Layout {
        Layout::new(chart, Size::Wide, 40.0)
    }

    #[test]
    fn marks_go_around_the_range_and_are_not_crowded() {
        assert_eq!(one_two_five(&(3.0..60.0)), [2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        assert_eq!(one_two_five(&(0.4..20_000.0)).len(), 7, "0.1, 1, 10 and so on to 100,000");
        assert_eq!(one_two_five(&(5.0..5.0)), [5.0, 10.0]);
        assert_eq!(one_two_five(&(0.2..0.2)).len(), 2);
    }

    #[test]
    fn numbers_are_written_as_people_do() {
        let written = [0.5, 0.002, 1.0, 20.0, 1_000.0, 1_000_000.0].map(number);
        assert_eq!(written, ["0.5", "0.002", "1", "20", "1,000", "1,000,000"]);
    }

    #[test]
    fn an_axis_of_one_value_has_its_number() {
        let chart = chart(vec![curve("one", &[(5.0, 2.5)])]);
        assert_eq!(layout(&chart).x_ticks(&chart), [5.0]);
        let picture = svg(&chart, Size::Wide);
        assert!(picture.contains(">5</text>") && picture.contains(">2</text>"), "{picture}");
        assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
    }

    #[test]
    fn numbers_without_room_are_left_out_but_never_the_last() {
        let points: Vec<_> = (1..=64).map(|x| (f64::from(x), 1.0)).collect();
        let chart = chart(vec![curve("one", &points)]);
        let ticks = layout(&chart).x_ticks(&chart);
        assert_eq!((ticks.len() < 30, ticks.first()), (true, Some(&64.0)), "{ticks:?}");
    }

    #[test]
    fn labels_do_not_overlap() {
        let curves: Vec<_> = (0..30).map(|_| curve("one", &[(1.0, 2.0), (8.0, 3.0)])).collect();
        let chart = chart(curves);
        let layout = layout(&chart);
        let heights: Vec<_> = layout.labels(&chart).iter().map(|label| label.y).collect();
        let apart = |pair: &[f64]| pair[1] - pair[0] >= layout.font * GAP - 1e-6;
        assert!(heights.windows(2).all(apart), "{heights:?}");
        assert!(heights[0] >= layout.top - 1e-6 && heights[29] <= layout.bottom + 1e-6);
    }

    #[test]
    fn labels_move_as_little_as_can_be() {
        let moved = |mut heights: Vec<f64>| {
            spread(&mut heights, 10.0, 0.0..100.0);
            heights.iter().map(|height| height.round()).collect::<Vec<_>>()
        };
        assert_eq!(moved(vec![20.0, 50.0]), [20.0, 50.0]);
        assert_eq!(moved(vec![50.0, 50.0, 90.0]), [45.0, 55.0, 90.0], "both ways");
        assert_eq!(moved(vec![50.0, 51.0, 52.0]), [41.0, 51.0, 61.0]);
        assert_eq!(moved(vec![1.0, 1.0]), [0.0, 10.0], "not beyond the edges");
        assert_eq!(moved(vec![99.0, 99.0]), [90.0, 100.0]);
    }

    #[test]
    fn the_picture_is_whole_and_escaped() {
        let picture = svg(&chart(vec![curve("a<b", &[(1.0, 300.0)])]), Size::Narrow);
        assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
        assert!(picture.contains("A &amp; B &lt;C&gt;, 2 CPUs") && picture.contains("a&lt;b"));
    }

    #[test]
    fn nothing_to_draw_is_a_picture_too() {
        let picture = svg(&chart(Vec::new()), Size::Wide);
        assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
    }
}
