//! The files of a checkpoint: weights, the other tensors, and a readable part with checksums.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use gradus_io::{SafeTensorsFile, read_file, write_atomic};
use gradus_tensor::{Array, Error, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const FORMAT: &str = "checkpoint";
/// Version of the layout below.
const VERSION: u64 = 1;

/// The files of a checkpoint `NAME`: `NAME.safetensors` holds the model's weights alone,
/// `NAME.state.safetensors` all other tensors, `NAME.json` the rest and the checksums of all
/// three. Each file is written atomically and the last one last, so a checkpoint whose writing
/// was cut off is refused as a whole.
///
/// ```
/// use gradus_train::Files;
/// let files = Files::at("runs/a/epoch-07.safetensors");
/// assert_eq!(files.weights().to_str(), Some("runs/a/epoch-07.safetensors"));
/// assert_eq!(files.manifest().to_str(), Some("runs/a/epoch-07.json"));
/// assert!(files.verify().is_err(), "it does not exist");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    stem: PathBuf,
}

/// What the files hold.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) weights: BTreeMap<String, Array>,
    pub(crate) tensors: BTreeMap<String, Array>,
    pub(crate) state: Value,
}

impl Files {
    /// The files of a name, given with or without `.safetensors`.
    pub fn at(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let weights = path.extension().is_some_and(|extension| extension == "safetensors");
        Files { stem: if weights { path.with_extension("") } else { path.to_path_buf() } }
    }

    /// The model's weights: what [`Module::load`](gradus_nn::Module::load) reads.
    pub fn weights(&self) -> PathBuf {
        self.with(".safetensors")
    }

    /// The tensors of optimizer, metrics and callbacks.
    pub fn tensors(&self) -> PathBuf {
        self.with(".state.safetensors")
    }

    /// The readable part: position, random numbers, history, arguments, checksums.
    pub fn manifest(&self) -> PathBuf {
        self.with(".json")
    }

    fn with(&self, suffix: &str) -> PathBuf {
        let mut name = self.stem.file_name().unwrap_or_default().to_owned();
        name.push(suffix);
        self.stem.with_file_name(name)
    }

    /// Checks that all files are there and undamaged.
    ///
    /// # Errors
    /// `Kind::Io` for a missing file, `Kind::Format` for a damaged one or one of another
    /// checkpoint; the error names the file.
    pub fn verify(&self) -> Result<()> {
        self.read().map(drop)
    }

    /// Removes the files; first the one without which the others are no checkpoint.
    ///
    /// # Errors
    /// `Kind::Io` when a file cannot be removed; missing ones are none.
    pub fn remove(&self) -> Result<()> {
        for path in [self.manifest(), self.tensors(), self.weights()] {
            remove(&path)?;
        }
        Ok(())
    }

    pub(crate) fn write(&self, content: Content) -> Result<()> {
        if let Some(parent) = self.stem.parent() {
            std::fs::create_dir_all(parent).map_err(|error| Error::io(parent, error))?;
        }
        // Until the new manifest is there, nobody takes a mixture for a checkpoint.
        remove(&self.manifest())?;
        let weights = write_tensors(&self.weights(), content.weights)?;
        let tensors = write_tensors(&self.tensors(), content.tensors)?;
        let body = json!({
            "version": VERSION,
            "weights_sha256": weights,
            "tensors_sha256": tensors,
            "state": content.state,
        });
        let manifest = json!({ "sha256": digest(body.to_string().as_bytes()), "body": body });
        write_atomic(self.manifest(), |file| {
            serde_json::to_writer_pretty(&mut *file, &manifest)?;
            file.write_all(b"\n")
        })
    }

    pub(crate) fn read(&self) -> Result<Content> {
        let path = self.manifest();
        let bad = |problem: String| Error::format(path.clone(), FORMAT, None, problem);
        let manifest: Value = serde_json::from_slice(&read_file(&path)?)
            .map_err(|error| bad(format!("not valid JSON: {error}")))?;
        let body = &manifest["body"];
        // Compact JSON with sorted names: one text for one content.
        if manifest["sha256"].as_str() != Some(&digest(body.to_string().as_bytes())) {
            return Err(bad("damaged: the content does not have its checksum".to_owned()));
        }
        if body["version"].as_u64() != Some(VERSION) {
            return Err(bad(format!("version {}, expected {VERSION}", body["version"])));
        }
        let weights = read_tensors(&self.weights(), &body["weights_sha256"])?;
        let tensors = read_tensors(&self.tensors(), &body["tensors_sha256"])?;
        Ok(Content { weights, tensors, state: body["state"].clone() })
    }
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, error)),
        _ => Ok(()),
    }
}

/// Writes a file of tensors and returns its checksum.
fn write_tensors(path: &Path, tensors: BTreeMap<String, Array>) -> Result<String> {
    let bytes = SafeTensorsFile { tensors, metadata: BTreeMap::new() }.to_bytes()?;
    write_atomic(path, |file| file.write_all(&bytes))?;
    Ok(digest(&bytes))
}

fn read_tensors(path: &Path, sha256: &Value) -> Result<BTreeMap<String, Array>> {
    let bytes = read_file(path)?;
    if sha256.as_str() != Some(&digest(&bytes)) {
        let problem = "damaged, or of another checkpoint: it does not have its checksum";
        return Err(Error::format(path, FORMAT, None, problem));
    }
    Ok(SafeTensorsFile::from_bytes(path, &bytes)?.tensors)
}

/// The SHA-256 of bytes in hexadecimal digits.
fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
