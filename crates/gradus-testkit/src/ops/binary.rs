//! Rows of the ops with two operands that broadcast, and of choices by a mask.

use gradus_autodiff::where_;

use crate::call::{Row, row, y};

/// Rows whose method has the op's name and takes `a` and `b`.
macro_rules! plain {
    ($($name:ident)*) => { [$(row(stringify!($name), |c| y(c.a()?.$name(c.b()?))),)*] };
}

pub(crate) const PLAIN: &[Row] = &plain! {
    add sub mul div pow maximum minimum atan2 eq ne lt le gt ge logical_and logical_or logical_xor
};

pub(crate) const CHOICES: &[Row] = &[
    row("where", |c| y(where_(c.input("cond")?, c.a()?, c.b()?))),
    row("masked_fill", |c| y(c.x()?.masked_fill(c.input("mask")?, c.attrs.float("value", 0.0)?))),
    row("lerp", |c| match c.optional("weight") {
        Some(weight) => y(c.a()?.lerp(c.b()?, weight)),
        None => y(c.a()?.lerp(c.b()?, c.attrs.float("weight", 0.5)?)),
    }),
];
