//! Convolutions on the GPU: matrix products whose second operand is never written down. Its
//! elements are found where a kernel loads them; see `shaders/common/conv.wgsl`.
//!
//! | map | a | b | rows, columns, terms | batches |
//! |---|---|---|---|---|
//! | forward | w | x | filters, positions of y, (channel, tap) | images, groups |
//! | data | w, channels first | y | channels, positions of x, (filter, tap) | images, groups |
//! | filter | y, filters first | x | filters, (channel, tap), (image, position of y) | groups |
//!
//! So the result is dense, and what follows is computed before its elements are stored.

mod direct;
mod rule;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use gradus_tensor::gpu::Gpu;
use gradus_tensor::{Array, DType, Kind, Layout, Result, Shape};

use super::conv::{ConvGeometry, ConvMap, ConvOp};
use super::matmul::{MatmulGeometry, MatmulOp};
use super::matmul_gpu::{self, Walk};
use crate::expr::{Plan, Value};
use rule::{How, choose};

/// Computes a convolution or gradient; `finish` is applied to each element.
///
/// # Errors
/// `Kind::Unsupported` for other types than float32 and for more elements than 32 bits count;
/// what compiling and recording can report.
pub(super) fn run(gpu: &Arc<Gpu>, op: &ConvOp, finish: Option<&Plan>) -> Result<Array> {
    check(op)?;
    if let Some(product) = pointwise(op) {
        return matmul_gpu::run(gpu, &product, finish);
    }
    run_as(gpu, op, finish, choose(op, gpu.profile()))
}

fn run_as(gpu: &Arc<Gpu>, op: &ConvOp, finish: Option<&Plan>, how: How) -> Result<Array> {
    let walk = walk(op);
    let [a, b] = operands(op);
    let (b, out) = (b.clone(), op.out.clone());
    match how {
        How::Direct(how) => {
            let product = MatmulOp { geometry: uncopied(op), a: a.clone(), b, out };
            direct::run(gpu, &product, &walk, finish, how)
        }
        How::Product(how) => {
            let product = MatmulOp { geometry: geometry(op), a: terms_first(op)?, b, out };
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
        [g.before[d] + g.x[d], last + g.before[d] + 1].iter().all(|&n| n <= most)
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
    geometry.a = uncopied(op).a;
    geometry.a[3] = 1;
    [geometry.b[2], geometry.b[3]] = [p, 1];
    match op.map {
        ConvMap::Forward => {}
        ConvMap::Data => [geometry.a[2], geometry.a[3]] = [1, g.channels as isize],
        ConvMap::Filter => geometry.b.swap(2, 3),
    }
    Some(MatmulOp { geometry, a: a.clone(), b: b.clone(), out: op.out.clone() })
}

/// The product with an a whose terms lie side by side. Rows and columns of b have no strides.
fn geometry(op: &ConvOp) -> MatmulGeometry {
    let g = &op.geometry;
    let [x, y] = g.positions();
    let (batch, [m, n, k], sizes) = match op.map {
        ConvMap::Forward => {
            let terms = g.channels * g.taps();
            (g.batch, [g.filters, y, terms], [g.channels * x; 2])
        }
        ConvMap::Data => {
            let terms = g.filters * g.taps();
            (g.batch, [g.channels, x, terms], [g.filters * y; 2])
        }
        ConvMap::Filter => {
            let columns = g.channels * g.taps();
            (1, [g.filters, columns, g.batch * y], [0, g.channels * x])
        }
    };
    let [image, group] = [sizes[0] * g.groups, sizes[1]].map(|n| n as isize);
    let (rows, terms) = (m as isize, k as isize);
    MatmulGeometry {
        batch: [batch, g.groups],
        m,
        n,
        k,
        a: [0, rows * terms, terms, 1],
        b: [image, group, 0, 0],
    }
}

/// The product with a as it is. Its terms lie side by side but for the first digit, from one value
/// of which to the next there are `a[3]` more elements.
fn uncopied(op: &ConvOp) -> MatmulGeometry {
    let g = &op.geometry;
    let (taps, y) = (g.taps(), g.positions()[1]);
    let filter = g.channels * taps;
    let [group, row, more] = match op.map {
        ConvMap::Forward => [g.filters * filter, filter, 0],
        ConvMap::Data => [g.filters * filter, taps, filter - taps],
        ConvMap::Filter => [g.filters * y, y, g.groups * g.filters * y - y],
    };
    let [group, row, more] = [group, row, more].map(|n| n as isize);
    MatmulGeometry { a: [0, group, row, more], ..geometry(op) }
}

/// a with its terms side by side, copied where they are not.
fn terms_first(op: &ConvOp) -> Result<Array> {
    let g = &op.geometry;
    let a = operands(op)[0];
    let (taps, y) = (g.taps(), g.positions()[1]);
    // The array cut into four dimensions of which the second and the third change places.
    let dims: [usize; 4] = match op.map {
        ConvMap::Forward => return Ok(a.clone()),
        ConvMap::Data => [g.groups, g.filters, g.channels, taps],
        ConvMap::Filter => [1, g.batch, g.groups * g.filters, y],
    };
    if dims[1] == 1 || dims[2] == 1 {
        return Ok(a.clone());
    }
    let steps = [dims[1] * dims[2] * dims[3], dims[3], dims[2] * dims[3], 1].map(|n| n as isize);
    let shape = Shape::new(&[dims[0], dims[2], dims[1], dims[3]]);
    let layout = Layout::from_parts(shape, steps.into_iter().collect(), a.layout().offset());
    Value::copy_of(&Value::from(a.with_layout(layout))).array()
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
    }
}

/// Spatial dimensions without those in front that say nothing.
fn dims(g: &ConvGeometry) -> u32 {
    let says = |d: usize| [g.x[d], g.kernel[d], g.y[d]] != [1; 3] || g.before[d] != 0;
    (0..2).find(|&d| says(d)).map_or(1, |d| 3 - d as u32)
}
