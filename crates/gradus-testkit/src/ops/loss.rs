//! Rows of losses.

use std::str::FromStr;

use gradus_autodiff::{Result, Tensor};
use gradus_nn::{
    BceLoss, BceWithLogitsLoss, CosineEmbeddingLoss, CrossEntropyLoss, GaussianNllLoss,
    HingeEmbeddingLoss, HuberLoss, KlDivLoss, L1Loss, Loss, MarginRankingLoss, MseLoss, NllLoss,
    PoissonNllLoss, Reduction, SmoothL1Loss, TripletMarginLoss,
};

use crate::call::{Call, Outputs, Row, row, y};

pub(crate) const ROWS: &[Row] = &[
    row("cross_entropy", |c| {
        let default = CrossEntropyLoss::default();
        let ignore_index = c.attrs.int("ignore_index", default.ignore_index)?;
        let label_smoothing = c.attrs.float("label_smoothing", default.label_smoothing)?;
        let (weight, reduction) = (weight(c), reduction(c)?);
        of_pair(c, &CrossEntropyLoss { weight, ignore_index, label_smoothing, reduction })
    }),
    row("nll_loss", |c| {
        let ignore_index = c.attrs.int("ignore_index", NllLoss::default().ignore_index)?;
        of_pair(c, &NllLoss { weight: weight(c), ignore_index, reduction: reduction(c)? })
    }),
    row("mse_loss", |c| of_pair(c, &MseLoss { reduction: reduction(c)? })),
    row("l1_loss", |c| of_pair(c, &L1Loss { reduction: reduction(c)? })),
    row("smooth_l1_loss", |c| {
        let beta = c.attrs.float("beta", SmoothL1Loss::default().beta)?;
        of_pair(c, &SmoothL1Loss { beta, reduction: reduction(c)? })
    }),
    row("huber_loss", |c| {
        let delta = c.attrs.float("delta", HuberLoss::default().delta)?;
        of_pair(c, &HuberLoss { delta, reduction: reduction(c)? })
    }),
    row("binary_cross_entropy", |c| {
        of_pair(c, &BceLoss { weight: weight(c), reduction: reduction(c)? })
    }),
    row("binary_cross_entropy_with_logits", |c| {
        let pos_weight = c.optional("pos_weight").cloned();
        of_pair(c, &BceWithLogitsLoss { weight: weight(c), pos_weight, reduction: reduction(c)? })
    }),
    row("kl_div", |c| {
        let log_target = c.attrs.flag("log_target", false)?;
        of_pair(c, &KlDivLoss { log_target, reduction: reduction(c)? })
    }),
    row("poisson_nll_loss", |c| {
        let default = PoissonNllLoss::default();
        let log_input = c.attrs.flag("log_input", default.log_input)?;
        let (full, eps) = (c.attrs.flag("full", default.full)?, c.attrs.float("eps", default.eps)?);
        of_pair(c, &PoissonNllLoss { log_input, full, eps, reduction: reduction(c)? })
    }),
    row("gaussian_nll_loss", |c| {
        let default = GaussianNllLoss::default();
        let (full, eps) = (c.attrs.flag("full", default.full)?, c.attrs.float("eps", default.eps)?);
        let loss = GaussianNllLoss { full, eps, reduction: reduction(c)? };
        y(loss.forward(c.input("input")?, c.input("target")?, c.input("var")?))
    }),
    row("cosine_embedding_loss", |c| {
        let margin = c.attrs.float("margin", CosineEmbeddingLoss::default().margin)?;
        let loss = CosineEmbeddingLoss { margin, reduction: reduction(c)? };
        y(loss.forward(c.a()?, c.b()?, c.input("target")?))
    }),
    row("margin_ranking_loss", |c| {
        let margin = c.attrs.float("margin", MarginRankingLoss::default().margin)?;
        let loss = MarginRankingLoss { margin, reduction: reduction(c)? };
        y(loss.forward(c.a()?, c.b()?, c.input("target")?))
    }),
    row("hinge_embedding_loss", |c| {
        let margin = c.attrs.float("margin", HingeEmbeddingLoss::default().margin)?;
        of_pair(c, &HingeEmbeddingLoss { margin, reduction: reduction(c)? })
    }),
    row("triplet_margin_loss", |c| {
        let default = TripletMarginLoss::default();
        let margin = c.attrs.float("margin", default.margin)?;
        let (p, eps) = (c.attrs.float("p", default.p)?, c.attrs.float("eps", default.eps)?);
        let swap = c.attrs.flag("swap", default.swap)?;
        let loss = TripletMarginLoss { margin, p, eps, swap, reduction: reduction(c)? };
        y(loss.forward(c.input("anchor")?, c.input("positive")?, c.input("negative")?))
    }),
];

fn of_pair(c: &Call<'_>, loss: &dyn Loss) -> Result<Outputs> {
    y(loss.forward(c.input("input")?, c.input("target")?))
}

fn weight(c: &Call<'_>) -> Option<Tensor> {
    c.optional("weight").cloned()
}

fn reduction(c: &Call<'_>) -> Result<Reduction> {
    Reduction::from_str(c.attrs.text("reduction", "mean")?)
}
