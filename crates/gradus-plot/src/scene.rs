//! `Scene`: the list of shapes that a picture is, and the backend by which plotters adds to it.
//!
//! Plotters counts in whole pixels; here a pixel has [`FINE`] steps, so that lines stay smooth.

use std::convert::Infallible;

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    FontTransform,
};

use crate::theme::Paint;

/// Steps in a pixel.
pub(crate) const FINE: i32 = 16;
/// A letter's width by its size: an estimate that leaves room in every common font.
const ADVANCE: f64 = 0.6;

/// A position in steps.
pub(crate) type Point = (i32, i32);

/// Pixels of a raster that is part of a picture: red, green, blue and opacity.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pixels {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) rgba: Vec<u8>,
    /// Whether it may be smoothed when enlarged; else its pixels stay squares.
    pub(crate) smooth: bool,
}

/// Which point of a text is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    Start,
    Middle,
    End,
}

/// Words on a picture.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Text {
    pub(crate) at: Point,
    pub(crate) words: String,
    /// The letters' size, in steps.
    pub(crate) size: i32,
    pub(crate) bold: bool,
    pub(crate) paint: Paint,
    pub(crate) across: Place,
    pub(crate) down: Place,
    /// Reads from bottom to top.
    pub(crate) upward: bool,
}

/// One shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Line { points: Vec<Point>, width: i32, paint: Paint },
    Polygon { points: Vec<Point>, paint: Paint },
    Rect { from: Point, to: Point, paint: Paint },
    Circle { center: Point, radius: i32, paint: Paint },
    Words(Text),
    Image { from: Point, to: Point, pixels: Pixels },
}

/// Shapes, the later above the earlier, on a paper of a size in pixels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scene {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) items: Vec<Item>,
}

/// Pixels as steps.
pub(crate) fn fine(pixels: f64) -> i32 {
    (pixels * f64::from(FINE)).round() as i32
}

/// How wide a text will be, in pixels, more or less.
pub(crate) fn text_width(words: &str, size: f64) -> f64 {
    words.chars().count() as f64 * size * ADVANCE
}

impl Scene {
    pub(crate) fn new(width: u32, height: u32) -> Self {
        Scene { width, height, items: Vec::new() }
    }

    /// The whole scene as plotters knows it.
    pub(crate) fn area(&mut self) -> DrawingArea<Recorder<'_>, Shift> {
        Recorder(self).into_drawing_area()
    }

    pub(crate) fn line(&mut self, points: &[(f64, f64)], width: f64, paint: Paint) {
        let points = points.iter().map(|&(x, y)| (fine(x), fine(y))).collect();
        self.items.push(Item::Line { points, width: fine(width), paint });
    }

    pub(crate) fn rect(&mut self, from: (f64, f64), size: (f64, f64), paint: Paint) {
        let to = (fine(from.0 + size.0), fine(from.1 + size.1));
        self.items.push(Item::Rect { from: (fine(from.0), fine(from.1)), to, paint });
    }

    pub(crate) fn image(&mut self, from: (f64, f64), size: (f64, f64), pixels: Pixels) {
        let to = (fine(from.0 + size.0), fine(from.1 + size.1));
        self.items.push(Item::Image { from: (fine(from.0), fine(from.1)), to, pixels });
    }

    /// Words of `size` pixels whose left edge and middle height are `at`.
    pub(crate) fn words(&mut self, words: &str, at: (f64, f64), size: f64, paint: Paint) {
        self.text(words, at, size, paint, Place::Start);
    }

    /// Words placed by their left edge, their middle or their right edge.
    pub(crate) fn text(
        &mut self,
        words: &str,
        at: (f64, f64),
        size: f64,
        paint: Paint,
        across: Place,
    ) {
        self.items.push(Item::Words(Text {
            at: (fine(at.0), fine(at.1)),
            words: words.to_owned(),
            size: fine(size),
            bold: false,
            paint,
            across,
            down: Place::Middle,
            upward: false,
        }));
    }

    /// As [`Scene::text`], read from bottom to top.
    pub(crate) fn upward(
        &mut self,
        words: &str,
        at: (f64, f64),
        size: f64,
        paint: Paint,
        along: Place,
    ) {
        self.text(words, at, size, paint, along);
        if let Some(Item::Words(text)) = self.items.last_mut() {
            text.upward = true;
        }
    }

    /// The picture's title: bold, at the top left.
    pub(crate) fn title(&mut self, words: &str, at: (f64, f64), size: f64) {
        self.words(words, at, size, Paint::INK);
        if let Some(Item::Words(text)) = self.items.last_mut() {
            text.bold = true;
        }
    }
}

/// Writes down what plotters draws.
pub(crate) struct Recorder<'a>(&'a mut Scene);

type Done = Result<(), DrawingErrorKind<Infallible>>;

fn paint(color: BackendColor) -> Paint {
    let (r, g, b) = color.rgb;
    Paint::new(r, g, b).alpha(color.alpha)
}

impl Recorder<'_> {
    fn outline<S: BackendStyle>(&mut self, points: Vec<Point>, style: &S) {
        let (width, paint) = (style.stroke_width() as i32, paint(style.color()));
        self.0.items.push(Item::Line { points, width, paint });
    }
}

impl DrawingBackend for Recorder<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.0.width * FINE as u32, self.0.height * FINE as u32)
    }

    fn ensure_prepared(&mut self) -> Done {
        Ok(())
    }

    fn present(&mut self) -> Done {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Done {
        let paint = paint(color);
        self.0.items.push(Item::Rect { from: (x, y), to: (x + 1, y + 1), paint });
        Ok(())
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Done {
        self.outline(vec![from, to], style);
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Done {
        if fill {
            self.0.items.push(Item::Rect { from, to, paint: paint(style.color()) });
        } else {
            self.outline(vec![from, (to.0, from.1), to, (from.0, to.1), from], style);
        }
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Done {
        self.outline(path.into_iter().collect(), style);
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        center: BackendCoord,
        radius: u32,
        style: &S,
        _fill: bool,
    ) -> Done {
        let (radius, paint) = (radius as i32, paint(style.color()));
        self.0.items.push(Item::Circle { center, radius, paint });
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        points: I,
        style: &S,
    ) -> Done {
        let (points, paint) = (points.into_iter().collect(), paint(style.color()));
        self.0.items.push(Item::Polygon { points, paint });
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Done {
        let anchor = style.anchor();
        self.0.items.push(Item::Words(Text {
            at,
            words: text.to_owned(),
            size: style.size().round() as i32,
            bold: false,
            paint: paint(style.color()),
            across: match anchor.h_pos {
                HPos::Left => Place::Start,
                HPos::Center => Place::Middle,
                HPos::Right => Place::End,
            },
            down: match anchor.v_pos {
                VPos::Top => Place::Start,
                VPos::Center => Place::Middle,
                VPos::Bottom => Place::End,
            },
            upward: matches!(style.transform(), FontTransform::Rotate270),
        }));
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        Ok((text_width(text, style.size()).ceil() as u32, style.size().ceil() as u32))
    }
}
