//! Axes: ticks at round numbers, linear or logarithmic, and the frame of a chart around them.

use std::ops::Range;

use gradus_tensor::{Error, Result};
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::drawing::DrawingAreaErrorKind;
use plotters::style::{IntoFont, ShapeStyle, TextStyle};
use plotters_backend::{BackendColor, FontFamily};

use crate::scene::{Recorder, Scene, fine};
use crate::theme::Paint;

/// Letters of ticks and labels.
pub(crate) const SMALL: f64 = 12.0;
/// Room left of a chart for its ticks, and for the label beside them.
const TICKS: f64 = 52.0;
const LABEL: f64 = 20.0;
/// Room below a chart for its ticks.
const BELOW: f64 = 24.0;
/// Positions beyond this many steps are drawn at it: far outside any picture.
const FAR: f64 = 1e6;
/// Ends of axes are clamped to this, and to its inverse if logarithmic, so that their difference
/// and their margins are finite.
const MOST: f64 = 1e280;

/// One direction of a chart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) from: f64,
    pub(crate) to: f64,
    log: bool,
    whole: bool,
}

/// A chart that is being drawn.
pub(crate) type Chart<'a> = ChartContext<'a, Recorder<'a>, Cartesian2d<Axis, Axis>>;
/// What drawing calls return.
pub(crate) type Drawn = Result<(), DrawingAreaErrorKind<std::convert::Infallible>>;

impl Axis {
    /// From the smallest to the largest value, wider if they are the same.
    pub(crate) fn linear(from: f64, to: f64) -> Self {
        let (from, to) = (from.clamp(-MOST, MOST), to.clamp(-MOST, MOST));
        let least = from.abs().max(to.abs()) * 1e-9;
        let (from, to) = if to - from > least { (from, to) } else { widened(from, to) };
        Axis { from, to, log: false, whole: false }
    }

    /// As [`Axis::linear`], with ticks at whole numbers.
    pub(crate) fn counted(from: f64, to: f64) -> Self {
        Axis { whole: true, ..Axis::linear(from, to) }
    }

    /// Equal steps are equal ratios; both ends are positive.
    pub(crate) fn log(from: f64, to: f64) -> Self {
        let (from, to) = (from.clamp(1.0 / MOST, MOST), to.clamp(1.0 / MOST, MOST));
        let (from, to) = if to > from * 1.001 { (from, to) } else { (from / 2.0, to * 2.0) };
        Axis { from, to, log: true, whole: false }
    }

    /// With a margin on both sides, as part of its width.
    pub(crate) fn padded(self, part: f64) -> Self {
        if self.log {
            let more = 10f64.powf((self.to.log10() - self.from.log10()) * part);
            return Axis { from: self.from / more, to: self.to * more, ..self };
        }
        let more = (self.to - self.from) * part;
        Axis { from: self.from - more, to: self.to + more, ..self }
    }

    /// Where between both ends a value lies: 0 to 1.
    pub(crate) fn part(&self, value: f64) -> f64 {
        if self.log {
            (value.ln() - self.from.ln()) / (self.to.ln() - self.from.ln())
        } else {
            (value - self.from) / (self.to - self.from)
        }
    }

    /// Round numbers, `most` steps between them at most.
    pub(crate) fn ticks(&self, most: usize) -> Vec<f64> {
        if self.log { self.ratios(most) } else { self.steps(most) }
    }

    fn steps(&self, most: usize) -> Vec<f64> {
        let step = self.step(most);
        let (first, last) = ((self.from / step - 1e-9).ceil(), (self.to / step + 1e-9).floor());
        let count = (last - first).max(-1.0) as usize + 1;
        // A negative zero would be printed with its sign.
        (0..count.min(most + 1)).map(|i| (first + i as f64) * step + 0.0).collect()
    }

    /// The smallest of 1, 2 and 5 times a power of ten that makes few enough steps.
    fn step(&self, most: usize) -> f64 {
        let rough = (self.to - self.from) / most.max(1) as f64;
        let power = 10f64.powf(rough.log10().floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].map(|n| n * power).into_iter().find(|s| *s >= rough * 0.999);
        let step = step.unwrap_or(power * 10.0);
        if self.whole { step.max(1.0) } else { step }
    }

