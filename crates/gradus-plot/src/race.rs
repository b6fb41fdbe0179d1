//! `loss_surface_race`: the paths of optimizers on a function of two variables.

use std::ops::RangeInclusive;

use gradus_autodiff::{Tensor, no_grad};
use gradus_optim::Optimizer;
use gradus_tensor::{Error, Problem, Result};
use plotters::element::{Circle, PathElement};

use crate::axes::{Axis, Chart, Drawn, Frame, brief, filled, stroke};
use crate::contour::{bands, isolines, levels};
use crate::curves::heading;
use crate::picture::{self, Picture};
use crate::scene::{Scene, fine};
use crate::theme::Paint;

const OP: &str = "loss_surface_race";
/// How often the function is computed across and upward.
const GRID: (usize, usize) = (320, 240);
/// How many heights have a line.
const LEVELS: usize = 16;

/// The heights of a function and the paths that optimizers take down it.
///
/// Lines stand at heights that part the area evenly, but closer together near the lowest, so any
/// function shows its valleys. `function` takes x and y, which broadcast, and keeps their shape;
/// [`surfaces`](crate::surfaces) has some.
///
/// ```
/// use gradus_optim::{Adam, Sgd};
/// use gradus_plot::{descend, loss_surface_race, surfaces::himmelblau};
///
/// let sgd = descend(himmelblau, (0.0, 0.0), 60, |p| Box::new(Sgd::new(p, 0.01)))?;
/// let adam = descend(himmelblau, (0.0, 0.0), 60, |p| Box::new(Adam::new(p, 0.1)))?;
/// let race = loss_surface_race(himmelblau, -5.0..=5.0, -5.0..=5.0)
///     .path("SGD", &sgd)
///     .path("Adam", &adam);
/// let svg = race.draw()?.svg();
/// assert!(svg.contains(">SGD · ") && svg.contains(">Adam · "), "names and last losses");
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub fn loss_surface_race<F>(
    function: F,
    x: RangeInclusive<f64>,
    y: RangeInclusive<f64>,
) -> LossSurfaceRace<F>
where
    F: Fn(&Tensor, &Tensor) -> Result<Tensor>,
{
    LossSurfaceRace {
        function,
        x,
        y,
        paths: Vec::new(),
        minima: Vec::new(),
        title: String::new(),
        size: (760, 560),
    }
}

/// Takes `steps` steps of an optimizer that `make` makes for the parameters x and y, and returns
/// where it was: at `start`, and after every step. Ends early where a position is not finite.
///
/// ```
/// use gradus_optim::Sgd;
/// use gradus_plot::{descend, surfaces::saddle};
///
/// let path = descend(saddle, (2.0, 1.0), 1, |p| Box::new(Sgd::new(p, 0.25)))?;
/// assert_eq!(path, [(2.0, 1.0), (1.0, 1.5)]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// What the function, its gradient and the optimizer report.
pub fn descend(
    function: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
    start: (f64, f64),
    steps: usize,
    make: impl FnOnce(&[Tensor]) -> Box<dyn Optimizer>,
) -> Result<Vec<(f64, f64)>> {
    let at = |v: f64| Tensor::from_vec(vec![v], [1]);
    let params = [at(start.0)?.requires_grad_(true), at(start.1)?.requires_grad_(true)];
    let mut optimizer = make(&params);
    let mut path = vec![start];
    for _ in 0..steps {
        optimizer.zero_grad();
        function(&params[0], &params[1])?.sum_all()?.backward()?;
        optimizer.step()?;
        let here = (params[0].item()?, params[1].item()?);
        if !(here.0.is_finite() && here.1.is_finite()) {
            break;
        }
        path.push(here);
    }
    Ok(path)
}

/// A function, paths on it and how to draw them; made by [`loss_surface_race`].
#[derive(Clone, Debug)]
#[must_use = "nothing is drawn before `draw`"]
pub struct LossSurfaceRace<F> {
    function: F,
    x: RangeInclusive<f64>,
    y: RangeInclusive<f64>,
    paths: Vec<(String, Vec<(f64, f64)>)>,
    minima: Vec<(f64, f64)>,
    title: String,
    size: (u32, u32),
}

impl<F: Fn(&Tensor, &Tensor) -> Result<Tensor>> LossSurfaceRace<F> {
    /// Adds a named path. Its last point is a dot, and the loss there stands beside its name.
    pub fn path(mut self, name: impl Into<String>, points: &[(f64, f64)]) -> Self {
        self.paths.push((name.into(), points.to_vec()));
        self
    }

    /// Marks a minimum with a cross.
    pub fn minimum(mut self, x: f64, y: f64) -> Self {
        self.minima.push((x, y));
        self
    }

    /// Words above the picture; none unless set.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Width and height in pixels; 760 and 560 unless set.
    pub fn size(mut self, width: u32, height: u32) -> Self {
        self.size = (width, height);
        self
    }

