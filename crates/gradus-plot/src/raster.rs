//! A scene as pixels, with smooth edges: coverage by distance for lines and circles, by samples
//! for polygons, exact for upright rectangles.

use crate::glyphs;
use crate::scene::{FINE, Item, Pixels, Point, Scene};
use crate::theme::Paint;

/// Samples of a pixel in each direction that decide how much of it a polygon covers.
const SAMPLES: usize = 4;

/// Red, green and blue in rows.
pub(crate) struct Canvas {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) rgb: Vec<u8>,
    /// Canvas pixels in a step.
    scale: f64,
}

/// Pixels whose coverage is asked for: columns and rows.
type Window = (std::ops::Range<usize>, std::ops::Range<usize>);

/// Draws a scene on white paper, `density` pixels for each of its own.
pub(crate) fn raster(scene: &Scene, density: u32) -> Canvas {
    let (width, height) = ((scene.width * density) as usize, (scene.height * density) as usize);
    let scale = f64::from(density) / f64::from(FINE);
    let mut canvas = Canvas { width, height, rgb: vec![255; width * height * 3], scale };
    for item in &scene.items {
        match item {
            Item::Line { points, width, paint } => canvas.line(points, *width, *paint),
            Item::Polygon { points, paint } => canvas.polygon(points, *paint),
            Item::Rect { from, to, paint } => canvas.rect(*from, *to, *paint),
            Item::Circle { center, radius, paint } => canvas.circle(*center, *radius, *paint),
            Item::Words(text) => glyphs::draw(&mut canvas, text, scale),
            Item::Image { from, to, pixels } => canvas.image(*from, *to, pixels),
        }
    }
    canvas
}

impl Canvas {
    /// Lays a colour over a pixel that it covers in part.
    pub(crate) fn blend(&mut self, x: usize, y: usize, paint: Paint, cover: f64) {
        let part = (paint.alpha * cover).clamp(0.0, 1.0);
        if part <= 0.0 || x >= self.width || y >= self.height {
            return;
        }
        let at = (y * self.width + x) * 3;
        for (under, over) in self.rgb[at..at + 3].iter_mut().zip([paint.r, paint.g, paint.b]) {
            let mixed = f64::from(*under) + (f64::from(over) - f64::from(*under)) * part;
            *under = mixed.round() as u8;
        }
    }

    fn at(&self, (x, y): Point) -> (f64, f64) {
        (f64::from(x) * self.scale, f64::from(y) * self.scale)
    }

    /// The pixels between two corners, `margin` more on every side, inside the canvas.
    fn window(&self, from: (f64, f64), to: (f64, f64), margin: f64) -> Window {
        let span = |a: f64, b: f64, size: usize| {
            let (low, high) = (a.min(b) - margin, a.max(b) + margin);
            // A cast to an unsigned type saturates.
            (low.floor() as usize).min(size)..(high.ceil() as usize).min(size)
        };
        (span(from.0, to.0, self.width), span(from.1, to.1, self.height))
    }

    /// Lays a colour where `cover` says how much of the pixel with that middle is covered.
    fn shade(&mut self, window: Window, paint: Paint, cover: impl Fn(f64, f64) -> f64) {
        for y in window.1 {
            for x in window.0.clone() {
                let part = cover(x as f64 + 0.5, y as f64 + 0.5);
                self.blend(x, y, paint, part);
            }
        }
    }

    fn rect(&mut self, from: Point, to: Point, paint: Paint) {
        let (a, b) = (self.at(from), self.at(to));
        let inside = |v: f64, a: f64, b: f64| {
            let (low, high) = (a.min(b), a.max(b));
            ((v + 0.5).min(high) - (v - 0.5).max(low)).clamp(0.0, 1.0)
        };
        let window = self.window(a, b, 0.0);
        self.shade(window, paint, |x, y| inside(x, a.0, b.0) * inside(y, a.1, b.1));
    }

    fn circle(&mut self, center: Point, radius: i32, paint: Paint) {
        let (cx, cy) = self.at(center);
        let radius = f64::from(radius) * self.scale;
        let window = self.window((cx, cy), (cx, cy), radius + 1.0);
        self.shade(window, paint, |x, y| radius + 0.5 - (x - cx).hypot(y - cy));
    }

    /// The largest coverage by any piece counts, so that joints are not laid twice.
    fn line(&mut self, points: &[Point], width: i32, paint: Paint) {
        let half = (f64::from(width) * self.scale / 2.0).max(0.5);
        let points: Vec<_> = points.iter().map(|&p| self.at(p)).collect();
        let Some(&first) = points.first() else { return };
        let least = points.iter().fold(first, |a, b| (a.0.min(b.0), a.1.min(b.1)));
        let most = points.iter().fold(first, |a, b| (a.0.max(b.0), a.1.max(b.1)));
        let (columns, rows) = self.window(least, most, half + 1.0);
        let mut cover = vec![0.0f64; columns.len() * rows.len()];
        for pair in points.windows(2) {
            let (xs, ys) = self.window(pair[0], pair[1], half + 1.0);
            for y in ys {
                for x in xs.clone() {
                    let away = distance((x as f64 + 0.5, y as f64 + 0.5), pair[0], pair[1]);
                    let slot = (y - rows.start) * columns.len() + x - columns.start;
                    cover[slot] = cover[slot].max((half + 0.5 - away).clamp(0.0, 1.0));
                }
            }
        }
        for (i, part) in cover.into_iter().enumerate() {
            let (x, y) = (i % columns.len(), i / columns.len());
            self.blend(x + columns.start, y + rows.start, paint, part);
        }
    }

