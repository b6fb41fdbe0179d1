//! Joining, padding and repeating: windows of one index space over several tensors.

use gradus_kernels::Value;
use gradus_tensor::{DType, Dim, Error, Problem, Result, Shape};
use smallvec::SmallVec;

use super::one;
use crate::graph::{Grads, Keep, record_fn};
use crate::tensor::Tensor;

/// Every part is a window over the whole result: more of them are joined in parts, which are
/// then joined.
const AT_ONCE: usize = 16;

/// Tensors one after another along `dim`. PyTorch: `cat`. Gradients are the parts.
///
/// ```
/// use gradus_autodiff::{Tensor, cat};
/// let (a, b) = (Tensor::from_vec(vec![1.0f32], [1])?, Tensor::from_vec(vec![2.0f32, 3.0], [2])?);
/// assert_eq!(cat(&[&a, &b], 0)?.to_vec::<f32>()?, [1.0, 2.0, 3.0]);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` when another dimension differs, `Kind::Argument` for no tensors.
pub fn cat(tensors: &[&Tensor], dim: Dim) -> Result<Tensor> {
    let Some(first) = tensors.first() else {
        return Err(Error::argument("cat", "tensors", "empty", "at least one tensor"));
    };
    if tensors.len() > AT_ONCE {
        let joined = tensors.chunks(AT_ONCE).map(|part| cat(part, dim));
        let joined = joined.collect::<Result<Vec<Tensor>>>()?;
        return cat(&joined.iter().collect::<Vec<_>>(), dim);
    }
    let shape = first.shape();
    let d = shape.dim("cat", dim)?;
    let mut dtype = first.dtype();
    let mut starts = Vec::with_capacity(tensors.len());
    let mut total = 0;
    for tensor in tensors {
        let other = tensor.shape();
        if other.rank() != shape.rank() || other.with(d, shape[d]) != shape {
            let rule = "sizes must agree in every other dimension";
            let operands = [("first", &shape), ("other", &other)];
            return Err(Error::shape("cat", Problem::Rule { rule }, &operands));
        }
        dtype = DType::promote("cat", dtype, tensor.dtype())?;
        starts.push(total);
        total += other[d];
    }
    let whole = shape.with(d, total);
    let mut value = Value::constant(0.0, &whole, dtype, &first.device());
    let steps = vec![1; whole.rank()];
    for (tensor, &start) in tensors.iter().zip(&starts) {
        let mut at = vec![0; whole.rank()];
        at[d] = start as isize;
        value = tensor.value().cast(dtype)?.placed(&at, &steps, &value)?;
    }
    let parts: Vec<(usize, usize, DType)> =
        tensors.iter().zip(starts).map(|(t, s)| (s, t.shape()[d], t.dtype())).collect();
    Ok(record_fn("cat", value, tensors, Keep::NOTHING, move |saved, g| {
        let mut grads: Grads = SmallVec::new();
        for (i, &(start, length, dtype)) in parts.iter().enumerate() {
            grads.push(match saved.needs(i) {
                true => Some(g.narrow(d as i64, start, length)?.to_dtype(dtype)?),
                false => None,
            });
        }
        Ok(grads)
    }))
}

/// Tensors of one shape side by side along a new dimension. PyTorch: `stack`.
///
/// # Errors
/// As [`cat`].
pub fn stack(tensors: &[&Tensor], dim: Dim) -> Result<Tensor> {
    let mut wide = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        wide.push(tensor.unsqueeze(dim)?);
    }
    let rank = wide.first().map_or(0, Tensor::rank) as i64;
    let dim = if dim < 0 { dim + rank } else { dim };
    cat(&wide.iter().collect::<Vec<_>>(), dim)
}

impl Tensor {
    /// Padded with `value`: `pad` holds (before, after) from the last dimension backwards, as in
    /// PyTorch's `nn.functional.pad`; negative numbers cut.
    ///
    /// # Errors
    /// `Kind::Argument` for an odd count or more pairs than dimensions.
    pub fn pad(&self, pad: &[i64], value: f64) -> Result<Tensor> {
        let pairs = self.pad_pairs("pad", pad)?;
        let shape = self.shape();
        let mut sizes = Vec::with_capacity(shape.rank());
        for (d, &(before, after)) in pairs.iter().enumerate() {
            let size = shape[d] as i64 + before + after;
            if size < 0 {
                return Err(Error::argument("pad", "pad", format!("{pad:?}"), "no negative size"));
            }
            sizes.push(size as usize);
        }
        let whole = Shape::from(sizes);
        let fill = Value::constant(value, &whole, self.dtype(), &self.device());
        let starts: Vec<isize> = pairs.iter().map(|p| p.0 as isize).collect();
        let out = self.value().placed(&starts, &vec![1; starts.len()], &fill)?;
        let back: Vec<i64> = pad.iter().map(|p| -p).collect();
        Ok(record_fn("pad", out, &[self], Keep::NOTHING, move |_, g| one(g.pad(&back, 0.0)?)))
    }

