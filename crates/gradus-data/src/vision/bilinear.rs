//! Bilinear warps on the CPU with nothing or a colour outside: the formula of the warp kernel, in
//! steps that the compiler makes SIMD of. What remains is one look-up of four neighbours a pixel.

use gradus_kernels::WarpMap;

use super::picture::{Pixel, View};
use super::simd::vectorised;

/// Places further out are taken to be here: they are outside of every image, and fit an integer.
const FAR: f32 = 1e6;

/// What the results of one row are made of, the same for all channels: the upper left of four
/// neighbours that all lie inside, and their weights.
struct Row {
    at: Vec<u32>,
    /// Upper left, upper right, lower left, lower right.
    weights: [Vec<f32>; 4],
}

/// The place that a map gives to column `j`, where `row` holds what all columns share.
#[inline(always)]
fn place(m: &[f64; 9], row: [f64; 3], affine: bool, j: f64) -> [f32; 2] {
    let (x, y) = (m[0] * j + row[0], m[3] * j + row[1]);
    if affine {
        return [x as f32, y as f32];
    }
    let by = m[6] * j + row[2];
    [(x / by) as f32, (y / by) as f32]
}

/// The first of two neighbours in a line of `size` pixels, and the weights of both. Where only one
/// of the neighbours of a place is inside, it is the first or the last pixel.
#[inline(always)]
fn between(place: f32, size: usize) -> (i32, [f32; 2]) {
    let place = if place.abs() < FAR { place } else { -FAR };
    let left = place.floor();
    let (right, last) = (place - left, (size - 2) as f32);
    let keep = 1.0 - right;
    let first = if left > 0.0 { left } else { 0.0 };
    let first = if first < last { first } else { last };
    let off = left - first;
    let a = if off == -1.0 { right } else { 0.0 };
    let b = if off == 1.0 { keep } else { 0.0 };
    let weights = if off == 0.0 { [keep, right] } else { [a, b] };
    // SAFETY: it lies between 0 and the size of a line.
    (unsafe { first.to_int_unchecked::<i32>() }, weights)
}

#[inline(always)]
fn weigh(places: &[[f32; 2]], [h, w]: [usize; 2], row: &mut Row) {
    let n = places.len();
    let [a, b, c, d] = &mut row.weights;
    let (a, b, c, d) = (&mut a[..n], &mut b[..n], &mut c[..n], &mut d[..n]);
    let at = &mut row.at[..n];
    for j in 0..n {
        let (x, across) = between(places[j][0], w);
        let (y, down) = between(places[j][1], h);
        at[j] = (y * w as i32 + x) as u32;
        (a[j], b[j]) = (across[0] * down[0], across[1] * down[0]);
        (c[j], d[j]) = (across[0] * down[1], across[1] * down[1]);
    }
}

/// The neighbours of every result.
#[inline(always)]
fn gather<T: Pixel>(x: &[T], w: usize, at: &[u32], fours: &mut [[T; 4]]) {
    for (four, &at) in fours.iter_mut().zip(at) {
        let at = at as usize;
        let (upper, lower) = (&x[at..at + 2], &x[at + w..at + w + 2]);
        *four = [upper[0], upper[1], lower[0], lower[1]];
    }
}

#[inline(always)]
fn blend<T: Pixel>(fours: &[[T; 4]], row: &Row, fill: Option<f32>, out: &mut [T]) {
    let n = out.len();
    let fours = &fours[..n];
    let [a, b, c, d] = &row.weights;
    let (a, b, c, d) = (&a[..n], &b[..n], &c[..n], &d[..n]);
    let sum = |j: usize| {
        let [p, q, r, s] = fours[j];
        a[j] * p.read() + b[j] * q.read() + c[j] * r.read() + d[j] * s.read()
    };
    match fill {
        None => {
            for (j, out) in out.iter_mut().enumerate() {
                *out = T::rounded(sum(j));
            }
        }
        Some(fill) => {
            for (j, out) in out.iter_mut().enumerate() {
                let mask = a[j] + b[j] + c[j] + d[j];
                *out = T::rounded((sum(j) - fill) * mask + fill);
            }
        }
    }
}

vectorised! {
    /// One image of at least 2 × 2 pixels into `out`, `[C, OH, OW]`; nothing or `fill` outside.
    pub(crate) fn bilinear<T: Pixel>(
        x: View<'_, T>,
        map: &WarpMap,
        field: Option<&[f32]>,
        fill: Option<&[f32]>,
        to: [usize; 2],
        out: &mut [T],
    ) {
        let (h, w) = (x.size.height, x.size.width);
        let [oh, ow] = to;
        let (m, affine) = (map.matrix(), map.is_affine());
        let mut places = vec![[0.0f32; 2]; ow];
        let weights = std::array::from_fn(|_| vec![0.0; ow]);
        let mut row = Row { at: vec![0; ow], weights };
        let mut fours = vec![[T::cut(0.0); 4]; ow];
        for i in 0..oh {
            let y = i as f64;
            let shared = [m[1] * y + m[2], m[4] * y + m[5], m[7] * y + m[8]];
            for (j, to) in places.iter_mut().enumerate() {
                *to = place(&m, shared, affine, j as u32 as f64);
            }
            if let Some(field) = field {
                let field = field[i * ow * 2..][..ow * 2].chunks_exact(2);
                for (place, moved) in places.iter_mut().zip(field) {
                    *place = [place[0] + moved[0], place[1] + moved[1]];
                }
            }
            weigh(&places, [h, w], &mut row);
            for c in 0..x.size.channels {
                let fill = fill.map(|fill| fill[if fill.len() == 1 { 0 } else { c }]);
                gather(x.channel(c), w, &row.at, &mut fours);
                blend(&fours, &row, fill, &mut out[(c * oh + i) * ow..][..ow]);
            }
        }
    }
}
