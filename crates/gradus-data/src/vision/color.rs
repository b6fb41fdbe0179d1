//! Colour: changes that look at one pixel, and at most at a mean of its image. torchvision's
//! formulas in float32, with its roundings: what a byte becomes depends on the byte alone, so bytes
//! go through a table.

use gradus_tensor::{Error, Result};

use super::picture::{ImageSize, Pixel, View, refused};
use super::simd::vectorised;

/// Weights of red, green and blue in a grey.
const GREY: [f32; 3] = [0.2989, 0.587, 0.114];
/// What torchvision multiplies a float by that becomes a byte: a little less than 256.
pub(crate) const TO_BYTE: f32 = 255.999;
/// What a byte is multiplied by that becomes a float.
pub(crate) const TO_FLOAT: f32 = (1.0 / 255.0) as f32;

/// A change of colours.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Color {
    Brightness(f64),
    Contrast(f64),
    Saturation(f64),
    Hue(f64),
    Gamma {
        gamma: f64,
        gain: f64,
    },
    Posterize(u32),
    Solarize(f64),
    Invert,
    /// To this many equal channels.
    Grayscale(usize),
    /// Channel `k` of the result is channel `order[k]`.
    Channels(Vec<usize>),
}

impl Color {
    /// A factor that must not be negative.
    ///
    /// # Errors
    /// `Kind::Argument` otherwise.
    pub(crate) fn factor(op: &'static str, name: &'static str, factor: f64) -> Result<f64> {
        if factor >= 0.0 && factor.is_finite() {
            return Ok(factor);
        }
        Err(Error::argument(op, name, factor, "a number of at least 0"))
    }

    /// A part of a turn of the hue.
    ///
    /// # Errors
    /// `Kind::Argument` outside -0.5 to 0.5.
    pub(crate) fn turn(op: &'static str, factor: f64) -> Result<f64> {
        if (-0.5..=0.5).contains(&factor) {
            return Ok(factor);
        }
        Err(Error::argument(op, "hue_factor", factor, "-0.5 to 0.5"))
    }

    /// # Errors
    /// `Kind::Shape` for numbers of channels that the change is not made for.
    pub(crate) fn after(&self, op: &'static str, size: ImageSize) -> Result<ImageSize> {
        match self {
            Color::Gamma { .. } | Color::Posterize(_) | Color::Solarize(_) | Color::Invert => {
                Ok(size)
            }
            Color::Channels(order) if order.len() == size.channels => Ok(size),
            Color::Channels(_) => Err(refused(op, "the order must name every channel", size)),
            _ if !matches!(size.channels, 1 | 3) => {
                Err(refused(op, "an image must have 1 or 3 channels", size))
            }
            Color::Grayscale(channels) => Ok(ImageSize { channels: *channels, ..size }),
            _ => Ok(size),
        }
    }

    /// What leaves every image of this size as it is.
    pub(crate) fn is_identity(&self, size: ImageSize) -> bool {
        match self {
            Color::Saturation(_) | Color::Hue(_) | Color::Grayscale(1) => size.channels == 1,
            _ => false,
        }
    }

    pub(crate) fn paint<T: Pixel>(&self, x: View<'_, T>, out: &mut [T]) {
        match self {
            Color::Hue(turn) => {
                let ([r, g, b], [to_r, to_g, to_b]) = (rgb(x), split(out));
                turn_hue(r, g, b, *turn as f32, to_r, to_g, to_b);
            }
            Color::Saturation(factor) => {
                let ([r, g, b], [to_r, to_g, to_b]) = (rgb(x), split(out));
                let ratio = (*factor as f32, (1.0 - factor) as f32);
                saturate(r, g, b, ratio, to_r, to_g, to_b);
            }
            Color::Grayscale(channels) => grayscale(x, *channels, out),
            Color::Channels(order) => {
                let plane = x.size.plane();
                for (out, &c) in out.chunks_exact_mut(plane.max(1)).zip(order) {
                    out.copy_from_slice(x.channel(c));
                }
            }
            Color::Invert => invert(x.data, out),
            Color::Solarize(threshold) => solarize(x.data, *threshold as f32, out),
            Color::Contrast(factor) => {
                let ratio = (*factor as f32, (1.0 - factor) as f32);
                let mean = mean_grey(x);
                each(x.data, out, |v| T::cut(ratio.1.mul_add(mean, v * ratio.0)));
            }
            Color::Brightness(factor) => {
                let factor = *factor as f32;
                each(x.data, out, |v| T::cut(v * factor));
            }
            Color::Posterize(bits) => posterize(x.data, *bits, out),
            Color::Gamma { gamma, gain } => {
                let (gamma, gain) = (*gamma as f32, *gain as f32);
                through(x.data, out, |v| gamma_of(v, gamma, gain));
            }
        }
    }
}

