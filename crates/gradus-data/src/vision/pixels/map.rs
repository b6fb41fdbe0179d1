//! Pixels one by one.

use gradus_tensor::{Array, DType, Element, Kind, Result};

use super::Host;
use crate::vision::color::look_up;

/// Every byte through a function: Pillow's `Image.point`.
///
/// ```
/// use gradus_data::vision::pixels;
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![0u8, 100, 200], [1, 1, 3])?;
/// let y = pixels::point(&x, |v| if v > 127 { 255 } else { 0 })?;
/// assert_eq!(y.to_vec::<u8>()?, [0, 0, 255]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::DType` unless the images are bytes, `Kind::Shape` unless they are images.
pub fn point(x: &Array, f: impl Fn(u8) -> u8) -> Result<Array> {
    let host = Host::of("point", x)?;
    must_hold::<u8>("point", x.dtype())?;
    let table: [u8; 256] = std::array::from_fn(|v| f(v as u8));
    let mut out = vec![0; host.bytes().len()];
    look_up(host.bytes(), &table, &mut out);
    host.back(&out, x.shape().clone())
}

/// Every pixel through a function, which gets its row, its column and its channels to change.
///
/// ```
/// use gradus_data::vision::pixels;
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![1u8, 2, 10, 20], [2, 1, 2])?;
/// let y = pixels::map_pixels(&x, |_, column, pixel: &mut [u8]| {
///     pixel.swap(0, 1);
///     pixel[0] += column as u8;
/// })?;
/// assert_eq!(y.to_vec::<u8>()?, [10, 21, 1, 2]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::DType` unless the images hold such values, `Kind::Shape` unless they are images.
pub fn map_pixels<T: Element + bytemuck::Pod>(
    x: &Array,
    mut f: impl FnMut(usize, usize, &mut [T]),
) -> Result<Array> {
    const OP: &str = "map_pixels";
    let host = Host::of(OP, x)?;
    must_hold::<T>(OP, x.dtype())?;
    let mut values = x.to_vec::<T>()?;
    let (size, plane) = (host.batch.size, host.batch.size.plane());
    let mut pixel = vec![T::zeroed(); size.channels];
    for image in values.chunks_exact_mut(size.numel().max(1)) {
        for at in 0..plane {
            for (c, v) in pixel.iter_mut().enumerate() {
                *v = image[c * plane + at];
            }
            f(at / size.width, at % size.width, &mut pixel);
            for (c, v) in pixel.iter().enumerate() {
                image[c * plane + at] = *v;
            }
        }
    }
    host.back(bytemuck::cast_slice(&values), x.shape().clone())
}

fn must_hold<T: Element>(op: &'static str, got: DType) -> Result<()> {
    if got == T::DTYPE {
        return Ok(());
    }
    Err(Kind::DType { op, got: vec![got], expected: T::DTYPE.name() }.into())
}
