//! Steps on a device, many images at once: geometry is the warp kernel, colours are expressions
//! that fuse, small filters are sums of shifted views, blurs are convolutions by channel.

use gradus_kernels::{
    Binary, Compare, ConvGeometry, ConvSpec, Reduce, Scan, Unary, Value, Warp, WarpBorder, WarpMap,
    WarpMode, conv, gather, reduce, scan, scatter_add, warp,
};
use gradus_tensor::{Array, DType, Device, Result, Shape};

use super::color::{TO_BYTE, TO_FLOAT};
use super::convert::Convert;
use super::cover::{Erase, Noise, Patch};
use super::device_color::color;
use super::filter::{Filter, Kernel, LAPLACE, SOBEL, turned};
use super::levels::Levels;
use super::picture::{ImageSize, View};
use super::run::{bytes_of, stored};
use super::step::Step;
use super::{place, warp as warps};

/// Steps of one kind, one an image of `x` `[N, C, H, W]`.
///
/// # Errors
/// What kernels report.
pub(crate) fn step(
    op: &'static str,
    x: &Value,
    size: ImageSize,
    dtype: DType,
    steps: &[&Step],
) -> Result<Value> {
    macro_rules! all {
        ($kind:ident) => {
            steps
                .iter()
                .filter_map(|step| match step {
                    Step::$kind(inner) => Some(inner),
                    _ => None,
                })
                .collect::<Vec<_>>()
        };
    }
    match steps[0] {
        Step::Place(_) => place::on_device(x, size, &all!(Place)),
        Step::Resize(resize) => resize.on_device(op, x, size),
        Step::Warp(_) => warps::on_device(x, &all!(Warp)),
        Step::Color(_) => color(&Ex::of(x)?, size, dtype, &all!(Color)),
        Step::Levels(levels) => leveled(x, dtype, *levels),
        Step::Filter(_) => filter(x, size, dtype, &all!(Filter)),
        Step::Erase(_) => erase(x, size, dtype, &all!(Erase)),
        Step::Noise(_) => noise(x, dtype, &all!(Noise)),
        Step::Convert(convert) => converted(x, convert),
        // Ridges are followed from pixel to pixel: that is work for the host.
        Step::Canny(_) => on_host(op, x, size, dtype, steps),
    }
}

/// A float expression with the names of arithmetic.
#[derive(Clone)]
pub(crate) struct Ex(pub(crate) Value);

impl Ex {
    pub(crate) fn of(x: &Value) -> Result<Self> {
        Ok(Ex(x.cast(DType::F32)?))
    }

    fn device(&self) -> &Device {
        self.0.device()
    }

    pub(crate) fn number(&self, value: f32) -> Ex {
        let shape = Shape::new(&[1, 1, 1, 1]);
        Ex(Value::constant(f64::from(value), shape, DType::F32, self.device()))
    }

    /// A number for each image.
    pub(crate) fn each(&self, values: impl Iterator<Item = f32>) -> Result<Ex> {
        let values: Vec<f32> = values.collect();
        if values.windows(2).all(|pair| pair[0].to_bits() == pair[1].to_bits()) {
            return Ok(self.number(values[0]));
        }
        let array = Array::from_slice(&values, [values.len(), 1, 1, 1])?;
        Ok(Ex(Value::from(array.to(self.device())?)))
    }

    pub(crate) fn with(&self, op: Binary, other: &Ex) -> Result<Ex> {
        Value::binary(op, &self.0, &other.0).map(Ex)
    }

    pub(crate) fn add(&self, other: &Ex) -> Result<Ex> {
        self.with(Binary::add, other)
    }

    pub(crate) fn sub(&self, other: &Ex) -> Result<Ex> {
        self.with(Binary::sub, other)
    }

    pub(crate) fn mul(&self, other: &Ex) -> Result<Ex> {
        self.with(Binary::mul, other)
    }

    pub(crate) fn div(&self, other: &Ex) -> Result<Ex> {
        self.with(Binary::div, other)
    }

