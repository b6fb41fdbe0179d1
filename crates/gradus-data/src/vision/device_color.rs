//! Colours on a device: the formulas of `color.rs` as expressions, with numbers for each image.

use gradus_kernels::{Binary, Compare, Reduce, Unary, Value, reduce};
use gradus_tensor::{Array, DType, Result, Shape};

use super::color::{Color, TO_BYTE, TO_FLOAT};
use super::device::{Ex, where_};
use super::picture::ImageSize;

const GREY: [f32; 3] = [0.2989, 0.587, 0.114];

/// Changes of one kind, one an image.
///
/// # Errors
/// What kernels report.
pub(crate) fn color(x: &Ex, size: ImageSize, dtype: DType, steps: &[&Color]) -> Result<Value> {
    let bytes = dtype == DType::U8;
    let most = if bytes { 255.0 } else { 1.0 };
    let numbers = |f: fn(&Color) -> f64| x.each(steps.iter().map(|step| f(step) as f32));
    let others = |f: fn(&Color) -> f64| x.each(steps.iter().map(|step| (1.0 - f(step)) as f32));
    match steps[0] {
        Color::Brightness(_) => x.mul(&numbers(number)?)?.cut(dtype),
        Color::Contrast(_) => {
            let grey = if size.channels == 3 { grey(x, bytes)? } else { x.clone() };
            let sum = Ex(reduce(Reduce::sum, &grey.0, &[1, 2, 3], true)?);
            let mean = sum.div(&x.number(size.plane() as f32))?;
            blend(x, &mean, &numbers(number)?, &others(number)?)?.cut(dtype)
        }
        Color::Saturation(_) => {
            let grey = grey(x, bytes)?;
            blend(x, &grey, &numbers(number)?, &others(number)?)?.cut(dtype)
        }
        Color::Hue(_) => hue(x, bytes, &numbers(number)?)?.cast(dtype),
        Color::Gamma { .. } => {
            let base = if bytes { x.times(TO_FLOAT)? } else { x.clone() };
            let mut y = base.with(Binary::pow, &numbers(number)?)?;
            let gain = |color: &Color| match color {
                Color::Gamma { gain, .. } => *gain,
                _ => 1.0,
            };
            if steps.iter().any(|step| gain(step) != 1.0) {
                // A gain of 1 limits nothing: elsewhere values above 1 stay.
                let gains = x.each(steps.iter().map(|step| gain(step) as f32))?;
                let limited = y.mul(&gains)?.clamp(0.0, 1.0)?;
                let plain = gains.is(Compare::eq, &x.number(1.0))?;
                y = where_(&plain, &y, &limited)?;
            }
            if bytes { y.times(TO_BYTE)?.cut(dtype) } else { Ok(y.0) }
        }
        Color::Posterize(_) => {
            let levels = |color: &Color| f64::from(1u32 << number(color) as u32);
            let levels = x.each(steps.iter().map(|step| levels(step) as f32))?;
            if bytes {
                let step = x.number(256.0).div(&levels)?;
                return x.div(&step)?.floor()?.mul(&step)?.0.cast(dtype);
            }
            let last = levels.plus(-1.0)?;
            let level = x.mul(&levels)?.floor()?.with(Binary::minimum, &last)?;
            Ok(level.with(Binary::maximum, &x.number(0.0))?.div(&levels)?.0)
        }
        Color::Solarize(_) => {
            let bright = x.is(Compare::ge, &numbers(number)?)?;
            where_(&bright, &x.number(most).sub(x)?, x)?.0.cast(dtype)
        }
        Color::Invert => x.number(most).sub(x)?.0.cast(dtype),
        Color::Grayscale(channels) => {
            let grey = if size.channels == 3 { grey(x, false)? } else { x.clone() };
            let n = x.0.shape()[0];
            let shape = Shape::new(&[n, *channels, size.height, size.width]);
            grey.0.cast(dtype)?.expand(&shape)
        }
        Color::Channels(order) => {
            let order: Vec<i32> = order.iter().map(|&c| c as i32).collect();
            let index = Value::from(Array::from_slice(&order, order.len())?);
            gradus_kernels::index_select(&x.0, 1, &index)?.cast(dtype)
        }
    }
}

