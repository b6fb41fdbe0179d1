//! `Report`: one page about one run.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use gradus_io::write_atomic;
use gradus_tensor::{Error, Result};

use crate::curves::curves;
use crate::picture::Picture;
use crate::svg::escape;
use crate::theme;

const OP: &str = "report";

/// Layout and colours of the page; those of pictures come from the theme.
const STYLE: &str = "\
:root{color-scheme:light dark;--paper:#fff;--ink:#1f2328;--pale:#656d76;--edge:#e4e7eb;\
--box:#f6f8fa}\
@media (prefers-color-scheme:dark){:root{--paper:#161a20;--ink:#e6e8eb;--pale:#9aa4b0;\
--edge:#2c323b;--box:#1d222a}}\
body{margin:0 auto;max-width:60rem;padding:2rem 1.25rem 4rem;background:var(--paper);\
color:var(--ink);font:16px/1.5 system-ui,'Segoe UI','Noto Sans',sans-serif}\
h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2.25rem}\
figure{margin:1rem 0;overflow-x:auto}svg{max-width:100%;height:auto}\
pre{padding:.8rem 1rem;background:var(--box);border:1px solid var(--edge);border-radius:6px;\
overflow-x:auto;font-size:.85rem}\
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.92rem}\
th,td{padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--edge);text-align:left}\
th{color:var(--pale);font-weight:500}";

/// One HTML file that needs nothing else: pictures and style are inside, no script, no network; it
/// follows the reader's light or dark mode. Text is escaped.
///
/// ```
/// use gradus_plot::Report;
///
/// let loss = vec![0.9, 0.4, 0.2];
/// let report = Report::new("Digits")
///     .config("lr = 0.1")
///     .curves(&[("loss", &loss)])?
///     .table("Result", &["set", "accuracy"], &[["test", "0.97"]])?;
/// let html = report.html();
/// assert!(html.contains("<h1>Digits</h1>") && html.contains("<svg"));
/// assert!(html.contains("<td>0.97</td>"));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is written before `save`"]
pub struct Report {
    title: String,
    body: String,
}

impl Report {
    /// An empty report.
    pub fn new(title: impl Into<String>) -> Self {
        Report { title: title.into(), body: String::new() }
    }

    /// Adds the run's configuration, as it is written.
    pub fn config(self, text: impl AsRef<str>) -> Self {
        self.heading("Configuration").part(&format!("<pre>{}</pre>", escape(text.as_ref())))
    }

    /// Adds a paragraph.
    pub fn text(self, text: impl AsRef<str>) -> Self {
        self.part(&format!("<p>{}</p>", escape(text.as_ref())))
    }

    /// Adds training curves, one value an epoch.
    ///
    /// # Errors
    /// As [`Curves::draw`](crate::Curves::draw).
    pub fn curves<N: AsRef<str>, V: AsRef<[f64]>>(self, series: &[(N, V)]) -> Result<Self> {
        let picture = curves(series).draw()?;
        Ok(self.picture("Training", &picture))
    }

    /// Adds a table of rows under names.
    ///
    /// # Errors
    /// `Kind::Argument` for a row that has not a cell for each name.
    pub fn table<H: AsRef<str>, R: AsRef<[C]>, C: AsRef<str>>(
        self,
        heading: &str,
        names: &[H],
        rows: &[R],
    ) -> Result<Self> {
        let mut table = "<table>\n<tr>".to_owned();
        for name in names {
            // Writing to a string cannot fail.
            let _ = write!(table, "<th>{}</th>", escape(name.as_ref()));
        }
        for (i, row) in rows.iter().enumerate() {
            let cells = row.as_ref();
            if cells.len() != names.len() {
                let what = format!("{} cells in row {i} under {} names", cells.len(), names.len());
                return Err(Error::argument(OP, "rows", what, "a cell for each name"));
            }
            table.push_str("</tr>\n<tr>");
            for cell in cells {
                let _ = write!(table, "<td>{}</td>", escape(cell.as_ref()));
            }
        }
        table.push_str("</tr>\n</table>");
        Ok(self.heading(heading).part(&table))
    }

    /// Adds a picture under a heading.
    pub fn picture(self, heading: &str, picture: &Picture) -> Self {
        self.heading(heading).part(&format!("<figure>\n{}</figure>", picture.inline()))
    }

    /// The page.
    pub fn html(&self) -> String {
        let title = escape(&self.title);
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>{STYLE}{}</style>\n</head>\n<body>\n\
             <h1>{title}</h1>\n{}</body>\n</html>\n",
            theme::style(),
            self.body
        )
    }

    /// Writes the page, atomically.
    ///
    /// # Errors
    /// `Kind::Argument` for a name that does not end in `.html`, `Kind::Io` naming the file.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("html")) {
            let wanted = "a name that ends in `.html`";
            return Err(Error::argument(OP, "path", path.display(), wanted));
        }
        write_atomic(path, |file| file.write_all(self.html().as_bytes()))
    }

    fn heading(self, text: &str) -> Self {
        self.part(&format!("<h2>{}</h2>", escape(text)))
    }

    fn part(mut self, html: &str) -> Self {
        self.body.push_str(html);
        self.body.push('\n');
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report::new("Run <1>")
            .config("lr = 0.1 && \"x\"\nlayers = 2")
            .text("a < b")
            .curves(&[("loss", [2.0, 1.0])])
            .and_then(|report| report.table("T & U", &["<n>"], &[["</td>"]]))
            .expect("a report")
    }

    #[test]
    fn text_is_escaped_and_nothing_is_fetched() {
        let html = report().html();
        for words in [
            "<title>Run &lt;1&gt;</title>",
            "<pre>lr = 0.1 &amp;&amp; &quot;x&quot;\nlayers = 2</pre>",
            "<p>a &lt; b</p>",
            "<h2>T &amp; U</h2>",
            "<th>&lt;n&gt;</th>",
            "<td>&lt;/td&gt;</td>",
        ] {
            assert!(html.contains(words), "{words} in {html}");
        }
        // The one address is the name of SVG.
        assert_eq!(
            html.matches("http").count(),
            html.matches("http://www.w3.org/2000/svg").count()
        );
        for word in ["<script", "<link", "@import", "url("] {
            assert!(!html.contains(word), "{word}");
        }
        assert_eq!(html.matches("<style>").count(), 1, "one style sheet for all pictures");
        assert_eq!(html, report().html());
    }

    #[test]
    fn only_html_is_written() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("report.html");
        report().save(&path).expect("saved");
        assert_eq!(std::fs::read_to_string(&path).expect("a file"), report().html());
        assert!(report().save(dir.path().join("report.txt")).is_err());
        let uneven = Report::new("r").table("t", &["a", "b"], &[["1"]]).expect_err("one cell");
        assert!(uneven.to_string().contains("1 cells in row 0 under 2 names"), "{uneven}");
    }
}
