//! Rows of convolutions.

use gradus_autodiff::{ConvOptions, ConvTransposeOptions, Error, Padding, Result, Sizes};

use crate::attrs::Attrs;
use crate::call::{Row, row, y};

pub(crate) const ROWS: &[Row] = &[
    row("conv1d", |c| y(c.x()?.conv1d(c.input("weight")?, c.optional("bias"), &options(c.attrs)?))),
    row("conv2d", |c| y(c.x()?.conv2d(c.input("weight")?, c.optional("bias"), &options(c.attrs)?))),
    row("conv3d", |c| y(c.x()?.conv3d(c.input("weight")?, c.optional("bias"), &options(c.attrs)?))),
    row("conv2d_same", |c| {
        let options = options(c.attrs)?.padding(Padding::Same);
        y(c.x()?.conv2d(c.input("weight")?, c.optional("bias"), &options))
    }),
    row("conv_transpose1d", |c| {
        y(c.x()?.conv_transpose1d(c.input("weight")?, c.optional("bias"), &turned(c.attrs)?))
    }),
    row("conv_transpose2d", |c| {
        y(c.x()?.conv_transpose2d(c.input("weight")?, c.optional("bias"), &turned(c.attrs)?))
    }),
    row("conv_transpose3d", |c| {
        y(c.x()?.conv_transpose3d(c.input("weight")?, c.optional("bias"), &turned(c.attrs)?))
    }),
];

fn options<const D: usize>(attrs: &Attrs) -> Result<ConvOptions<D>> {
    let padding = match attrs.text("padding", "") {
        Ok("same") => Padding::Same,
        Ok(_) => Padding::Valid,
        Err(_) => Padding::from(sizes(attrs, "padding", 0)?.0),
    };
    Ok(ConvOptions {
        stride: sizes(attrs, "stride", 1)?,
        padding,
        dilation: sizes(attrs, "dilation", 1)?,
        groups: attrs.count("groups", 1)?,
    })
}

fn turned<const D: usize>(attrs: &Attrs) -> Result<ConvTransposeOptions<D>> {
    Ok(ConvTransposeOptions {
        stride: sizes(attrs, "stride", 1)?,
        padding: sizes(attrs, "padding", 0)?,
        output_padding: sizes(attrs, "output_padding", 0)?,
        groups: attrs.count("groups", 1)?,
        dilation: sizes(attrs, "dilation", 1)?,
    })
}

/// One count, or one a dimension; absent is `default` everywhere.
fn sizes<const D: usize>(attrs: &Attrs, name: &'static str, default: usize) -> Result<Sizes<D>> {
    let list = attrs.counts(name)?;
    match list.len() {
        0 => Ok(default.into()),
        1 => Ok(list[0].into()),
        got => <[usize; D]>::try_from(list)
            .map(Sizes)
            .map_err(|_| Error::argument("case", name, got, "one number or one a dimension")),
    }
}
