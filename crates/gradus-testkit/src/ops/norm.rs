//! Rows of softmax, normalisation, attention and look-up.

use gradus_autodiff::{RunningStats, embedding, scaled_dot_product_attention};

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
    row("batch_norm", |c| {
        let (weight, bias) = (c.optional("weight"), c.optional("bias"));
        let (mean, var) = (c.input("running_mean")?, c.input("running_var")?);
        let running = RunningStats { mean, var, momentum: c.attrs.float("momentum", 0.1)? };
        let (training, eps) = (c.attrs.flag("training", false)?, c.attrs.float("eps", 1e-5)?);
        let mut outputs = y(c.x()?.batch_norm(Some(running), weight, bias, training, eps))?;
        // The call has replaced the estimates that it was given.
        outputs.insert("running_mean".to_owned(), mean.clone());
        outputs.insert("running_var".to_owned(), var.clone());
        Ok(outputs)
    }),
    row("layer_norm", |c| {
        let shape = c.attrs.counts("normalized_shape")?;
        let eps = c.attrs.float("eps", 1e-5)?;
        y(c.x()?.layer_norm(&shape, c.optional("weight"), c.optional("bias"), eps))
    }),
    row("rms_norm", |c| {
        let shape = c.attrs.counts("normalized_shape")?;
        let eps = if c.attrs.has("eps") { Some(c.attrs.float("eps", 0.0)?) } else { None };
        y(c.x()?.rms_norm(&shape, c.optional("weight"), eps))
    }),
    row("group_norm", |c| {
        let (groups, eps) = (c.attrs.count("num_groups", 1)?, c.attrs.float("eps", 1e-5)?);
        y(c.x()?.group_norm(groups, c.optional("weight"), c.optional("bias"), eps))
    }),
    row("instance_norm", |c| {
        let eps = c.attrs.float("eps", 1e-5)?;
        y(c.x()?.instance_norm(None, c.optional("weight"), c.optional("bias"), true, eps))
    }),
    row("scaled_dot_product_attention", |c| {
        let (q, k, v) = (c.input("q")?, c.input("k")?, c.input("v")?);
        let scale = if c.attrs.has("scale") { Some(c.attrs.float("scale", 1.0)?) } else { None };
        let causal = c.attrs.flag("causal", false)?;
        y(scaled_dot_product_attention(q, k, v, c.optional("attn_mask"), 0.0, causal, scale))
    }),
];
