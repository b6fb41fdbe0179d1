//! Filters: what a pixel becomes by its neighbours. Blurs are separable and read rows that are
//! mirrored about the edge pixels; sharpness and Pillow's kernels leave the edge as it is.

use std::sync::Arc;

use gradus_tensor::{Error, Result};

use super::picture::{ImageSize, Pixel, View};
use super::simd::vectorised;

/// A filter with its numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    /// Blended with a smoothed copy: 0 is smooth, 1 the image itself.
    Sharpness(f64),
    /// Weights across and down.
    Blur {
        across: Arc<[f32]>,
        down: Arc<[f32]>,
    },
    Sobel,
    Laplacian,
    Kernel(Kernel),
}

/// A small filter kernel in Pillow's sense: `sum(weights · pixels) / scale + offset`, where the
/// edge that the kernel does not fit into stays as it is.
///
/// ```
/// use gradus_data::vision::{Kernel, functional};
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![9u8, 9, 9, 9, 0, 9, 9, 9, 9], [1, 3, 3])?;
/// let y = functional::filter2d(&x, &Kernel::SMOOTH)?.to_vec::<u8>()?;
/// assert_eq!((y[0], y[4]), (9, 6)); // 72 / 13 + a half, without the fraction
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kernel {
    /// Three rows of three; as Pillow has it, the first row weighs the pixels below.
    pub weights: [f32; 9],
    /// What the sum is divided by.
    pub scale: f32,
    /// What is added, in levels from 0 to 255.
    pub offset: f32,
}

impl Kernel {
    /// Pillow's `BLUR`, of its inner ring: a mean of nine.
    pub const MEAN: Kernel = Kernel::of([1.0; 9], 9.0, 0.0);
    /// Pillow's `CONTOUR`.
    pub const CONTOUR: Kernel =
        Kernel::of([-1.0, -1.0, -1.0, -1.0, 8.0, -1.0, -1.0, -1.0, -1.0], 1.0, 255.0);
    /// Pillow's `DETAIL`.
    pub const DETAIL: Kernel =
        Kernel::of([0.0, -1.0, 0.0, -1.0, 10.0, -1.0, 0.0, -1.0, 0.0], 6.0, 0.0);
    /// Pillow's `EDGE_ENHANCE`.
    pub const EDGE_ENHANCE: Kernel =
        Kernel::of([-1.0, -1.0, -1.0, -1.0, 10.0, -1.0, -1.0, -1.0, -1.0], 2.0, 0.0);
    /// Pillow's `EMBOSS`.
    pub const EMBOSS: Kernel =
        Kernel::of([-1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0], 1.0, 128.0);
    /// Pillow's `FIND_EDGES`.
    pub const FIND_EDGES: Kernel =
        Kernel::of([-1.0, -1.0, -1.0, -1.0, 8.0, -1.0, -1.0, -1.0, -1.0], 1.0, 0.0);
    /// Pillow's `SHARPEN`.
    pub const SHARPEN: Kernel =
        Kernel::of([-2.0, -2.0, -2.0, -2.0, 32.0, -2.0, -2.0, -2.0, -2.0], 16.0, 0.0);
    /// Pillow's `SMOOTH`.
    pub const SMOOTH: Kernel = Kernel::of([1.0, 1.0, 1.0, 1.0, 5.0, 1.0, 1.0, 1.0, 1.0], 13.0, 0.0);

    const fn of(weights: [f32; 9], scale: f32, offset: f32) -> Self {
        Kernel { weights, scale, offset }
    }

    /// What each neighbour counts, from the row above on.
    pub(crate) fn divided(&self) -> [f32; 9] {
        std::array::from_fn(|k| self.weights[(2 - k / 3) * 3 + k % 3] / self.scale)
    }
}

/// Sobel's weights for the slope along x; transposed along y.
pub(crate) const SOBEL: [f32; 9] = [-1.0, 0.0, 1.0, -2.0, 0.0, 2.0, -1.0, 0.0, 1.0];
pub(crate) const LAPLACE: [f32; 9] = [0.0, 1.0, 0.0, 1.0, -4.0, 1.0, 0.0, 1.0, 0.0];

