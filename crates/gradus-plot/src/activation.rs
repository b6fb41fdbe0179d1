//! `activation_plot`: a function and its derivative, both by tensors.

use std::ops::RangeInclusive;

use gradus_autodiff::Tensor;
use gradus_tensor::{Error, Problem, Result};
use plotters::element::PathElement;

use crate::axes::{Axis, Frame, stroke};
use crate::curves::{heading, pieces};
use crate::picture::{self, Picture};
use crate::scene::Scene;
use crate::theme::Paint;

const OP: &str = "activation_plot";
/// Positions at which the function is computed. Odd, so that the middle is one of them.
const POSITIONS: usize = 601;

/// A pointwise function and its derivative on an interval, computed in float64 by tensors and
/// their gradients. What is not finite is a gap.
///
/// ```
/// use gradus_plot::activation_plot;
///
/// let plot = activation_plot("tanh", |x| x.tanh(), -4.0..=4.0);
/// assert!(plot.draw()?.svg().contains(">tanh</text>"));
/// let middle = plot.points()?[300];
/// assert_eq!(middle, (0.0, 0.0, 1.0), "position, value, derivative");
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub fn activation_plot<F>(name: &str, function: F, on: RangeInclusive<f64>) -> ActivationPlot<F>
where
    F: Fn(&Tensor) -> Result<Tensor>,
{
    ActivationPlot { name: name.to_owned(), function, on, size: (480, 340) }
}

/// A function and how to draw it; made by [`activation_plot`].
#[derive(Clone, Debug)]
#[must_use = "nothing is drawn before `draw`"]
pub struct ActivationPlot<F> {
    name: String,
    function: F,
    on: RangeInclusive<f64>,
    size: (u32, u32),
}

impl<F: Fn(&Tensor) -> Result<Tensor>> ActivationPlot<F> {
    /// Width and height in pixels; 480 and 340 unless set.
    pub fn size(mut self, width: u32, height: u32) -> Self {
        self.size = (width, height);
        self
    }

    /// Positions, values and derivatives that are drawn.
    ///
    /// # Errors
    /// `Kind::Argument` for an interval that is empty or not finite, `Kind::Shape` if the function
    /// changes the shape, and what the function reports.
    pub fn points(&self) -> Result<Vec<(f64, f64, f64)>> {
        let (from, to) = (*self.on.start(), *self.on.end());
        if !(from < to && (to - from).is_finite()) {
            let what = format!("{from}..={to}");
            return Err(Error::argument(OP, "on", what, "a finite interval with a width"));
        }
        let last = (POSITIONS - 1) as f64;
        let at = |i: usize| (from * (last - i as f64) + to * i as f64) / last;
        let positions: Vec<f64> = (0..POSITIONS).map(at).collect();
        let x = Tensor::from_vec(positions.clone(), [POSITIONS])?.requires_grad_(true);
        let y = (self.function)(&x)?;
        if y.shape() != x.shape() {
            let problem = Problem::Rule { rule: "the function must keep the shape" };
            return Err(Error::shape(OP, problem, &[("x", &x.shape()), ("y", &y.shape())]));
        }
        // A function that does not depend on x, or only by steps, has no graph.
        if y.requires_grad() {
            y.sum_all()?.backward()?;
        }
        let slopes = match x.grad() {
            Some(grad) => grad.to_vec::<f64>()?,
            None => vec![0.0; POSITIONS],
        };
        let values = y.detach().to_dtype(gradus_tensor::DType::F64)?.to_vec::<f64>()?;
        let rows = positions.into_iter().zip(values).zip(slopes);
        Ok(rows.map(|((x, y), slope)| (x, y, slope)).collect())
    }

