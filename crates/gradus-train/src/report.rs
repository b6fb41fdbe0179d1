//! Pictures of a training and the page about it; with the feature `plot`.

use std::fs;
use std::path::Path;

use gradus_plot::{Picture, Report, confusion_matrix, curves, histograms};
use gradus_tensor::{Error, Result};

use crate::context::Context;
use crate::history::History;
use crate::metrics::Direction;

/// The metric that is drawn as a matrix.
const CONFUSION: &str = "confusion_matrix";
/// Parameters in a picture: many more would be taller than a picture may be.
const ROWS: usize = 40;
/// Rates that differ by more than this many times are drawn by their logarithms.
const WIDE: f64 = 20.0;

impl History {
    /// A picture for each number that was logged, with that of the validation beside it, under the
    /// number's name. Epochs without it are gaps.
    ///
    /// ```
    /// # use gradus_train::{History, Logs};
    /// # let mut history = History::default();
    /// # for epoch in 0..3 {
    /// #     let mut logs = Logs::default();
    /// #     logs.set("loss", 0.5 / (epoch + 1) as f64);
    /// #     logs.set("val_loss", 0.6 / (epoch + 1) as f64);
    /// #     logs.set("learning_rate", 0.1);
    /// #     history.push(epoch, logs);
    /// # }
    /// let pictures = history.curves()?;
    /// let names: Vec<&str> = pictures.iter().map(|(name, _)| &**name).collect();
    /// assert_eq!(names, ["loss", "learning_rate"]);
    /// assert!(pictures[0].1.svg().contains(">val_loss</text>"));
    /// # Ok::<(), gradus_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Curves::draw`](gradus_plot::Curves::draw).
    pub fn curves(&self) -> Result<Vec<(String, Picture)>> {
        let mut names: Vec<&str> = Vec::new();
        for (_, logs) in self.rows() {
            for name in logs.names() {
                let base = name.strip_prefix("val_").unwrap_or(name);
                if !names.contains(&base) {
                    names.push(base);
                }
            }
        }
        let mut pictures = Vec::new();
        for name in names {
            let both = [name.to_owned(), format!("val_{name}")];
            let series = both.map(|name| {
                let values = self.series(&name);
                (name, values)
            });
            let drawn = |values: &[f64]| values.iter().any(|value| value.is_finite());
            let series: Vec<_> = series.into_iter().filter(|(_, values)| drawn(values)).collect();
            if series.is_empty() {
                continue;
            }
            let picture = curves(&series).log(is_wide(name, &series)).draw()?;
            pictures.push((name.to_owned(), picture));
        }
        Ok(pictures)
    }

    /// A page with these pictures, to which more can be added.
    ///
    /// # Errors
    /// As [`History::curves`].
    pub fn report(&self, title: impl Into<String>) -> Result<Report> {
        let pictures = self.curves()?;
        Ok(pictures
            .iter()
            .fold(Report::new(title), |page, (name, picture)| page.picture(name, picture)))
    }

    /// A name's numbers from epoch 0 on, NaN where there is none.
    fn series(&self, name: &str) -> Vec<f64> {
        let last = self.rows().iter().map(|(epoch, _)| *epoch).max();
        let mut values = vec![f64::NAN; last.map_or(0, |last| last + 1)];
        for (epoch, logs) in self.rows() {
            if let Some(value) = logs.get(name) {
                values[*epoch] = value;
            }
        }
        values
    }
}

/// Whether a rate covers so much that only its logarithm shows it.
fn is_wide(name: &str, series: &[(String, Vec<f64>)]) -> bool {
    let finite = || series.iter().flat_map(|(_, values)| values).filter(|v| v.is_finite());
    let (low, high) = finite().fold((f64::INFINITY, 0.0f64), |(l, h), v| (l.min(*v), h.max(*v)));
    name.contains("learning_rate") && low > 0.0 && high > WIDE * low
}

/// What a run's page shows beside curves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pictures {
    pub(crate) class_names: Vec<String>,
    pub(crate) bins: Option<usize>,
}

impl Pictures {
    /// Draws everything into `plots/` and `report.html` of a run's directory.
    pub(crate) fn write(&self, cx: &mut Context<'_>, dir: &Path, config: &str) -> Result<Report> {
        let title = dir.file_name().map_or_else(|| "run".into(), |name| name.to_string_lossy());
        let mut pictures = cx.history().curves()?;
        pictures.retain(|(name, _)| name != CONFUSION);
        if let Some(matrix) = self.confusion(cx)? {
            pictures.push((CONFUSION.to_owned(), matrix));
        }
        if let Some(bins) = self.bins {
            let parameters = cx.model().named_parameters();
            for (i, part) in parameters.chunks(ROWS).enumerate() {
                let number = if i == 0 { String::new() } else { format!("_{}", i + 1) };
                pictures.push((format!("parameters{number}"), histograms(part, bins)?));
            }
        }
        let plots = dir.join("plots");
        fs::create_dir_all(&plots).map_err(|error| Error::io(&plots, error))?;
        let mut page = results(Report::new(title), cx)?;
        for (name, picture) in &pictures {
            picture.save(plots.join(format!("{}.svg", file_name(name))))?;
            page = page.picture(&heading(name), picture);
        }
        let page = page.config(config);
        page.save(dir.join("report.html"))?;
        Ok(page)
    }

