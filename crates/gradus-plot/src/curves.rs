//! `curves`: training curves over epochs.

use gradus_tensor::{Error, Result};
use plotters::element::{Circle, PathElement};

use crate::axes::{Axis, Chart, Drawn, Frame, SMALL, filled, stroke};
use crate::picture::{self, Picture};
use crate::scene::{Scene, fine, text_width};
use crate::theme::Paint;

const OP: &str = "curves";

/// Curves of named series, one value an epoch, the first at epoch 1.
///
/// What is not finite, or not positive on a logarithmic axis, is a gap; a value between two gaps is
/// a dot. Matplotlib: `plt.plot`.
///
/// ```
/// use gradus_plot::curves;
///
/// let loss = vec![0.9, 0.4, f64::NAN, 0.2];
/// let svg = curves(&[("loss", &loss)]).title("Training").log(true).draw()?.svg();
/// assert!(svg.contains(">loss</text>") && svg.contains(">epoch</text>"));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub fn curves<N: AsRef<str>, V: AsRef<[f64]>>(series: &[(N, V)]) -> Curves {
    let own = |(name, values): &(N, V)| (name.as_ref().to_owned(), values.as_ref().to_vec());
    Curves {
        series: series.iter().map(own).collect(),
        title: String::new(),
        x_label: "epoch".to_owned(),
        y_label: String::new(),
        log: false,
        size: (720, 420),
    }
}

/// Curves and how to draw them; made by [`curves`].
#[derive(Clone, Debug)]
#[must_use = "nothing is drawn before `draw`"]
pub struct Curves {
    series: Vec<(String, Vec<f64>)>,
    title: String,
    x_label: String,
    y_label: String,
    log: bool,
    size: (u32, u32),
}

impl Curves {
    /// Words above the curves; none unless set.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Words below the axis of positions; `epoch` unless set.
    pub fn x_label(mut self, label: impl Into<String>) -> Self {
        self.x_label = label.into();
        self
    }

    /// Words beside the axis of values; none unless set.
    pub fn y_label(mut self, label: impl Into<String>) -> Self {
        self.y_label = label.into();
        self
    }

