//! Rows of several host arrays put together: stacks, joins, places of their own.

use std::sync::Arc;

use gradus_tensor::Storage;
use gradus_tensor::{Array, CpuBuffer, Error, Kind, Layout, Operand, Problem, Result, Shape};

use crate::gather::{dense_host, stored};

/// Equal arrays as rows of one: `[n, …]`.
pub(crate) fn stack(op: &'static str, samples: &[Array]) -> Result<Array> {
    let Some(first) = samples.first() else {
        return Err(Error::argument(op, "number of samples", 0, "at least 1"));
    };
    let mut dims = vec![samples.len()];
    dims.extend_from_slice(first.shape().dims());
    let size = first.shape().numel() * first.dtype().size();
    let mut out = CpuBuffer::new(samples.len() * size)?;
    for (at, sample) in samples.iter().enumerate() {
        check_alike(op, first, sample, 0).map_err(|e| e.within(format!("sample {at}")))?;
        let sample = dense_host(sample.clone())?;
        out.bytes_mut()[at * size..][..size].copy_from_slice(&stored(&sample)[..size]);
    }
    let layout = Layout::dense(Shape::from(dims));
    Ok(Array::new(Storage::Cpu(Arc::new(out)), layout, first.dtype()))
}

/// Rows of parts at the places that each part says, which cover `0..rows`.
pub(crate) fn placed(
    op: &'static str,
    parts: &[(Vec<usize>, Array)],
    rows: usize,
) -> Result<Array> {
    let Some((_, first)) = parts.first() else {
        return Err(Error::argument(op, "number of parts", 0, "at least 1"));
    };
    let mut dims = first.shape().dims().to_vec();
    let size = dims[1..].iter().product::<usize>() * first.dtype().size();
    dims[0] = rows;
    let mut out = CpuBuffer::new(rows * size)?;
    for (places, part) in parts {
        check_alike(op, first, part, 1)?;
        let part = dense_host(part.clone())?;
        let bytes = stored(&part);
        for (row, &place) in places.iter().enumerate() {
            let to = &mut out.bytes_mut()[place * size..][..size];
            to.copy_from_slice(&bytes[row * size..][..size]);
        }
    }
    let layout = Layout::dense(Shape::from(dims));
    Ok(Array::new(Storage::Cpu(Arc::new(out)), layout, first.dtype()))
}

/// Whether two arrays have one type and, from dimension `from` on, one shape.
fn check_alike(op: &'static str, first: &Array, other: &Array, from: usize) -> Result<()> {
    let sizes = |array: &Array| array.shape().dims().get(from..).map(<[usize]>::to_vec);
    if sizes(first) != sizes(other) {
        let rule = "all samples of a column must have one shape";
        let operands =
            vec![Operand::new("first", first.shape()), Operand::new("other", other.shape())];
        return Err(Kind::Shape { op, problem: Problem::Rule { rule }, operands }.into());
    }
    if first.dtype() != other.dtype() {
        let (got, expected) = (vec![first.dtype(), other.dtype()], "one type in a column");
        return Err(Kind::DType { op, got, expected }.into());
    }
    Ok(())
}
