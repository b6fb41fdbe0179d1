//! `confusion_matrix`: what a classifier takes for what.

use gradus_tensor::{Error, Result, Shape};

use crate::axes::{SMALL, number};
use crate::picture::{self, Picture};
use crate::scene::{Place, Scene, text_width};
use crate::theme::Paint;

const OP: &str = "confusion_matrix";
/// The side of a cell, in pixels, with few and with many classes.
const CELLS: (f64, f64) = (56.0, 34.0);
/// A full cell, and words on it.
const FULL: Paint = Paint::new(31, 95, 191);
const WHITE: Paint = Paint::new(254, 254, 254);
/// A cell whose share is more has white numbers.
const DARK: f64 = 0.5;

/// Counts by true class (rows) and predicted class (columns); the colour of a cell is its share of
/// its row. scikit-learn: `ConfusionMatrixDisplay` with `normalize="true"` for the colours.
///
/// ```
/// use gradus_plot::confusion_matrix;
///
/// let counts = [[8.0, 2.0], [1.0, 9.0]];
/// let svg = confusion_matrix(&counts, &["cat", "dog"]).draw()?.svg();
/// assert!(svg.contains(">8</text>") && svg.contains(">dog</text>"));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub fn confusion_matrix<R: AsRef<[f64]>, N: AsRef<str>>(
    counts: &[R],
    class_names: &[N],
) -> ConfusionMatrix {
    ConfusionMatrix {
        counts: counts.iter().map(|row| row.as_ref().to_vec()).collect(),
        names: class_names.iter().map(|name| name.as_ref().to_owned()).collect(),
        title: String::new(),
    }
}

/// Counts and how to draw them; made by [`confusion_matrix`].
#[derive(Clone, Debug)]
#[must_use = "nothing is drawn before `draw`"]
pub struct ConfusionMatrix {
    counts: Vec<Vec<f64>>,
    names: Vec<String>,
    title: String,
}

impl ConfusionMatrix {
    /// Words above the matrix; none unless set.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Draws the picture.
    ///
    /// # Errors
    /// `Kind::Argument` for no class, other than one name a class, counts that are negative or not
    /// finite, or too many classes for a picture; `Kind::Shape` if the counts are not square.
    pub fn draw(&self) -> Result<Picture> {
        let classes = self.check()?;
        let cell = if classes > 12 { CELLS.1 } else { CELLS.0 };
        let widest = self.names.iter().map(|name| text_width(name, SMALL)).fold(24.0, f64::max);
        let top = if self.title.is_empty() { 16.0 } else { 44.0 };
        let (left, side) = (widest + 44.0, cell * classes as f64);
        // Names below their columns are turned where they would meet.
        let turned = widest > cell - 6.0;
        let below = if turned { widest + 12.0 } else { 22.0 };
        let width = (left + side + 20.0).max(text_width(&self.title, 16.0) + 32.0);
        let size = (width.ceil() as u32, (top + side + below + 30.0).ceil() as u32);
        picture::size(OP, size, 1)?;

        let mut scene = Scene::new(size.0, size.1);
        if !self.title.is_empty() {
            scene.title(&self.title, (16.0, 22.0), 16.0);
        }
        for (row, counts) in self.counts.iter().enumerate() {
            let total: f64 = counts.iter().sum();
            for (column, &count) in counts.iter().enumerate() {
                let share = if total > 0.0 { count / total } else { 0.0 };
                let at = (left + column as f64 * cell, top + row as f64 * cell);
                draw_cell(&mut scene, at, cell, count, share);
            }
        }
        for (n, name) in self.names.iter().enumerate() {
            let middle = (n as f64 + 0.5) * cell;
            scene.text(name, (left - 8.0, top + middle), SMALL, Paint::INK, Place::End);
            if turned {
                let at = (left + middle, top + side + 8.0);
                scene.upward(name, at, SMALL, Paint::INK, Place::End);
            } else {
                let at = (left + middle, top + side + 14.0);
                scene.text(name, at, SMALL, Paint::INK, Place::Middle);
            }
        }
        let foot = (left + side / 2.0, top + side + below + 12.0);
        scene.text("predicted", foot, SMALL, Paint::PALE, Place::Middle);
        scene.upward("true", (16.0, top + side / 2.0), SMALL, Paint::PALE, Place::Middle);
        Ok(Picture::new(scene, &self.title, 2))
    }

