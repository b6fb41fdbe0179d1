//! Convolutions on the GPU: matrix products whose second operand is never written down. Its
//! elements are found where a kernel loads them; see `shaders/common/conv.wgsl`.
//!
//! | map | a | b | rows, columns, terms | batches |
//! |---|---|---|---|---|
//! | forward | w | x | filters, positions of y, (channel, tap) | images, groups |
//! | data | w | y | channels, positions of x, (filter, tap) | images, groups |
//! | filter | y | x | filters, (channel, tap), (image, position of y) | groups |
//!
//! The result is dense, so what follows is computed before its elements are stored. The terms of a
//! lie in runs with gaps between them, which kernels step over: nothing is copied.

mod direct;
mod phases;
mod rule;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use gradus_tensor::gpu::Gpu;
use gradus_tensor::{Array, DType, Kind, Result};

use super::conv::{ConvGeometry, ConvMap, ConvOp};
use super::matmul::{MatmulGeometry, MatmulOp};
use super::matmul_gpu::{self, Scatter, Walk};
use crate::expr::Plan;
use rule::{How, choose, is_merged};

/// Computes a convolution or gradient; `finish` is applied to each element.
///
/// # Errors
/// `Kind::Unsupported` for other types than float32 and for more elements than 32 bits count;
/// what compiling and recording can report.
pub(super) fn run(gpu: &Arc<Gpu>, op: &ConvOp, finish: Option<&Plan>) -> Result<Array> {
    check(op)?;
    if !is_merged(op, gpu.profile())
        && let Some(product) = pointwise(op)
    {
        return matmul_gpu::run(gpu, &product, finish);
    }
    run_as(gpu, op, finish, choose(op, gpu.profile()))
}

fn run_as(gpu: &Arc<Gpu>, op: &ConvOp, finish: Option<&Plan>, how: How) -> Result<Array> {
    let (geometry, walk) = match how {
        How::Merged(_) => merged(op),
        _ => (geometry(op), walk(op)),
    };
    let [a, b] = operands(op).map(Array::clone);
    let product = MatmulOp { geometry, a, b, out: op.out.clone() };
    match how {
        How::Direct(how) => direct::run(gpu, &product, &walk, finish, how),
        How::Phased(variant) => phases::run(gpu, op, finish, variant),
        How::Product(how) | How::Merged(how) => {
            matmul_gpu::run_as(gpu, &product, Some(&walk), finish, how)
        }
    }
}

/// Kernels count elements and places with 32 bits.
fn check(op: &ConvOp) -> Result<()> {
    let unsupported =
        |what: String| Err(Kind::Unsupported { op: "conv", what, place: "on a GPU" }.into());
    if op.a.dtype() != DType::F32 {
        return unsupported(format!("{}", op.a.dtype()));
    }
    let g = &op.geometry;
    let most = i32::MAX as usize;
    let arrays = [&op.a, &op.b].iter().all(|x| x.layout().span().1 <= most);
    let places = (0..3).all(|d| {
        let last = (g.y[d] - 1) * g.stride[d] + (g.kernel[d] - 1) * g.dilation[d];
        let sums = [g.before[d] + g.x[d], last + g.before[d], last.saturating_add(g.stride[d])];
        sums.iter().all(|&n| n <= most)
    });
    let counts = [g.batch * g.groups, g.batch * g.positions()[1]];
    if !arrays || !places || op.out.numel() > most || counts.iter().any(|&n| n > most) {
        let (a, b) = (op.a.shape(), op.b.shape());
        return unsupported(format!("a convolution of more than 2^31 elements; of {a} and {b}"));
    }
    Ok(())
}

/// What stands as a and as b in the product: the array that is read in windows is b.
fn operands(op: &ConvOp) -> [&Array; 2] {
    [&op.b, &op.a]
}

/// The product that a convolution with windows of one element is, if strides can express it.
fn pointwise(op: &ConvOp) -> Option<MatmulOp> {
    let g = &op.geometry;
    if !g.is_pointwise() || (op.map == ConvMap::Filter && g.batch > 1) {
        return None;
    }
    let [a, b] = operands(op);
    let p = g.positions()[1] as isize;
    let mut geometry = geometry(op);
    [geometry.b[2], geometry.b[3]] = [p, 1];
    match op.map {
        ConvMap::Forward => {}
        ConvMap::Data => [geometry.a[2], geometry.a[3]] = [1, g.channels as isize],
        ConvMap::Filter => geometry.b.swap(2, 3),
    }
    Some(MatmulOp { geometry, a: a.clone(), b: b.clone(), out: op.out.clone() })
}