    /// Draws the picture. Parts of paths outside the ranges are left out.
    ///
    /// # Errors
    /// `Kind::Argument` for a range that is empty or not finite, a function without a finite
    /// value on them, or a size below 120 or above 16384 pixels; `Kind::Shape` if the function
    /// changes the shape, and what it reports.
    pub fn draw(&self) -> Result<Picture> {
        picture::size(OP, self.size, 120)?;
        for (name, range) in [("x", &self.x), ("y", &self.y)] {
            let width = range.end() - range.start();
            if !(width > 0.0 && width.is_finite()) {
                let what = format!("{range:?}");
                return Err(Error::argument(OP, name, what, "a finite interval with a width"));
            }
        }
        let names = self.names()?;
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        let mut scene = Scene::new(self.size.0, self.size.1);
        let top = heading(&mut scene, &self.title, &names);
        let (width, height) = (f64::from(self.size.0), f64::from(self.size.1));
        let frame = Frame {
            at: (8.0, top),
            size: (width - 28.0, height - top - 8.0),
            x: Axis::linear(*self.x.start(), *self.x.end()),
            y: Axis::linear(*self.y.start(), *self.y.end()),
            x_label: "x",
            y_label: "y",
            ticks: (9, 7),
        };
        let heights = self.heights()?;
        let levels = levels(&heights, LEVELS);
        if levels.is_empty() {
            return Err(Error::argument(OP, "function", "not finite", "a finite value somewhere"));
        }
        let lines = isolines(&heights, GRID, &levels);
        let pixels = bands(&heights, GRID, &levels);
        let (left, top, width, height) = frame.inside();
        frame.draw(OP, &mut scene, |chart| self.content(chart, &frame, &lines))?;
        scene.image((left, top), (width, height), pixels);
        // The surface lies below everything that stands on it.
        if let Some(surface) = scene.items.pop() {
            scene.items.insert(0, surface);
        }
        Ok(Picture::new(scene, &self.title, 2))
    }

    /// The names of the paths with the losses where they end.
    fn names(&self) -> Result<Vec<String>> {
        let name = |(name, points): &(String, Vec<(f64, f64)>)| {
            let Some(&(x, y)) = points.last() else { return Ok(name.clone()) };
            let at = |v: f64| Tensor::from_vec(vec![v], [1]);
            let loss = no_grad(|| (self.function)(&at(x)?, &at(y)?)?.sum_all()?.item())?;
            Ok(format!("{name} · {}", brief(loss)))
        };
        self.paths.iter().map(name).collect()
    }

    /// The function on the grid, the lowest y first.
    fn heights(&self) -> Result<Vec<f64>> {
        let (columns, rows) = GRID;
        let line = |range: &RangeInclusive<f64>, n: usize| -> Vec<f64> {
            let (from, to) = (*range.start(), *range.end());
            (0..n).map(|i| from + (to - from) * i as f64 / (n - 1) as f64).collect()
        };
        let (xs, ys) = (line(&self.x, columns), line(&self.y, rows));
        let all = columns * rows;
        let x = Tensor::from_vec(xs.iter().copied().cycle().take(all).collect(), [rows, columns])?;
        let y = ys.iter().flat_map(|y| std::iter::repeat_n(*y, columns)).collect();
        let y = Tensor::from_vec(y, [rows, columns])?;
        let z = no_grad(|| (self.function)(&x, &y))?;
        if z.shape() != x.shape() {
            let problem = Problem::Rule { rule: "the function must keep the shape" };
            return Err(Error::shape(OP, problem, &[("x", &x.shape()), ("z", &z.shape())]));
        }
        z.detach().to_dtype(gradus_tensor::DType::F64)?.to_vec::<f64>()
    }

    fn content(
        &self,
        chart: &mut Chart<'_>,
        frame: &Frame<'_>,
        lines: &[Vec<(f64, f64)>],
    ) -> Drawn {
        let (x, y) = (&frame.x, &frame.y);
        let place =
            |&(u, v): &(f64, f64)| (x.from + u * (x.to - x.from), y.from + v * (y.to - y.from));
        for line in lines {
            let points: Vec<_> = line.iter().map(place).collect();
            chart.draw_series([PathElement::new(points, stroke(Paint::PALE.alpha(0.45), 0.75))])?;
        }
        let within =
            |p: &(f64, f64)| (x.from..=x.to).contains(&p.0) && (y.from..=y.to).contains(&p.1);
        for (n, (_, points)) in self.paths.iter().enumerate() {
            let paint = Paint::series(n);
            for piece in inside(points, (x, y)) {
                chart.draw_series([PathElement::new(piece, stroke(paint, 2.0))])?;
            }
            if let Some(&last) = points.last().filter(|p| within(p)) {
                chart.draw_series([Circle::new(last, fine(5.0), filled(Paint::PAPER))])?;
                chart.draw_series([Circle::new(last, fine(4.0), filled(paint))])?;
            }
        }
        let (dx, dy) = ((x.to - x.from) * 0.008, (y.to - y.from) * 0.011);
        for &(u, v) in self.minima.iter().filter(|p| within(p)) {
            let arms = [[(u - dx, v - dy), (u + dx, v + dy)], [(u - dx, v + dy), (u + dx, v - dy)]];
            chart.draw_series(arms.map(|arm| PathElement::new(arm, stroke(Paint::INK, 2.0))))?;
        }
        let start = self.paths.first().and_then(|(_, points)| points.first());
        if let Some(&start) = start.filter(|p| within(p)) {
            chart.draw_series([Circle::new(start, fine(4.0), filled(Paint::INK))])?;
        }
        Ok(())
    }
}

