//! What programs that build and train models use: `use gradus_nn::prelude::*`.
//!
//! The losses are here as methods ([`Losses`]) and as structs with options; their functions are in
//! the crate's root.

pub use crate::init::{Fan, Init, Nonlinearity};
pub use crate::layers::*;
pub use crate::losses::{
    BceLoss, BceWithLogitsLoss, CosineEmbeddingLoss, CrossEntropyLoss, GaussianNllLoss,
    HingeEmbeddingLoss, HuberLoss, KlDivLoss, L1Loss, Loss, Losses, MarginRankingLoss, MseLoss,
    NllLoss, PoissonNllLoss, Reduction, SmoothL1Loss, TripletMarginLoss,
};
pub use crate::{Buffer, Layer, Mode, Module, Parameter, StateDict, Visit, Visitor, WithinLayer};
pub use crate::{ConvOptions, ConvTransposeOptions, Padding, Sizes};
pub use gradus_autodiff::{Interpolate, InterpolateMode};