/// Every pixel through one function that takes long; bytes through its table.
fn through<T: Pixel>(x: &[T], out: &mut [T], f: impl Fn(f32) -> T) {
    if T::IS_BYTE {
        let table: [T; 256] = std::array::from_fn(|v| f(v as f32));
        look_up(bytemuck::cast_slice(x), &table, out);
    } else {
        each(x, out, f);
    }
}

/// Every pixel through one function, which is compiled for the better instructions. For a few
/// operations this is faster than a table: eight pixels at a time.
pub(crate) fn each<T: Pixel, F: Fn(f32) -> T>(x: &[T], out: &mut [T], f: F) {
    #[inline(always)]
    fn body<T: Pixel, F: Fn(f32) -> T>(x: &[T], out: &mut [T], f: &F) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = f(x.read());
        }
    }
    #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
    unsafe fn fast<T: Pixel, F: Fn(f32) -> T>(x: &[T], out: &mut [T], f: &F) {
        body(x, out, f);
    }
    if gradus_cpu::has_avx2() {
        // SAFETY: the processor has these instructions.
        unsafe { fast(x, out, &f) }
    } else {
        body(x, out, &f);
    }
}

/// Bytes through a table.
pub(crate) fn look_up<T: Copy>(x: &[u8], table: &[T; 256], out: &mut [T]) {
    for (out, &v) in out.iter_mut().zip(x) {
        *out = table[usize::from(v)];
    }
}

fn gamma_of<T: Pixel>(v: f32, gamma: f32, gain: f32) -> T {
    let v = if T::IS_BYTE { v * TO_FLOAT } else { v };
    let mut y = v.powf(gamma);
    if gain != 1.0 {
        y = (y * gain).clamp(0.0, 1.0);
    }
    if T::IS_BYTE { T::cut(y * TO_BYTE) } else { T::rounded(y) }
}

fn rgb<T: Pixel>(x: View<'_, T>) -> [&[T]; 3] {
    [x.channel(0), x.channel(1), x.channel(2)]
}

fn split<T>(out: &mut [T]) -> [&mut [T]; 3] {
    let plane = out.len() / 3;
    let (r, rest) = out.split_at_mut(plane);
    let (g, b) = rest.split_at_mut(plane);
    [r, g, b]
}

/// The grey of a colour, with PyTorch's fused sums; of bytes without its fraction if `whole`.
#[inline(always)]
fn grey<T: Pixel>(r: T, g: T, b: T) -> f32 {
    GREY[2].mul_add(b.read(), GREY[1].mul_add(g.read(), r.read() * GREY[0]))
}

fn mean_grey<T: Pixel>(x: View<'_, T>) -> f32 {
    let sum = if x.size.channels == 3 {
        let [r, g, b] = rgb(x);
        sum_grey(r, g, b)
    } else {
        x.data.iter().map(|v| f64::from(v.read())).sum()
    };
    (sum / x.size.plane() as f64) as f32
}