/// The parts of a path within the axes: each piece of line cut at the frame (Liang and Barsky).
fn inside(points: &[(f64, f64)], (x, y): (&Axis, &Axis)) -> Vec<Vec<(f64, f64)>> {
    let mut pieces: Vec<Vec<(f64, f64)>> = Vec::new();
    for pair in points.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let (mut enter, mut leave) = (0.0f64, 1.0f64);
        for (from, step, low, high) in [(a.0, dx, x.from, x.to), (a.1, dy, y.from, y.to)] {
            if step == 0.0 {
                if !(low..=high).contains(&from) {
                    leave = -1.0;
                }
                continue;
            }
            let (t, u) = ((low - from) / step, (high - from) / step);
            (enter, leave) = (enter.max(t.min(u)), leave.min(t.max(u)));
        }
        // Also false for what is not a number.
        if !(enter <= leave && dx.is_finite() && dy.is_finite()) {
            continue;
        }
        let from = (a.0 + enter * dx, a.1 + enter * dy);
        let to = (a.0 + leave * dx, a.1 + leave * dy);
        match pieces.last_mut() {
            Some(piece) if piece.last() == Some(&from) => piece.push(to),
            _ => pieces.push(vec![from, to]),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use gradus_optim::{Adam, Sgd};

    use super::*;
    use crate::surfaces::{beale, rosenbrock, saddle};

    #[test]
    fn every_path_is_drawn_once_and_named_with_its_loss() {
        let sgd = descend(beale, (-1.0, 1.5), 20, |p| Box::new(Sgd::new(p, 1e-3))).expect("a path");
        let adam =
            descend(beale, (-1.0, 1.5), 20, |p| Box::new(Adam::new(p, 0.1))).expect("a path");
        assert_eq!((sgd.len(), adam.len(), sgd[0]), (21, 21, (-1.0, 1.5)));
        let race = loss_surface_race(beale, -4.5..=4.5, -4.5..=4.5)
            .path("SGD <1>", &sgd)
            .path("Adam", &adam)
            .minimum(3.0, 0.5)
            .title("Beale");
        let svg = race.draw().expect("drawn").svg();
        assert!(svg.contains(">SGD &lt;1&gt; · ") && svg.contains(">Adam · "), "names");
        // A path, its last point; the legend's line has a width of its own.
        assert_eq!(svg.matches("stroke-width=\"2\" ").count(), 2 + 2, "two paths, one cross");
        assert_eq!(svg.matches("<circle").count(), 2 * 2 + 1);
        assert_eq!(svg.matches("<image").count(), 1);
        assert_eq!(svg, race.draw().expect("drawn").svg());
    }

    #[test]
    fn a_path_that_explodes_ends() {
        let path = descend(rosenbrock, (2.0, 2.0), 100, |p| Box::new(Sgd::new(p, 1.0)));
        let path = path.expect("a path");
        assert!(path.len() < 20 && path.iter().all(|p| p.0.is_finite() && p.1.is_finite()));
        let race = loss_surface_race(rosenbrock, -2.0..=2.0, -1.0..=3.0).path("SGD", &path);
        assert!(race.draw().is_ok());
    }

    #[test]
    fn paths_are_cut_at_the_frame() {
        let axis = Axis::linear(0.0, 1.0);
        let cut = |points: &[(f64, f64)]| inside(points, (&axis, &axis));
        assert_eq!(cut(&[(-1.0, 0.5), (1.0, 0.5)]), [[(0.0, 0.5), (1.0, 0.5)]]);
        assert_eq!(cut(&[(0.5, 0.5), (0.5, 3.0), (0.75, 3.0)]), [[(0.5, 0.5), (0.5, 1.0)]]);
        assert_eq!(cut(&[(0.0, 0.0), (0.5, 0.5), (1.0, 0.0)])[0].len(), 3);
        assert!(cut(&[(2.0, 2.0), (3.0, 3.0)]).is_empty());
        assert!(cut(&[(0.0, 0.0), (f64::NAN, 1.0)]).is_empty());
    }

    #[test]
    fn wrong_ranges_and_functions_are_errors() {
        assert!(loss_surface_race(saddle, 1.0..=1.0, 0.0..=1.0).draw().is_err());
        assert!(loss_surface_race(saddle, 0.0..=1.0, 0.0..=f64::NAN).draw().is_err());
        let scalar = |x: &Tensor, _: &Tensor| x.sum_all();
        let error = loss_surface_race(scalar, 0.0..=1.0, 0.0..=1.0).draw().expect_err("a scalar");
        assert!(error.is_shape(), "{error}");
        let none = |x: &Tensor, y: &Tensor| x.sub(x)?.div(y.sub(y)?);
        assert!(loss_surface_race(none, 0.0..=1.0, 0.0..=1.0).draw().is_err());
    }
}