    pub(crate) fn times(&self, number: f32) -> Result<Ex> {
        self.mul(&self.number(number))
    }

    pub(crate) fn plus(&self, number: f32) -> Result<Ex> {
        self.add(&self.number(number))
    }

    pub(crate) fn map(&self, op: Unary) -> Result<Ex> {
        Value::unary(op, &self.0, [0.0; 2]).map(Ex)
    }

    pub(crate) fn floor(&self) -> Result<Ex> {
        self.map(Unary::floor)
    }

    pub(crate) fn clamp(&self, low: f32, high: f32) -> Result<Ex> {
        Value::unary(Unary::clamp, &self.0, [low.into(), high.into()]).map(Ex)
    }

    pub(crate) fn is(&self, op: Compare, other: &Ex) -> Result<Value> {
        Value::compare(op, &self.0, &other.0)
    }

    /// Limited to a type's range, in that type; bytes lose their fraction.
    pub(crate) fn cut(&self, dtype: DType) -> Result<Value> {
        let most = if dtype == DType::U8 { 255.0 } else { 1.0 };
        self.clamp(0.0, most)?.0.cast(dtype)
    }

    /// In a type; bytes are rounded.
    pub(crate) fn rounded(&self, dtype: DType) -> Result<Value> {
        if dtype != DType::U8 {
            return Ok(self.0.clone());
        }
        self.map(Unary::round)?.clamp(0.0, 255.0)?.0.cast(dtype)
    }

    pub(crate) fn channel(&self, c: usize) -> Result<Ex> {
        self.0.narrow(1, c, 1).map(Ex)
    }
}

/// `a` where `cond` holds, else `b`.
pub(crate) fn where_(cond: &Value, a: &Ex, b: &Ex) -> Result<Ex> {
    Value::select(cond, &a.0, &b.0).map(Ex)
}

fn converted(x: &Value, convert: &Convert) -> Result<Value> {
    let x = Ex::of(x)?;
    match convert {
        Convert::Byte { scale } => {
            let x = if *scale { x.times(TO_BYTE)? } else { x };
            x.0.cast(DType::U8)
        }
        Convert::Normalize { mean, std } => {
            let list = |v: &[f32]| -> Result<Ex> {
                let array = Array::from_slice(v, [1, v.len(), 1, 1])?;
                Ok(Ex(Value::from(array.to(x.device())?)))
            };
            Ok(x.sub(&list(mean)?)?.div(&list(std)?)?.0)
        }
        _ => {
            let [scale, offset] = convert.line();
            let x = x.times(scale)?;
            Ok(if offset == 0.0 { x.0 } else { x.plus(offset)?.0 })
        }
    }
}

fn leveled(x: &Value, dtype: DType, levels: Levels) -> Result<Value> {
    let value = Ex::of(x)?;
    let most = Ex(reduce(Reduce::amax, &value.0, &[2, 3], true)?);
    if levels == Levels::Autocontrast {
        let least = Ex(reduce(Reduce::amin, &value.0, &[2, 3], true)?);
        let bound = if dtype == DType::U8 { TO_FLOAT } else { 1.0 };
        let flat = least.is(Compare::eq, &most)?;
        let step = where_(&flat, &value.number(1.0), &most.sub(&least)?.times(bound)?)?;
        let low = where_(&flat, &value.number(0.0), &least)?;
        return value.sub(&low)?.div(&step)?.cut(dtype);
    }
    let dims = x.shape().dims().to_vec();
    let (rows, plane) = ((dims[0] * dims[1]) as i64, (dims[2] * dims[3]) as i64);
    let as_byte = if dtype == DType::U8 { value } else { value.times(TO_BYTE)?.floor()? };
    let index = as_byte.0.cast(DType::I32)?.reshape(&[rows, plane])?;
    let table = equal_table(&index, rows as usize, plane as usize)?;
    let y = gather(&table, 1, &index)?.reshaped(x.shape())?;
    if dtype == DType::U8 { y.cast(dtype) } else { Ok(Ex(y).times(TO_FLOAT)?.0) }
}