/// The product. Its b has no strides, and the terms of its a lie in runs.
fn geometry(op: &ConvOp) -> MatmulGeometry {
    let g = &op.geometry;
    let [x, y] = g.positions();
    let (taps, filter) = (g.taps(), g.channels * g.taps());
    let (batch, [m, n, k], a, b) = match op.map {
        ConvMap::Forward => {
            let sizes = [g.filters, y, filter];
            (g.batch, sizes, [g.filters * filter, filter], [g.channels * x; 2])
        }
        ConvMap::Data => {
            let sizes = [g.channels, x, g.filters * taps];
            (g.batch, sizes, [g.filters * filter, taps], [g.filters * y; 2])
        }
        ConvMap::Filter => {
            let sizes = [g.filters, filter, g.batch * y];
            (1, sizes, [g.filters * y, y], [0, g.channels * x])
        }
    };
    let [group, row] = a.map(|n| n as isize);
    let [image, channels] = [b[0] * g.groups, b[1]].map(|n| n as isize);
    let (a, b) = ([0, group, row, 1], [image, channels, 0, 0]);
    MatmulGeometry { batch: [batch, g.groups], m, n, k, a, b }
}

/// The product with the positions of all images as columns, for any map but the gradient by w.
fn merged(op: &ConvOp) -> (MatmulGeometry, Walk) {
    let single = geometry(op);
    let g = &op.geometry;
    let sizes = if op.map == ConvMap::Data { g.x } else { g.y };
    let mut walk = walk(op);
    walk.tops[0] = single.b[0] as u32;
    walk.scatter = Some(Scatter {
        first: 0,
        top: (g.groups * single.m * single.n) as u32,
        steps: [sizes[1] * sizes[2], sizes[2], 1].map(|n| n as u32),
        row: single.n,
    });
    let mut geometry = MatmulGeometry { batch: [1, g.groups], n: g.batch * single.n, ..single };
    geometry.b[0] = 0;
    (geometry, walk)
}

/// Terms of a that lie side by side, and how many elements further the next are.
fn runs(op: &ConvOp) -> [usize; 2] {
    let g = &op.geometry;
    let (taps, y) = (g.taps(), g.positions()[1]);
    match op.map {
        ConvMap::Forward => [taps, 0],
        ConvMap::Data => [taps, (g.channels - 1) * taps],
        ConvMap::Filter => [y, (g.groups * g.filters - 1) * y],
    }
}

/// How the elements of b are found.
fn walk(op: &ConvOp) -> Walk {
    let g = &op.geometry;
    let words = |list: [usize; 3]| list.map(|n| n as u32);
    let [stride, dilation] = [words(g.stride), words(g.dilation)];
    let before = words(g.before);
    let minus = |list: [u32; 3]| list.map(u32::wrapping_neg);
    let [x, y] = g.positions();
    let (size, columns, terms) = match op.map {
        ConvMap::Forward => (g.x, g.y, g.kernel),
        ConvMap::Data => (g.y, g.x, g.kernel),
        ConvMap::Filter => (g.x, g.kernel, g.y),
    };
    let (start, column_step, term_step) = match op.map {
        ConvMap::Forward => (minus(before), stride, dilation),
        ConvMap::Data => (before, [1; 3], minus(dilation)),
        ConvMap::Filter => (minus(before), dilation, stride),
    };
    let tops = match op.map {
        ConvMap::Forward => [0, x],
        ConvMap::Data => [0, y],
        ConvMap::Filter => [x, g.groups * g.channels * x],
    };
    let data = op.map == ConvMap::Data;
    let [a_run, a_skip] = runs(op).map(|n| n as u32);
    Walk {
        dims: dims(g),
        strided: data && g.stride != [1; 3],
        along_k: op.map == ConvMap::Filter,
        size: words(size),
        columns: words(columns),
        terms: words(terms),
        start,
        column_step,
        term_step,
        tops: tops.map(|n| n as u32),
        stride: if data { stride } else { [1; 3] },
        a_run,
        a_skip,
        scatter: None,
    }
}

/// Spatial dimensions without those in front that say nothing.
fn dims(g: &ConvGeometry) -> u32 {
    let says = |d: usize| [g.x[d], g.kernel[d], g.y[d]] != [1; 3] || g.before[d] != 0;
    (0..2).find(|&d| says(d)).map_or(1, |d| 3 - d as u32)
}
