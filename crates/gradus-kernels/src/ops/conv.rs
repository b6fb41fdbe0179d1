//! Convolutions and their gradients: three bilinear maps of one geometry, each the gradient of
//! the others.

mod cpu;
mod direct;
mod geometry;

use std::sync::Arc;

use gradus_tensor::capture::{Arrays, perform};
use gradus_tensor::{Array, Error, Kind, Problem, Result, Shape};

#[cfg(feature = "gpu")]
use super::conv_gpu;
#[cfg(feature = "gpu")]
use crate::expr::Plan;
use crate::expr::{Deferred, Value, same_device};
pub use geometry::{ConvGeometry, ConvSpec};

/// Which of the three maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConvMap {
    /// x and w to y.
    Forward,
    /// y and w to x: the gradient by x, and the transposed convolution.
    Data,
    /// x and y to w: the gradient by w.
    Filter,
}

/// `y[n, o, p] = Σ_c Σ_k x[n, c, p · stride + k · dilation - before] · w[o, c, k]`, within groups;
/// x is zero outside. PyTorch: `conv1d`, `conv2d`, `conv3d` without the bias.
///
/// *Cost*: 2 flop for each element of y, channel and element of the kernel.
///
/// ```
/// use gradus_kernels::{ConvGeometry, ConvSpec, Value, conv};
/// use gradus_tensor::Array;
///
/// let x = Value::from(Array::from_vec(vec![1.0f32, 2.0, 3.0, 4.0], [1, 1, 4])?);
/// let w = Value::from(Array::from_vec(vec![1.0f32, 0.0, -1.0], [1, 1, 3])?);
/// let spec = ConvSpec { stride: &[1], padding: &[(1, 1)], dilation: &[1], groups: 1 };
/// let geometry = ConvGeometry::new("conv1d", x.shape(), w.shape(), &spec)?;
/// assert_eq!(conv(&x, &w, &geometry)?.array()?.to_vec::<f32>()?, [-2.0, -2.0, -2.0, 3.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` unless the operands have the geometry's shapes, `Kind::DType` unless they are of
/// one float type, `Kind::Device` for operands on two devices.
pub fn conv(x: &Value, w: &Value, geometry: &ConvGeometry) -> Result<Value> {
    mapped(ConvMap::Forward, x, w, geometry)
}

/// The gradient of [`conv`] by x for the gradient `y`; as an op of its own the transposed
/// convolution. PyTorch: `conv_transpose1d`, `conv_transpose2d`, `conv_transpose3d`.
///
/// # Errors
/// As [`conv`].
pub fn conv_data(y: &Value, w: &Value, geometry: &ConvGeometry) -> Result<Value> {
    mapped(ConvMap::Data, y, w, geometry)
}

/// The gradient of [`conv`] by w for the gradient `y`.
///
/// # Errors
/// As [`conv`].
pub fn conv_filter(x: &Value, y: &Value, geometry: &ConvGeometry) -> Result<Value> {
    mapped(ConvMap::Filter, x, y, geometry)
}

fn mapped(map: ConvMap, a: &Value, b: &Value, g: &ConvGeometry) -> Result<Value> {
    const OP: &str = "conv";
    let (x, w, y) = (g.x_shape(), g.w_shape(), g.y_shape());
    let (expected, names, out) = match map {
        ConvMap::Forward => ([x, w], ["x", "w"], y),
        ConvMap::Data => ([y, w], ["y", "w"], x),
        ConvMap::Filter => ([x, y], ["x", "y"], w),
    };
    if *a.shape() != expected[0] || *b.shape() != expected[1] {
        let problem = Problem::Rule { rule: "the operands do not have the geometry's shapes" };
        return Err(Error::shape(OP, problem, &[(names[0], a.shape()), (names[1], b.shape())]));
    }
    same_device(OP, a, b)?;
    if a.dtype() != b.dtype() || !a.dtype().is_float() {
        let got = vec![a.dtype(), b.dtype()];
        let expected = "one float type; cast with `to_dtype`";
        return Err(Kind::DType { op: OP, got, expected }.into());
    }
    let (dtype, device) = (a.dtype(), a.device().clone());
    if expected.iter().chain([&out]).any(|shape| shape.numel() == 0) {
        return Ok(Value::constant(0.0, out, dtype, &device));
    }
    let (first, second) = (a.dense()?, b.dense()?);
    let op = ConvOp { map, geometry: *g, a: first, b: second, out: out.clone() };
    let result = Value::deferred(Arc::new(op), out, dtype, device, 0);
    // Where every product lands inside x, a channel of the result sums up to the channels of y,
    // each times the sum of its filter.
    let dims = 0..a.shape().rank();
    match map {
        ConvMap::Data if g.is_inside() => Ok(result.with_sums_of(a, dims.filter(|&d| d != 1))),
        _ => Ok(result),
    }
}

/// A convolution or gradient that has not run yet. Its operands are dense.
#[derive(Clone)]
pub(crate) struct ConvOp {
    pub(crate) map: ConvMap,
    pub(crate) geometry: ConvGeometry,
    pub(crate) a: Array,
    pub(crate) b: Array,
    pub(crate) out: Shape,
}

impl Arrays for ConvOp {
    fn each_array(&mut self, f: &mut dyn FnMut(&mut Array)) {
        f(&mut self.a);
        f(&mut self.b);
    }
}

impl Deferred for ConvOp {
    fn run(&self) -> Result<Array> {
        #[cfg(feature = "gpu")]
        if let Some(gpu) = self.a.device().as_gpu() {
            return conv_gpu::run(gpu, self, None);
        }
        perform(self, cpu::run)
    }

    #[cfg(feature = "gpu")]
    fn run_finished(&self, finish: &Plan) -> Result<Array> {
        match self.a.device().as_gpu() {
            Some(gpu) => conv_gpu::run(gpu, self, Some(finish)),
            None => cpu::run(self),
        }
    }
}
