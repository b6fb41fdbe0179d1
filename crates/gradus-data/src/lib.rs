//! Data: datasets, the loader that batches them, splits, preprocessing, tables, folders, text.
//!
//! A [`Dataset`] delivers many samples at once, one [`Array`](gradus_tensor::Array) per column;
//! a [`DataLoader`] orders them by a [`Sampler`], fetches ahead on worker threads, changes them by
//! [`Transform`]s and puts them on a device. Pictures, sounds and text all end as a dataset: see
//! `image_dataset_from_directory`, `AudioFolder` and [`TfidfVectorizer`].
//!
//! ```
//! use gradus_data::{DataLoader, datasets};
//!
//! let (train, test) = datasets::digits()?;
//! let loader = DataLoader::new(&train).batch_size(64).shuffle(7);
//! assert_eq!((train.len(), test.len(), loader.len()), (1437, 360, 23));
//! for batch in &loader {
//!     let (x, y) = batch?; // x: [64, 1, 8, 8] float32, y: [64] int32; the last batch has 29
//!     assert_eq!(x.shape()[0], y.shape()[0]);
//! }
//! # Ok::<(), gradus_tensor::Error>(())
//! ```

mod channels;
mod column;
mod convert;
pub mod csv;
mod dataset;
pub mod datasets;
mod files;
mod fill;
mod folders;
mod gather;
pub mod idx;
mod imbalance;
mod json;
mod labels;
mod loader;
mod preprocessing;
mod random;
mod rows;
mod samplers;
mod splits;
mod tensor_dataset;
mod tensor_files;
mod text;
mod transform;
pub mod vision;
#[cfg(feature = "wav")]
mod wav;
mod wrappers;

pub use channels::{channels_first, channels_last};
pub use column::{Categorical, Column, ColumnType};
pub use convert::ToFloat;
pub use csv::{CsvOptions, Missing, Table, read_csv};
pub use dataset::Dataset;
#[cfg(feature = "wav")]
pub use folders::{AudioFolder, AudioFolderOptions};
#[cfg(feature = "image")]
pub use folders::{
    ColorMode, DecodeLimits, ImageFolder, ImageFolderOptions, image_dataset_from_directory,
    read_frames, read_image,
};
pub use folders::{
    FolderLabels, FolderOptions, LabelMode, OnError, Part, Skipped, TextFolder, TextFolderOptions,
    text_dataset_from_directory,
};
pub use idx::read_idx;
pub use imbalance::{
    RandomOverSampler, RandomUnderSampler, Smote, Strategy, class_counts, class_weights,
    sample_weights,
};
pub use json::read_json;
pub use loader::{Batches, DataLoader, Loader, Pairs, Position};
pub use preprocessing::{
    DropCategory, Impute, LabelEncoder, MinMaxScaler, Normalization, OneHotEncoder, OrdinalEncoder,
    RobustScaler, Saved, SimpleImputer, StandardScaler, Unknown,
};
pub use samplers::{
    DistributedSampler, RandomSampler, Sampler, SequentialSampler, StratifiedSampler,
    SubsetRandomSampler, WeightedRandomSampler,
};
pub use splits::{Fold, KFold, Portion, StratifiedKFold, TrainTestSplit, train_test_split};
pub use tensor_dataset::TensorDataset;
pub use text::{
    Analyzer, CharTokenizer, CountVectorizer, DocumentFrequency, KoreanTokenizer, Morpheme,
    MorphemeKind, Norm, PadOptions, Side, SparseDataset, SparseMatrix, TfidfVectorizer, Tokenizer,
    Vocabulary, VocabularyOptions, WhitespaceTokenizer, WordTokenizer, pad_sequences,
};
pub use transform::{Lambda, SampleKey, Transform};
pub use vision::Interpolation;
#[cfg(feature = "wav")]
pub use wav::{Wav, read_wav};
pub use wrappers::{
    Cached, Collated, Concat, Items, Mapped, Subset, WindowOptions, Windowed, default_collate,
    pad_collate,
};
