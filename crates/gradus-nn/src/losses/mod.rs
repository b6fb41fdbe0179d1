//! Losses: a function, and a struct that holds its options, for each.

mod binary;
mod common;
mod cross_entropy;
mod distributions;
mod embeddings;
mod methods;
mod nll;
mod reduction;
mod regression;
#[cfg(test)]
mod tests;

pub use binary::{
    BceLoss, BceWithLogitsLoss, binary_cross_entropy, binary_cross_entropy_with_logits,
};
pub use common::Loss;
pub use cross_entropy::{CrossEntropyLoss, cross_entropy};
pub use distributions::{
    GaussianNllLoss, KlDivLoss, PoissonNllLoss, gaussian_nll_loss, kl_div, poisson_nll_loss,
};
pub use embeddings::{
    CosineEmbeddingLoss, HingeEmbeddingLoss, MarginRankingLoss, TripletMarginLoss,
    cosine_embedding_loss, hinge_embedding_loss, margin_ranking_loss, triplet_margin_loss,
};
pub use methods::Losses;
pub use nll::{NllLoss, nll_loss};
pub use reduction::Reduction;
pub use regression::{
    HuberLoss, L1Loss, MseLoss, SmoothL1Loss, huber_loss, l1_loss, mse_loss, smooth_l1_loss,
};