    /// Padded by mirroring without the edge (`reflect`), by repeating the edge (`replicate`) or
    /// from the other side (`circular`), as PyTorch's `nn.functional.pad` with that mode.
    ///
    /// # Errors
    /// `Kind::Argument` for another mode or padding larger than the mode allows.
    pub fn pad_mode(&self, pad: &[i64], mode: &str) -> Result<Tensor> {
        let pairs = self.pad_pairs("pad", pad)?;
        let mut out = self.clone();
        for (d, &(before, after)) in pairs.iter().enumerate() {
            if (before, after) != (0, 0) {
                out = out.pad_dim(d, before, after, mode)?;
            }
        }
        Ok(out)
    }

    fn pad_dim(&self, d: usize, before: i64, after: i64, mode: &str) -> Result<Tensor> {
        let (size, dim) = (self.shape()[d], d as i64);
        let limit = match mode {
            "reflect" => size as i64 - 1,
            "circular" => size as i64,
            "replicate" if size > 0 => i64::MAX,
            "replicate" => 0,
            _ => {
                let expected = "constant, reflect, replicate or circular";
                return Err(Error::argument("pad", "mode", mode, expected));
            }
        };
        if before < 0 || after < 0 || before > limit || after > limit {
            let got = format!("({before}, {after}) beside size {size}, mode {mode}");
            return Err(Error::argument("pad", "pad", got, "no more than the mode allows"));
        }
        let (before, after) = (before as usize, after as usize);
        let edge = |at: usize, n: usize| -> Result<Tensor> {
            let mut sizes = self.shape();
            sizes = sizes.with(d, n);
            self.narrow(dim, at, 1)?.expand_to(&sizes)
        };
        let (left, right) = match mode {
            "reflect" => (
                self.narrow(dim, 1, before)?.flip(&[dim])?,
                self.narrow(dim, size - 1 - after, after)?.flip(&[dim])?,
            ),
            "circular" => (self.narrow(dim, size - before, before)?, self.narrow(dim, 0, after)?),
            _ => (edge(0, before)?, edge(size - 1, after)?),
        };
        cat(&[&left, self, &right], dim)
    }

    /// (before, after) of every dimension, outermost first.
    fn pad_pairs(&self, op: &'static str, pad: &[i64]) -> Result<Vec<(i64, i64)>> {
        let rank = self.rank();
        if !pad.len().is_multiple_of(2) || pad.len() / 2 > rank {
            let expected = "one pair a dimension, last dimension first";
            return Err(Error::argument(op, "pad", format!("{pad:?}"), expected));
        }
        let mut pairs = vec![(0, 0); rank];
        for (i, pair) in pad.chunks_exact(2).enumerate() {
            pairs[rank - 1 - i] = (pair[0], pair[1]);
        }
        Ok(pairs)
    }

    /// Moved by `shift` positions along `dim`, around the end. PyTorch: `roll`.
    ///
    /// # Errors
    /// `Kind::Shape` when the dimension does not exist.
    pub fn roll(&self, shift: i64, dim: Dim) -> Result<Tensor> {
        let d = self.shape().dim("roll", dim)?;
        let size = self.shape()[d];
        if size == 0 {
            return Ok(self.clone());
        }
        let cut = size - shift.rem_euclid(size as i64) as usize;
        cat(
            &[&self.narrow(dim, cut % size, size - cut % size)?, &self.narrow(dim, 0, cut % size)?],
            dim,
        )
    }

    /// The whole tensor repeated, `repeats[d]` times along each dimension. PyTorch: `repeat`.
    ///
    /// # Errors
    /// `Kind::Argument` for fewer repeats than dimensions.
    pub fn repeat(&self, repeats: &[usize]) -> Result<Tensor> {
        let shape = self.shape();
        if repeats.len() < shape.rank() {
            let got = format!("{repeats:?}");
            return Err(Error::argument("repeat", "repeats", got, "one a dimension at least"));
        }
        let missing = repeats.len() - shape.rank();
        let (mut inner, mut wide, mut out) = (Vec::new(), Vec::new(), Vec::new());
        for (i, &times) in repeats.iter().enumerate() {
            let size = if i < missing { 1 } else { shape[i - missing] };
            inner.extend([1, size]);
            wide.extend([times, size]);
            out.push(times * size);
        }
        self.reshape_to(&inner.into())?.expand_to(&wide.into())?.reshape_to(&out.into())
    }

