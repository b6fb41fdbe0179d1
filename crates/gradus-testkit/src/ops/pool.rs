//! Rows of pooling and resampling.

use gradus_autodiff::{
    AvgPoolOptions, Error, Interpolate, MaxPoolOptions, PerDim, Result, Sizes, Tensor,
};

use crate::call::{Call, Outputs, Row, row, y};

pub(crate) const ROWS: &[Row] = &[
    row("max_pool1d", |c| maxima(c, c.x()?.max_pool1d_with_indices(max_options(c)?))),
    row("max_pool2d", |c| maxima(c, c.x()?.max_pool2d_with_indices(max_options(c)?))),
    row("max_pool3d", |c| maxima(c, c.x()?.max_pool3d_with_indices(max_options(c)?))),
    row("avg_pool1d", |c| y(c.x()?.avg_pool1d(avg_options(c)?))),
    row("avg_pool2d", |c| y(c.x()?.avg_pool2d(avg_options(c)?))),
    row("avg_pool3d", |c| y(c.x()?.avg_pool3d(avg_options(c)?))),
    row("lp_pool1d", |c| {
        let (p, ceil) = (c.attrs.float("norm_type", 2.0)?, c.attrs.flag("ceil_mode", false)?);
        y(c.x()?.lp_pool1d(p, needed::<1>(c, "kernel_size")?, sizes(c, "stride")?, ceil))
    }),
    row("lp_pool2d", |c| {
        let (p, ceil) = (c.attrs.float("norm_type", 2.0)?, c.attrs.flag("ceil_mode", false)?);
        y(c.x()?.lp_pool2d(p, needed::<2>(c, "kernel_size")?, sizes(c, "stride")?, ceil))
    }),
    row("adaptive_avg_pool1d", |c| y(c.x()?.adaptive_avg_pool1d(needed::<1>(c, "output_size")?))),
    row("adaptive_avg_pool2d", |c| y(c.x()?.adaptive_avg_pool2d(needed::<2>(c, "output_size")?))),
    row("adaptive_avg_pool3d", |c| y(c.x()?.adaptive_avg_pool3d(needed::<3>(c, "output_size")?))),
    row("adaptive_max_pool1d", |c| {
        maxima(c, c.x()?.adaptive_max_pool1d_with_indices(needed::<1>(c, "output_size")?))
    }),
    row("adaptive_max_pool2d", |c| {
        maxima(c, c.x()?.adaptive_max_pool2d_with_indices(needed::<2>(c, "output_size")?))
    }),
    row("adaptive_max_pool3d", |c| {
        maxima(c, c.x()?.adaptive_max_pool3d_with_indices(needed::<3>(c, "output_size")?))
    }),
    row("max_unpool2d", |c| {
        let size = sizes(c, "output_size")?;
        y(c.x()?.max_unpool2d(c.input("indices")?, max_options(c)?, size))
    }),
    row("interpolate", |c| y(c.x()?.interpolate(&interpolation(c)?))),
];

/// The sizes of `D` dimensions, if they are given.
fn sizes<const D: usize>(c: &Call<'_>, name: &'static str) -> Result<Option<Sizes<D>>> {
    let given = c.attrs.counts(name)?;
    match given[..] {
        [] => Ok(None),
        [size] => Ok(Some(size.into())),
        _ => {
            let each = <[usize; D]>::try_from(given);
            let each = each.map_err(|given| {
                Error::argument("case", name, format!("{given:?}"), "one size a dimension")
            });
            Ok(Some(Sizes(each?)))
        }
    }
}

fn needed<const D: usize>(c: &Call<'_>, name: &'static str) -> Result<Sizes<D>> {
    sizes(c, name)?.ok_or_else(|| Error::argument("case", name, "absent", "sizes"))
}

fn max_options<const D: usize>(c: &Call<'_>) -> Result<MaxPoolOptions<D>> {
    Ok(MaxPoolOptions {
        kernel_size: needed(c, "kernel_size")?,
        stride: sizes(c, "stride")?,
        padding: sizes(c, "padding")?.unwrap_or(0.into()),
        dilation: sizes(c, "dilation")?.unwrap_or(1.into()),
        ceil_mode: c.attrs.flag("ceil_mode", false)?,
    })
}

fn avg_options<const D: usize>(c: &Call<'_>) -> Result<AvgPoolOptions<D>> {
    let divisor = c.attrs.count("divisor_override", 0)?;
    Ok(AvgPoolOptions {
        kernel_size: needed(c, "kernel_size")?,
        stride: sizes(c, "stride")?,
        padding: sizes(c, "padding")?.unwrap_or(0.into()),
        ceil_mode: c.attrs.flag("ceil_mode", false)?,
        count_include_pad: c.attrs.flag("count_include_pad", true)?,
        divisor_override: c.attrs.has("divisor_override").then_some(divisor),
    })
}

/// The maxima and, where the case asks for them, their positions.
fn maxima(c: &Call<'_>, result: Result<(Tensor, Tensor)>) -> Result<Outputs> {
    let (values, indices) = result?;
    let mut outputs = y(Ok(values))?;
    if c.attrs.flag("return_indices", false)? {
        outputs.insert("indices".to_owned(), indices);
    }
    Ok(outputs)
}

fn interpolation(c: &Call<'_>) -> Result<Interpolate> {
    let mut to = if c.attrs.has("size") {
        Interpolate::size(PerDim::Each(c.attrs.counts("size")?))
    } else {
        Interpolate::scale_factor(PerDim::Each(c.attrs.floats("scale_factor")?))
    };
    to = to.mode(c.attrs.text("mode", "nearest")?.parse()?);
    if c.attrs.has("align_corners") {
        to = to.align_corners(c.attrs.flag("align_corners", false)?);
    }
    let recompute = c.attrs.flag("recompute_scale_factor", false)?;
    Ok(to.recompute_scale_factor(recompute).antialias(c.attrs.flag("antialias", false)?))
}
