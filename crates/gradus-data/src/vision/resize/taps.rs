//! The weights of a resize, and sums by them: columns, then rows.

use gradus_kernels::Bands;

use crate::vision::picture::{ImageSize, Pixel, View};
use crate::vision::simd::vectorised;

/// Weights of a direction, for floats or as integers for bytes.
pub(super) struct Taps {
    starts: Vec<(usize, usize)>,
    floats: Vec<f32>,
    integers: Vec<i32>,
    /// Binary digits of the integers' fraction.
    bits: u32,
    /// Every result is the pixel at its place.
    still: bool,
    /// The integers again, padded to equally many for every result.
    even: Option<Even>,
}

/// Results computed at once.
const LANES: usize = 8;

/// The weights of `width` neighbours for every result: first those of the first neighbours. Padded
/// with results of weight 0 to whole runs of [`LANES`].
struct Even {
    width: usize,
    starts: Vec<[usize; LANES]>,
    weights: Vec<[i32; LANES]>,
}

impl Taps {
    pub(super) fn of(bands: &Bands, bytes: bool) -> Self {
        let rows = (0..bands.output()).map(|i| bands.row(i));
        let (mut taps, weights) = Taps::gathered(rows, bands.is_identity());
        if bytes {
            // As many digits as leave the largest weight below 2^15: PyTorch's rule.
            let largest = weights.iter().copied().fold(0.0, f64::max);
            while taps.bits < 22 && 0.5 + largest * f64::from(1u32 << (taps.bits + 1)) < 32768.0 {
                taps.bits += 1;
            }
            let one = f64::from(1u32 << taps.bits);
            taps.integers =
                weights.iter().map(|w| (w * one + 0.5f64.copysign(*w)) as i32).collect();
            taps.even = taps.evened(bands.input());
        } else {
            taps.floats = weights.iter().map(|&w| w as f32).collect();
        }
        taps
    }

    /// Of rows of weights with their starts, for sums in float32.
    #[cfg(feature = "image")]
    pub(super) fn floats(rows: &[(usize, Vec<f64>)], still: bool) -> Self {
        let rows = rows.iter().map(|(start, row)| (*start, &row[..]));
        let (mut taps, weights) = Taps::gathered(rows, still);
        taps.floats = weights.iter().map(|&w| w as f32).collect();
        taps
    }

    fn gathered<'a>(
        rows: impl Iterator<Item = (usize, &'a [f64])>,
        still: bool,
    ) -> (Self, Vec<f64>) {
        let (mut starts, mut weights) = (Vec::new(), Vec::new());
        for (start, row) in rows {
            starts.push((start, weights.len()));
            weights.extend_from_slice(row);
        }
        starts.push((0, weights.len()));
        let (floats, integers) = (Vec::new(), Vec::new());
        (Taps { starts, floats, integers, bits: 0, still, even: None }, weights)
    }

    /// Whether results are sums of integers, and bytes again between the directions.
    fn are_integers(&self) -> bool {
        self.floats.is_empty()
    }