impl Filter {
    /// A Gaussian blur, kernel sizes and deviations x first.
    ///
    /// # Errors
    /// `Kind::Argument` for even sizes and deviations that are not positive.
    pub(crate) fn gaussian(op: &'static str, size: [usize; 2], sigma: [f64; 2]) -> Result<Self> {
        let make = |k: usize| -> Result<Arc<[f32]>> {
            odd(op, size[k])?;
            if !(sigma[k] > 0.0 && sigma[k].is_finite()) {
                return Err(Error::argument(op, "sigma", sigma[k], "above 0"));
            }
            Ok(bell(size[k], sigma[k]).into())
        };
        Ok(Filter::Blur { across: make(0)?, down: make(1)? })
    }

    /// The mean of a box, its size x first.
    ///
    /// # Errors
    /// `Kind::Argument` for even sizes.
    pub(crate) fn mean(op: &'static str, size: [usize; 2]) -> Result<Self> {
        let make = |k: usize| -> Result<Arc<[f32]>> {
            odd(op, size[k])?;
            Ok(vec![1.0 / size[k] as f32; size[k]].into())
        };
        Ok(Filter::Blur { across: make(0)?, down: make(1)? })
    }

    pub(crate) fn is_identity(&self, size: ImageSize) -> bool {
        let small = size.height <= 2 || size.width <= 2;
        match self {
            Filter::Sharpness(_) | Filter::Kernel(_) => small,
            Filter::Blur { across, down } => across.len() == 1 && down.len() == 1,
            _ => false,
        }
    }

    pub(crate) fn paint<T: Pixel>(&self, x: View<'_, T>, out: &mut [T]) {
        let (h, w, plane) = (x.size.height, x.size.width, x.size.plane());
        if plane == 0 {
            return;
        }
        for (c, out) in out.chunks_exact_mut(plane).enumerate() {
            let x = x.channel(c);
            match self {
                Filter::Sharpness(factor) => {
                    out.copy_from_slice(x);
                    for i in 1..h - 1 {
                        let rows = std::array::from_fn(|k| &x[(i + k - 1) * w..][..w]);
                        sharpen(rows, (1.0 - factor) as f32, &mut out[i * w..][..w]);
                    }
                }
                Filter::Kernel(kernel) => {
                    out.copy_from_slice(x);
                    let offset = kernel.offset * (T::MAX / 255.0);
                    for i in 1..h - 1 {
                        let rows = std::array::from_fn(|k| &x[(i + k - 1) * w..][..w]);
                        weigh(rows, &kernel.divided(), offset, &mut out[i * w..][..w]);
                    }
                }
                Filter::Blur { across, down } => separable(x, [h, w], across, down, out),
                Filter::Sobel => slopes(x, [h, w], out, |patch| {
                    let (gx, gy) = (dot(&SOBEL, patch), dot(&turned(&SOBEL), patch));
                    T::rounded((gx * gx + gy * gy).sqrt())
                }),
                Filter::Laplacian => {
                    slopes(x, [h, w], out, |patch| T::rounded(dot(&LAPLACE, patch).abs()));
                }
            }
        }
    }
}

fn odd(op: &'static str, size: usize) -> Result<()> {
    if size % 2 == 1 {
        return Ok(());
    }
    Err(Error::argument(op, "kernel_size", size, "odd"))
}

/// `exp(-t² / 2σ²)`, so that the sum is 1.
pub(crate) fn bell(size: usize, sigma: f64) -> Vec<f32> {
    let middle = (size as f64 - 1.0) / 2.0;
    let weights: Vec<f64> =
        (0..size).map(|k| (-((k as f64 - middle) / sigma).powi(2) / 2.0).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| (w / sum) as f32).collect()
}

/// The place that stands for `at` when a line is mirrored about its first and last elements.
pub(crate) fn reflected(at: i64, size: usize) -> usize {
    let size = size as i64;
    if size == 1 {
        return 0;
    }
    let k = at.rem_euclid(2 * (size - 1));
    (if k < size { k } else { 2 * (size - 1) - k }) as usize
}

pub(crate) fn turned(w: &[f32; 9]) -> [f32; 9] {
    std::array::from_fn(|k| w[k % 3 * 3 + k / 3])
}

fn dot(w: &[f32; 9], patch: &[f32; 9]) -> f32 {
    w.iter().zip(patch).map(|(w, p)| w * p).sum()
}