    fn check(&self) -> Result<usize> {
        let classes = self.counts.len();
        if classes == 0 {
            return Err(Error::argument(OP, "counts", "empty", "a row for each class"));
        }
        if let Some(row) = self.counts.iter().find(|row| row.len() != classes) {
            let problem = gradus_tensor::Problem::Size {
                name: "a row",
                got: row.len(),
                unit: "columns",
                other: "counts",
                expected: classes,
            };
            let shapes = [Shape::from([classes]), Shape::from([row.len()])];
            let operands = [("counts", &shapes[0]), ("row", &shapes[1])];
            return Err(Error::shape(OP, problem, &operands));
        }
        if self.names.len() != classes {
            let what = format!("{} names for {classes} classes", self.names.len());
            return Err(Error::argument(OP, "class_names", what, "one for each class"));
        }
        match self.counts.iter().flatten().find(|count| !(count.is_finite() && **count >= 0.0)) {
            Some(count) => Err(Error::argument(OP, "counts", count, "0 or more, and finite")),
            None => Ok(classes),
        }
    }
}

fn draw_cell(scene: &mut Scene, at: (f64, f64), cell: f64, count: f64, share: f64) {
    // A seam of paper parts the cells; even an empty one is tinted.
    let side = (cell - 1.5, cell - 1.5);
    scene.rect(at, side, FULL.alpha(0.04 + 0.96 * share));
    let words = number(count);
    let room = (cell - 4.0) / text_width(&words, 1.0);
    let paint = match share {
        share if share > DARK => WHITE,
        _ if count == 0.0 => Paint::PALE,
        _ => Paint::INK,
    };
    let middle = (at.0 + side.0 / 2.0, at.1 + side.1 / 2.0);
    scene.text(&words, middle, room.min(SMALL), paint, Place::Middle);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_has_its_number_and_its_share() {
        let counts = [vec![3.0, 1.0, 0.0], vec![0.0, 5.0, 0.0], vec![0.0, 0.0, 0.0]];
        let names = ["a", "b<", "c"];
        let svg = confusion_matrix(&counts, &names).title("test").draw().expect("drawn").svg();
        assert_eq!(svg.matches("fill=\"#1f5fbf\"").count(), 9);
        // 3 of 4, 1 of 4, all of 5.
        for share in ["fill-opacity=\"0.76\"", "fill-opacity=\"0.28\"", ">5<", ">b&lt;<", ">true<"]
        {
            assert!(svg.contains(share), "{share} in {svg}");
        }
        assert_eq!(svg.matches("fill=\"#1f5fbf\"/>").count(), 1, "only one row is all in one cell");
    }

    #[test]
    fn wrong_counts_are_errors() {
        let error = confusion_matrix(&[vec![1.0, 2.0]], &["a"]).draw().expect_err("not square");
        assert_eq!(
            error.to_string(),
            "confusion_matrix: a row has 2 columns, counts expects 1; counts [1], row [2]"
        );
        let none: [Vec<f64>; 0] = [];
        assert!(confusion_matrix(&none, &["a"]).draw().is_err());
        assert!(confusion_matrix(&[[1.0]], &["a", "b"]).draw().is_err());
        assert!(confusion_matrix(&[[-1.0]], &["a"]).draw().is_err());
        assert!(confusion_matrix(&[[f64::NAN]], &["a"]).draw().is_err());
    }
}
