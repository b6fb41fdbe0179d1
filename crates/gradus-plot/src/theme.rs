//! Colours: those of paper and ink, which follow the reader's light or dark mode, and series'.

use plotters::style::RGBAColor;

/// A colour and its opacity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Paint {
    pub(crate) r: u8,
    pub(crate) g: u8,
    pub(crate) b: u8,
    pub(crate) alpha: f64,
}

impl Paint {
    pub(crate) const PAPER: Paint = Paint::new(255, 255, 255);
    pub(crate) const INK: Paint = Paint::new(31, 35, 40);
    pub(crate) const PALE: Paint = Paint::new(101, 109, 118);
    pub(crate) const GRID: Paint = Paint::new(228, 231, 235);

    pub(crate) const fn new(r: u8, g: u8, b: u8) -> Self {
        Paint { r, g, b, alpha: 1.0 }
    }

    pub(crate) const fn alpha(self, alpha: f64) -> Self {
        Paint { alpha, ..self }
    }

    /// The colour of the n-th series.
    pub(crate) fn series(n: usize) -> Self {
        SERIES[n % SERIES.len()]
    }

    /// The class whose colour changes in dark mode, if it is one of the four.
    pub(crate) fn class(self) -> Option<&'static str> {
        let same = |other: Paint| (self.r, self.g, self.b) == (other.r, other.g, other.b);
        CLASSES.iter().find(|(_, paint, _)| same(*paint)).map(|(class, ..)| *class)
    }
}

impl From<Paint> for RGBAColor {
    fn from(paint: Paint) -> Self {
        RGBAColor(paint.r, paint.g, paint.b, paint.alpha)
    }
}

/// Hues that stay apart on white and on black, and for most readers who see two of three colours:
/// neighbours also differ in lightness.
const SERIES: [Paint; 12] = [
    Paint::new(47, 111, 222),
    Paint::new(240, 138, 36),
    Paint::new(32, 150, 90),
    Paint::new(224, 69, 123),
    Paint::new(136, 92, 210),
    Paint::new(24, 170, 190),
    Paint::new(190, 142, 18),
    Paint::new(214, 58, 48),
    Paint::new(122, 160, 44),
    Paint::new(128, 134, 142),
    Paint::new(150, 92, 60),
    Paint::new(240, 130, 190),
];

/// Class, its colour on white paper, its colour in dark mode.
const CLASSES: [(&str, Paint, &str); 4] = [
    ("paper", Paint::PAPER, "#161a20"),
    ("ink", Paint::INK, "#e6e8eb"),
    ("pale", Paint::PALE, "#9aa4b0"),
    ("grid", Paint::GRID, "#2c323b"),
];

/// The style sheet of pictures in dark mode.
pub(crate) fn style() -> String {
    let rules: Vec<String> = CLASSES
        .iter()
        .map(|(class, _, dark)| {
            format!(".g-{class}{{fill:{dark}}}.g-{class}-line{{stroke:{dark}}}")
        })
        .collect();
    format!("@media (prefers-color-scheme: dark){{{}}}", rules.concat())
}
