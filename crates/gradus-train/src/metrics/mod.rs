//! Metrics: one file a family, all of them sums that a device adds up.

mod accuracy;
mod auc;
mod confusion;
mod counts;
mod errors;
mod mean;
mod metric;
mod sums;
#[cfg(test)]
mod tests;

pub use accuracy::{
    Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy, TopKAccuracy,
};
pub use auc::{Auc, Curve};
pub use confusion::ConfusionMatrix;
pub use counts::{Average, F1Score, Precision, Recall};
pub use errors::{LossMetric, MeanAbsoluteError, MeanSquaredError, R2Score, RootMeanSquaredError};
pub use metric::{Direction, Metric, Running};

pub(crate) use errors::weighted_scalar;
pub(crate) use mean::{column, mean_value, per_sample};
pub(crate) use sums::Sums;
