//! How a curve looks, in the plot and in its legend.
//!
//! The colours are those of Okabe and Ito, which people tell apart whatever their colour vision;
//! markers differ in shape as well.

use super::{Area, Drawn};
use plotters::{
    element::{Circle, DashedPathElement, PathElement, Polygon},
    style::{Color as _, RGBColor, ShapeStyle, WHITE},
};

pub const BLACK: RGBColor = RGBColor(0, 0, 0);
pub const GREY: RGBColor = RGBColor(125, 125, 125);
pub const ORANGE: RGBColor = RGBColor(230, 159, 0);
pub const SKY_BLUE: RGBColor = RGBColor(86, 180, 233);
pub const GREEN: RGBColor = RGBColor(0, 158, 115);
pub const BLUE: RGBColor = RGBColor(0, 114, 178);
pub const VERMILION: RGBColor = RGBColor(213, 94, 0);
pub const PURPLE: RGBColor = RGBColor(204, 121, 167);

const THICK: u32 = 5;
const THIN: u32 = 3;
const DASH: (i32, i32) = (9, 7);

type Pixel = (i32, i32);

#[derive(Clone, Copy)]
pub enum Shape {
    Disc,
    Ring,
    /// A polygon, by its corners around the point.
    Corners(&'static [Pixel]),
    /// A ring that hides what is beneath.
    Hole,
    /// A polygon's outline that does.
    Outline(&'static [Pixel]),
    /// No marker.
    Nothing,
}

impl Shape {
    fn hollow(self) -> Self {
        match self {
            Self::Disc | Self::Ring | Self::Hole => Self::Hole,
            Self::Corners(corners) | Self::Outline(corners) => Self::Outline(corners),
            Self::Nothing => Self::Nothing,
        }
    }
}

pub const SQUARE: Shape = Shape::Corners(&[(-7, -7), (7, -7), (7, 7), (-7, 7)]);
pub const DIAMOND: Shape = Shape::Corners(&[(0, -9), (9, 0), (0, 9), (-9, 0)]);
pub const UP: Shape = Shape::Corners(&[(0, -9), (9, 7), (-9, 7)]);
pub const DOWN: Shape = Shape::Corners(&[(0, 9), (9, -7), (-9, -7)]);

#[derive(Clone, Copy)]
pub struct Style {
    color: RGBColor,
    width: u32,
    shape: Shape,
    dashed: bool,
}

impl Style {
    /// For what the picture is about.
    pub fn thick(color: RGBColor, shape: Shape) -> Self {
        Self { color, width: THICK, shape, dashed: false }
    }

    /// For what it is compared with.
    pub fn thin(color: RGBColor, shape: Shape) -> Self {
        Self { color, width: THIN, shape, dashed: false }
    }

    /// The same colour, thin, with a hollow marker.
    pub fn hollow(self) -> Self {
        Self { width: THIN, shape: self.shape.hollow(), ..self }
    }

    /// The same colour, thin and dashed, without markers: not measured.
    pub fn dashed(self) -> Self {
        Self { width: THIN, shape: Shape::Nothing, dashed: true, ..self }
    }

    pub(super) fn is_thick(self) -> bool {
        self.width == THICK
    }

    pub(super) fn is_dashed(self) -> bool {
        self.dashed
    }

    pub(super) fn line(self, area: &Area<'_>, pixels: &[Pixel]) -> Drawn {
        let pen = ShapeStyle::from(self.color).stroke_width(self.width);
        if self.dashed {
            let pixels = pixels.iter().copied();
            area.draw(&DashedPathElement::new(pixels, DASH.0, DASH.1, pen))
        } else {
            area.draw(&PathElement::new(pixels, pen))
        }
    }

    pub(super) fn marker(self, area: &Area<'_>, (x, y): Pixel) -> Drawn {
        match self.shape {
            Shape::Nothing => Ok(()),
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
