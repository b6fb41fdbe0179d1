//! `function_plot`: functions of one variable, and where a descent has been on them.

use std::ops::RangeInclusive;

use gradus_autodiff::{Tensor, no_grad};
use gradus_tensor::{DType, Error, Problem, Result};
use plotters::element::{Circle, PathElement};

use crate::axes::{Axis, Frame, filled, stroke};
use crate::curves::{heading, pieces};
use crate::picture::{self, Picture};
use crate::scene::{Scene, fine};
use crate::theme::Paint;

const OP: &str = "function_plot";
/// Positions at which functions are computed. Odd, so that the middle is one of them.
const POSITIONS: usize = 601;

/// A function of a tensor.
type Function<'a> = Box<dyn Fn(&Tensor) -> Result<Tensor> + 'a>;

/// Functions of one variable on an interval, computed in float64 by tensors; what is not finite is
/// a gap. A trace shows the places that a descent has visited on the first one.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_plot::function_plot;
///
/// // Gradient descent on (x - 2)².
/// let (mut x, mut visited) = (-1.0, vec![-1.0]);
/// for _ in 0..20 {
///     x -= 0.1 * 2.0 * (x - 2.0);
///     visited.push(x);
/// }
/// let svg = function_plot(-2.0..=6.0)
///     .function("(x - 2)²", |x| x.sub(2.0)?.square())
///     .trace("lr 0.1", &visited)
///     .draw()?
///     .svg();
/// assert!(svg.contains(">(x - 2)²</text>") && svg.contains(">lr 0.1</text>"));
/// assert_eq!(svg.matches("<circle").count(), 21);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub fn function_plot<'a>(on: RangeInclusive<f64>) -> FunctionPlot<'a> {
    FunctionPlot {
        on,
        functions: Vec::new(),
        traces: Vec::new(),
        title: String::new(),
        labels: Default::default(),
        size: (720, 420),
    }
}

/// Functions and how to draw them; made by [`function_plot`].
#[must_use = "nothing is drawn before `draw`"]
pub struct FunctionPlot<'a> {
    on: RangeInclusive<f64>,
    functions: Vec<(String, Function<'a>)>,
    traces: Vec<(String, Vec<f64>)>,
    title: String,
    /// Of both axes.
    labels: [String; 2],
    size: (u32, u32),
}

impl<'a> FunctionPlot<'a> {
    /// Adds a function, which must keep the shape.
    pub fn function(
        mut self,
        name: impl Into<String>,
        function: impl Fn(&Tensor) -> Result<Tensor> + 'a,
    ) -> Self {
        self.functions.push((name.into(), Box::new(function)));
        self
    }

    /// Adds places on the first function, in the order in which they were visited. Those outside
    /// the interval are gaps.
    pub fn trace(mut self, name: impl Into<String>, places: &[f64]) -> Self {
        self.traces.push((name.into(), places.to_vec()));
        self
    }

    /// Words above the chart; none unless set.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Words below the axis of positions; none unless set.
    pub fn x_label(mut self, label: impl Into<String>) -> Self {
        self.labels[0] = label.into();
        self
    }

    /// Words beside the axis of values; none unless set.
    pub fn y_label(mut self, label: impl Into<String>) -> Self {
        self.labels[1] = label.into();
        self
    }

    /// Width and height in pixels; 720 and 420 unless set.
    pub fn size(mut self, width: u32, height: u32) -> Self {
        self.size = (width, height);
        self
    }

