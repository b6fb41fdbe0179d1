//! `histogram`: how values are distributed; `histograms`: those of parameters and gradients.

use gradus_autodiff::Tensor;
use gradus_tensor::{DType, Error, Result};
use plotters::element::Rectangle;

use crate::axes::{Axis, Frame, SMALL, brief, filled};
use crate::picture::{self, Picture};
use crate::scene::Scene;
use crate::theme::Paint;

const OP: &str = "histogram";
/// A panel of [`histograms`].
const PANEL: (f64, f64) = (360.0, 150.0);
/// The words above a panel.
const CAPTION: f64 = 46.0;
/// More bins than a picture has columns would not be seen.
const MOST_BINS: usize = 4096;

/// Counts of a tensor's elements in `bins` equal intervals between the smallest and the largest.
/// What is not finite is counted in the caption. NumPy: `histogram`.
///
/// ```
/// use gradus_autodiff::Tensor;
/// use gradus_plot::histogram;
///
/// let values = Tensor::from_vec(vec![0.0f32, 1.0, 1.0, 4.0], [4])?;
/// let plot = histogram(&values, 2).title("weights");
/// assert_eq!(plot.counts()?, [3, 1]);
/// assert!(plot.draw()?.svg().contains(">weights</text>"));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub fn histogram(values: &Tensor, bins: usize) -> Histogram {
    Histogram { values: values.detach(), bins, title: String::new(), size: (480, 300) }
}

/// Histograms of named tensors in rows, such as `model.named_parameters()`: values on the left,
/// and on the right the gradients of those that have one.
///
/// ```
/// use gradus_nn::{Linear, Module};
///
/// let layer = Linear::new(3, 2)?;
/// let svg = gradus_plot::histograms(&layer.named_parameters(), 20)?.svg();
/// assert!(svg.contains(">weight</text>") && svg.contains(">bias</text>"));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Argument` for no tensors, too many for a picture, or no bins.
pub fn histograms<N: AsRef<str>>(tensors: &[(N, Tensor)], bins: usize) -> Result<Picture> {
    if tensors.is_empty() {
        return Err(Error::argument("histograms", "tensors", "empty", "one or more"));
    }
    let graded = tensors.iter().any(|(_, tensor)| tensor.grad().is_some());
    let columns = if graded { 2 } else { 1 };
    let size =
        (PANEL.0 as u32 * columns + 20, (PANEL.1 + CAPTION) as u32 * tensors.len() as u32 + 16);
    picture::size("histograms", size, 1)?;
    let mut scene = Scene::new(size.0, size.1);
    for (row, (name, tensor)) in tensors.iter().enumerate() {
        let (name, y) = (name.as_ref(), row as f64 * (PANEL.1 + CAPTION) + 8.0);
        let grad = tensor.grad().map(|grad| (format!("{name}.grad"), grad));
        let panels = [Some((name.to_owned(), tensor.clone())), grad];
        for (column, panel) in panels.into_iter().enumerate() {
            let Some((caption, values)) = panel else { continue };
            let bars = Bars::new(&values.detach(), bins)?;
            let at = (column as f64 * PANEL.0, y);
            bars.draw(&mut scene, &caption, at, PANEL, Paint::series(column))?;
        }
    }
    Ok(Picture::new(scene, "histograms", 2))
}

/// Values and how to draw their histogram; made by [`histogram`].
#[derive(Clone)]
#[must_use = "nothing is drawn before `draw`"]
pub struct Histogram {
    values: Tensor,
    bins: usize,
    title: String,
    size: (u32, u32),
}

impl Histogram {
    /// Words above the bars; none unless set.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Width and height in pixels; 480 and 300 unless set.
    pub fn size(mut self, width: u32, height: u32) -> Self {
        self.size = (width, height);
        self
    }

    /// The counts, from the interval of the smallest values up.
    ///
    /// # Errors
    /// `Kind::Argument` for no bins or more than 4096.
    pub fn counts(&self) -> Result<Vec<u64>> {
        Ok(Bars::new(&self.values, self.bins)?.counts)
    }

    /// Draws the picture; a tensor without a finite element has empty axes.
    ///
    /// # Errors
    /// `Kind::Argument` for no bins, more than 4096, or a size below 120 or above 16384 pixels.
    pub fn draw(&self) -> Result<Picture> {
        picture::size(OP, self.size, 120)?;
        let mut scene = Scene::new(self.size.0, self.size.1);
        let bars = Bars::new(&self.values, self.bins)?;
        let size = (f64::from(self.size.0) - 20.0, f64::from(self.size.1) - CAPTION - 16.0);
        bars.draw(&mut scene, &self.title, (0.0, 8.0), size, Paint::series(0))?;
        Ok(Picture::new(scene, &self.title, 2))
    }
}

/// Counted elements.
struct Bars {
    counts: Vec<u64>,
    range: Axis,
    /// Mean and standard deviation of what is finite.
    moments: (f64, f64),
    lost: usize,
}

