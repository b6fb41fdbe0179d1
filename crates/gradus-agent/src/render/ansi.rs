//! Colours of terminals. Gymnasium: `utils.colorize`.

use std::fmt::Display;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
    Blue = 34,
    Magenta = 35,
}

/// How a letter is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    code: u8,
    bold: bool,
}

impl Style {
    pub(crate) fn plain(colour: Colour) -> Self {
        Style { code: colour as u8, bold: false }
    }

    pub(crate) fn bold(colour: Colour) -> Self {
        Style { code: colour as u8, bold: true }
    }

    /// The colour behind the letter.
    pub(crate) fn highlight(colour: Colour) -> Self {
        Style { code: colour as u8 + 10, bold: false }
    }

    pub(crate) fn paint(self, text: impl Display) -> String {
        let bold = if self.bold { ";1" } else { "" };
        format!("\x1b[{}{bold}m{text}\x1b[0m", self.code)
    }
}
