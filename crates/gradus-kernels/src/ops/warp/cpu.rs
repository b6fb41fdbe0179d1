//! Warping on the CPU: the taps of a row of results are worked out once, then read from every
//! channel.

use gradus_cpu::has_avx2;

use bytemuck::Pod;

use super::{Warp, WarpBorder, WarpGeometry, WarpMap, WarpMode, Words};
use crate::ops::lines::for_chunks;

/// Places further out are taken to be here: they are outside of every image, and fit an integer.
const FAR: f32 = 1e6;
/// Keys' constant, as `grid_sample` has it.
const KEYS: f32 = -0.75;

/// A type of pixels.
pub(super) trait Texel: Pod + Send + Sync {
    fn read(self) -> f32;
    fn write(value: f32) -> Self;
}

impl Texel for u8 {
    #[inline(always)]
    fn read(self) -> f32 {
        f32::from(self)
    }
    #[inline(always)]
    fn write(value: f32) -> Self {
        // Limited so that it becomes an instruction each; 0 for what is no number.
        let value = value.round_ties_even();
        let value = if value > 0.0 { value } else { 0.0 };
        let value = if value < 255.0 { value } else { 255.0 };
        // SAFETY: the value lies between 0 and 255.
        unsafe { value.to_int_unchecked::<i32>() as u8 }
    }
}

impl Texel for f32 {
    #[inline(always)]
    fn read(self) -> f32 {
        self
    }
    #[inline(always)]
    fn write(value: f32) -> Self {
        value
    }
}

/// All images of a batch.
pub(super) fn batch<T: Texel>(
    g: &WarpGeometry,
    x: &[T],
    maps: &[WarpMap],
    field: Option<&[f32]>,
    how: &Warp,
    out: &mut [T],
) {
    let (image, result) = (g.c * g.from[0] * g.from[1], g.c * g.to[0] * g.to[1]);
    let places = g.to[0] * g.to[1] * 2;
    let cost = out.len() * taps(how.mode);
    for_chunks(out, result, cost, |at, part| {
        for (k, out) in part.chunks_exact_mut(result).enumerate() {
            let n = at / result + k;
            let map = &maps[if g.own_map { n } else { 0 }];
            let first = if g.own_field { n * places } else { 0 };
            let field = field.map(|field| &field[first..][..places]);
            let x = &x[n * image..][..image];
            self::image(how, x, [g.c, g.from[0], g.from[1]], map, field, out);
        }
    });
}

fn taps(mode: WarpMode) -> usize {
    match mode {
        WarpMode::Nearest => 1,
        WarpMode::Bilinear => 4,
        WarpMode::Bicubic => 16,
    }
}

/// One image, with the processor's better instructions where it has them.
pub(super) fn image<T: Texel>(
    how: &Warp,
    x: &[T],
    from: [usize; 3],
    map: &WarpMap,
    field: Option<&[f32]>,
    out: &mut [T],
) {
    #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
    unsafe fn fast<T: Texel>(job: &Job<'_, T>, out: &mut [T]) {
        chosen(job, out);
    }
    let job = Job { how, x, from, words: map.words(), field };
    if has_avx2() {
        // SAFETY: the processor has AVX2.
        unsafe { fast(&job, out) }
    } else {
        chosen(&job, out);
    }
}

/// One image to warp.
struct Job<'a, T> {
    how: &'a Warp,
    x: &'a [T],
    from: [usize; 3],
    words: Words,
    field: Option<&'a [f32]>,
}

#[inline(always)]
fn chosen<T: Texel>(job: &Job<'_, T>, out: &mut [T]) {
    match job.how.mode {
        WarpMode::Nearest => rows::<T, 1>(job, out),
        WarpMode::Bilinear => rows::<T, 4>(job, out),
        WarpMode::Bicubic => rows::<T, 16>(job, out),
    }
}

/// Taps of a row: where in a channel, and how much. A tap outside has weight 0 and place 0.
struct Taps<const K: usize> {
    at: [Vec<u32>; K],
    weight: [Vec<f32>; K],
}

#[inline(always)]
fn rows<T: Texel, const K: usize>(job: &Job<'_, T>, out: &mut [T]) {
    let [c, h, w] = job.from;
    let [oh, ow] = job.how.size;
    let (channel, plane) = (h * w, oh * ow);
    let mut places = vec![[0f32; 2]; ow];
    let new = || vec![0f32; ow];
    let mut taps = Taps::<K> {
        at: std::array::from_fn(|_| vec![0; ow]),
        weight: std::array::from_fn(|_| new()),
    };
    let fill = match &job.how.border {
        WarpBorder::Fill(fill) => Some(&fill[..]),
        _ => None,
    };
    let mut mask = new();
    for i in 0..oh {
        find(job, i, &mut places);
        weigh(job, &places, &mut taps);
        if fill.is_some() {
            for (j, mask) in mask.iter_mut().enumerate() {
                *mask = taps.weight.iter().map(|weight| weight[j]).sum();
            }
        }
        for ch in 0..c {
            let x = &job.x[ch * channel..][..channel];
            let out = &mut out[ch * plane + i * ow..][..ow];
            match fill {
                Some(fill) => {
                    let fill = fill[if fill.len() == 1 { 0 } else { ch }];
                    filled(x, &taps, &mask, fill, out);
                }
                None => read(x, &taps, out),
            }
        }
    }
}