    /// Draws the picture.
    ///
    /// # Errors
    /// `Kind::Argument` for no function, an interval that is empty or not finite, no finite value
    /// or a size below 120 or above 16384 pixels; `Kind::Shape` if a function changes the shape,
    /// and what the functions report.
    pub fn draw(&self) -> Result<Picture> {
        picture::size(OP, self.size, 120)?;
        let (from, to) = (*self.on.start(), *self.on.end());
        if !(from < to && (to - from).is_finite()) {
            let what = format!("{from}..={to}");
            return Err(Error::argument(OP, "on", what, "a finite interval with a width"));
        }
        let last = (POSITIONS - 1) as f64;
        let at = |i: usize| (from * (last - i as f64) + to * i as f64) / last;
        let positions: Vec<f64> = (0..POSITIONS).map(at).collect();
        let curve = |(_, function): &(String, Function<'a>)| points(function, &positions);
        let curves = self.functions.iter().map(curve).collect::<Result<Vec<_>>>()?;
        let traces = match self.functions.first() {
            None => Vec::new(),
            Some((_, function)) => {
                let within = |x: &f64| if self.on.contains(x) { *x } else { f64::NAN };
                let trace = |(_, places): &(String, Vec<f64>)| {
                    points(function, &places.iter().map(within).collect::<Vec<f64>>())
                };
                self.traces.iter().map(trace).collect::<Result<Vec<_>>>()?
            }
        };
        let seen = curves.iter().flatten().map(|(_, y)| *y).filter(|y| y.is_finite());
        let (low, high) =
            seen.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            let what = format!("{} without a finite value", self.functions.len());
            return Err(Error::argument(OP, "functions", what, "a finite value somewhere"));
        }

        let names = self.functions.iter().map(|(name, _)| name);
        let names: Vec<&str> =
            names.chain(self.traces.iter().map(|(name, _)| name)).map(String::as_str).collect();
        let mut scene = Scene::new(self.size.0, self.size.1);
        let top = heading(&mut scene, &self.title, &names);
        let frame = Frame {
            at: (8.0, top),
            size: (f64::from(self.size.0) - 28.0, f64::from(self.size.1) - top - 8.0),
            x: Axis::linear(from, to),
            y: Axis::linear(low, high).padded(0.06),
            x_label: &self.labels[0],
            y_label: &self.labels[1],
            ticks: (10, 7),
        };
        frame.draw(OP, &mut scene, |chart| {
            let lines = curves.iter().map(|points| (points, 2.0));
            for (n, (points, width)) in
                lines.chain(traces.iter().map(|points| (points, 1.25))).enumerate()
            {
                let is_trace = n >= curves.len();
                let paint = Paint::series(n);
                for piece in pieces(points.iter().copied(), f64::is_finite) {
                    if is_trace {
                        let dot = |p: &(f64, f64)| Circle::new(*p, fine(3.0), filled(paint));
                        chart.draw_series(piece.iter().map(dot))?;
                    }
                    chart.draw_series([PathElement::new(piece, stroke(paint, width))])?;
                }
            }
            Ok(())
        })?;
        Ok(Picture::new(scene, &self.title, 2))
    }
}

/// Positions with the values of a function there.
fn points(function: &Function<'_>, positions: &[f64]) -> Result<Vec<(f64, f64)>> {
    if positions.is_empty() {
        return Ok(Vec::new());
    }
    let x = Tensor::from_slice(positions, [positions.len()])?;
    let y = no_grad(|| function(&x))?;
    if y.shape() != x.shape() {
        let problem = Problem::Rule { rule: "the function must keep the shape" };
        return Err(Error::shape(OP, problem, &[("x", &x.shape()), ("y", &y.shape())]));
    }
    let values = y.to_dtype(DType::F64)?.to_vec::<f64>()?;
    Ok(positions.iter().copied().zip(values).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_lines_and_traces_have_dots() {
        let plot = function_plot(0.0..=2.0)
            .function("x<", |x| Ok(x.clone()))
            .function("ln", Tensor::log)
            .trace("walk", &[0.5, 1.0, 9.0, 1.5])
            .title("t")
            .x_label("place")
            .y_label("height");
        let svg = plot.draw().expect("drawn").svg();
        for words in [">x&lt;<", ">ln<", ">walk<", ">place<", ">height<", ">t<"] {
            assert!(svg.contains(words), "{words} in {svg}");
        }
        // The place outside parts the walk.
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "ln 0 is a gap: {svg}");
    }

    #[test]
    fn what_cannot_be_drawn_is_an_error() {
        assert!(function_plot(0.0..=1.0).draw().is_err());
        assert!(function_plot(1.0..=1.0).function("x", Tensor::square).draw().is_err());
        assert!(function_plot(0.0..=1.0).function("x", |x| x.mul(f64::NAN)).draw().is_err());
        let error = function_plot(0.0..=1.0).function("sum", Tensor::sum_all).draw();
        assert!(error.expect_err("a scalar").is_shape());
        let small = function_plot(0.0..=1.0).function("x", Tensor::square).size(20, 400);
        assert!(small.draw().is_err());
        let empty = function_plot(0.0..=1.0).function("x", Tensor::square).trace("none", &[]);
        assert!(empty.draw().is_ok());
    }
}
