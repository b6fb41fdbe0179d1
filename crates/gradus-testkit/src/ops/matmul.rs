//! Rows of matrix products.

use gradus_autodiff::einsum;

use crate::call::{Row, row, y};

pub(crate) const ROWS: &[Row] = &[
    row("matmul", |c| y(c.a()?.matmul(c.b()?))),
    row("mm", |c| y(c.a()?.matmul(c.b()?))),
    row("bmm", |c| y(c.a()?.matmul(c.b()?))),
    row("linear", |c| y(c.x()?.linear(c.input("weight")?, c.optional("bias")))),
    row("einsum", |c| y(einsum(c.attrs.text("equation", "")?, &c.all()))),
];
