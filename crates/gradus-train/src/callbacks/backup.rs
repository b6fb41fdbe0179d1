//! Keeps checkpoints that an interrupted training goes on from.

use std::fs;
use std::path::{Path, PathBuf};

use gradus_tensor::{Error, Result};

use super::model_checkpoint::SaveFreq;
use crate::callback::Callback;
use crate::checkpoint::Files;
use crate::context::Context;

const OP: &str = "backup_and_restore";
const PREFIX: &str = "backup-";
/// How unfinished files of [`gradus_io::write_atomic`] end.
const PARTIAL: &str = ".partial";

/// Writes a checkpoint every so often and goes on from the newest undamaged one when the training
/// is started again: the result is the same, bit for bit, as without the interruption. Keras:
/// `BackupAndRestore`.
///
/// The two newest are kept, so that there is one to go on from when the other is damaged. The
/// program must be the same: model, optimizer, data, callbacks and options; more epochs are fine.
///
/// ```
/// use gradus_train::{BackupAndRestore, SaveFreq};
/// let backup = BackupAndRestore::new("backups").save_freq(SaveFreq::Batches(100));
/// assert!(backup.skipped().is_empty());
/// ```
#[derive(Debug)]
pub struct BackupAndRestore {
    dir: PathBuf,
    save_freq: SaveFreq,
    delete_checkpoint: bool,
    restored: Option<PathBuf>,
    skipped: Vec<Error>,
    /// The newest that is known to be whole.
    good: Option<Files>,
}

impl BackupAndRestore {
    /// With checkpoints in this directory, which is made if it is missing.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        BackupAndRestore {
            dir: dir.into(),
            save_freq: SaveFreq::Epochs(1),
            delete_checkpoint: true,
            restored: None,
            skipped: Vec::new(),
            good: None,
        }
    }

    /// How often to write one; after every epoch unless said.
    #[must_use]
    pub fn save_freq(mut self, save_freq: SaveFreq) -> Self {
        self.save_freq = save_freq;
        self
    }

    /// Whether the checkpoints go when the training has come to its end; they do unless said.
    #[must_use]
    pub fn delete_checkpoint(mut self, delete: bool) -> Self {
        self.delete_checkpoint = delete;
        self
    }

    /// The checkpoint that the training went on from.
    pub fn restored(&self) -> Option<&Path> {
        self.restored.as_deref()
    }

    /// Why newer checkpoints were not used.
    pub fn skipped(&self) -> &[Error] {
        &self.skipped
    }

    /// The checkpoints in the directory, oldest first.
    fn found(&self) -> Result<Vec<Files>> {
        let entries = fs::read_dir(&self.dir).map_err(|error| Error::io(&self.dir, error))?;
        let mut names: Vec<String> = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| Error::io(&self.dir, error))?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        let stems = names.iter().filter_map(|name| name.strip_suffix(".json"));
        let stems = stems.filter(|stem| stem.starts_with(PREFIX));
        Ok(stems.map(|stem| Files::at(self.dir.join(stem))).collect())
    }

    /// Removes what a killed process left half written or half removed.
    fn sweep(&self) -> Result<()> {
        for entry in fs::read_dir(&self.dir).map_err(|error| Error::io(&self.dir, error))? {
            let path = entry.map_err(|error| Error::io(&self.dir, error))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let stem = name.strip_suffix(".safetensors");
            let stem = stem.map(|stem| stem.strip_suffix(".state").unwrap_or(stem));
            let orphan = stem.is_some_and(|stem| {
                stem.starts_with(PREFIX) && !self.dir.join(format!("{stem}.json")).exists()
            });
            if orphan || name.ends_with(PARTIAL) {
                fs::remove_file(&path).map_err(|error| Error::io(&path, error))?;
            }
        }
        Ok(())
    }

    fn save(&mut self, cx: &mut Context<'_>) -> Result<()> {
        // The last good one is kept beside the one to come; damaged ones are not good.
        for old in self.found()? {
            if self.good.as_ref() != Some(&old) {
                old.remove()?;
            }
        }
        // Names sort by age.
        let files = Files::at(self.dir.join(format!("{PREFIX}{:012}", cx.iteration())));
        cx.save_checkpoint(files.weights());
        self.good = Some(files);
        Ok(())
    }
}

impl Callback for BackupAndRestore {
    fn name(&self) -> &'static str {
        OP
    }

    fn on_train_begin(&mut self, cx: &mut Context<'_>) -> Result<()> {
        self.save_freq.check(OP)?;
        (self.restored, self.skipped, self.good) = (None, Vec::new(), None);
        fs::create_dir_all(&self.dir).map_err(|error| Error::io(&self.dir, error))?;
        self.sweep()?;
        for files in self.found()?.into_iter().rev() {
            match files.verify() {
                Ok(()) => {
                    cx.say(format!("going on from {}", files.manifest().display()));
                    self.restored = Some(files.manifest());
                    self.good = Some(files.clone());
                    cx.restore(files);
                    return Ok(());
                }
                Err(error) => {
                    cx.say(format!("not used: {error}"));
                    self.skipped.push(error);
                }
            }
        }
        // Starting over would destroy what is left of them: that is for the user to decide.
        match self.skipped.pop() {
            None => Ok(()),
            Some(error) => {
                let advice = "no undamaged backup; remove the directory to start over";
                Err(error.within(format!("{}: {advice}", self.dir.display())))
            }
        }
    }

    fn on_train_batch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        match self.save_freq {
            SaveFreq::Batches(freq) if cx.iteration().is_multiple_of(freq as u64) => self.save(cx),
            _ => Ok(()),
        }
    }

    fn on_epoch_end(&mut self, cx: &mut Context<'_>) -> Result<()> {
        match self.save_freq {
            SaveFreq::Epochs(freq) if (cx.epoch() + 1).is_multiple_of(freq) => self.save(cx),
            _ => Ok(()),
        }
    }

    fn on_train_end(&mut self, _cx: &mut Context<'_>) -> Result<()> {
        if self.delete_checkpoint {
            self.found()?.iter().try_for_each(Files::remove)?;
        }
        Ok(())
    }
}