impl Bars {
    fn new(values: &Tensor, bins: usize) -> Result<Self> {
        if bins == 0 || bins > MOST_BINS {
            return Err(Error::argument(OP, "bins", bins, "1 to 4096"));
        }
        let all = values.to_dtype(DType::F64)?.to_vec::<f64>()?;
        let finite: Vec<f64> = all.iter().copied().filter(|v| v.is_finite()).collect();
        let low = finite.iter().copied().fold(f64::INFINITY, f64::min);
        let high = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let range = if low <= high { Axis::linear(low, high) } else { Axis::linear(0.0, 1.0) };
        let mut counts = vec![0; bins];
        for value in &finite {
            // The last interval holds its upper end.
            let bin = (range.part(*value) * bins as f64) as usize;
            counts[bin.min(bins - 1)] += 1;
        }
        let n = finite.len().max(1) as f64;
        let mean = finite.iter().map(|v| v / n).sum::<f64>();
        let variance = finite.iter().map(|v| (v - mean).powi(2) / n).sum::<f64>();
        let lost = all.len() - finite.len();
        Ok(Bars { counts, range, moments: (mean, variance.sqrt()), lost })
    }

    fn draw(
        &self,
        scene: &mut Scene,
        caption: &str,
        at: (f64, f64),
        size: (f64, f64),
        paint: Paint,
    ) -> Result<()> {
        let most = self.counts.iter().copied().max().unwrap_or(0).max(1) as f64;
        let frame = Frame {
            at: (at.0, at.1 + CAPTION),
            size: (size.0, size.1),
            x: self.range.clone(),
            y: Axis::counted(0.0, most * 1.05),
            x_label: "",
            y_label: "",
            ticks: (6, 4),
        };
        let (left, top, ..) = frame.inside();
        let lost =
            if self.lost > 0 { format!(", {} not finite", self.lost) } else { String::new() };
        let facts = format!("mean {}, std {}{lost}", brief(self.moments.0), brief(self.moments.1));
        scene.title(caption, (left, top - 32.0), SMALL);
        scene.words(&facts, (left, top - 15.0), SMALL, Paint::PALE);
        frame.draw(OP, scene, |chart| {
            let width = (self.range.to - self.range.from) / self.counts.len() as f64;
            let edge = |i: usize| self.range.from + i as f64 * width;
            let bars = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
            chart.draw_series(bars.map(|(i, count)| {
                let corners = [(edge(i), 0.0), (edge(i + 1), *count as f64)];
                Rectangle::new(corners, filled(paint.alpha(0.85)))
            }))?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(values: &[f64], bins: usize) -> Vec<u64> {
        let values = Tensor::from_slice(values, [values.len()]).expect("a tensor");
        histogram(&values, bins).counts().expect("counts")
    }

    #[test]
    fn elements_are_counted_as_numpy_does() {
        assert_eq!(counts(&[0.0, 0.5, 1.0, 2.0, 4.0], 4), [2, 1, 1, 1]);
        assert_eq!(counts(&[3.0, 3.0], 2), [0, 2]);
        assert_eq!(counts(&[f64::NAN, f64::INFINITY], 2), [0, 0]);
        assert_eq!(counts(&[], 1), [0]);
        assert_eq!(counts(&[f64::MIN, f64::MAX], 2), [1, 1]);
    }

    #[test]
    fn every_full_bin_is_a_bar() {
        let values = Tensor::from_vec(vec![0.0f32, 1.0, 9.0, f32::NAN], [4]).expect("a tensor");
        let svg = histogram(&values, 3).title("w<").draw().expect("drawn").svg();
        assert_eq!(svg.matches("fill-opacity=\"0.85\"").count(), 2);
        assert!(svg.contains(">w&lt;<") && svg.contains("1 not finite"), "{svg}");
    }

    #[test]
    fn gradients_stand_beside_their_parameters() {
        let w = Tensor::from_vec(vec![1.0f32, 2.0], [2]).expect("a tensor").requires_grad_(true);
        let frozen = Tensor::from_vec(vec![1.0f32], [1]).expect("a tensor");
        w.square().and_then(|y| y.sum_all()).and_then(|y| y.backward()).expect("a gradient");
        let svg = histograms(&[("w", w), ("frozen", frozen)], 4).expect("drawn").svg();
        for words in [">w<", ">w.grad<", ">frozen<"] {
            assert!(svg.contains(words), "{words}");
        }
        assert!(!svg.contains(">frozen.grad<"));
    }

    #[test]
    fn no_bins_and_no_tensors_are_errors() {
        let values = Tensor::from_vec(vec![1.0f32], [1]).expect("a tensor");
        assert!(histogram(&values, 0).draw().is_err());
        assert!(histogram(&values, 5000).counts().is_err());
        let none: [(&str, Tensor); 0] = [];
        assert!(histograms(&none, 4).is_err());
    }
}