    /// What the last measurement took for what, if the trainer counts it.
    fn confusion(&self, cx: &mut Context<'_>) -> Result<Option<Picture>> {
        // Without the metric there is nothing to draw.
        let Ok(sums) = cx.sums(CONFUSION) else { return Ok(None) };
        let classes = sums.len().isqrt();
        if classes == 0 {
            return Ok(None);
        }
        let counts: Vec<&[f64]> = sums.chunks(classes).collect();
        let numbers = || (0..classes).map(|class| class.to_string()).collect();
        let names: Vec<String> = match self.class_names.len() {
            0 => numbers(),
            _ => self.class_names.clone(),
        };
        let validated = cx.logs().get(&format!("val_{CONFUSION}")).is_some();
        let title = if validated { "validation, last epoch" } else { "training, last epoch" };
        confusion_matrix(&counts, &names).title(title).draw().map(Some)
    }
}

/// The last and the best of every number.
fn results(page: Report, cx: &Context<'_>) -> Result<Report> {
    let history = cx.history();
    let Some((epoch, last)) = history.rows().last() else { return Ok(page) };
    let mut rows: Vec<[String; 4]> = Vec::new();
    for (name, value) in last.iter() {
        let all = history.rows().iter().filter_map(|(at, logs)| Some((*at, logs.get(name)?)));
        let best = match cx.direction(name) {
            Some(Direction::Falls) => all.min_by(|a, b| a.1.total_cmp(&b.1)),
            Some(Direction::Rises) => all.max_by(|a, b| a.1.total_cmp(&b.1)),
            None => None,
        };
        let (best, at) =
            best.map_or_else(Default::default, |(at, value)| (brief(value), (at + 1).to_string()));
        rows.push([name.to_owned(), brief(value), best, at]);
    }
    let last = format!("after epoch {}", epoch + 1);
    page.table("Results", &["", &last, "best", "in epoch"], &rows)
}

/// Five digits, in powers of ten where zeros would stand in their place.
fn brief(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-3 { format!("{value:.4e}") } else { format!("{value:.5}") }
}

/// `val_loss` as it is, with spaces in place of lines.
fn heading(name: &str) -> String {
    name.replace('_', " ")
}

/// A name without what file systems would take for something else.
fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "._-".contains(c) { c } else { '_' };
    name.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::Logs;

    fn history(rows: &[(usize, &[(&str, f64)])]) -> History {
        let mut history = History::default();
        for (epoch, numbers) in rows {
            let mut logs = Logs::default();
            numbers.iter().for_each(|(name, value)| logs.set(*name, *value));
            history.push(*epoch, logs);
        }
        history
    }

    #[test]
    fn epochs_stand_where_they_were_and_gaps_are_gaps() {
        let history = history(&[
            (2, &[("loss", 3.0)]),
            (3, &[("loss", 2.0), ("val_loss", 2.5)]),
            (5, &[("loss", 1.0)]),
        ]);
        let text = format!("{:?}", history.series("val_loss"));
        assert_eq!(text, "[NaN, NaN, NaN, 2.5, NaN, NaN]");
        let pictures = history.curves().unwrap();
        assert_eq!(pictures.len(), 1);
        // The only validation is a dot, training a line and a dot.
        assert_eq!(pictures[0].1.svg().matches("<circle").count(), 2);
    }

    #[test]
    fn what_cannot_be_drawn_is_left_out() {
        let nan = f64::NAN;
        let numbers: &[(&str, f64)] = &[("loss", nan), ("val_loss", 1.0), ("odd", nan)];
        let pictures = history(&[(0, numbers)]).curves().unwrap();
        assert_eq!(pictures.len(), 1);
        assert!(!pictures[0].1.svg().contains(">loss</text>"));
        assert!(history(&[]).curves().unwrap().is_empty());
        assert!(history(&[]).report("empty").unwrap().html().contains("<h1>empty</h1>"));
    }

    #[test]
    fn rates_over_powers_of_ten_are_drawn_by_their_logarithms() {
        let series = |low: f64| vec![("learning_rate".to_owned(), vec![0.1, low, f64::NAN])];
        assert!(is_wide("learning_rate", &series(1e-4)));
        assert!(!is_wide("learning_rate", &series(0.05)));
        assert!(!is_wide("learning_rate", &series(0.0)));
        assert!(!is_wide("loss", &series(1e-4)));
        assert_eq!(file_name("dead_units.1/a:b"), "dead_units.1_a_b");
    }
}
