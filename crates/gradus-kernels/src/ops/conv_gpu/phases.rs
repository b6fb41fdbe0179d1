//! The gradient by x of a convolution with strides, phase by phase. A position of x plus the zeros
//! before it has a phase: its rest modulo the stride. Only taps of the same phase reach it, so the
//! positions of one phase and their taps are a gradient without strides, and no product is with a
//! zero that a stride left. Their taps are copied side by side.

use std::sync::Arc;

use gradus_tensor::gpu::Gpu;
use gradus_tensor::{Array, Layout, Result, Shape};

use super::super::conv::{ConvGeometry, ConvOp};
use super::super::matmul::{MatmulGeometry, MatmulOp};
use super::super::matmul_gpu::{self, Choice, Scatter, Variant, Walk, finished};
use super::{geometry, walk};
use crate::expr::{Plan, Value};

/// One phase along one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Along {
    /// The first position of x, and how many there are, a stride apart.
    first: usize,
    count: usize,
    /// The first tap, taps from one to the next, and how many there are.
    tap: usize,
    step: usize,
    taps: usize,
    /// Where the first position and the first tap meet in y, and places from tap to tap.
    start: isize,
    back: usize,
}

impl Along {
    /// Phase `phase` of dimension `d`.
    fn of(g: &ConvGeometry, d: usize, phase: usize) -> Self {
        let (stride, dilation) = (g.stride[d], g.dilation[d]);
        let first = (phase + stride - g.before[d] % stride) % stride;
        let count = g.x[d].saturating_sub(first).div_ceil(stride);
        // Taps of one phase are this far apart.
        let step = (1..=stride).find(|n| n * dilation % stride == 0).unwrap_or(stride);
        let tap = (0..step).find(|t| t * dilation % stride == phase);
        let taps = tap.map_or(0, |tap| g.kernel[d].saturating_sub(tap).div_ceil(step));
        let tap = tap.unwrap_or(0);
        let start = (first + g.before[d]) as isize - (tap * dilation) as isize;
        let start = start.div_euclid(stride as isize);
        Along { first, count, tap, step, taps, start, back: step * dilation / stride }
    }
}

/// Computes a gradient by x with a kernel of the matrix product.
pub(super) fn run(
    gpu: &Arc<Gpu>,
    op: &ConvOp,
    finish: Option<&Plan>,
    variant: Variant,
) -> Result<Array> {
    let g = &op.geometry;
    let mut products = Vec::new();
    for phase in 0..g.stride.iter().product() {
        let [_, y, x] = g.stride;
        let phases = [phase / x / y, phase / x % y, phase % x];
        let along = [0, 1, 2].map(|d| Along::of(g, d, phases[d]));
        if along.iter().all(|d| d.count > 0) {
            products.push(product(op, &along)?);
        }
    }
    finished(gpu, &op.out, 1, finish, |follow, out| {
        products.iter().try_for_each(|(product, walk)| {
            let how = Choice { variant, swap: false, chunk: product.geometry.k.max(1) };
            matmul_gpu::product(gpu, product, Some(walk), how, follow, out)
        })
    })
}

/// The product of one phase.
fn product(op: &ConvOp, along: &[Along; 3]) -> Result<(MatmulOp, Walk)> {
    let g = &op.geometry;
    let whole = geometry(op);
    let words = |f: fn(&Along) -> usize| [0, 1, 2].map(|d| f(&along[d]) as u32);
    let taps: usize = along.iter().map(|d| d.taps).product();
    let k = g.filters * taps;
    let x_steps = [g.x[1] * g.x[2], g.x[2], 1];
    let scatter = Scatter {
        first: (0..3).map(|d| along[d].first * x_steps[d]).sum::<usize>() as u32,
        top: 0,
        steps: [0, 1, 2].map(|d| (g.stride[d] * x_steps[d]) as u32),
        row: whole.n,
    };
    let walk = Walk {
        strided: false,
        columns: words(|d| d.count),
        terms: words(|d| d.taps.max(1)),
        start: words(|d| d.start as usize),
        term_step: words(|d| d.back.wrapping_neg()),
        stride: [1; 3],
        a_run: taps.max(1) as u32,
        a_skip: 0,
        scatter: Some(scatter),
        ..walk(op)
    };
    let a = if taps == 0 { op.b.clone() } else { taps_of(op, along)? };
    let n = along.iter().map(|d| d.count).product();
    let (group, row) = ((g.channels * k) as isize, k as isize);
    let geometry = MatmulGeometry { n, k, a: [0, group, row, 1], ..whole };
    Ok((MatmulOp { geometry, a, b: op.a.clone(), out: op.out.clone() }, walk))
}

/// The taps of one phase, `[groups, channels, filters, taps]`.
fn taps_of(op: &ConvOp, along: &[Along; 3]) -> Result<Array> {
    let g = &op.geometry;
    let (filter, steps) = (g.channels * g.taps(), [g.kernel[1] * g.kernel[2], g.kernel[2], 1]);
    let [z, y, x] = [0, 1, 2].map(|d| along[d].taps);
    let shape = Shape::new(&[g.groups, g.channels, g.filters, z, y, x]);
    let [dz, dy, dx] = [0, 1, 2].map(|d| along[d].step * steps[d]);
    let strides = [g.filters * filter, g.taps(), filter, dz, dy, dx].map(|n| n as isize);
    let first: usize = (0..3).map(|d| along[d].tap * steps[d]).sum();
    let first = op.b.layout().offset() + first;
    let layout = Layout::from_parts(shape, strides.into_iter().collect(), first);
    Value::copy_of(&Value::from(op.b.with_layout(layout))).array()
}