    fn ratios(&self, most: usize) -> Vec<f64> {
        let (low, high) = (self.from.log10(), self.to.log10());
        let decades = (high - low) as usize + 1;
        let every = decades.div_ceil(most.max(1)) as i32;
        let within = |v: &f64| *v >= self.from * 0.9999 && *v <= self.to * 1.0001;
        let powers = (low.floor() as i32..=high.ceil() as i32).filter(|p| p % every == 0);
        let ticks = |between: &[f64]| -> Vec<f64> {
            let decade = |p: i32| between.iter().map(move |n| n * 10f64.powi(p));
            powers.clone().flat_map(decade).filter(within).collect()
        };
        // Numbers between powers of ten, where there is room.
        let some = if every == 1 { ticks(&[1.0, 2.0, 5.0]) } else { Vec::new() };
        let ticks = if (1..=most + 1).contains(&some.len()) { some } else { ticks(&[1.0]) };
        if ticks.len() > 1 {
            return ticks;
        }
        Axis { log: false, ..self.clone() }.steps(most)
    }
}

fn widened(from: f64, to: f64) -> (f64, f64) {
    let more = if from == 0.0 { 0.5 } else { from.abs().max(to.abs()) * 0.1 };
    (from - more, to + more)
}

/// A number in few digits, without the noise of adding steps: `0.3`, `1500`, `2.5e-6`.
pub(crate) fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let size = value.abs();
    if !(1e-3..1e5).contains(&size) {
        let text = format!("{value:.3e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{power}", trimmed(digits));
    }
    let places = (4 - size.log10().floor() as i32).clamp(0, 7) as usize;
    trimmed(&format!("{value:.places$}")).to_owned()
}

/// As [`number`], three digits of it.
pub(crate) fn brief(value: f64) -> String {
    number(format!("{value:.2e}").parse().unwrap_or(value))
}

fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let place = f64::from(limit.0) + self.part(*value) * f64::from(limit.1 - limit.0);
        place.round().clamp(-FAR, FAR) as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Light lines between the labelled ones are left out.
        if hint.weight().allow_light_points() && hint.bold_points() < hint.max_num_points() {
            return Vec::new();
        }
        self.ticks(hint.bold_points())
    }

    fn range(&self) -> Range<f64> {
        self.from..self.to
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        number(*value)
    }
}

/// Where a chart lies on its scene and what its axes are.
pub(crate) struct Frame<'a> {
    /// Left and top of the whole, labels included.
    pub(crate) at: (f64, f64),
    /// Width and height of the whole.
    pub(crate) size: (f64, f64),
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) x_label: &'a str,
    pub(crate) y_label: &'a str,
    /// Labelled ticks at most, across and upward.
    pub(crate) ticks: (usize, usize),
}