/// Where the results of row `i` lie in the image.
#[inline(always)]
fn find<T>(job: &Job<'_, T>, i: usize, places: &mut [[f32; 2]]) {
    let row = job.words.row(i as f32);
    for (j, place) in places.iter_mut().enumerate() {
        *place = job.words.place(&row, j as f32);
    }
    if let Some(field) = job.field {
        let field = &field[i * places.len() * 2..][..places.len() * 2];
        for (place, moved) in places.iter_mut().zip(field.chunks_exact(2)) {
            *place = [place[0] + moved[0], place[1] + moved[1]];
        }
    }
}

#[inline(always)]
fn weigh<T, const K: usize>(job: &Job<'_, T>, places: &[[f32; 2]], taps: &mut Taps<K>) {
    let [_, h, w] = job.from;
    let (h, w) = (h as i32, w as i32);
    let border = &job.how.border;
    for (j, &[x, y]) in places.iter().enumerate() {
        let (x, y) = (near(x), near(y));
        let mut put = |k: usize, x: i32, y: i32, weight: f32| {
            let (x, y, inside) = match border {
                WarpBorder::Zeros | WarpBorder::Fill(_) => {
                    (x, y, (x as u32) < w as u32 && (y as u32) < h as u32)
                }
                _ => (bounced(border, x, w), bounced(border, y, h), true),
            };
            taps.at[k][j] = if inside { (y * w + x) as u32 } else { 0 };
            taps.weight[k][j] = if inside { weight } else { 0.0 };
        };
        if K == 1 {
            put(0, x.round_ties_even() as i32, y.round_ties_even() as i32, 1.0);
            continue;
        }
        let (left, top) = (x.floor(), y.floor());
        let (right, low) = (x - left, y - top);
        let (left, top) = (left as i32, top as i32);
        if K == 4 {
            let (keep, high) = (1.0 - right, 1.0 - low);
            put(0, left, top, keep * high);
            put(1, left + 1, top, right * high);
            put(2, left, top + 1, keep * low);
            put(3, left + 1, top + 1, right * low);
            continue;
        }
        let (across, down) = (cubic(right), cubic(low));
        for k in 0..16 {
            let weight = across[k % 4] * down[k / 4];
            put(k, left - 1 + (k % 4) as i32, top - 1 + (k / 4) as i32, weight);
        }
    }
}

/// A place that fits an integer; what is no number is outside.
#[inline(always)]
fn near(place: f32) -> f32 {
    if place.abs() < FAR { place } else { -FAR }
}

/// The pixel that stands at place `at` of a line with `size` pixels.
#[inline(always)]
fn bounced(border: &WarpBorder, at: i32, size: i32) -> i32 {
    match border {
        WarpBorder::Reflect if size > 1 => {
            let period = 2 * (size - 1);
            let at = at.rem_euclid(period);
            if at < size { at } else { period - at }
        }
        WarpBorder::Symmetric => {
            let at = at.rem_euclid(2 * size);
            if at < size { at } else { 2 * size - 1 - at }
        }
        _ => at.clamp(0, size - 1),
    }
}

/// Weights of the taps at -1, 0, 1 and 2 for a place `t` behind 0.
#[inline(always)]
fn cubic(t: f32) -> [f32; 4] {
    let outer = |x: f32| ((KEYS * x - 5.0 * KEYS) * x + 8.0 * KEYS) * x - 4.0 * KEYS;
    let inner = |x: f32| ((KEYS + 2.0) * x - (KEYS + 3.0)) * x * x + 1.0;
    [outer(t + 1.0), inner(t), inner(1.0 - t), outer(2.0 - t)]
}

#[inline(always)]
fn sum<T: Texel, const K: usize>(x: &[T], taps: &Taps<K>, j: usize) -> f32 {
    let mut sum = taps.weight[0][j] * x[taps.at[0][j] as usize].read();
    for k in 1..K {
        sum += taps.weight[k][j] * x[taps.at[k][j] as usize].read();
    }
    sum
}

#[inline(always)]
fn read<T: Texel, const K: usize>(x: &[T], taps: &Taps<K>, out: &mut [T]) {
    for (j, out) in out.iter_mut().enumerate() {
        *out = if K == 1 {
            // No arithmetic: infinities and NaN stay what they are.
            let pixel = x[taps.at[0][j] as usize];
            if taps.weight[0][j] == 0.0 { T::write(0.0) } else { pixel }
        } else {
            T::write(sum(x, taps, j))
        };
    }
}

#[inline(always)]
fn filled<T: Texel, const K: usize>(
    x: &[T],
    taps: &Taps<K>,
    mask: &[f32],
    fill: f32,
    out: &mut [T],
) {
    for (j, out) in out.iter_mut().enumerate() {
        *out = if K == 1 {
            let pixel = x[taps.at[0][j] as usize];
            if mask[j] < 0.5 { T::write(fill) } else { pixel }
        } else {
            T::write((sum(x, taps, j) - fill) * mask[j] + fill)
        };
    }
}