/// Where each level of each row of `index` goes, `[rows, 256]`.
fn equal_table(index: &Value, rows: usize, plane: usize) -> Result<Value> {
    let device = index.device();
    let shape = Shape::new(&[rows, 256]);
    let zeros = Value::constant(0.0, shape.clone(), DType::I32, device);
    let ones = Value::constant(1.0, index.shape(), DType::I32, device);
    let counts = scatter_add(&zeros, 1, index, &ones)?;
    let brightest = gather(&counts, 1, &reduce(Reduce::amax, index, &[1], true)?)?;
    let upto = scan(Scan::cumsum, &counts, 1)?;
    let number = |v: f64| Ex(Value::constant(v, [1, 1], DType::F32, device));
    let float = |v: &Value| v.cast(DType::F32).map(Ex);
    let half = number(0.5);
    // Quotients of whole numbers: half of the smallest difference keeps rounding away from steps.
    let others = number(plane as f64).sub(&float(&brightest)?)?;
    let step = others.add(&half)?.div(&number(255.0))?.floor()?;
    let below = float(&upto)?.sub(&float(&counts)?)?;
    let whole = Ex(step.0.clone()).with(Binary::maximum, &number(1.0))?;
    let middle = step.div(&number(2.0))?.floor()?;
    let level = below.add(&middle)?.add(&half)?.div(&whole)?.floor()?.clamp(0.0, 255.0)?;
    let own = Ex(Value::index(shape, 1, DType::F32, device)?);
    let flat = step.is(Compare::lt, &half)?;
    Ok(where_(&flat, &own, &level)?.0)
}

/// The batch with `[rows, columns]` more pixels on each side, mirrored about the edge pixels.
fn padded(x: &Value, size: ImageSize, [rows, columns]: [usize; 2]) -> Result<Value> {
    let map = WarpMap::affine([1.0, 0.0, -(columns as f64), 0.0, 1.0, -(rows as f64)]);
    let size = [size.height + 2 * rows, size.width + 2 * columns];
    let how = Warp { size, mode: WarpMode::Nearest, border: WarpBorder::Reflect };
    warp(x, &[map], None, &how)
}

/// Sums of a padded batch's nine shifted views.
fn weighted(x: &Value, size: ImageSize, weights: &[f32; 9]) -> Result<Ex> {
    let mut sum: Option<Ex> = None;
    for (k, &weight) in weights.iter().enumerate().filter(|(_, w)| **w != 0.0) {
        let view = x.narrow(2, k / 3, size.height)?.narrow(3, k % 3, size.width)?;
        let term = Ex::of(&view)?.times(weight)?;
        sum = Some(match sum {
            Some(sum) => sum.add(&term)?,
            None => term,
        });
    }
    match sum {
        Some(sum) => Ok(sum),
        None => Ex::of(x),
    }
}

fn filter(x: &Value, size: ImageSize, dtype: DType, steps: &[&Filter]) -> Result<Value> {
    if let Filter::Blur { .. } = steps[0] {
        return blur(x, size, dtype, steps);
    }
    let around = padded(x, size, [1, 1])?;
    let plain = Ex::of(x)?;
    match steps[0] {
        Filter::Sobel => {
            let gx = weighted(&around, size, &SOBEL)?;
            let gy = weighted(&around, size, &turned(&SOBEL))?;
            gx.mul(&gx)?.add(&gy.mul(&gy)?)?.map(Unary::sqrt)?.rounded(dtype)
        }
        Filter::Laplacian => weighted(&around, size, &LAPLACE)?.map(Unary::abs)?.rounded(dtype),
        Filter::Kernel(kernel) => {
            let offset = kernel.offset * if dtype == DType::U8 { 1.0 } else { TO_FLOAT };
            let sum = weighted(&around, size, &kernel.divided())?.plus(offset)?;
            let sum = if dtype == DType::U8 { sum.plus(0.5)?.floor()? } else { sum };
            within_edge(&sum, &plain, size, dtype)
        }
        _ => {
            let smooth = weighted(&around, size, &Kernel::SMOOTH.weights)?;
            let smooth = smooth.div(&plain.number(Kernel::SMOOTH.scale))?;
            let smooth = if dtype == DType::U8 { smooth.map(Unary::round)? } else { smooth };
            let part = plain.each(steps.iter().map(|step| match step {
                Filter::Sharpness(factor) => (1.0 - factor) as f32,
                _ => 0.0,
            }))?;
            let sum = plain.add(&smooth.sub(&plain)?.mul(&part)?)?;
            within_edge(&sum, &plain, size, dtype)
        }
    }
}

