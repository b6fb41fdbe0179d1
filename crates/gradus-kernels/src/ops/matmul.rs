//! Matrix products, batched and broadcast. Transposed operands are strides, never copies.

use std::sync::Arc;

use gradus_cpu::{Matrix, SendPtr, for_pieces, gemm};
use gradus_tensor::capture::{Arrays, perform};
use gradus_tensor::{Array, DType, Device, Error, Kind, Layout, Problem, Result, Shape};
use smallvec::SmallVec;

use super::lines::Real;
use super::matvec;
#[cfg(feature = "gpu")]
use crate::expr::Plan;
use crate::expr::{Deferred, Value, same_device};

/// Batched product `out[b, i, j] = Σ_k a[b, i, k] · b[b, k, j]`, with strides in elements for
/// both batch levels, rows and columns. The result is dense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MatmulGeometry {
    pub(crate) batch: [usize; 2],
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
    pub(crate) a: [isize; 4],
    pub(crate) b: [isize; 4],
}

/// `a · b` over the last two dimensions: `[*, M, K] · [*, K, N] → [*, M, N]`; the leading
/// dimensions broadcast. Both operands have at least two dimensions.
///
/// # Errors
/// `Kind::Shape` when inner or batch sizes do not fit, `Kind::DType` unless both are the same
/// float type, `Kind::Device` for operands on two devices.
pub fn matmul(a: &Value, b: &Value) -> Result<Value> {
    same_device("matmul", a, b)?;
    if a.dtype() != b.dtype() || !a.dtype().is_float() {
        let got = vec![a.dtype(), b.dtype()];
        let expected = "one float type; cast with `to_dtype`";
        return Err(Kind::DType { op: "matmul", got, expected }.into());
    }
    let (sa, sb) = (a.shape(), b.shape());
    for (name, shape) in [("a", sa), ("b", sb)] {
        if shape.rank() < 2 {
            let problem = Problem::Rank { name, got: shape.rank(), expected: "at least 2" };
            return Err(Error::shape("matmul", problem, &[("a", sa), ("b", sb)]));
        }
    }
    let (ra, rb) = (sa.rank(), sb.rank());
    let (m, k, n) = (sa[ra - 2], sa[ra - 1], sb[rb - 1]);
    if sb[rb - 2] != k {
        let problem =
            Problem::Size { name: "a", got: k, unit: "columns", other: "b", expected: sb[rb - 2] };
        return Err(Error::shape("matmul", problem, &[("a", sa), ("b", sb)]));
    }
    let batch = Shape::broadcast("matmul", &sa[..ra - 2].into(), &sb[..rb - 2].into())
        .map_err(|_| Error::shape("matmul", Problem::Broadcast, &[("a", sa), ("b", sb)]))?;
    let out: Shape = batch.iter().copied().chain([m, n]).collect();
    let (dtype, device) = (a.dtype(), a.device());
    if k == 0 || out.numel() == 0 {
        return Ok(Value::constant(0.0, out, dtype, device));
    }
    let (a, b) = (a.array()?, b.array()?);
    let (geometry, a, b) = geometry(&batch, m, k, n, a, b)?;
    let job = MatmulOp { geometry, a, b, out: out.clone() };
    Ok(Value::deferred(Arc::new(job), out, dtype, device.clone(), 0))
}