impl Frame<'_> {
    /// Left, top, width and height of the part inside the axes.
    pub(crate) fn inside(&self) -> (f64, f64, f64, f64) {
        let (left, below) = (self.left(), self.below());
        (self.at.0 + left, self.at.1, self.size.0 - left, self.size.1 - below)
    }

    fn left(&self) -> f64 {
        TICKS + if self.y_label.is_empty() { 0.0 } else { LABEL }
    }

    fn below(&self) -> f64 {
        BELOW + if self.x_label.is_empty() { 0.0 } else { LABEL }
    }

    /// Draws the axes, then what `content` draws between them.
    pub(crate) fn draw(
        &self,
        op: &'static str,
        scene: &mut Scene,
        content: impl FnOnce(&mut Chart<'_>) -> Drawn,
    ) -> Result<()> {
        let drawn = self.chart(scene, content);
        // The recorder takes everything: only a frame without room is refused.
        drawn.map_err(|e| Error::argument(op, "size", e, "room for the axes"))
    }

    fn chart(&self, scene: &mut Scene, content: impl FnOnce(&mut Chart<'_>) -> Drawn) -> Drawn {
        let (right, bottom) = (self.at.0 + self.size.0, self.at.1 + self.size.1);
        let whole = (f64::from(scene.width), f64::from(scene.height));
        let root = scene.area().margin(
            fine(self.at.1),
            fine(whole.1 - bottom),
            fine(self.at.0),
            fine(whole.0 - right),
        );
        let mut chart = ChartBuilder::on(&root)
            .x_label_area_size(fine(self.below()))
            .y_label_area_size(fine(self.left()))
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        let mut mesh = chart.configure_mesh();
        mesh.bold_line_style(stroke(Paint::GRID, 1.0))
            .axis_style(stroke(Paint::PALE, 1.0))
            .set_all_tick_mark_size(fine(4.0))
            .label_style(letters(Paint::PALE))
            .axis_desc_style(letters(Paint::INK))
            .x_labels(self.ticks.0)
            .y_labels(self.ticks.1);
        if !self.x_label.is_empty() {
            mesh.x_desc(self.x_label);
        }
        if !self.y_label.is_empty() {
            mesh.y_desc(self.y_label);
        }
        mesh.draw()?;
        content(&mut chart)
    }
}

/// A line's style; `width` in pixels.
pub(crate) fn stroke(paint: Paint, width: f64) -> ShapeStyle {
    ShapeStyle { color: paint.into(), filled: false, stroke_width: fine(width) as u32 }
}

/// A shape's style.
pub(crate) fn filled(paint: Paint) -> ShapeStyle {
    ShapeStyle { color: paint.into(), filled: true, stroke_width: 0 }
}

fn letters(paint: Paint) -> TextStyle<'static> {
    let font = (FontFamily::SansSerif, fine(SMALL)).into_font();
    TextStyle {
        color: BackendColor { alpha: paint.alpha, rgb: (paint.r, paint.g, paint.b) },
        ..font.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, most: usize) -> String {
        axis.ticks(most).into_iter().map(number).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ticks_are_round_numbers() {
        let cases = [
            (Axis::linear(0.0, 1.0), "0 0.2 0.4 0.6 0.8 1"),
            (Axis::linear(-0.3, 0.31), "-0.2 0 0.2"),
            (Axis::linear(0.0, 30_000.0), "0 5000 10000 15000 20000 25000 30000"),
            (Axis::linear(1e-7, 6e-7), "1e-7 2e-7 3e-7 4e-7 5e-7 6e-7"),
            (Axis::linear(0.5, 0.5), "0.46 0.48 0.5 0.52 0.54"),
            (Axis::counted(1.0, 3.0), "1 2 3"),
            (Axis::counted(1.0, 90.0), "20 40 60 80"),
            (Axis::log(0.02, 3.0), "0.02 0.05 0.1 0.2 0.5 1 2"),
            (Axis::log(0.01, 9.0), "0.01 0.1 1"),
            (Axis::log(0.2, 3.0), "0.2 0.5 1 2"),
            (Axis::log(1e-9, 1.0), "1e-8 1e-6 1e-4 0.01 1"),
            (Axis::log(0.31, 0.39), "0.32 0.34 0.36 0.38"),
        ];
        for (axis, expected) in cases {
            assert_eq!(labels(&axis, 6), expected, "{axis:?}");
        }
    }

    #[test]
    fn extreme_ranges_have_few_finite_ticks() {
        for axis in [Axis::linear(f64::MIN, f64::MAX), Axis::log(0.0, f64::MAX)] {
            let axis = axis.padded(0.04);
            let ticks = axis.ticks(6);
            assert!(ticks.len() <= 7 && ticks.iter().all(|t| t.is_finite()), "{ticks:?}");
        }
    }

    #[test]
    fn numbers_have_few_digits() {
        let cases = [(0.1 + 0.2, "0.3"), (-1500.0, "-1500"), (2.5e-6, "2.5e-6"), (0.0, "0")];
        for (value, expected) in cases {
            assert_eq!(number(value), expected);
        }
        assert_eq!(number(f64::NAN), "NaN");
        assert_eq!([0.123_456, -98_765.4, f64::INFINITY].map(brief), ["0.123", "-98800", "inf"]);
    }
}
