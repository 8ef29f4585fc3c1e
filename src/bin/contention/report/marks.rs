//! How each subject looks in the plot and in its legend.
//!
//! The colours are those of Okabe and Ito, which people tell apart whatever their colour vision;
//! markers differ in shape as well. Backends are thick and bright, alternatives thinner; as many
//! counters of a backend have its colour, and its shape hollow.

use super::plot::{Area, Drawn};
use crate::subjects::Name;
use plotters::{
    element::{Circle, PathElement, Polygon},
    style::{Color as _, RGBColor, ShapeStyle, WHITE},
};
use striped_counter::Backend;

const BLACK: RGBColor = RGBColor(0, 0, 0);
const GREY: RGBColor = RGBColor(125, 125, 125);
const ORANGE: RGBColor = RGBColor(230, 159, 0);
const SKY_BLUE: RGBColor = RGBColor(86, 180, 233);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const BLUE: RGBColor = RGBColor(0, 114, 178);
const VERMILION: RGBColor = RGBColor(213, 94, 0);
const PURPLE: RGBColor = RGBColor(204, 121, 167);

const THICK: u32 = 5;
const THIN: u32 = 3;

type Pixel = (i32, i32);

#[derive(Clone, Copy)]
enum Shape {
    Disc,
    Ring,
    /// A polygon, by its corners around the point.
    Corners(&'static [Pixel]),
    /// A ring that hides what is beneath.
    Hole,
    /// A polygon's outline that does.
    Outline(&'static [Pixel]),
}

impl Shape {
    fn hollow(self) -> Self {
        match self {
            Self::Disc | Self::Ring | Self::Hole => Self::Hole,
            Self::Corners(corners) | Self::Outline(corners) => Self::Outline(corners),
        }
    }
}

const SQUARE: Shape = Shape::Corners(&[(-7, -7), (7, -7), (7, 7), (-7, 7)]);
const DIAMOND: Shape = Shape::Corners(&[(0, -9), (9, 0), (0, 9), (-9, 0)]);
const UP: Shape = Shape::Corners(&[(0, -9), (9, 7), (-9, 7)]);
const DOWN: Shape = Shape::Corners(&[(0, 9), (9, -7), (-9, -7)]);

#[derive(Clone, Copy)]
pub(super) struct Style {
    color: RGBColor,
    width: u32,
    shape: Shape,
}

impl Style {
    pub(super) fn of(name: Name) -> Self {
        let (color, width, shape) = match name {
            Name::Counters(backend) => {
                let ours = Self::of(Name::Backend(backend));
                (ours.color, THIN, ours.shape.hollow())
            }
            Name::Backend(Backend::PerCpu) => (VERMILION, THICK, Shape::Disc),
            Name::Backend(Backend::PerThread) => (BLUE, THICK, SQUARE),
            Name::Backend(_) | Name::Batch(_) | Name::Loop(_) => (GREEN, THICK, UP),
            Name::AtomicU64 | Name::AtomicI64 => (BLACK, THIN, Shape::Disc),
            Name::Mutex => (GREY, THIN, SQUARE),
            Name::ThreadLocal => (PURPLE, THIN, DIAMOND),
            Name::FastRead => (ORANGE, THIN, DOWN),
            Name::FastWrite => (SKY_BLUE, THIN, UP),
            Name::SingleThread | Name::IndexAlone => (GREY, THIN, DIAMOND),
            Name::Plain => (BLACK, THIN, Shape::Ring),
        };
        Self { color, width, shape }
    }

    pub(super) fn line(self, area: &Area<'_>, pixels: &[Pixel]) -> Drawn {
        area.draw(&PathElement::new(pixels, ShapeStyle::from(self.color).stroke_width(self.width)))
    }

    pub(super) fn marker(self, area: &Area<'_>, (x, y): Pixel) -> Drawn {
        match self.shape {
            Shape::Disc => area.draw(&Circle::new((x, y), 7, self.color.filled())),
            Shape::Ring => {
                let ring = ShapeStyle::from(self.color).stroke_width(self.width);
                area.draw(&Circle::new((x, y), 8, ring))
            }
            Shape::Hole => {
                area.draw(&Circle::new((x, y), 8, WHITE.filled()))?;
                Self { shape: Shape::Ring, ..self }.marker(area, (x, y))
            }
            Shape::Corners(corners) => {
                area.draw(&Polygon::new(around((x, y), corners), self.color.filled()))
            }
            Shape::Outline(corners) => {
                let mut corners = around((x, y), corners);
                corners.extend_from_within(..2); // Closed, and the last corner as sharp as the others.
                let outline = ShapeStyle::from(self.color).stroke_width(self.width);
                area.draw(&Polygon::new(corners.clone(), WHITE.filled()))?;
                area.draw(&PathElement::new(corners, outline))
            }
        }
    }
}

fn around((x, y): Pixel, corners: &[Pixel]) -> Vec<Pixel> {
    corners.iter().map(|(right, down)| (x + right, y + down)).collect()
}