/// Brings both operands into at most two batch levels; what strides cannot express is copied.
fn geometry(
    batch: &Shape,
    m: usize,
    k: usize,
    n: usize,
    a: Array,
    b: Array,
) -> Result<(MatmulGeometry, Array, Array)> {
    let wide = |x: &Array, rows: usize, columns: usize| -> Result<Layout> {
        let shape: Shape = batch.iter().copied().chain([rows, columns]).collect();
        x.layout().expand("matmul", &shape)
    };
    let (la, lb) = (wide(&a, m, k)?, wide(&b, k, n)?);
    let rank = batch.rank();
    let mut levels: SmallVec<[(usize, isize, isize); 4]> = SmallVec::new();
    for d in 0..rank {
        let (size, sa, sb) = (batch[d], la.strides()[d], lb.strides()[d]);
        match levels.last_mut() {
            _ if size == 1 => {}
            Some((s, x, y)) if *x == sa * size as isize && *y == sb * size as isize => {
                (*s, *x, *y) = (*s * size, sa, sb);
            }
            _ => levels.push((size, sa, sb)),
        }
    }
    let mut m = m;
    let mut row = la.strides()[rank];
    // A product with one shared b is a taller product: [B, M, K] · [K, N] = [B·M, K] · [K, N].
    while let Some(&(size, sa, 0)) = levels.last()
        && (sa == row * m as isize || m == 1)
    {
        row = if m == 1 { sa } else { row };
        m *= size;
        levels.pop();
    }
    if levels.len() > 2 {
        let dense = |x: &Array, layout: Layout| -> Result<Array> {
            Value::copy_of(&Value::from(x.with_layout(layout))).array()
        };
        let (a, b) = (dense(&a, la)?, dense(&b, lb)?);
        return geometry(batch, a.shape()[rank], k, n, a, b);
    }
    let level = |i: usize| levels.get(i).copied().unwrap_or((1, 0, 0));
    let (outer, inner) =
        if levels.len() == 2 { (level(0), level(1)) } else { (level(1), level(0)) };
    let geometry = MatmulGeometry {
        batch: [outer.0, inner.0],
        m,
        n,
        k,
        a: [outer.1, inner.1, row, la.strides()[rank + 1]],
        b: [outer.2, inner.2, lb.strides()[rank], lb.strides()[rank + 1]],
    };
    Ok((geometry, a, b))
}

/// A product that has not run yet.
#[derive(Clone)]
pub(crate) struct MatmulOp {
    pub(crate) geometry: MatmulGeometry,
    pub(crate) a: Array,
    pub(crate) b: Array,
    pub(crate) out: Shape,
}

/// Products (multiply-adds) below which one thread is faster than two.
const SINGLE_THREAD: usize = 1 << 18;

impl MatmulOp {
    fn run_cpu(&self) -> Result<Array> {
        let out = Array::alloc(&Device::cpu(), &self.out, self.a.dtype())?;
        match self.a.dtype() {
            DType::F64 => self.typed::<f64>(&out),
            _ => self.typed::<f32>(&out),
        }
        Ok(out)
    }

    fn typed<T: Real>(&self, out: &Array) {
        let g = &self.geometry;
        let base = |x: &Array| -> SendPtr {
            let buffer = x.cpu_buffer().map_or(std::ptr::null_mut(), |b| b.as_ptr());
            // SAFETY: the offset lies inside the array's memory.
            SendPtr::new(unsafe { buffer.add(x.layout().offset() * size_of::<T>()) })
        };
        let (a, b, c) = (base(&self.a), base(&self.b), base(out));
        let count = g.batch[0] * g.batch[1];
        let work = g.m * g.n * g.k;
        let threads = work > SINGLE_THREAD;
        let piece = if threads { count } else { (SINGLE_THREAD / work.max(1)).max(1) };
        for_pieces(count, piece, |first, len| {
            for i in first..first + len {
                let (outer, inner) = ((i / g.batch[1]) as isize, (i % g.batch[1]) as isize);
                // SAFETY: the geometry was derived from the arrays' layouts.
                unsafe {
                    let a = a.add(0).cast::<T>().offset(outer * g.a[0] + inner * g.a[1]);
                    let b = b.add(0).cast::<T>().offset(outer * g.b[0] + inner * g.b[1]);
                    let c = c.add(0).cast::<T>().add(i * g.m * g.n);
                    if !matvec::product(g, a, b, c) {
                        let [.., row, col] = g.a;
                        let a = Matrix { first: a, row, col };
                        let [.., row, col] = g.b;
                        let b = Matrix { first: b, row, col };
                        gemm([g.m, g.n, g.k], (c, g.n), a, b, false, threads);
                    }
                }
            }
        });
    }
}

impl Arrays for MatmulOp {
    fn each_array(&mut self, f: &mut dyn FnMut(&mut Array)) {
        f(&mut self.a);
        f(&mut self.b);
    }
}

impl Deferred for MatmulOp {
    fn run(&self) -> Result<Array> {
        #[cfg(feature = "gpu")]
        if let Some(gpu) = self.a.device().as_gpu() {
            return super::matmul_gpu::run(gpu, self, None);
        }
        perform(self, MatmulOp::run_cpu)
    }

    #[cfg(feature = "gpu")]
    fn run_finished(&self, finish: &Plan) -> Result<Array> {
        match self.a.device().as_gpu() {
            Some(gpu) => super::matmul_gpu::run(gpu, self, Some(finish)),
            None => self.run_cpu(),
        }
    }
}
