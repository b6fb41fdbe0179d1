//! File names with logged numbers in them, in Python's notation: `{epoch:02d}-{val_loss:.2f}`.

use gradus_tensor::{Error, Result};

use crate::logs::Logs;

const OP: &str = "model_checkpoint";

/// A text with places for numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Number { name: String, zeros: bool, width: usize, digits: Option<usize>, style: char },
}

impl Template {
    /// # Errors
    /// `Kind::Argument` for braces that do not match and formats other than `[0][width][.digits]`
    /// with `d`, `f`, `e` or nothing.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let bad = || {
            let expected = "text with {name}, {name:02d}, {name:.2f} or {name:.1e} in it";
            Error::argument(OP, "filepath", text, expected)
        };
        let (mut pieces, mut plain) = (Vec::new(), String::new());
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(at);
            plain.push_str(before);
            if after.starts_with("{{") || after.starts_with("}}") {
                plain.push_str(&after[..1]);
                rest = &after[2..];
                continue;
            }
            let inner = after.strip_prefix('{').ok_or_else(bad)?;
            let (inside, after) = inner.split_once('}').ok_or_else(bad)?;
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            pieces.push(number(inside).ok_or_else(bad)?);
            rest = after;
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        Ok(Template(pieces))
    }

    /// # Errors
    /// `Kind::Argument` for a name without a number, with those there are.
    pub(crate) fn fill(&self, numbers: &Logs) -> Result<String> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Number { name, zeros, width, digits, style } => {
                    let value = numbers.get(name).ok_or_else(|| {
                        crate::logs::unknown(OP, "filepath", name, &numbers.names())
                    })?;
                    text.push_str(&padded(&shown(value, *digits, *style), *zeros, *width));
                }
            }
        }
        Ok(text)
    }
}

/// `name[:[0][width][.digits][style]]`.
fn number(inside: &str) -> Option<Piece> {
    let (name, format) = inside.split_once(':').unwrap_or((inside, ""));
    let style = format.chars().last().filter(char::is_ascii_alphabetic);
    let format = style.map_or(format, |_| &format[..format.len() - 1]);
    let (width, digits) = match format.split_once('.') {
        Some((width, digits)) => (width, Some(digits.parse().ok()?)),
        None => (format, None),
    };
    let zeros = width.starts_with('0');
    let width = if width.is_empty() { 0 } else { width.parse().ok()? };
    let style = style.unwrap_or(' ');
    let known = matches!(style, 'd' | 'f' | 'e' | ' ') && !(style == 'd' && digits.is_some());
    let name = name.to_owned();
    (known && !name.is_empty()).then_some(Piece::Number { name, zeros, width, digits, style })
}

fn shown(value: f64, digits: Option<usize>, style: char) -> String {
    const DIGITS: usize = 6;
    match (style, digits) {
        ('d', _) => format!("{value:.0}"),
        ('f', digits) => format!("{value:.*}", digits.unwrap_or(DIGITS)),
        ('e', digits) => {
            let text = format!("{value:.*e}", digits.unwrap_or(DIGITS));
            // Python writes at least two digits and the sign of an exponent.
            match text.split_once('e').and_then(|(m, e)| Some((m, e.parse::<i32>().ok()?))) {
                Some((mantissa, exponent)) => {
                    let sign = if exponent < 0 { '-' } else { '+' };
                    format!("{mantissa}e{sign}{:02}", exponent.abs())
                }
                None => text,
            }
        }
        (_, Some(digits)) => format!("{value:.digits$}"),
        (_, None) => value.to_string(),
    }
}

fn padded(text: &str, zeros: bool, width: usize) -> String {
    if !zeros {
        return format!("{text:>width$}");
    }
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let width = width.saturating_sub(sign.len());
    format!("{sign}{digits:0>width$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers() -> Logs {
        let mut logs = Logs::default();
        logs.set("epoch", 7.0);
        logs.set("val_loss", 0.126);
        logs.set("lr", 1.5e-5);
        logs.set("gap", -1.25);
        logs
    }

    #[test]
    fn numbers_are_written_as_python_writes_them() {
        // Right: `template.format(epoch=7, val_loss=0.126, lr=1.5e-5, gap=-1.25)`.
        for (template, expected) in [
            ("weights.{epoch:02d}-{val_loss:.2f}.safetensors", "weights.07-0.13.safetensors"),
            ("{epoch:04d}", "0007"),
            ("{epoch:3d}|", "  7|"),
            ("{epoch}", "7"),
            ("{val_loss:f}", "0.126000"),
            ("{val_loss:08.3f}", "0000.126"),
            ("{lr:.1e}", "1.5e-05"),
            ("{lr:e}", "1.500000e-05"),
            ("{gap:07.2f}", "-001.25"),
            ("a{{{epoch:d}}}b", "a{7}b"),
            ("plain", "plain"),
        ] {
            let text = Template::parse(template).and_then(|t| t.fill(&numbers()));
            assert_eq!(text.expect(template), expected, "{template}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for bad in ["{epoch", "epoch}", "{}", "{epoch:x}", "{epoch:.2d}", "{epoch:abd}"] {
            let error = Template::parse(bad).expect_err(bad).to_string();
            assert!(error.starts_with("model_checkpoint: filepath is"), "{error}");
        }
        let error = Template::parse("{val_acc:.2f}").and_then(|t| t.fill(&numbers()));
        let error = error.expect_err("unknown").to_string();
        assert!(error.contains("val_acc (logged: epoch, val_loss, lr, gap)"), "{error}");
    }
}
