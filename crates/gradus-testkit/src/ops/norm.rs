//! Rows of softmax, normalisation and look-up.

use gradus_autodiff::embedding;

use crate::call::{Row, row, y};

pub(crate) const ROWS: &[Row] = &[
    row("softmax", |c| y(c.x()?.softmax(c.attrs.dim(-1)?))),
    row("log_softmax", |c| y(c.x()?.log_softmax(c.attrs.dim(-1)?))),
    row("embedding", |c| y(embedding(c.input("index")?, c.input("weight")?))),
    row("normalize", |c| {
        let (p, eps) = (c.attrs.float("p", 2.0)?, c.attrs.float("eps", 1e-12)?);
        y(c.x()?.normalize(p, c.attrs.dim(1)?, eps))
    }),
    row("cosine_similarity", |c| {
        y(c.a()?.cosine_similarity(c.b()?, c.attrs.dim(1)?, c.attrs.float("eps", 1e-8)?))
    }),
];