/// `inner`, limited, inside the outermost pixels, which stay as they are.
fn within_edge(inner: &Ex, x: &Ex, size: ImageSize, dtype: DType) -> Result<Value> {
    let [c, h, w] = size.array();
    let shape = Shape::new(&[1, c, h, w]);
    let mut inside: Option<Value> = None;
    for (dim, n) in [(2, h), (3, w)] {
        let at = Ex(Value::index(shape.clone(), dim, DType::F32, x.device())?);
        let low = at.is(Compare::gt, &x.number(0.5))?;
        let high = at.is(Compare::lt, &x.number(n as f32 - 1.5))?;
        let both = Value::and(&low, &high)?;
        inside = Some(match inside {
            Some(inside) => Value::and(&inside, &both)?,
            None => both,
        });
    }
    let limited = Ex(inner.cut(dtype)?.cast(DType::F32)?);
    match inside {
        Some(inside) => where_(&inside, &limited, x)?.0.cast(dtype),
        None => limited.0.cast(dtype),
    }
}

fn blur(x: &Value, size: ImageSize, dtype: DType, steps: &[&Filter]) -> Result<Value> {
    let kernels: Vec<[&[f32]; 2]> = steps
        .iter()
        .filter_map(|step| match step {
            Filter::Blur { across, down } => Some([&across[..], &down[..]]),
            _ => None,
        })
        .collect();
    let [kx, ky] = kernels[0].map(<[f32]>::len);
    let planes = kernels.len() * size.channels;
    let y = padded(x, size, [ky / 2, kx / 2])?.cast(DType::F32)?;
    let tall = (size.height + 2 * (ky / 2)) as i64;
    let wide = (size.width + 2 * (kx / 2)) as i64;
    let mut y = y.reshape(&[1, planes as i64, tall, wide])?;
    for (k, shape) in [(1, [planes, 1, ky, 1]), (0, [planes, 1, 1, kx])] {
        let mut all = Vec::with_capacity(planes * kernels[0][k].len());
        for kernel in &kernels {
            (0..size.channels).for_each(|_| all.extend_from_slice(kernel[k]));
        }
        let w = Value::from(Array::from_vec(all, shape)?.to(x.device())?);
        let spec =
            ConvSpec { stride: &[1, 1], padding: &[(0, 0); 2], dilation: &[1, 1], groups: planes };
        let geometry = ConvGeometry::new("blur", y.shape(), w.shape(), &spec)?;
        y = conv(&y, &w, &geometry)?;
    }
    Ex(y.reshaped(x.shape())?).rounded(dtype)
}