vectorised! {
    fn sum_grey<T: Pixel>(r: &[T], g: &[T], b: &[T]) -> f64 {
        /// Sums of this many greys are whole numbers in float32 where they are bytes.
        const RUN: usize = 4096;
        const LANES: usize = 16;
        let mut sum = 0.0;
        for ((r, g), b) in r.chunks(RUN).zip(g.chunks(RUN)).zip(b.chunks(RUN)) {
            let mut part = [0.0f32; LANES];
            let add = |part: &mut [f32; LANES], r: &[T], g: &[T], b: &[T]| {
                for (part, ((&r, &g), &b)) in part.iter_mut().zip(r.iter().zip(g).zip(b)) {
                    let grey = grey(r, g, b);
                    *part += if T::IS_BYTE { grey.floor() } else { grey };
                }
            };
            let (mut r, mut g, mut b) =
                (r.chunks_exact(LANES), g.chunks_exact(LANES), b.chunks_exact(LANES));
            for ((r, g), b) in r.by_ref().zip(g.by_ref()).zip(b.by_ref()) {
                add(&mut part, r, g, b);
            }
            add(&mut part, r.remainder(), g.remainder(), b.remainder());
            sum += part.iter().map(|&p| f64::from(p)).sum::<f64>();
        }
        sum
    }

    fn saturate<T: Pixel>(
        r: &[T],
        g: &[T],
        b: &[T],
        ratio: (f32, f32),
        to_r: &mut [T],
        to_g: &mut [T],
        to_b: &mut [T],
    ) {
        let n = r.len();
        let (g, b) = (&g[..n], &b[..n]);
        let (to_r, to_g, to_b) = (&mut to_r[..n], &mut to_g[..n], &mut to_b[..n]);
        for k in 0..n {
            let grey = grey(r[k], g[k], b[k]);
            let other = if T::IS_BYTE { grey.floor() } else { grey };
            to_r[k] = T::cut(ratio.1.mul_add(other, r[k].read() * ratio.0));
            to_g[k] = T::cut(ratio.1.mul_add(other, g[k].read() * ratio.0));
            to_b[k] = T::cut(ratio.1.mul_add(other, b[k].read() * ratio.0));
        }
    }

    fn greys<T: Pixel>(r: &[T], g: &[T], b: &[T], out: &mut [T]) {
        for (((out, &r), &g), &b) in out.iter_mut().zip(r).zip(g).zip(b) {
            let grey = grey(r, g, b);
            *out = if T::IS_BYTE { T::cut(grey) } else { T::rounded(grey) };
        }
    }

    fn invert<T: Pixel>(x: &[T], out: &mut [T]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = x.inverted();
        }
    }

    fn solarize<T: Pixel>(x: &[T], threshold: f32, out: &mut [T]) {
        // No byte lies between a number and the next whole one.
        let least = if T::IS_BYTE { T::cut(threshold.ceil()) } else { T::rounded(threshold) };
        for (out, &x) in out.iter_mut().zip(x) {
            *out = if x >= least { x.inverted() } else { x };
        }
    }

    fn posterize<T: Pixel>(x: &[T], bits: u32, out: &mut [T]) {
        let levels = (1u32 << bits) as f32;
        let mask = !(0xffi32 >> bits);
        for (out, x) in out.iter_mut().zip(x) {
            *out = if T::IS_BYTE {
                T::of_integer(x.integer() & mask)
            } else {
                let level = (x.read() * levels).floor().clamp(0.0, levels - 1.0);
                T::rounded(level * (1.0 / levels))
            };
        }
    }

    fn turn_hue<T: Pixel>(
        r: &[T],
        g: &[T],
        b: &[T],
        turn: f32,
        to_r: &mut [T],
        to_g: &mut [T],
        to_b: &mut [T],
    ) {
        let n = r.len();
        let (g, b) = (&g[..n], &b[..n]);
        let (to_r, to_g, to_b) = (&mut to_r[..n], &mut to_g[..n], &mut to_b[..n]);
        let scale = if T::IS_BYTE { TO_FLOAT } else { 1.0 };
        for k in 0..n {
            let rgb = [r[k].read() * scale, g[k].read() * scale, b[k].read() * scale];
            let rgb = turned(rgb, turn);
            let put = |v: f32| if T::IS_BYTE { T::cut(v * TO_BYTE) } else { T::rounded(v) };
            (to_r[k], to_g[k], to_b[k]) = (put(rgb[0]), put(rgb[1]), put(rgb[2]));
        }
    }
}

/// A colour with its hue turned: to hue, saturation and value, and back.
#[inline(always)]
fn turned([r, g, b]: [f32; 3], turn: f32) -> [f32; 3] {
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let smaller = |a: f32, b: f32| if a < b { a } else { b };
    let most = larger(larger(r, g), b);
    let least = smaller(smaller(r, g), b);
    let (flat, range) = (most == least, most - least);
    let s = range / if flat { 1.0 } else { most };
    let by = if flat { 1.0 } else { range };
    let [rc, gc, bc] = [(most - r) / by, (most - g) / by, (most - b) / by];
    let h = if most == r {
        bc - gc
    } else if most == g {
        rc + 2.0 - bc
    } else {
        gc + 4.0 - rc
    };
    let h = h * (1.0 / 6.0) as f32 + 1.0;
    let h = h - h.trunc() + turn;
    let h6 = (h - h.floor()) * 6.0;
    let sector = h6.floor();
    let f = h6 - sector;
    let within = |v: f32| smaller(larger(v, 0.0), 1.0);
    let (sf, rest) = (s * f, 1.0 - s);
    let (q, t) = (within((1.0 - sf) * most), within((sf + rest) * most));
    let p = within(rest * most);
    // Sector 6 is sector 0.
    let pick = |table: [f32; 6]| {
        let mut value = table[0];
        for (k, &other) in table.iter().enumerate().skip(1) {
            value = if sector == k as f32 { other } else { value };
        }
        value
    };
    [pick([most, q, p, p, t, most]), pick([t, most, most, q, p, p]), pick([p, p, t, most, most, q])]
}

fn grayscale<T: Pixel>(x: View<'_, T>, channels: usize, out: &mut [T]) {
    let plane = x.size.plane();
    let (first, others) = out.split_at_mut(plane);
    if x.size.channels == 3 {
        let [r, g, b] = rgb(x);
        greys(r, g, b, first);
    } else {
        first.copy_from_slice(x.data);
    }
    for other in others.chunks_exact_mut(plane.max(1)).take(channels - 1) {
        other.copy_from_slice(first);
    }
}
