//! The appearance of curves.
//!
//! The colours are those of Okabe and Ito, which can be distinguished with any colour vision;
//! markers differ in shape as well. Each colour has a class, so that a dark scheme can have lighter
//! colours.

use std::fmt::Write as _;

/// A colour: its class, and its values on white and on black.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color {
    class: &'static str,
    light: &'static str,
    dark: &'static str,
}

macro_rules! colors {
    ($($name:ident $class:literal $light:literal $dark:literal)*) => {
        $(pub const $name: Color = Color { class: $class, light: $light, dark: $dark };)*
        const COLORS: &[Color] = &[$($name),*];
    };
}
colors! {
    BLACK "black" "#1a1a1a" "#f0f0f0"
    GREY "grey" "#7d7d7d" "#9d9d9d"
    ORANGE "orange" "#c98b00" "#e69f00"
    SKY_BLUE "sky" "#3a9bd6" "#56b4e9"
    GREEN "green" "#008f68" "#1fbf92"
    BLUE "blue" "#0072b2" "#4ba3dc"
    VERMILION "vermilion" "#d55e00" "#f07a2b"
    PURPLE "purple" "#b85c90" "#d78bb5"
}

const THICK: u32 = 4;
const THIN: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Disc,
    Square,
    Diamond,
    Up,
    Down,
    /// No marker.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    color: Color,
    width: u32,
    shape: Shape,
    hollow: bool,
    dashed: bool,
}

impl Style {
    /// Returns the style for the subjects of the plot.
    pub fn thick(color: Color, shape: Shape) -> Self {
        Self { color, width: THICK, shape, hollow: false, dashed: false }
    }

    /// Returns the style for what they are compared with.
    pub fn thin(color: Color, shape: Shape) -> Self {
        Self { width: THIN, ..Self::thick(color, shape) }
    }

    /// Returns the same colour, thin, with a hollow marker.
    pub fn hollow(self) -> Self {
        Self { width: THIN, hollow: true, ..self }
    }

    /// Returns the same colour, thin and dashed, without markers, for figures that were not
    /// measured.
    pub fn dashed(self) -> Self {
        Self { width: THIN, shape: Shape::Nothing, dashed: true, ..self }
    }

    pub(super) fn is_thick(self) -> bool {
        self.width == THICK
    }

    /// Returns the class of text in this colour.
    pub(super) fn text(self) -> String {
        format!("f-{}", self.color.class)
    }

    /// Returns the line through `pixels`.
    pub(super) fn line(self, pixels: &[(f64, f64)]) -> String {
        let points: Vec<_> = pixels.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let dashes = if self.dashed { " stroke-dasharray=\"7 5\"" } else { "" };
        format!(
            "<polyline class=\"s-{}\" fill=\"none\" stroke-width=\"{}\" stroke-linejoin=\"round\"{dashes} \
             points=\"{}\"/>\n",
            self.color.class,
            self.width,
            points.join(" ")
        )
    }

    /// Returns the marker at a pixel.
    pub(super) fn marker(self, (x, y): (f64, f64)) -> String {
        let corners: &[(f64, f64)] = match self.shape {
            Shape::Nothing => return String::new(),
            Shape::Disc => &[],
            Shape::Square => &[(-4.5, -4.5), (4.5, -4.5), (4.5, 4.5), (-4.5, 4.5)],
            Shape::Diamond => &[(0.0, -6.5), (6.5, 0.0), (0.0, 6.5), (-6.5, 0.0)],
            Shape::Up => &[(0.0, -6.0), (6.0, 5.0), (-6.0, 5.0)],
            Shape::Down => &[(0.0, 6.0), (6.0, -5.0), (-6.0, -5.0)],
        };
        let class = self.color.class;
        let class = if self.hollow { format!("paper s-{class}") } else { format!("f-{class}") };
        let stroke = if self.hollow { " stroke-width=\"2\"" } else { "" };
        if corners.is_empty() {
            return format!(
                "<circle class=\"{class}\"{stroke} cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"/>\n"
            );
        }
        let points: Vec<_> = corners
            .iter()
            .map(|(right, down)| format!("{:.1},{:.1}", x + right, y + down))
            .collect();
        format!("<polygon class=\"{class}\"{stroke} points=\"{}\"/>\n", points.join(" "))
    }
}

/// Returns the rules for all classes, on white and, if the viewer prefers dark, on black.
pub(super) fn sheet() -> String {
    let rules = |color: fn(&Color) -> &str, [paper, ink, soft, grid]: [&str; 4]| {
        let mut rules = format!(
            ".paper{{fill:{paper}}}.halo{{stroke:{paper}}}.ink{{fill:{ink}}}.soft{{fill:{soft}}}\
             .grid{{stroke:{grid}}}.axis{{stroke:{soft}}}"
        );
        for known in COLORS {
            let (class, color) = (known.class, color(known));
            let _ = write!(rules, ".f-{class}{{fill:{color}}}.s-{class}{{stroke:{color}}}");
        }
        rules
    };
    format!(
        "text{{font-family:system-ui,'Segoe UI',Helvetica,Arial,sans-serif}}\n{}\n\
         @media (prefers-color-scheme:dark){{{}}}\n",
        rules(|color| color.light, ["#ffffff", "#1a1a1a", "#5c5c5c", "#e4e4e4"]),
        rules(|color| color.dark, ["#14161a", "#eceff4", "#a9afb9", "#30343c"])
    )
}
