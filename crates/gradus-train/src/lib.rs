//! Training: `fit`, `evaluate` and `predict` as in Keras, metrics, callbacks, checkpoints.
//!
//! ```
//! use gradus_data::datasets;
//! use gradus_nn::{CrossEntropyLoss, Flatten, Linear, Module, Relu, Sequential};
//! use gradus_optim::Adam;
//! use gradus_train::{Accuracy, EvaluateOptions, FitOptions, Trainer, Validation, Verbose};
//!
//! let (train, test) = datasets::digits()?;
//! let model = Sequential::new()
//!     .push(Flatten::default())
//!     .push(Linear::new(64, 32)?)
//!     .push(Relu)
//!     .push(Linear::new(32, 10)?);
//! let optimizer = Adam::new(model.parameters(), 1e-2);
//! let mut trainer = Trainer::new(model)
//!     .optimizer(optimizer)
//!     .loss(CrossEntropyLoss::default())
//!     .metric(Accuracy::default());
//! let history = trainer.fit(&train, FitOptions {
//!     epochs: 3,
//!     validation: Validation::Split(0.1),
//!     verbose: Verbose::Silent,
//!     ..Default::default()
//! })?;
//! assert_eq!(history.get("val_loss")?.len(), 3);
//! let logs = trainer.evaluate(&test, EvaluateOptions::default())?;
//! assert!(logs.get("accuracy").unwrap() > 0.8);
//! # Ok::<(), gradus_tensor::Error>(())
//! ```
//!
//! | To add | Write |
//! |---|---|
//! | a metric | a [`Metric`]: what a batch adds to a vector of sums, and the value of the sums |
//! | a callback | a [`Callback`]: the hooks it needs and, if it has one, its state |
//! | a training step | a [`Learner`] |
//! | a schedule | a [`Schedule`](gradus_optim::Schedule), run by [`LrSchedule`] |
//!
//! `docs/TRAINING.md` maps Keras and PyTorch to this crate.

// The code of the page is run with the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/TRAINING.md")]
mod training_page {}

mod callback;
mod callbacks;
mod captured;
mod checkpoint;
mod config;
mod context;
mod evaluate;
mod exact;
mod feed;
mod find_lr;
mod fit;
mod history;
mod learner;
mod logs;
mod metrics;
mod options;
mod parts;
mod predict;
#[cfg(feature = "plot")]
mod report;
mod supervised;
mod trackers;
mod trainer;
mod update_bn;

pub use callback::{Callback, CallbackState};
pub use callbacks::*;
pub use checkpoint::Files;
pub use config::Config;
pub use context::Context;
pub use find_lr::FindLrOptions;
pub use history::History;
pub use learner::{Learner, Step};
pub use logs::Logs;
pub use metrics::{
    Accuracy, Auc, Average, BinaryAccuracy, CategoricalAccuracy, ConfusionMatrix, Curve, Direction,
    F1Score, LossMetric, MeanAbsoluteError, MeanSquaredError, Metric, Precision, R2Score, Recall,
    RootMeanSquaredError, Running, SparseCategoricalAccuracy, TopKAccuracy,
};
pub use options::{EvaluateOptions, FitOptions, PredictOptions, Validation, Verbose};
pub use supervised::Supervised;
pub use trainer::Trainer;
