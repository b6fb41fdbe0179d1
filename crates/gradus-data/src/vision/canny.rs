//! Canny's edges: slopes, their ridges, and the ridges that a strong one leads to.

use super::filter::SOBEL;
use super::picture::{ImageSize, Pixel, View};

/// Thresholds in levels, as OpenCV's `Canny(image, threshold1, threshold2)` with its defaults: an
/// aperture of 3, the L1 norm, edges repeated.
///
/// Source: Canny, "A computational approach to edge detection", 1986.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Canny {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Fixed-point tan(22.5°), as OpenCV has it.
const TAN: i64 = 13573;
const SHIFT: u32 = 15;

impl Canny {
    pub(crate) fn after(size: ImageSize) -> ImageSize {
        ImageSize { channels: 1, ..size }
    }

    /// Floats are taken as bytes; the slope of the channel where it is largest counts.
    pub(crate) fn paint<T: Pixel>(&self, x: View<'_, T>, out: &mut [T]) {
        let (h, w) = (x.size.height, x.size.width);
        let (slopes, norm) = slopes(x);
        let (low, high) = (self.low.floor() as i64, self.high.floor() as i64);
        let at = |i: i64, j: i64| {
            let inside = (0..h as i64).contains(&i) && (0..w as i64).contains(&j);
            if inside { norm[i as usize * w + j as usize] } else { 0 }
        };
        let mut edge = vec![false; h * w];
        let mut weak = vec![false; h * w];
        let mut queue = Vec::new();
        for i in 0..h as i64 {
            for j in 0..w as i64 {
                let k = i as usize * w + j as usize;
                let m = norm[k];
                if m <= low || !is_ridge(slopes[k], m, i, j, &at) {
                    continue;
                }
                weak[k] = true;
                if m > high {
                    edge[k] = true;
                    queue.push(k);
                }
            }
        }
        while let Some(k) = queue.pop() {
            let (i, j) = (k / w, k % w);
            for i in i.saturating_sub(1)..(i + 2).min(h) {
                for j in j.saturating_sub(1)..(j + 2).min(w) {
                    let k = i * w + j;
                    if weak[k] && !edge[k] {
                        edge[k] = true;
                        queue.push(k);
                    }
                }
            }
        }
        for (out, edge) in out.iter_mut().zip(edge) {
            *out = if edge { T::cut(T::MAX) } else { T::cut(0.0) };
        }
    }
}

/// Whether the norm is the largest along its slope's direction.
fn is_ridge([gx, gy]: [i64; 2], m: i64, i: i64, j: i64, at: &impl Fn(i64, i64) -> i64) -> bool {
    let (x, y) = (gx.abs(), gy.abs() << SHIFT);
    let flat = x * TAN;
    if y < flat {
        return m > at(i, j - 1) && m >= at(i, j + 1);
    }
    if y > flat + (x << (SHIFT + 1)) {
        return m > at(i - 1, j) && m >= at(i + 1, j);
    }
    let side = if (gx ^ gy) < 0 { -1 } else { 1 };
    m > at(i - 1, j - side) && m > at(i + 1, j + side)
}

fn slopes<T: Pixel>(x: View<'_, T>) -> (Vec<[i64; 2]>, Vec<i64>) {
    let (h, w) = (x.size.height, x.size.width);
    let mut slopes = vec![[0i64; 2]; h * w];
    let mut norm = vec![0i64; h * w];
    for c in 0..x.size.channels {
        let x = x.channel(c);
        let level =
            |v: T| if T::IS_BYTE { v.read() as i64 } else { (v.read() * 255.0).round() as i64 };
        for i in 0..h {
            for j in 0..w {
                let mut g = [0i64; 2];
                for k in 0..9 {
                    let row = (i + k / 3).saturating_sub(1).min(h - 1);
                    let column = (j + k % 3).saturating_sub(1).min(w - 1);
                    let v = level(x[row * w + column]);
                    g[0] += SOBEL[k] as i64 * v;
                    g[1] += SOBEL[k % 3 * 3 + k / 3] as i64 * v;
                }
                let m = g[0].abs() + g[1].abs();
                if c == 0 || m > norm[i * w + j] {
                    (slopes[i * w + j], norm[i * w + j]) = (g, m);
                }
            }
        }
    }
    (slopes, norm)
}