    /// Weights of 2, 4 or 8 neighbours, where that many exist and suffice.
    fn evened(&self, input: usize) -> Option<Even> {
        let most = (0..self.len()).map(|i| self.row(i).1.len()).max()?;
        let width = [2, 4, 8].into_iter().find(|&width| width >= most && width <= input)?;
        let runs = self.len().div_ceil(LANES);
        let (mut starts, mut weights) = (vec![[0; LANES]; runs], vec![[0; LANES]; runs * width]);
        for i in 0..self.len() {
            let (start, range) = self.row(i);
            let first = start.min(input - width);
            starts[i / LANES][i % LANES] = first;
            for (k, &w) in self.integers[range].iter().enumerate() {
                weights[i / LANES * width + start - first + k][i % LANES] = w;
            }
        }
        Some(Even { width, starts, weights })
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Where row `i` starts, and which weights are its own.
    #[inline(always)]
    fn row(&self, i: usize) -> (usize, std::ops::Range<usize>) {
        (self.starts[i].0, self.starts[i].1..self.starts[i + 1].1)
    }
}

/// Columns first, then rows.
pub(super) fn separable<T: Pixel>(x: View<'_, T>, rows: &Taps, columns: &Taps, out: &mut [T]) {
    let ImageSize { height, width, .. } = x.size;
    let (oh, ow) = (rows.len(), columns.len());
    let whole = columns.are_integers() && rows.are_integers();
    let mut bytes = vec![0u8; if whole { height * ow } else { 0 }];
    let mut floats = vec![0.0; if whole { 0 } else { height * ow }];
    for c in 0..x.size.channels {
        let channel = x.channel(c);
        let out = &mut out[c * oh * ow..][..oh * ow];
        if !whole {
            across_floats(channel, width, columns, &mut floats);
            down_floats(&floats, ow, rows, out);
            continue;
        }
        // Integer weights are for bytes alone.
        let (channel, out) = (bytemuck::cast_slice(channel), bytemuck::cast_slice_mut(out));
        if columns.still {
            down(channel, width, rows, out);
        } else if rows.still {
            across(channel, width, columns, out);
        } else {
            across(channel, width, columns, &mut bytes);
            down(&bytes, ow, rows, out);
        }
    }
}

/// Bytes with halves up.
#[inline(always)]
fn rounded<T: Pixel>(sum: f32) -> T {
    if T::IS_BYTE { T::cut(sum + 0.5) } else { T::rounded(sum) }
}

/// A sum with its fraction cut off, as a byte.
#[inline(always)]
fn byte(sum: i32, bits: u32) -> u8 {
    (sum >> bits).clamp(0, 255) as u8
}

/// The results of a run: `K` weights each.
#[inline(always)]
fn run<const K: usize>(
    x: &[u8],
    starts: &[usize; LANES],
    weights: &[[i32; LANES]; K],
    bits: u32,
) -> [u8; LANES] {
    // The neighbours of a result in one number or two: a look-up each.
    let mut fours = [[0u32; LANES]; 2];
    for t in 0..LANES {
        let x = &x[starts[t]..starts[t] + K];
        fours[0][t] = match K {
            2 => u32::from(u16::from_le_bytes([x[0], x[1]])),
            _ => u32::from_le_bytes([x[0], x[1], x[2], x[3]]),
        };
        if K == 8 {
            fours[1][t] = u32::from_le_bytes([x[4], x[5], x[6], x[7]]);
        }
    }
    let mut sums = [1i32 << bits >> 1; LANES];
    for k in 0..K {
        for t in 0..LANES {
            let x = fours[k / 4][t] >> (8 * (k % 4)) & 255;
            sums[t] += x as i32 * weights[k][t];
        }
    }
    sums.map(|sum| byte(sum, bits))
}

/// Rows with `K` weights a result.
#[inline(always)]
fn across_even<const K: usize>(x: &[u8], size: [usize; 2], taps: &Taps, out: &mut [u8]) {
    let Some(even) = &taps.even else { return };
    let (weights, _) = even.weights.as_chunks::<K>();
    for (x, out) in x.chunks_exact(size[0]).zip(out.chunks_exact_mut(size[1])) {
        let (whole, rest) = out.as_chunks_mut::<LANES>();
        let mut runs = even.starts.iter().zip(weights);
        for (out, (starts, weights)) in whole.iter_mut().zip(runs.by_ref()) {
            *out = run(x, starts, weights, taps.bits);
        }
        if let Some((starts, weights)) = runs.next() {
            let last = run(x, starts, weights, taps.bits);
            rest.copy_from_slice(&last[..rest.len()]);
        }
    }
}

vectorised! {
    fn across(x: &[u8], width: usize, taps: &Taps, out: &mut [u8]) {
        let half = 1i32 << taps.bits >> 1;
        let size = [width, taps.len()];
        match taps.even.as_ref().map(|even| even.width) {
            Some(2) => return across_even::<2>(x, size, taps, out),
            Some(4) => return across_even::<4>(x, size, taps, out),
            Some(8) => return across_even::<8>(x, size, taps, out),
            _ => {}
        }
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(taps.len())) {
            for (j, out) in out.iter_mut().enumerate() {
                let (start, range) = taps.row(j);
                let weights = &taps.integers[range];
                let products = x[start..].iter().zip(weights).map(|(&x, w)| i32::from(x) * w);
                *out = byte(products.fold(half, |sum, product| sum + product), taps.bits);
            }
        }
    }

    fn down(x: &[u8], width: usize, taps: &Taps, out: &mut [u8]) {
        let half = 1i32 << taps.bits >> 1;
        let mut sums = vec![0i32; width];
        for (i, out) in out.chunks_exact_mut(width).enumerate() {
            let (start, range) = taps.row(i);
            sums.fill(half);
            let x = x[start * width..].chunks_exact(width);
            for (x, &w) in x.zip(&taps.integers[range]) {
                for (sum, &x) in sums.iter_mut().zip(x) {
                    *sum += i32::from(x) * w;
                }
            }
            for (out, &sum) in out.iter_mut().zip(&sums) {
                *out = byte(sum, taps.bits);
            }
        }
    }

    fn across_floats<T: Pixel>(x: &[T], width: usize, taps: &Taps, out: &mut [f32]) {
        if taps.still {
            for (out, x) in out.iter_mut().zip(x) {
                *out = x.read();
            }
            return;
        }
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(taps.len())) {
            for (j, out) in out.iter_mut().enumerate() {
                let (start, range) = taps.row(j);
                let weights = &taps.floats[range];
                let products = x[start..].iter().zip(weights).map(|(x, w)| x.read() * w);
                *out = products.fold(0.0, |sum, product| sum + product);
            }
        }
    }

    fn down_floats<T: Pixel>(x: &[f32], width: usize, taps: &Taps, out: &mut [T]) {
        let mut sums = vec![0.0f32; width];
        if taps.still {
            for (out, &x) in out.iter_mut().zip(x) {
                *out = rounded(x);
            }
            return;
        }
        for (i, out) in out.chunks_exact_mut(width).enumerate() {
            let (start, range) = taps.row(i);
            sums.fill(0.0);
            let x = x[start * width..].chunks_exact(width);
            for (x, &w) in x.zip(&taps.floats[range]) {
                for (sum, x) in sums.iter_mut().zip(x) {
                    *sum += w * x;
                }
            }
            for (out, &sum) in out.iter_mut().zip(&sums) {
                *out = rounded(sum);
            }
        }
    }
}