/// The number of a change that has one.
fn number(color: &Color) -> f64 {
    match color {
        Color::Brightness(v)
        | Color::Contrast(v)
        | Color::Saturation(v)
        | Color::Hue(v)
        | Color::Solarize(v)
        | Color::Gamma { gamma: v, .. } => *v,
        Color::Posterize(bits) => f64::from(*bits),
        _ => 0.0,
    }
}

fn blend(x: &Ex, other: &Ex, ratio: &Ex, rest: &Ex) -> Result<Ex> {
    x.mul(ratio)?.add(&other.mul(rest)?)
}

/// The grey of each pixel; without its fraction if `whole`.
fn grey(x: &Ex, whole: bool) -> Result<Ex> {
    let mut sum = x.channel(0)?.times(GREY[0])?;
    for (c, &weight) in GREY.iter().enumerate().skip(1) {
        sum = sum.add(&x.channel(c)?.times(weight)?)?;
    }
    if whole { sum.floor() } else { Ok(sum) }
}

/// The value of a channel where its number says so: `values[k]` in channel `k`.
fn by_channel(x: &Ex, values: [&Ex; 3]) -> Result<Ex> {
    let shape = Shape::new(&[1, 3, 1, 1]);
    let at = Ex(Value::index(shape, 1, DType::F32, x.0.device())?);
    let red = at.is(Compare::lt, &x.number(0.5))?;
    let blue = at.is(Compare::gt, &x.number(1.5))?;
    where_(&red, values[0], &where_(&blue, values[2], values[1])?)
}

fn hue(x: &Ex, bytes: bool, turn: &Ex) -> Result<Value> {
    let scale = if bytes { TO_FLOAT } else { 1.0 };
    let channel = |c| x.channel(c)?.times(scale);
    let (r, g, b) = (channel(0)?, channel(1)?, channel(2)?);
    let most = r.with(Binary::maximum, &g)?.with(Binary::maximum, &b)?;
    let least = r.with(Binary::minimum, &g)?.with(Binary::minimum, &b)?;
    let (flat, one) = (most.is(Compare::eq, &least)?, x.number(1.0));
    let range = most.sub(&least)?;
    let s = range.div(&where_(&flat, &one, &most)?)?;
    let by = where_(&flat, &one, &range)?;
    let part = |v: &Ex| most.sub(v)?.div(&by);
    let (rc, gc, bc) = (part(&r)?, part(&g)?, part(&b)?);
    let green =
        where_(&most.is(Compare::eq, &g)?, &rc.plus(2.0)?.sub(&bc)?, &gc.plus(4.0)?.sub(&rc)?)?;
    let h = where_(&most.is(Compare::eq, &r)?, &bc.sub(&gc)?, &green)?;
    let h = h.times((1.0 / 6.0) as f32)?.plus(1.0)?;
    let h = h.sub(&h.map(Unary::trunc)?)?.add(turn)?;
    // What follows is read three times: it is computed once.
    let (s, v) = (Ex(Value::from(s.0.array()?)), Ex(Value::from(most.0.array()?)));
    let h6 = h.sub(&h.floor()?)?.times(6.0)?;
    let h6 = Ex(Value::from(h6.0.array()?));
    let sector = h6.floor()?;
    let sf = s.mul(&h6.sub(&sector)?)?;
    let rest = one.sub(&s)?;
    let q = one.sub(&sf)?.mul(&v)?.clamp(0.0, 1.0)?;
    let t = sf.add(&rest)?.mul(&v)?.clamp(0.0, 1.0)?;
    let p = rest.mul(&v)?.clamp(0.0, 1.0)?;
    let tables = [[&v, &t, &p], [&q, &v, &p], [&p, &v, &t], [&p, &q, &v], [&t, &p, &v]];
    let mut rgb = by_channel(x, [&v, &p, &q])?;
    for (k, table) in tables.into_iter().enumerate() {
        let here = sector.is(Compare::eq, &x.number(k as f32))?;
        rgb = where_(&here, &by_channel(x, table)?, &rgb)?;
    }
    // A hue that rounds up to a whole turn is in sector 6, which is sector 0.
    let round = sector.is(Compare::ge, &x.number(5.5))?;
    rgb = where_(&round, &by_channel(x, tables[0])?, &rgb)?;
    Ok(if bytes { rgb.times(TO_BYTE)?.0 } else { rgb.0 })
}