    /// Whether equal heights are equal ratios; `false` unless set.
    pub fn log(mut self, log: bool) -> Self {
        self.log = log;
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
    /// `Kind::Argument` if there is no value that can be drawn, or for a size below 120 or above
    /// 16384 pixels.
    pub fn draw(&self) -> Result<Picture> {
        picture::size(OP, self.size, 120)?;
        let seen = self.series.iter().flat_map(|(_, values)| values).filter(|v| self.shows(**v));
        let (low, high) =
            seen.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
        if low > high {
            let what = format!("{} series without a value to draw", self.series.len());
            let wanted = "a finite value, above 0 on a logarithmic axis";
            return Err(Error::argument(OP, "series", what, wanted));
        }
        let longest = self.series.iter().map(|(_, values)| values.len()).max().unwrap_or(1);
        let y = if self.log { Axis::log(low, high) } else { Axis::linear(low, high) };
        let last = longest as f64;
        let x = if longest > 1 { Axis::counted(1.0, last) } else { Axis::counted(0.5, 1.5) };

        let mut scene = Scene::new(self.size.0, self.size.1);
        let names: Vec<&str> = self.series.iter().map(|(name, _)| &**name).collect();
        let top = heading(&mut scene, &self.title, &names);
        let (width, height) = (f64::from(self.size.0), f64::from(self.size.1));
        let frame = Frame {
            at: (8.0, top),
            size: (width - 28.0, height - top - 8.0),
            x,
            y: y.padded(0.04),
            x_label: &self.x_label,
            y_label: &self.y_label,
            ticks: (10, 7),
        };
        frame.draw(OP, &mut scene, |chart| self.lines(chart))?;
        Ok(Picture::new(scene, &self.title, 2))
    }

    fn shows(&self, value: f64) -> bool {
        value.is_finite() && (!self.log || value > 0.0)
    }

    fn lines(&self, chart: &mut Chart<'_>) -> Drawn {
        for (n, (_, values)) in self.series.iter().enumerate() {
            let paint = Paint::series(n);
            let points = values.iter().enumerate().map(|(i, v)| (i as f64 + 1.0, *v));
            for piece in pieces(points, |v| self.shows(v)) {
                if let [only] = piece[..] {
                    chart.draw_series([Circle::new(only, fine(3.0), filled(paint))])?;
                } else {
                    chart.draw_series([PathElement::new(piece, stroke(paint, 2.0))])?;
                }
            }
        }
        Ok(())
    }
}

/// Runs of points without a gap.
pub(crate) fn pieces(
    points: impl Iterator<Item = (f64, f64)>,
    shows: impl Fn(f64) -> bool,
) -> Vec<Vec<(f64, f64)>> {
    let mut pieces = vec![Vec::new()];
    for (x, y) in points {
        match pieces.last_mut() {
            Some(piece) if shows(y) => piece.push((x, y)),
            Some(piece) if !piece.is_empty() => pieces.push(Vec::new()),
            _ => {}
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// Writes the title and, below it, the names of the series beside their colours, in as many lines
/// as they need. Returns where the chart may begin.
pub(crate) fn heading(scene: &mut Scene, title: &str, names: &[&str]) -> f64 {
    let mut top = 16.0;
    if !title.is_empty() {
        scene.title(title, (16.0, 22.0), 16.0);
        top = 40.0;
    }
    let right = f64::from(scene.width) - 16.0;
    let (mut x, mut y) = (16.0, top + 6.0);
    for (n, name) in names.iter().enumerate() {
        let width = 24.0 + text_width(name, SMALL) + 18.0;
        if x > 16.0 && x + width > right {
            (x, y) = (16.0, y + 18.0);
        }
        scene.line(&[(x, y), (x + 16.0, y)], 3.0, Paint::series(n));
        scene.words(name, (x + 24.0, y), SMALL, Paint::INK);
        x += width;
    }
    if names.is_empty() { top } else { y + 18.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strokes(svg: &str, n: usize) -> usize {
        let paint = Paint::series(n);
        svg.matches(&format!("stroke=\"#{:02x}{:02x}{:02x}\"", paint.r, paint.g, paint.b)).count()
    }

    #[test]
    fn every_series_is_a_path_and_a_name() {
        let series = [("loss", vec![3.0, 2.0, 1.0]), ("val <loss>", vec![3.5, 2.5, 2.0])];
        let svg = curves(&series).title("a & b").draw().expect("drawn").svg();
        // One in the legend, one in the chart.
        assert_eq!((strokes(&svg, 0), strokes(&svg, 1), strokes(&svg, 2)), (2, 2, 0));
        for words in [">loss<", ">val &lt;loss&gt;<", ">a &amp; b<", ">epoch<", ">1<", ">3<"] {
            assert!(svg.contains(words), "{words} in {svg}");
        }
        assert_eq!(svg, curves(&series).title("a & b").draw().expect("drawn").svg());
    }

    #[test]
    fn gaps_split_a_curve() {
        let nan = f64::NAN;
        let values = [1.0, 2.0, nan, 3.0, f64::INFINITY, 2.0, 1.0];
        let svg = curves(&[("loss", values)]).draw().expect("drawn").svg();
        assert_eq!(strokes(&svg, 0), 3);
        assert_eq!(svg.matches("<circle").count(), 1);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn logarithms_leave_out_what_is_not_positive() {
        let svg =
            curves(&[("loss", [1.0, 0.0, 1e-4, 1e-5])]).log(true).draw().expect("drawn").svg();
        assert_eq!((strokes(&svg, 0), svg.matches("<circle").count()), (2, 1));
        assert!(svg.contains(">1e-4<"), "{svg}");
    }

    #[test]
    fn nothing_to_draw_is_an_error() {
        let none: [(&str, Vec<f64>); 0] = [];
        let error = curves(&none).draw().expect_err("no series");
        assert!(error.to_string().starts_with("curves: series is 0 series"), "{error}");
        assert!(curves(&[("loss", [f64::NAN])]).draw().is_err());
        assert!(curves(&[("loss", [-1.0])]).log(true).draw().is_err());
        assert!(curves(&[("loss", [1.0])]).size(20, 400).draw().is_err());
        assert!(curves(&[("loss", [1.0])]).size(120, 120).draw().is_ok());
        assert!(curves(&[("loss", [1.0])]).draw().is_ok());
    }

    #[test]
    fn extremes_are_drawn() {
        let values = [f64::MAX, f64::MIN, f64::MIN_POSITIVE, 0.0];
        let picture = curves(&[("loss", values)]).draw().expect("drawn");
        assert!(picture.png().len() > 1000);
        assert!(curves(&[("loss", values)]).log(true).draw().is_ok());
    }
}
