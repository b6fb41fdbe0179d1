//! Splits of samples into parts: to train and to test, and folds.

mod k_fold;
mod stratified_k_fold;
mod train_test;

pub use k_fold::{Fold, KFold};
pub use stratified_k_fold::StratifiedKFold;
pub use train_test::{Portion, TrainTestSplit, train_test_split};
