//! `FolderOptions`: which files of a folder are samples, and of which class.

use gradus_tensor::{Array, Error, Result};

const OP: &str = "folder";

/// Where the labels of a folder's files come from; Keras' `labels`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FolderLabels {
    /// From the folders: each folder in the directory is a class.
    #[default]
    Inferred,
    /// One for each file, in the order of the paths.
    Given(Vec<i64>),
    /// There are none: all files in the directory and its folders are samples.
    None,
}

/// What labels look like; Keras' `label_mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LabelMode {
    /// Class numbers, int32 `[N]`.
    #[default]
    Int,
    /// A column for each class, float32 `[N, classes]`.
    Categorical,
    /// 0 or 1, float32 `[N, 1]`.
    Binary,
    /// No labels: samples have one column less.
    None,
}

/// Which part of the samples; Keras' `subset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Those to train with.
    Training,
    /// The share that `validation_split` sets aside.
    Validation,
}

/// What to do with a file that cannot be read as what its name says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// Fetching it is an error that names the path.
    #[default]
    Fatal,
    /// All files are read once at the start; those that fail are left out, and listed with the
    /// reasons.
    Skip,
}

/// Which files of a directory are samples, and of which class: arguments that Keras'
/// `image_dataset_from_directory`, `text_dataset_from_directory` and
/// `audio_dataset_from_directory` share.
#[derive(Clone, Debug)]
pub struct FolderOptions {
    /// Where labels come from.
    pub labels: FolderLabels,
    /// What labels look like.
    pub label_mode: LabelMode,
    /// The classes in the order of their numbers, one for each folder; in the order of their names
    /// unless given.
    pub class_names: Option<Vec<String>>,
    /// Samples of the batches of `loader`.
    pub batch_size: usize,
    /// Whether samples are mixed before they are divided, and come in another order in each epoch
    /// of `loader`; otherwise they are sorted by path.
    pub shuffle: bool,
    /// Seed of the mixing; needed where samples are mixed and divided, so that both parts are
    /// divided alike.
    pub seed: Option<u64>,
    /// The share of the samples that is set aside.
    pub validation_split: Option<f64>,
    /// Which part of a division.
    pub subset: Option<Part>,
    /// Whether folders that are symbolic links are entered.
    pub follow_links: bool,
    /// What to do with a file that cannot be read.
    pub on_error: OnError,
}

impl Default for FolderOptions {
    /// Keras' defaults: labels by folder, int32, batches of 32, shuffled, not divided.
    fn default() -> Self {
        FolderOptions {
            labels: FolderLabels::Inferred,
            label_mode: LabelMode::Int,
            class_names: None,
            batch_size: 32,
            shuffle: true,
            seed: None,
            validation_split: None,
            subset: None,
            follow_links: false,
            on_error: OnError::Fatal,
        }
    }
}

impl FolderOptions {
    /// Options for one part of a division with this seed.
    ///
    /// ```
    /// use gradus_data::{FolderOptions, Part};
    /// let options = FolderOptions::part(Part::Validation, 0.2, 7);
    /// assert_eq!((options.validation_split, options.seed), (Some(0.2), Some(7)));
    /// ```
    pub fn part(subset: Part, validation_split: f64, seed: u64) -> Self {
        FolderOptions {
            validation_split: Some(validation_split),
            subset: Some(subset),
            seed: Some(seed),
            ..Default::default()
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let bad = |name, value: String, expected| Err(Error::argument(OP, name, value, expected));
        match (self.validation_split, self.subset) {
            (Some(share), _) if !(share > 0.0 && share < 1.0) => {
                return bad("validation_split", share.to_string(), "above 0 and below 1");
            }
            (Some(_), None) => {
                return bad("subset", "none".into(), "given together with `validation_split`");
            }
            (None, Some(_)) => {
                return bad("validation_split", "none".into(), "given together with `subset`");
            }
            (Some(_), Some(_)) if self.shuffle && self.seed.is_none() => {
                let expected = "given, or no `shuffle`: else the parts would share samples";
                return bad("seed", "none".into(), expected);
            }
            _ => {}
        }
        if self.labels == FolderLabels::None && self.label_mode != LabelMode::None {
            let expected = "`None` where there are no labels";
            return bad("label_mode", format!("{:?}", self.label_mode), expected);
        }
        if self.labels != FolderLabels::Inferred && self.class_names.is_some() {
            let expected = "not given unless labels are inferred";
            return bad("class_names", format!("{:?}", self.class_names), expected);
        }
        Ok(())
    }

    pub(super) fn check_classes(&self, classes: usize) -> Result<()> {
        if self.label_mode == LabelMode::Binary && classes != 2 {
            let value = format!("`Binary` for {classes} classes");
            return Err(Error::argument(OP, "label_mode", value, "two classes for `Binary`"));
        }
        Ok(())
    }
}

impl LabelMode {
    /// The column of labels, if there is one.
    pub(super) fn column(self, labels: &[i64], classes: usize) -> Result<Option<Array>> {
        let n = labels.len();
        Ok(Some(match self {
            LabelMode::None => return Ok(None),
            LabelMode::Int => Array::from_vec(labels.to_vec(), [n])?,
            LabelMode::Binary => {
                Array::from_vec(labels.iter().map(|&label| label as f32).collect(), [n, 1])?
            }
            LabelMode::Categorical => {
                let mut columns = vec![0.0f32; n * classes];
                for (row, &label) in labels.iter().enumerate() {
                    columns[row * classes + label as usize] = 1.0;
                }
                Array::from_vec(columns, [n, classes])?
            }
        }))
    }
}
