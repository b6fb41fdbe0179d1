//! A scene as SVG text.

use std::fmt::Write;

use crate::encode;
use crate::scene::{FINE, Item, Pixels, Place, Point, Scene, Text};
use crate::theme::{self, Paint};

/// The document; `alone` adds the style sheet that a page has for all its pictures.
pub(crate) fn svg(scene: &Scene, label: &str, alone: bool) -> String {
    let (width, height) = (scene.width, scene.height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" \
         font-family=\"system-ui, 'Segoe UI', 'Noto Sans', sans-serif\">\n"
    );
    if !label.is_empty() {
        let _ = writeln!(out, "<title>{}</title>", escape(label));
    }
    if alone {
        let _ = writeln!(out, "<style>{}</style>", theme::style());
        let paper = fill(Paint::PAPER);
        let _ = writeln!(out, "<rect width=\"{width}\" height=\"{height}\"{paper}/>");
    }
    for item in &scene.items {
        write_item(&mut out, item);
    }
    out.push_str("</svg>\n");
    out
}

fn write_item(out: &mut String, item: &Item) {
    // Writing to a string cannot fail.
    let _ = match item {
        Item::Line { points, width, paint } => writeln!(
            out,
            "<path d=\"{}\" fill=\"none\" stroke-width=\"{}\" stroke-linecap=\"round\" \
             stroke-linejoin=\"round\"{}/>",
            outline(points),
            Px(*width),
            colour("stroke", *paint)
        ),
        Item::Polygon { points, paint } => {
            writeln!(out, "<path d=\"{}Z\"{}/>", outline(points), fill(*paint))
        }
        Item::Rect { from, to, paint } => {
            writeln!(out, "<rect{}{}/>", frame(*from, *to), fill(*paint))
        }
        Item::Circle { center, radius, paint } => writeln!(
            out,
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\"{}/>",
            Px(center.0),
            Px(center.1),
            Px(*radius),
            fill(*paint)
        ),
        Item::Words(text) => write_words(out, text),
        Item::Image { from, to, pixels } => write_image(out, *from, *to, pixels),
    };
}

fn write_words(out: &mut String, text: &Text) -> std::fmt::Result {
    let anchor = match text.across {
        Place::Start => "",
        Place::Middle => " text-anchor=\"middle\"",
        Place::End => " text-anchor=\"end\"",
    };
    // Capitals are about 0.7 of the size high; renderers disagree on `dominant-baseline`.
    let drop = match text.down {
        Place::Start => 0.8,
        Place::Middle => 0.35,
        Place::End => -0.2,
    };
    let drop = (f64::from(text.size) * drop).round() as i32;
    let (x, y) = text.at;
    let (at, turn) = if text.upward {
        ((x + drop, y), format!(" transform=\"rotate(-90 {} {})\"", Px(x + drop), Px(y)))
    } else {
        ((x, y + drop), String::new())
    };
    let weight = if text.bold { " font-weight=\"600\"" } else { "" };
    writeln!(
        out,
        "<text x=\"{}\" y=\"{}\" font-size=\"{}\"{anchor}{weight}{turn}{}>{}</text>",
        Px(at.0),
        Px(at.1),
        Px(text.size),
        fill(text.paint),
        escape(&text.words)
    )
}

fn write_image(out: &mut String, from: Point, to: Point, pixels: &Pixels) -> std::fmt::Result {
    let crisp = if pixels.smooth { "" } else { " style=\"image-rendering:pixelated\"" };
    let data = base64(&encode::rgba(pixels));
    writeln!(
        out,
        "<image{} preserveAspectRatio=\"none\"{crisp} href=\"data:image/png;base64,{data}\"/>",
        frame(from, to)
    )
}

/// Steps printed as pixels.
struct Px(i32);
impl std::fmt::Display for Px {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hundredths = (i64::from(self.0) * 100 + i64::from(FINE) / 2).div_euclid(FINE.into());
        write!(f, "{}", hundredths as f64 / 100.0)
    }
}

fn outline(points: &[Point]) -> String {
    let mut out = String::new();
    for (i, &(x, y)) in points.iter().enumerate() {
        let _ = write!(out, "{}{} {}", if i == 0 { 'M' } else { 'L' }, Px(x), Px(y));
    }
    out
}

fn frame(from: Point, to: Point) -> String {
    let (x, y) = (from.0.min(to.0), from.1.min(to.1));
    let (width, height) = ((to.0 - from.0).abs(), (to.1 - from.1).abs());
    format!(" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"", Px(x), Px(y), Px(width), Px(height))
}

fn fill(paint: Paint) -> String {
    colour("fill", paint)
}

fn colour(what: &str, paint: Paint) -> String {
    let mut out = format!(" {what}=\"#{:02x}{:02x}{:02x}\"", paint.r, paint.g, paint.b);
    if paint.alpha < 1.0 {
        let _ = write!(out, " {what}-opacity=\"{}\"", (paint.alpha * 1e3).round() / 1e3);
    }
    if let Some(class) = paint.class() {
        let line = if what == "stroke" { "-line" } else { "" };
        let _ = write!(out, " class=\"g-{class}{line}\"");
    }
    out
}

/// Text that cannot end an element or an attribute; control characters, which XML lacks, become
/// spaces.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().enumerate().fold(0, |n, (i, b)| n | u32::from(*b) << (16 - 8 * i));
        for i in 0..4 {
            let digit = DIGITS[(group >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { digit.into() } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        let cases =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (plain, coded) in cases {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn markup_in_words_stays_words() {
        assert_eq!(escape("a<b & \"c\"\u{1}>'"), "a&lt;b &amp; &quot;c&quot; &gt;&#39;");
    }

    #[test]
    fn steps_are_printed_as_pixels() {
        let printed: Vec<String> = [0, 16, 24, -4, 1].map(|n| Px(n).to_string()).into();
        assert_eq!(printed, ["0", "1", "1.5", "-0.25", "0.06"]);
    }

    #[test]
    fn themed_colours_carry_their_class() {
        assert_eq!(fill(Paint::INK), " fill=\"#1f2328\" class=\"g-ink\"");
        assert_eq!(
            colour("stroke", Paint::GRID.alpha(0.5)),
            " stroke=\"#e4e7eb\" stroke-opacity=\"0.5\" class=\"g-grid-line\""
        );
        assert_eq!(fill(Paint::new(1, 2, 3)), " fill=\"#010203\"");
    }
}
