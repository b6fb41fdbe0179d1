//! Rows of reductions, running sums and orders.

use gradus_autodiff::{Result, Tensor};

use crate::call::{Call, Outputs, Row, row, y};

/// Rows of `method(dims, keepdim)`.
macro_rules! over_dims {
    ($($name:ident)*) => {
        &[$(row(stringify!($name), |c| {
            y(c.x()?.$name(&c.attrs.dims()?, c.attrs.keepdim()?))
        }),)*]
    };
}

pub(crate) const OVER_DIMS: &[Row] = over_dims!(sum mean amax amin logsumexp any all);

pub(crate) const ROWS: &[Row] = &[
    row("argmax", |c| y(c.x()?.argmax(c.attrs.dims()?.first().copied(), c.attrs.keepdim()?))),
    row("argmin", |c| y(c.x()?.argmin(c.attrs.dims()?.first().copied(), c.attrs.keepdim()?))),
    row("max", |c| picked(c.x()?.max(c.attrs.dim(-1)?, c.attrs.keepdim()?))),
    row("min", |c| picked(c.x()?.min(c.attrs.dim(-1)?, c.attrs.keepdim()?))),
    row("prod", |c| {
        let (x, keepdim) = (c.x()?, c.attrs.keepdim()?);
        match c.attrs.dims()?.as_slice() {
            [] => y(x.reshape(&[-1])?.prod(0, keepdim)),
            dims => y(x.prod(dims[0], keepdim)),
        }
    }),
    row("var", |c| y(c.x()?.var(&c.attrs.dims()?, correction(c)?, c.attrs.keepdim()?))),
    row("std", |c| y(c.x()?.std(&c.attrs.dims()?, correction(c)?, c.attrs.keepdim()?))),
    row("norm", |c| y(c.x()?.norm(c.attrs.float("p", 2.0)?, &c.attrs.dims()?, c.attrs.keepdim()?))),
    row("cumsum", |c| y(c.x()?.cumsum(c.attrs.dim(0)?))),
    row("cumprod", |c| y(c.x()?.cumprod(c.attrs.dim(0)?))),
    row("sort", |c| picked(c.x()?.sort(c.attrs.dim(-1)?, c.attrs.flag("descending", false)?))),
    row("argsort", |c| y(c.x()?.argsort(c.attrs.dim(-1)?, c.attrs.flag("descending", false)?))),
    row("topk", |c| {
        let (k, dim) = (c.attrs.count("k", 1)?, c.attrs.dim(-1)?);
        picked(c.x()?.topk(k, dim, c.attrs.flag("largest", true)?))
    }),
];

fn correction(c: &Call<'_>) -> Result<usize> {
    c.attrs.count("correction", 1)
}

fn picked(pair: Result<(Tensor, Tensor)>) -> Result<Outputs> {
    let (values, indices) = pair?;
    Ok(Outputs::from([("values".to_owned(), values), ("indices".to_owned(), indices)]))
}
