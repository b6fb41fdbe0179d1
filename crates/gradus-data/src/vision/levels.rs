//! Levels: every channel through a table that its own values give.

use super::color::{TO_BYTE, TO_FLOAT, each, look_up};
use super::picture::{Pixel, View};
use super::simd::vectorised;

/// How the table is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Levels {
    /// Stretched from the darkest and the brightest to the whole range.
    Autocontrast,
    /// So that every level is about as frequent: Pillow's rule.
    Equalize,
}

impl Levels {
    pub(crate) fn paint<T: Pixel>(self, x: View<'_, T>, out: &mut [T]) {
        let plane = x.size.plane();
        if plane == 0 {
            return;
        }
        for (c, out) in out.chunks_exact_mut(plane).enumerate() {
            match self {
                Levels::Autocontrast => stretch(x.channel(c), out),
                Levels::Equalize => equalize(x.channel(c), out),
            }
        }
    }
}

fn stretch<T: Pixel>(x: &[T], out: &mut [T]) {
    let (least, most) = ends(x);
    let (least, most) = (least.read(), most.read());
    let (low, step) = if least == most {
        (0.0, 1.0)
    } else {
        (least, (most - least) * (1.0 / f64::from(T::MAX)) as f32)
    };
    each(x, out, |v| T::cut((v - low) / step));
}

vectorised! {
    /// The darkest and the brightest pixel.
    fn ends<T: Pixel>(x: &[T]) -> (T, T) {
        const LANES: usize = 32;
        let (mut least, mut most) = ([x[0]; LANES], [x[0]; LANES]);
        let add = |least: &mut [T; LANES], most: &mut [T; LANES], x: &[T]| {
            for ((least, most), &v) in least.iter_mut().zip(most).zip(x) {
                *least = if v < *least { v } else { *least };
                *most = if v > *most { v } else { *most };
            }
        };
        let mut runs = x.chunks_exact(LANES);
        for run in runs.by_ref() {
            add(&mut least, &mut most, run);
        }
        add(&mut least, &mut most, runs.remainder());
        let (mut low, mut high) = (least[0], most[0]);
        for (&v, &w) in least.iter().zip(&most) {
            low = if v < low { v } else { low };
            high = if w > high { w } else { high };
        }
        (low, high)
    }
}

fn equalize<T: Pixel>(x: &[T], out: &mut [T]) {
    if T::IS_BYTE {
        let table = equal_table(bytemuck::cast_slice(x));
        look_up(bytemuck::cast_slice(x), &table, bytemuck::cast_slice_mut(out));
        return;
    }
    // Floats are equalized as bytes.
    let bytes: Vec<u8> = x.iter().map(|v| (v.read() * TO_BYTE) as u8).collect();
    let table = equal_table(&bytes);
    for (out, v) in out.iter_mut().zip(bytes) {
        *out = T::rounded(f32::from(table[usize::from(v)]) * TO_FLOAT);
    }
}

/// Where each level goes.
fn equal_table(x: &[u8]) -> [u8; 256] {
    // Four histograms: equal neighbours do not wait for one another.
    let mut counts = [[0u32; 256]; 4];
    for part in x.chunks(4) {
        for (counts, &v) in counts.iter_mut().zip(part) {
            counts[usize::from(v)] += 1;
        }
    }
    let counts: [usize; 256] =
        std::array::from_fn(|v| counts.iter().map(|counts| counts[v] as usize).sum());
    let brightest = counts.iter().rposition(|&n| n > 0).unwrap_or(0);
    let step = (x.len() - counts[brightest]) / 255;
    if step == 0 {
        return std::array::from_fn(|v| v as u8);
    }
    let mut below = 0;
    std::array::from_fn(|v| {
        let level = (below + step / 2) / step;
        below += counts[v];
        if v == 0 { 0 } else { level.min(255) as u8 }
    })
}
