//! Masks, transparency, pasting.

use gradus_tensor::{Array, DType, Error, Kind, Problem, Result, Shape};

use super::{Host, mixed, must_match, opaque};
use crate::vision::geometry::finite;

/// `a · (1 - alpha) + b · alpha`, limited: Pillow's `Image.blend`. Alpha may lie outside of 0..1.
///
/// ```
/// use gradus_data::vision::pixels;
/// use gradus_tensor::Array;
/// let a = Array::from_vec(vec![0u8, 200], [1, 1, 2])?;
/// let b = Array::from_vec(vec![100u8, 100], [1, 1, 2])?;
/// assert_eq!(pixels::blend(&a, &b, 0.25)?.to_vec::<u8>()?, [25, 175]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` and `Kind::DType` unless both are images of one size and type.
pub fn blend(a: &Array, b: &Array, alpha: f64) -> Result<Array> {
    const OP: &str = "blend";
    must_match(OP, a, b)?;
    let (x, y) = (Host::of(OP, a)?, Host::of(OP, b)?);
    let alpha = finite(OP, "alpha", alpha)? as f32;
    let mix = |a: f32, b: f32| a + alpha * (b - a);
    if a.dtype() == DType::U8 {
        let bytes = x.bytes().iter().zip(y.bytes());
        let out: Vec<u8> = bytes.map(|(&a, &b)| mix(a.into(), b.into()) as u8).collect();
        return x.back(&out, a.shape().clone());
    }
    let floats = x.floats().iter().zip(y.floats());
    let out: Vec<f32> = floats.map(|(&a, &b)| mix(a, b).clamp(0.0, 1.0)).collect();
    x.back(bytemuck::cast_slice(&out), a.shape().clone())
}

/// `a` where the mask is white, `b` where it is black, and between them in proportion: Pillow's
/// `Image.composite`.
///
/// *Shapes*: the mask has 1 channel, or as many as the images.
///
/// # Errors
/// `Kind::Shape` and `Kind::DType` unless all are images of one type that fit.
pub fn composite(a: &Array, b: &Array, mask: &Array) -> Result<Array> {
    const OP: &str = "composite";
    must_match(OP, a, b)?;
    let (x, y, m) = (Host::of(OP, a)?, Host::of(OP, b)?, Host::of(OP, mask)?);
    let (size, other) = (x.batch.size, m.batch.size);
    let fits = m.batch.dtype == x.batch.dtype
        && (m.batch.count == x.batch.count || m.batch.count == 1)
        && [other.height, other.width] == [size.height, size.width]
        && (other.channels == 1 || other.channels == size.channels);
    if !fits {
        let rule = "the mask must have the images' type and size, and 1 channel or as many";
        let operands = [("a", a.shape()), ("b", b.shape()), ("mask", mask.shape())];
        return Err(Error::shape(OP, Problem::Rule { rule }, &operands));
    }
    let (plane, numel) = (size.plane().max(1), size.numel().max(1));
    let weight = |k: usize| {
        let (image, within) = (k / numel % m.batch.count.max(1), k % numel);
        let channel = if other.channels == 1 { 0 } else { within / plane };
        (image * other.channels + channel) * plane + within % plane
    };
    if a.dtype() == DType::U8 {
        let bytes = x.bytes().iter().zip(y.bytes()).enumerate();
        let out: Vec<u8> = bytes.map(|(k, (&a, &b))| mixed(a, b, m.bytes()[weight(k)])).collect();
        return x.back(&out, a.shape().clone());
    }
    let floats = x.floats().iter().zip(y.floats()).enumerate();
    let out: Vec<f32> = floats.map(|(k, (&a, &b))| b + m.floats()[weight(k)] * (a - b)).collect();
    x.back(bytemuck::cast_slice(&out), a.shape().clone())
}

/// The images with an alpha channel behind the others: `alpha` `[.., 1, H, W]`, or opaque.
///
/// # Errors
/// `Kind::Shape` and `Kind::DType` unless the alpha fits the images.
pub fn put_alpha(x: &Array, alpha: Option<&Array>) -> Result<Array> {
    const OP: &str = "put_alpha";
    let host = Host::of(OP, x)?;
    let (size, dtype) = (host.batch.size, host.batch.dtype);
    let alpha = alpha.map(|alpha| Host::of(OP, alpha)).transpose()?;
    if let Some(alpha) = &alpha {
        let fits = alpha.batch.dtype == dtype
            && alpha.batch.count == host.batch.count
            && alpha.batch.size.array() == [1, size.height, size.width];
        if !fits {
            let rule = "the alpha must have the images' type, number and size, and 1 channel";
            let operands = [("x", x.shape()), ("alpha", alpha.array.shape())];
            return Err(Error::shape(OP, Problem::Rule { rule }, &operands));
        }
    }
    let (image, plane) = (size.numel() * dtype.size(), size.plane() * dtype.size());
    let mut out = Vec::with_capacity(host.batch.count * (image + plane));
    for n in 0..host.batch.count {
        out.extend_from_slice(&host.bytes()[n * image..][..image]);
        match &alpha {
            Some(alpha) => out.extend_from_slice(&alpha.bytes()[n * plane..][..plane]),
            None => out.extend(opaque(dtype).iter().copied().cycle().take(plane)),
        }
    }
    let channels = size.channels + 1;
    let shape = host.batch.shape(crate::vision::ImageSize { channels, ..size });
    host.back(&out, shape)
}