    /// Zero above the `diagonal`-th diagonal of the last two dimensions. PyTorch: `tril`.
    ///
    /// # Errors
    /// `Kind::Shape` when there are fewer than two dimensions.
    pub fn tril(&self, diagonal: i64) -> Result<Tensor> {
        self.triangle("tril", diagonal, true)
    }

    /// Zero below the `diagonal`-th diagonal of the last two dimensions. PyTorch: `triu`.
    ///
    /// # Errors
    /// `Kind::Shape` when there are fewer than two dimensions.
    pub fn triu(&self, diagonal: i64) -> Result<Tensor> {
        self.triangle("triu", diagonal, false)
    }

    fn triangle(&self, op: &'static str, diagonal: i64, lower: bool) -> Result<Tensor> {
        let shape = self.shape();
        if shape.rank() < 2 {
            let problem = Problem::Rank { name: "x", got: shape.rank(), expected: "at least 2" };
            return Err(Error::shape(op, problem, &[("x", &shape)]));
        }
        let last: Shape = shape[shape.rank() - 2..].into();
        let index = |dim| Value::index(&last, dim, DType::I32, &self.device()).map(Tensor::from);
        let offset = index(-1)?.sub(&index(-2)?)?;
        let bound = diagonal as f64;
        let kept = if lower { offset.le(bound)? } else { offset.ge(bound)? };
        super::where_(&kept, self, 0.0)
    }

    /// Channels turned into pixels: `[*, C·r², H, W] → [*, C, H·r, W·r]`. PyTorch:
    /// `nn.functional.pixel_shuffle` (arXiv:1609.05158).
    ///
    /// # Errors
    /// `Kind::Shape` when the channels are not a multiple of r².
    pub fn pixel_shuffle(&self, upscale_factor: usize) -> Result<Tensor> {
        let (shape, r) = (self.shape(), upscale_factor);
        let rank = shape.rank();
        if rank < 3 || r == 0 || !shape[rank - 3].is_multiple_of(r * r) {
            let rule = "channels must be a multiple of upscale_factor²";
            return Err(Error::shape("pixel_shuffle", Problem::Rule { rule }, &[("x", &shape)]));
        }
        let (c, h, w) = (shape[rank - 3] / (r * r), shape[rank - 2], shape[rank - 1]);
        let lead: usize = shape[..rank - 3].iter().product();
        let split = self.reshape_to(&[lead, c, r, r, h, w].into())?;
        let mixed = split.permute(&[0, 1, 4, 2, 5, 3])?;
        let out = shape[..rank - 3].iter().copied().chain([c, h * r, w * r]).collect();
        mixed.reshape_to(&out)
    }

    /// Pixels turned into channels, the inverse of [`Tensor::pixel_shuffle`]:
    /// `[*, C, H·r, W·r] → [*, C·r², H, W]`. PyTorch: `nn.functional.pixel_unshuffle`.
    ///
    /// # Errors
    /// `Kind::Shape` when height or width are not multiples of r.
    pub fn pixel_unshuffle(&self, downscale_factor: usize) -> Result<Tensor> {
        let (shape, r) = (self.shape(), downscale_factor);
        let rank = shape.rank();
        let fits = |size: usize| r > 0 && size.is_multiple_of(r);
        if rank < 3 || !fits(shape[rank - 2]) || !fits(shape[rank - 1]) {
            let rule = "height and width must be multiples of downscale_factor";
            return Err(Error::shape("pixel_unshuffle", Problem::Rule { rule }, &[("x", &shape)]));
        }
        let (c, h, w) = (shape[rank - 3], shape[rank - 2] / r, shape[rank - 1] / r);
        let lead: usize = shape[..rank - 3].iter().product();
        let split = self.reshape_to(&[lead, c, h, r, w, r].into())?;
        let mixed = split.permute(&[0, 1, 3, 5, 2, 4])?;
        let out = shape[..rank - 3].iter().copied().chain([c * r * r, h, w]).collect();
        mixed.reshape_to(&out)
    }
}