    /// Draws the picture.
    ///
    /// # Errors
    /// As [`ActivationPlot::points`]; `Kind::Argument` if no value is finite or for a size below
    /// 120 or above 16384 pixels.
    pub fn draw(&self) -> Result<Picture> {
        picture::size(OP, self.size, 120)?;
        let points = self.points()?;
        let seen = points.iter().flat_map(|(_, y, slope)| [*y, *slope]).filter(|v| v.is_finite());
        let (low, high) =
            seen.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            return Err(Error::argument(OP, "function", &self.name, "a finite value somewhere"));
        }
        let mut scene = Scene::new(self.size.0, self.size.1);
        let top = heading(&mut scene, "", &[&self.name, "derivative"]);
        let frame = Frame {
            at: (4.0, top),
            size: (f64::from(self.size.0) - 24.0, f64::from(self.size.1) - top - 8.0),
            x: Axis::linear(*self.on.start(), *self.on.end()),
            y: Axis::linear(low, high).padded(0.06),
            x_label: "",
            y_label: "",
            ticks: (9, 7),
        };
        frame.draw(OP, &mut scene, |chart| {
            let (x, y) = (&frame.x, &frame.y);
            let axes = [[(x.from, 0.0), (x.to, 0.0)], [(0.0, y.from), (0.0, y.to)]];
            let inside = |axis: &[(f64, f64); 2]| {
                axis.iter()
                    .all(|p| (x.from..=x.to).contains(&p.0) && (y.from..=y.to).contains(&p.1))
            };
            for axis in axes.iter().filter(|axis| inside(axis)) {
                chart
                    .draw_series([PathElement::new(*axis, stroke(Paint::PALE.alpha(0.6), 1.0))])?;
            }
            let slopes = points.iter().map(|(x, _, slope)| (*x, *slope));
            let values = points.iter().map(|(x, y, _)| (*x, *y));
            for (n, curve) in [slopes.collect::<Vec<_>>(), values.collect()].into_iter().enumerate()
            {
                for piece in pieces(curve.into_iter(), f64::is_finite) {
                    let style = stroke(Paint::series(1 - n), if n == 1 { 2.5 } else { 1.75 });
                    chart.draw_series([PathElement::new(piece, style)])?;
                }
            }
            Ok(())
        })?;
        Ok(Picture::new(scene, &self.name, 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_are_those_of_the_function() {
        let points =
            activation_plot("square", Tensor::square, -1.0..=3.0).points().expect("points");
        assert_eq!(points.len(), POSITIONS);
        for (x, y, slope) in points {
            assert!(
                (y - x * x).abs() < 1e-12 && (slope - 2.0 * x).abs() < 1e-12,
                "{x} {y} {slope}"
            );
        }
    }

    #[test]
    fn value_and_derivative_are_two_curves() {
        let svg = activation_plot("re<lu", Tensor::relu, -2.0..=2.0).draw().expect("drawn").svg();
        for words in [">re&lt;lu<", ">derivative<", ">-2<"] {
            assert!(svg.contains(words), "{words}");
        }
        assert_eq!(svg.matches("stroke-width=\"2.5\"").count(), 1);
        assert_eq!(svg.matches("stroke-width=\"1.75\"").count(), 1);
    }

    #[test]
    fn poles_are_gaps_and_steps_are_flat() {
        let svg = activation_plot("ln", Tensor::log, -1.0..=1.0).draw().expect("drawn").svg();
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        let step = activation_plot("step", |x| x.detach().sign(), -1.0..=1.0);
        assert!(step.points().expect("points").iter().all(|point| point.2 == 0.0));
    }

    #[test]
    fn wrong_intervals_and_functions_are_errors() {
        assert!(activation_plot("relu", Tensor::relu, 1.0..=1.0).draw().is_err());
        assert!(activation_plot("relu", Tensor::relu, 0.0..=f64::INFINITY).draw().is_err());
        let error =
            activation_plot("sum", Tensor::sum_all, 0.0..=1.0).draw().expect_err("a scalar");
        assert!(error.is_shape(), "{error}");
    }
}