/// Every pixel from its neighbourhood of nine.
fn slopes<T: Pixel>(x: &[T], [h, w]: [usize; 2], out: &mut [T], f: impl Fn(&[f32; 9]) -> T) {
    let mut lines: [Vec<f32>; 3] = std::array::from_fn(|_| vec![0.0; w + 2]);
    for i in 0..h {
        for (k, line) in lines.iter_mut().enumerate() {
            let row = &x[reflected(i as i64 + k as i64 - 1, h) * w..][..w];
            mirror(row, 1, line);
        }
        for (j, out) in out[i * w..][..w].iter_mut().enumerate() {
            let patch = std::array::from_fn(|k| lines[k / 3][j + k % 3]);
            *out = f(&patch);
        }
    }
}

/// A row with `radius` mirrored elements at both ends.
fn mirror<T: Pixel>(row: &[T], radius: usize, line: &mut [f32]) {
    let w = row.len();
    for (to, v) in line[radius..].iter_mut().zip(row) {
        *to = v.read();
    }
    for k in 1..=radius {
        line[radius - k] = row[reflected(-(k as i64), w)].read();
        line[radius + w - 1 + k] = row[reflected((w - 1 + k) as i64, w)].read();
    }
}

vectorised! {
    /// Down into one row, which is mirrored, then across.
    pub(crate) fn separable<T: Pixel>(
        x: &[T],
        size: [usize; 2],
        across: &[f32],
        down: &[f32],
        out: &mut [T],
    ) {
        let [h, w] = size;
        let (rx, ry) = (across.len() / 2, down.len() / 2);
        let mut middle = vec![0.0f32; w];
        let mut line = vec![0.0f32; w + 2 * rx];
        let mut sums = vec![0.0f32; w];
        for i in 0..h {
            middle.fill(0.0);
            // Pairs at equal distance have equal weights in these kernels, but not in all.
            for (k, &weight) in down.iter().enumerate() {
                let row = &x[reflected(i as i64 + k as i64 - ry as i64, h) * w..][..w];
                for (sum, v) in middle.iter_mut().zip(row) {
                    *sum = weight.mul_add(v.read(), *sum);
                }
            }
            mirror::<f32>(&middle, rx, &mut line);
            sums.fill(0.0);
            let mut taps = across.chunks_exact(4);
            let mut at = 0;
            for t in taps.by_ref() {
                let line = &line[at..][..w + 3];
                for (j, sum) in sums.iter_mut().enumerate() {
                    let a = t[0].mul_add(line[j], *sum);
                    let b = t[1].mul_add(line[j + 1], a);
                    let c = t[2].mul_add(line[j + 2], b);
                    *sum = t[3].mul_add(line[j + 3], c);
                }
                at += 4;
            }
            for &weight in taps.remainder() {
                for (sum, v) in sums.iter_mut().zip(&line[at..][..w]) {
                    *sum = weight.mul_add(*v, *sum);
                }
                at += 1;
            }
            for (out, &sum) in out[i * w..][..w].iter_mut().zip(&sums) {
                *out = T::rounded(sum);
            }
        }
    }

    fn sharpen<T: Pixel>(rows: [&[T]; 3], part: f32, out: &mut [T]) {
        let w = out.len();
        let [above, here, below] = rows.map(|row| &row[..w]);
        for j in 1..w - 1 {
            let sum = |row: &[T]| row[j - 1].read() + row[j].read() + row[j + 1].read();
            let v = here[j].read();
            let smooth = (sum(above) + sum(here) + sum(below) + 4.0 * v) / 13.0;
            // No sum of bytes lies halfway between two levels.
            let smooth = if T::IS_BYTE { smooth.round_ties_even() } else { smooth };
            out[j] = T::cut(part.mul_add(smooth - v, v));
        }
    }

    fn weigh<T: Pixel>(rows: [&[T]; 3], weights: &[f32; 9], offset: f32, out: &mut [T]) {
        let w = out.len();
        let rows = rows.map(|row| &row[..w]);
        for j in 1..w - 1 {
            let mut sum = offset;
            for (k, weight) in weights.iter().enumerate() {
                sum += weight * rows[k / 3][j + k % 3 - 1].read();
            }
            out[j] = T::cut(if T::IS_BYTE { (sum + 0.5).floor() } else { sum });
        }
    }
}
