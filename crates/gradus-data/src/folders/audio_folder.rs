//! `AudioFolder`: WAV files, a folder for each class.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gradus_tensor::{Array, Error, Result};

use super::index::Index;
use super::{FolderOptions, Skipped};
use crate::dataset::Dataset;
use crate::loader::Loader;
use crate::wav::read_wav;

const OP: &str = "audio_folder";

/// Options of [`AudioFolder::new`], those of Keras' `audio_dataset_from_directory`.
#[derive(Clone, Debug)]
pub struct AudioFolderOptions {
    /// Which files, and of which class.
    pub folder: FolderOptions,
    /// Frames of each sample: longer sounds are cut, shorter ones followed by silence.
    pub output_sequence_length: usize,
    /// Channels of each sample; with 1, those of a file are averaged.
    pub channels: usize,
    /// Frames a second that files must have, if given.
    pub sampling_rate: Option<u32>,
}

/// Sounds in files: `x` float32 `[N, channels, frames]`, and `y` as
/// [`label_mode`](FolderOptions::label_mode) says.
#[derive(Clone, Debug)]
pub struct AudioFolder {
    index: Index,
    options: Arc<AudioFolderOptions>,
}

impl AudioFolderOptions {
    /// One channel of so many frames, labels by folder.
    pub fn new(output_sequence_length: usize) -> Self {
        let folder = FolderOptions::default();
        AudioFolderOptions { folder, output_sequence_length, channels: 1, sampling_rate: None }
    }
}

impl AudioFolder {
    /// The `.wav` files of a directory whose folders are the classes.
    ///
    /// # Errors
    /// `Kind::Io` when the directory cannot be read; `Kind::Argument` for options that contradict
    /// each other, a class without files, no files.
    pub fn new(directory: impl AsRef<Path>, options: &AudioFolderOptions) -> Result<Self> {
        for (name, size) in [
            ("output_sequence_length", options.output_sequence_length),
            ("channels", options.channels),
        ] {
            if size == 0 {
                return Err(Error::argument(OP, name, 0, "at least 1"));
            }
        }
        let read = |path: &Path| sound(path, options, &mut Vec::new());
        let index = Index::new(directory.as_ref(), &options.folder, &["wav"], &read)?;
        Ok(AudioFolder { index, options: Arc::new(options.clone()) })
    }

    /// A loader with the batch size, order and seed of the options, and a worker for each
    /// processor.
    pub fn loader<T>(&self) -> Loader<T> {
        self.index.loader(self)
    }

    /// The classes in the order of their numbers.
    pub fn classes(&self) -> &[String] {
        &self.index.classes
    }

    /// The files.
    pub fn paths(&self) -> &[PathBuf] {
        &self.index.paths
    }

    /// The files that were left out, and why.
    pub fn skipped(&self) -> &[Skipped] {
        &self.index.skipped
    }
}

impl Dataset for AudioFolder {
    fn len(&self) -> usize {
        self.index.len()
    }

    fn fetch(&self, indices: &[usize]) -> Result<Vec<Array>> {
        let (paths, labels) = self.index.chosen(indices)?;
        let mut values = Vec::new();
        paths.iter().try_for_each(|path| sound(path, &self.options, &mut values))?;
        let shape = [paths.len(), self.options.channels, self.options.output_sequence_length];
        self.index.columns(Array::from_vec(values, shape)?, &labels)
    }
}

/// Adds the channels of a file to `values`.
fn sound(path: &Path, options: &AudioFolderOptions, values: &mut Vec<f32>) -> Result<()> {
    let wav = read_wav(path)?;
    let bad = |problem: String| Error::format(path, "wav", None, problem);
    if options.sampling_rate.is_some_and(|rate| rate != wav.sample_rate) {
        let rate = options.sampling_rate.unwrap_or_default();
        return Err(bad(format!("{} frames a second, expected {rate}", wav.sample_rate)));
    }
    let &[channels, frames] = wav.samples.shape().dims() else {
        return Err(bad("no channels".into()));
    };
    let samples = wav.samples.to_vec::<f32>()?;
    let length = options.output_sequence_length;
    let mut add = |channel: &mut dyn Iterator<Item = f32>| {
        let end = values.len() + length;
        values.extend(channel.take(length));
        values.resize(end, 0.0);
    };
    if options.channels == 1 {
        let mean = |frame: usize| {
            let sum: f32 = (0..channels).map(|channel| samples[channel * frames + frame]).sum();
            sum / channels as f32
        };
        add(&mut (0..frames).map(mean));
    } else if options.channels == channels {
        samples.chunks(frames.max(1)).for_each(|channel| add(&mut channel.iter().copied()));
    } else {
        return Err(bad(format!("{channels} channels, expected {}", options.channels)));
    }
    Ok(())
}