/// `source` over `destination`, both with alpha in the fourth channel: Pillow's
/// `Image.alpha_composite`.
///
/// *Formula*: alpha `s + d·(1 - s)`; colours are weighed by `s` and `d·(1 - s)`.
///
/// ```
/// use gradus_data::vision::pixels;
/// use gradus_tensor::Array;
/// let below = Array::from_vec(vec![0u8, 0, 0, 255], [4, 1, 1])?;
/// let above = Array::from_vec(vec![255u8, 0, 0, 128], [4, 1, 1])?;
/// let y = pixels::alpha_composite(&below, &above)?;
/// assert_eq!(y.to_vec::<u8>()?, [128, 0, 0, 255]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` and `Kind::DType` unless both are images of one size and type with 4 channels.
pub fn alpha_composite(destination: &Array, source: &Array) -> Result<Array> {
    const OP: &str = "alpha_composite";
    must_match(OP, destination, source)?;
    let (below, above) = (Host::of(OP, destination)?, Host::of(OP, source)?);
    let size = below.batch.size;
    if size.channels != 4 {
        let problem = Problem::Rule { rule: "images must have 4 channels, the last alpha" };
        return Err(Error::shape(OP, problem, &[("destination", destination.shape())]));
    }
    let (bytes, plane) = (destination.dtype() == DType::U8, size.plane());
    let scale = if bytes { 255.0 } else { 1.0 };
    let value = |host: &Host, at: usize| {
        if bytes { f64::from(host.bytes()[at]) / scale } else { f64::from(host.floats()[at]) }
    };
    let mut out = vec![0.0f64; below.batch.count * size.numel()];
    for k in 0..below.batch.count * plane {
        let first = k / plane * 4 * plane + k % plane;
        let (s, d) = (value(&above, first + 3 * plane), value(&below, first + 3 * plane));
        let rest = d * (1.0 - s);
        let alpha = s + rest;
        for c in 0..3 {
            let at = first + c * plane;
            let sum = s * value(&above, at) + rest * value(&below, at);
            // Pillow keeps what lies below where nothing is seen.
            out[at] = if alpha > 0.0 { sum / alpha } else { value(&below, at) };
        }
        out[first + 3 * plane] = alpha;
    }
    if bytes {
        let out: Vec<u8> = out.iter().map(|v| (v * scale).round() as u8).collect();
        return below.back(&out, destination.shape().clone());
    }
    let out: Vec<f32> = out.iter().map(|&v| v as f32).collect();
    below.back(bytemuck::cast_slice(&out), destination.shape().clone())
}

/// `patch` put into `x` with its upper left corner at `[row, column]`, as far as it lies inside; by
/// a mask `[1, h, w]` where there is one. Every image of a batch gets the same patch.
///
/// ```
/// use gradus_data::vision::pixels;
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![1u8, 2, 3, 4], [1, 2, 2])?;
/// let patch = Array::from_vec(vec![9u8, 8], [1, 1, 2])?;
/// assert_eq!(pixels::paste(&x, &patch, [1, 1], None)?.to_vec::<u8>()?, [1, 2, 3, 9]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` and `Kind::DType` unless the patch is one image with as many channels, and the
/// mask fits it.
pub fn paste(x: &Array, patch: &Array, at: [i64; 2], mask: Option<&Array>) -> Result<Array> {
    const OP: &str = "paste";
    let (host, patch_host) = (Host::of(OP, x)?, Host::of(OP, patch)?);
    let (size, small) = (host.batch.size, patch_host.batch.size);
    if patch.dtype() != x.dtype() || mask.is_some_and(|mask| mask.dtype() != x.dtype()) {
        let got = vec![x.dtype(), patch.dtype()];
        return Err(Kind::DType { op: OP, got, expected: "one type, also of the mask" }.into());
    }
    if patch_host.batch.count != 1 || small.channels != size.channels {
        let rule = "the patch must be one image with as many channels";
        let operands = [("x", x.shape()), ("patch", patch.shape())];
        return Err(Error::shape(OP, Problem::Rule { rule }, &operands));
    }
    // Pixels that the patch does not reach have a mask of 0.
    let own = Shape::new(&[1, small.height, small.width]);
    let full = match mask {
        Some(mask) if *mask.shape() != own => {
            let problem = Problem::Rule { rule: "the mask must be [1, h, w] of the patch" };
            let operands = [("patch", patch.shape()), ("mask", mask.shape())];
            return Err(Error::shape(OP, problem, &operands));
        }
        Some(mask) => mask.clone(),
        None => {
            let white = opaque(x.dtype());
            let white: Vec<u8> =
                white.iter().copied().cycle().take(small.plane() * white.len()).collect();
            Array::from_bytes(&white, own, x.dtype())?
        }
    };
    let [top, left] = at;
    let place = |image: &Array| {
        crate::vision::functional::crop(image, -top, -left, size.height, size.width)
    };
    let patch = place(&patch_host.array)?;
    let [c, h, w] = size.array();
    let shape =
        if host.batch.many { [host.batch.count, c, h, w].to_vec() } else { [c, h, w].to_vec() };
    let patch = patch.view(&[c as i64, h as i64, w as i64])?.unwrap_or(patch);
    let everywhere = patch.expand(Shape::new(&shape))?;
    composite(&everywhere, &host.array, &place(&full)?)?.to(&host.device)
}