fn erase(x: &Value, size: ImageSize, dtype: DType, steps: &[&Erase]) -> Result<Value> {
    let plain = Ex::of(x)?;
    let [c, h, w] = size.array();
    let shape = Shape::new(&[1, 1, h, w]);
    let mut inside: Option<Value> = None;
    let list = |f: fn(&Erase) -> usize| steps.iter().map(|step| f(step)).collect::<Vec<_>>();
    let sides =
        [(2, list(|s| s.top), list(|s| s.height)), (3, list(|s| s.left), list(|s| s.width))];
    for (dim, start, len) in sides {
        let at = Ex(Value::index(shape.clone(), dim, DType::F32, x.device())?);
        let low = plain.each(start.iter().map(|&s| s as f32 - 0.5))?;
        let high = plain.each(start.iter().zip(&len).map(|(&s, &n)| (s + n) as f32 - 0.5))?;
        let both = Value::and(&at.is(Compare::gt, &low)?, &at.is(Compare::lt, &high)?)?;
        inside = Some(match inside {
            Some(inside) => Value::and(&inside, &both)?,
            None => both,
        });
    }
    let mut values = Vec::new();
    let pixels = steps.iter().any(|step| matches!(step.value, Patch::Pixels(_)));
    let per = if pixels { size.plane() } else { 1 };
    for step in steps {
        let start = values.len();
        values.resize(start + c * per, 0.0f32);
        let values = &mut values[start..];
        match &step.value {
            Patch::Color(color) => {
                for (k, v) in values.iter_mut().enumerate() {
                    *v = color[if color.len() == 1 { 0 } else { k / per }];
                }
            }
            Patch::Pixels(all) => {
                for (k, row) in all.chunks_exact(step.width.max(1)).enumerate() {
                    let (ch, i) = (k / step.height, step.top + k % step.height);
                    values[ch * per + i * w + step.left..][..step.width].copy_from_slice(row);
                }
            }
        }
    }
    let [rows, columns] = if pixels { [h, w] } else { [1, 1] };
    let values = Array::from_vec(values, [steps.len(), c, rows, columns])?;
    let values = Ex(Value::from(values.to(x.device())?));
    let values =
        if dtype == DType::U8 { values.clamp(0.0, 255.0)?.map(Unary::trunc)? } else { values };
    match inside {
        Some(inside) => where_(&inside, &values, &plain)?.0.cast(dtype),
        None => Ok(x.clone()),
    }
}

fn noise(x: &Value, dtype: DType, steps: &[&Noise]) -> Result<Value> {
    let plain = Ex::of(x)?;
    let field: Vec<f32> = steps.iter().flat_map(|step| step.field.iter().copied()).collect();
    let field = Ex(Value::from(Array::from_vec(field, x.shape().clone())?.to(x.device())?));
    let bytes = dtype == DType::U8;
    let scale = if bytes { 255.0 } else { 1.0 };
    let sigma = plain.each(steps.iter().map(|step| (step.sigma * scale) as f32))?;
    let mean = plain.each(steps.iter().map(|step| (step.mean * scale) as f32))?;
    let noise = field.mul(&sigma)?.add(&mean)?;
    let noise = if bytes { noise.map(Unary::trunc)? } else { noise };
    let sum = plain.add(&noise)?;
    if bytes || steps[0].clip { sum.cut(dtype) } else { Ok(sum.0) }
}

/// Steps that the host does: there and back.
fn on_host(
    op: &'static str,
    x: &Value,
    size: ImageSize,
    dtype: DType,
    steps: &[&Step],
) -> Result<Value> {
    let host = x.dense()?.to(&Device::cpu())?;
    let from = stored(&host);
    let mut out = Vec::new();
    let in_bytes = bytes_of(size, dtype);
    for (n, step) in steps.iter().enumerate() {
        let x = &from[n * in_bytes..][..in_bytes];
        let start = out.len();
        out.resize(start + in_bytes / size.channels.max(1), 0u8);
        if dtype == DType::U8 {
            step.paint(op, View { data: x, size }, &mut out[start..])?;
        } else {
            let x: &[f32] = bytemuck::cast_slice(x);
            let mut floats = vec![0f32; size.plane()];
            step.paint(op, View { data: x, size }, &mut floats)?;
            out[start..].copy_from_slice(bytemuck::cast_slice(&floats));
        }
    }
    let shape = [steps.len(), 1, size.height, size.width];
    Ok(Value::from(Array::from_bytes(&out, shape, dtype)?.to(x.device())?))
}
