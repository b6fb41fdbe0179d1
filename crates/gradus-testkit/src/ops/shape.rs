//! Rows of views, joins, and indexing.

use gradus_autodiff::{Error, cat, stack};

use crate::call::{Row, row, y};

pub(crate) const ROWS: &[Row] = &[
    row("permute", |c| y(c.x()?.permute(&c.attrs.ints("dims")?))),
    row("transpose", |c| y(c.x()?.transpose(c.attrs.int("dim0", 0)?, c.attrs.int("dim1", 1)?))),
    row("reshape", |c| y(c.x()?.reshape(&c.attrs.ints("shape")?))),
    row("view", |c| y(c.x()?.view(&c.attrs.ints("shape")?))),
    row("flatten", |c| {
        y(c.x()?.flatten(c.attrs.int("start_dim", 0)?, c.attrs.int("end_dim", -1)?))
    }),
    row("expand", |c| y(c.x()?.expand(&c.attrs.ints("shape")?))),
    row("narrow", |c| {
        let (start, length) = (c.attrs.count("start", 0)?, c.attrs.count("length", 1)?);
        y(c.x()?.narrow(c.attrs.dim(0)?, start, length))
    }),
    row("select", |c| y(c.x()?.select(c.attrs.dim(0)?, c.attrs.int("index", 0)?))),
    row("slice", |c| {
        let (start, end) = (c.attrs.int("start", 0)?, c.attrs.int("end", i64::MAX)?);
        y(c.x()?.slice(c.attrs.dim(0)?, start, end, c.attrs.count("step", 1)?))
    }),
    row("flip", |c| y(c.x()?.flip(&c.attrs.dims()?))),
    row("roll", |c| {
        let key = if c.attrs.has("shifts") { "shifts" } else { "shift" };
        let (mut x, dims) = (c.x()?.clone(), c.attrs.dims()?);
        for (shift, &dim) in c.attrs.ints(key)?.into_iter().zip(&dims) {
            x = x.roll(shift, dim)?;
        }
        y(Ok(x))
    }),
    row("repeat", |c| y(c.x()?.repeat(&c.attrs.counts("repeats")?))),
    row("unsqueeze", |c| y(c.x()?.unsqueeze(c.attrs.dim(0)?))),
    row("squeeze", |c| y(c.x()?.squeeze(c.attrs.dim(0)?))),
    row("cat", |c| y(cat(&c.all(), c.attrs.dim(0)?))),
    row("stack", |c| y(stack(&c.all(), c.attrs.dim(0)?))),
    row("index_select", |c| y(c.x()?.index_select(c.attrs.dim(0)?, c.input("index")?))),
    row("gather", |c| y(c.x()?.gather(c.attrs.dim(0)?, c.input("index")?))),
    row("scatter_add", |c| {
        y(c.x()?.scatter_add(c.attrs.dim(0)?, c.input("index")?, c.input("src")?))
    }),
    row("tril", |c| y(c.x()?.tril(c.attrs.int("diagonal", 0)?))),
    row("triu", |c| y(c.x()?.triu(c.attrs.int("diagonal", 0)?))),
    row("one_hot", |c| {
        let classes = c.attrs.int("num_classes", -1)?;
        let classes = usize::try_from(classes)
            .map_err(|_| Error::argument("one_hot", "num_classes", classes, "a count"))?;
        y(c.input("index")?.one_hot(classes))
    }),
    row("pad", |c| {
        let pad = c.attrs.ints("pad")?;
        match c.attrs.text("mode", "constant")? {
            "constant" => y(c.x()?.pad(&pad, c.attrs.float("value", 0.0)?)),
            mode => y(c.x()?.pad_mode(&pad, mode)),
        }
    }),
    row("pixel_shuffle", |c| y(c.x()?.pixel_shuffle(c.attrs.count("upscale_factor", 1)?))),
];
