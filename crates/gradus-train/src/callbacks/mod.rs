//! Callbacks, one file each.

mod backup;
mod csv_logger;
mod dead_units;
mod early_stopping;
mod grad_norm;
mod lambda;
mod lr_schedule;
mod lr_scheduler;
mod model_checkpoint;
mod monitor;
mod progress;
mod reduce_lr;
mod run_dir;
mod template;
mod tensorboard;
mod terminate_on_nan;
mod weight_averaging;

pub use backup::BackupAndRestore;
pub use csv_logger::CsvLogger;
pub use dead_units::DeadUnits;
pub use early_stopping::{EarlyStopping, EarlyStoppingOptions};
pub use grad_norm::GradNorm;
pub use lambda::Lambda;
pub use lr_schedule::LrSchedule;
pub use lr_scheduler::LearningRateScheduler;
pub use model_checkpoint::{ModelCheckpoint, ModelCheckpointOptions, SaveFreq};
pub use monitor::MonitorMode;
pub use progress::ProgressBar;
pub use reduce_lr::{ReduceLrOnPlateau, ReduceLrOptions};
pub use run_dir::RunDir;
pub use tensorboard::{Event, EventValue, EventWriter, TensorBoard, UpdateFreq, read_events};
pub use terminate_on_nan::TerminateOnNan;
pub use weight_averaging::WeightAveraging;
