//! Shapes on a picture: what the environments' drawings are made of.

use super::Picture;

pub(super) type Point = (f64, f64);
pub(super) type Colour = [u8; 3];

/// Digits of 3 by 5 pixels, rows from the top, the left pixel first.
const DIGITS: [[u8; 5]; 10] = [
    [0b111, 0b101, 0b101, 0b101, 0b111],
    [0b010, 0b110, 0b010, 0b010, 0b111],
    [0b111, 0b001, 0b111, 0b100, 0b111],
    [0b111, 0b001, 0b111, 0b001, 0b111],
    [0b101, 0b101, 0b111, 0b001, 0b001],
    [0b111, 0b100, 0b111, 0b001, 0b111],
    [0b111, 0b100, 0b111, 0b101, 0b111],
    [0b111, 0b001, 0b010, 0b010, 0b010],
    [0b111, 0b101, 0b111, 0b101, 0b111],
    [0b111, 0b101, 0b111, 0b001, 0b111],
];

impl Picture {
    /// Fills the inside of a polygon, by the even-odd rule at the centres of pixels.
    pub(super) fn polygon(&mut self, points: &[Point], colour: Colour) {
        let lowest = points.iter().fold(f64::INFINITY, |m, p| m.min(p.1)).floor().max(0.0);
        let highest = points.iter().fold(0.0f64, |m, p| m.max(p.1)).min(self.height() as f64);
        for y in lowest as i64..=highest as i64 {
            let line = y as f64 + 0.5;
            let mut crossings: Vec<f64> = (0..points.len())
                .filter_map(|i| {
                    let ((x0, y0), (x1, y1)) = (points[i], points[(i + 1) % points.len()]);
                    let crosses = (y0 <= line) != (y1 <= line);
                    crosses.then(|| x0 + (line - y0) / (y1 - y0) * (x1 - x0))
                })
                .collect();
            crossings.sort_by(f64::total_cmp);
            for pair in crossings.chunks_exact(2) {
                let begin = (pair[0] - 0.5).ceil().max(0.0) as i64;
                let end = (pair[1] - 0.5).floor().min(self.width() as f64) as i64;
                (begin..=end).for_each(|x| self.set(x, y, colour));
            }
        }
    }

    /// A rectangle along the axes.
    pub(super) fn rectangle(&mut self, (x, y): Point, (width, height): Point, colour: Colour) {
        let corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)];
        self.polygon(&corners, colour);
    }

    /// A disc.
    pub(super) fn disc(&mut self, (x, y): Point, radius: f64, colour: Colour) {
        for row in (y - radius).floor() as i64..=(y + radius).ceil() as i64 {
            for column in (x - radius).floor() as i64..=(x + radius).ceil() as i64 {
                let (dx, dy) = (column as f64 + 0.5 - x, row as f64 + 0.5 - y);
                if dx * dx + dy * dy <= radius * radius {
                    self.set(column, row, colour);
                }
            }
        }
    }

    /// A line of a width.
    pub(super) fn line(&mut self, from: Point, to: Point, width: f64, colour: Colour) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = (dx * dx + dy * dy).sqrt().max(f64::MIN_POSITIVE);
        let (nx, ny) = (-dy / length * width / 2.0, dx / length * width / 2.0);
        let corners = [
            (from.0 + nx, from.1 + ny),
            (to.0 + nx, to.1 + ny),
            (to.0 - nx, to.1 - ny),
            (from.0 - nx, from.1 - ny),
        ];
        self.polygon(&corners, colour);
    }

    /// A number in digits whose pixels are squares of `size`; the corner is its upper left.
    pub(super) fn number(&mut self, number: i64, corner: Point, size: f64, colour: Colour) {
        for (i, digit) in number.to_string().bytes().filter(u8::is_ascii_digit).enumerate() {
            for (row, bits) in DIGITS[usize::from(digit - b'0')].iter().enumerate() {
                for column in 0..3 {
                    if bits >> (2 - column) & 1 == 1 {
                        let x = corner.0 + (i * 4 + column) as f64 * size;
                        self.rectangle((x, corner.1 + row as f64 * size), (size, size), colour);
                    }
                }
            }
        }
    }
}
