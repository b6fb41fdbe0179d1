//! Optimizers: each is its formula, and a step of it is one kernel over all parameters.
//!
//! ```
//! use gradus_autodiff::Tensor;
//! use gradus_optim::{Optimizer, Sgd};
//!
//! let w = Tensor::from_vec(vec![1.0f32, -2.0], [2])?.requires_grad_(true);
//! let mut optimizer = Sgd::new([&w], 0.25);
//! for _ in 0..2 {
//!     optimizer.zero_grad();
//!     w.square()?.sum_all()?.backward()?;
//!     optimizer.step()?; // w -= 0.25 · 2w
//! }
//! assert_eq!(w.to_vec::<f32>()?, [0.25, -0.5]);
//! # Ok::<(), gradus_autodiff::Error>(())
//! ```
//!
//! A new optimizer is a [`Rule`]: the names of its options and states and the update, written
//! with the operators of [`Flat`]. [`Engine`] does the rest. It keeps the parameters of a group,
//! and each state, as one flat array; a parameter's value is a view of that array. A step joins
//! the gradients, evaluates the formula and writes parameters and states in place, unless
//! somebody still holds the old elements: they keep them.
//!
//! Gradients accumulate: after `backward` of n micro-batches, each loss divided by n, one step is
//! that of a single batch of all of them, if nothing in the model looks at a batch as a whole.
//!
//! A learning-rate schedule is a [`Schedule`]: a function from the number of the step to the rate.
//! [`Scheduler`] applies it to an optimizer, [`preview`] shows it without one.

mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod asgd;
mod average;
mod bucket;
mod clip;
mod decay;
mod engine;
mod finder;
mod flat;
mod group;
mod lamb;
mod lbfgs;
mod lion;
mod muon;
mod nadam;
mod optimizer;
mod optimizers;
mod radam;
mod rmsprop;
mod rprop;
mod rule;
mod schedule;
mod sgd;
mod state;

pub use adadelta::{Adadelta, AdadeltaRule};
pub use adagrad::{Adagrad, AdagradRule};
pub use adam::{Adam, AdamRule};
pub use adamax::{Adamax, AdamaxRule};
pub use adamw::{AdamW, AdamWRule};
pub use asgd::{Asgd, AsgdRule};
pub use average::AveragedModel;
pub use clip::{clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm};
pub use decay::weight_decay_groups;
pub use engine::Engine;
pub use finder::{LrCurve, LrFinder};
pub use flat::Flat;
pub use group::ParamGroup;
pub use lamb::{Lamb, LambRule};
pub use lbfgs::{Lbfgs, LineSearch};
pub use lion::{Lion, LionRule};
pub use muon::{AdjustLr, Muon, MuonRule};
pub use nadam::{NAdam, NAdamRule};
pub use optimizer::{Optimizer, StateDict};
pub use optimizers::Optimizers;
pub use radam::{RAdam, RAdamRule};
pub use rmsprop::{RmsProp, RmsPropRule};
pub use rprop::{Rprop, RpropRule};
pub use rule::{Domain, Rule, Setting, StepContext};
pub use schedule::{
    Anneal, ChainedScheduler, ConstantLr, CosineAnnealingLr, CosineAnnealingWarmRestarts, CyclicLr,
    CyclicMode, ExponentialLr, LambdaLr, LinearLr, LrScheduler, Moment, MultiStepLr,
    MultiplicativeLr, OneCycleLr, PerGroup, PlateauMode, PolynomialLr, ReduceLrOnPlateau,
    ScaleMode, Schedule, Scheduler, SequentialLr, StepLr, SwaLr, ThresholdMode, preview, warm_up,
};
pub use sgd::{Sgd, SgdRule};
