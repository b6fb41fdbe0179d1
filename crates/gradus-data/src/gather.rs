//! Gathers rows of a dense host array into a new one: the inner loop of every fetch.

use std::hint::black_box;
use std::sync::Arc;

use gradus_tensor::{Array, CpuBuffer, DType, Layout, Result, Shape, Storage};

use crate::convert::ToFloat;

const CACHE_LINE: usize = 64;

/// The rows of `source` (dense, in host memory), as they are stored.
pub(crate) fn gather(source: &Array, rows: &[usize]) -> Result<Array> {
    let size = row_elems(source) * source.dtype().size();
    let mut out = CpuBuffer::new(rows.len() * size)?;
    if size > 0 {
        let bytes = stored(source);
        for (to, &row) in out.bytes_mut().chunks_exact_mut(size).zip(rows) {
            to.copy_from_slice(&bytes[row * size..][..size]);
        }
    }
    Ok(finish(out, source, rows.len(), source.dtype()))
}

/// The rows of a `uint8` array as `float32`.
pub(crate) fn gather_converted(source: &Array, rows: &[usize], to: &ToFloat) -> Result<Array> {
    to.check(source)?;
    let size = row_elems(source);
    let mut out = CpuBuffer::new(rows.len() * size * DType::F32.size())?;
    if size > 0 {
        let bytes = stored(source);
        touch(bytes, rows, size);
        let floats: &mut [f32] = bytemuck::cast_slice_mut(out.bytes_mut());
        for (floats, &row) in floats.chunks_exact_mut(size).zip(rows) {
            to.row(&bytes[row * size..][..size], floats);
        }
    }
    Ok(finish(out, source, rows.len(), DType::F32))
}

/// A dense copy in host memory, or the array itself when it is one.
pub(crate) fn dense_host(array: Array) -> Result<Array> {
    if array.cpu_buffer().is_some() && array.layout().is_dense() {
        return Ok(array);
    }
    Array::from_bytes(&array.to_bytes()?, array.shape(), array.dtype())
}

/// Reads one byte of every cache line of the rows. The loads wait for nothing, so that many cache
/// misses are under way at once: scattered rows arrive in half the time that converting them one
/// after the other takes.
fn touch(bytes: &[u8], rows: &[usize], size: usize) {
    let mut seen = 0u8;
    for &row in rows {
        for line in bytes[row * size..][..size].chunks(CACHE_LINE) {
            seen |= line[0];
        }
    }
    black_box(seen);
}

fn row_elems(source: &Array) -> usize {
    source.shape().dims()[1..].iter().product()
}

/// The bytes from the array's first element on.
pub(crate) fn stored(source: &Array) -> &[u8] {
    let bytes = source.cpu_buffer().map(|buffer| buffer.bytes()).unwrap_or_default();
    &bytes[source.layout().offset() * source.dtype().size()..]
}

fn finish(buffer: CpuBuffer, source: &Array, rows: usize, dtype: DType) -> Array {
    let mut dims = source.shape().dims().to_vec();
    dims[0] = rows;
    Array::new(Storage::Cpu(Arc::new(buffer)), Layout::dense(Shape::from(dims)), dtype)
}