    fn polygon(&mut self, points: &[Point], paint: Paint) {
        let points: Vec<_> = points.iter().map(|&p| self.at(p)).collect();
        let Some(&first) = points.first() else { return };
        let least = points.iter().fold(first, |a, b| (a.0.min(b.0), a.1.min(b.1)));
        let most = points.iter().fold(first, |a, b| (a.0.max(b.0), a.1.max(b.1)));
        let window = self.window(least, most, 0.0);
        let offset = |i: usize| (i as f64 + 0.5) / SAMPLES as f64 - 0.5;
        self.shade(window, paint, |x, y| {
            let samples = (0..SAMPLES * SAMPLES)
                .filter(|i| within(&points, x + offset(i % SAMPLES), y + offset(i / SAMPLES)));
            samples.count() as f64 / (SAMPLES * SAMPLES) as f64
        });
    }

    fn image(&mut self, from: Point, to: Point, pixels: &Pixels) {
        let (a, b) = (self.at(from), self.at(to));
        let window = self.window(a, b, 0.0);
        let (columns, rows) = (pixels.width as usize, pixels.height as usize);
        for y in window.1 {
            for x in window.0.clone() {
                let across = (x as f64 + 0.5 - a.0) / (b.0 - a.0);
                let down = (y as f64 + 0.5 - a.1) / (b.1 - a.1);
                if !(0.0..1.0).contains(&across) || !(0.0..1.0).contains(&down) {
                    continue;
                }
                let column = (across * columns as f64) as usize;
                let row = (down * rows as f64) as usize;
                let at = (row * columns + column) * 4;
                let [r, g, b, alpha] = [0, 1, 2, 3].map(|i| pixels.rgba[at + i]);
                self.blend(x, y, Paint::new(r, g, b), f64::from(alpha) / 255.0);
            }
        }
    }
}

/// From a point to the nearest of a piece of line.
fn distance(p: (f64, f64), a: (f64, f64), b: (f64, f64)) -> f64 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 { ((p.0 - a.0) * dx + (p.1 - a.1) * dy) / length } else { 0.0 };
    let along = along.clamp(0.0, 1.0);
    (p.0 - a.0 - along * dx).hypot(p.1 - a.1 - along * dy)
}

/// Whether a ray from the point crosses the outline an odd number of times.
fn within(points: &[(f64, f64)], x: f64, y: f64) -> bool {
    let next = points.iter().cycle().skip(1);
    let crossed = points
        .iter()
        .zip(next)
        .filter(|(a, b)| (a.1 > y) != (b.1 > y) && x < (b.0 - a.0) * (y - a.1) / (b.1 - a.1) + a.0);
    crossed.count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(item: Item) -> Vec<u8> {
        let scene = Scene { width: 4, height: 3, items: vec![item] };
        raster(&scene, 1).rgb.chunks(3).map(|rgb| rgb[0]).collect()
    }

    const BLACK: Paint = Paint::new(0, 0, 0);

    #[test]
    fn a_rectangle_covers_pixels_in_part() {
        let item = Item::Rect { from: (16, 16), to: (40, 32), paint: BLACK };
        assert_eq!(drawn(item), [255, 255, 255, 255, 255, 0, 128, 255, 255, 255, 255, 255]);
    }

    #[test]
    fn a_line_has_its_width_and_round_ends() {
        let item = Item::Line { points: vec![(24, 24), (40, 24)], width: 16, paint: BLACK };
        let pixels = drawn(item);
        assert_eq!(&pixels[4..8], [255, 0, 0, 255]);
        assert_eq!(&pixels[..4], [255; 4]);
    }

    #[test]
    fn a_polygon_covers_half_of_the_pixels_on_its_diagonal() {
        let item = Item::Polygon { points: vec![(0, 0), (48, 48), (0, 48)], paint: BLACK };
        let pixels = drawn(item);
        assert_eq!((pixels[4], pixels[8], pixels[9], pixels[2]), (0, 0, 0, 255));
        assert!((90..170).contains(&pixels[0]), "{}", pixels[0]);
    }

    #[test]
    fn what_lies_outside_is_left_out() {
        let far =
            Item::Line { points: vec![(-1_000_000, 24), (1_000_000, 24)], width: 16, paint: BLACK };
        assert_eq!(&drawn(far)[4..8], [0; 4]);
        let away = Item::Circle { center: (-900, -900), radius: 16, paint: BLACK };
        assert_eq!(drawn(away), [255; 12]);
    }

    #[test]
    fn squares_of_an_image_stay_squares() {
        let pixels = Pixels {
            width: 2,
            height: 1,
            rgba: vec![9, 9, 9, 255, 70, 70, 70, 255],
            smooth: false,
        };
        let item = Item::Image { from: (0, 0), to: (64, 32), pixels };
        let row = [9, 9, 70, 70];
        assert_eq!(drawn(item), [row, row, [255; 4]].concat());
    }
}
