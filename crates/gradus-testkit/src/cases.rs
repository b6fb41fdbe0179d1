//! Reading a conformance directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gradus_io::{read_file, read_safetensors};
use gradus_tensor::{Array, Error, Result};
use serde::Deserialize;

use crate::attrs::Attrs;
use crate::compare::Tolerance;

/// One case: an operation, its options, and what is expected of it.
#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    /// Unique in its group; the prefix of its tensors.
    pub name: String,
    /// What is computed, under PyTorch's name.
    pub op: String,
    /// Its options, under PyTorch's names.
    #[serde(default, deserialize_with = "null_is_default")]
    pub attrs: Attrs,
    /// Names of the inputs.
    #[serde(default)]
    pub inputs: Vec<String>,
    /// Names of the outputs.
    #[serde(default)]
    pub outputs: Vec<String>,
    /// Outputs that weight the gradient.
    #[serde(default, deserialize_with = "null_is_default")]
    pub cotangents: Vec<String>,
    /// Inputs whose gradient is expected.
    #[serde(default, deserialize_with = "null_is_default")]
    pub grads: Vec<String>,
    /// Allowed error relative to the expected value.
    pub rtol: f64,
    /// Allowed error on top.
    pub atol: f64,
}

impl Case {
    /// How far results may be off.
    pub fn tolerance(&self) -> Tolerance {
        Tolerance { rtol: self.rtol, atol: self.atol }
    }
}

fn null_is_default<'de, D, T>(from: D) -> std::result::Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

/// The cases of one file and their tensors.
#[derive(Clone, Debug)]
pub struct Group {
    /// The file's name without its ending.
    pub name: String,
    /// The cases in the file's order.
    pub cases: Vec<Case>,
    tensors: BTreeMap<String, Array>,
    path: PathBuf,
}

impl Group {
    /// Reads `<group>.json` and the `.safetensors` beside it.
    ///
    /// # Errors
    /// `Kind::Io` and `Kind::Format` naming the file.
    pub fn read(json: &Path) -> Result<Group> {
        let text = read_file(json)?;
        let cases = serde_json::from_slice(&text)
            .map_err(|e| Error::format(json, "conformance cases", None, e.to_string()))?;
        let path = json.with_extension("safetensors");
        let tensors = read_safetensors(&path)?.tensors;
        let name = json.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Group { name, cases, tensors, path })
    }

    /// The tensor `<case>/<part>/<name>`: parts are `in`, `out`, `cotangent` and `grad`.
    ///
    /// # Errors
    /// `Kind::Format` when the file has no such tensor.
    pub fn tensor(&self, case: &Case, part: &str, name: &str) -> Result<&Array> {
        let key = format!("{}/{part}/{name}", case.name);
        self.tensors.get(&key).ok_or_else(|| {
            Error::format(&self.path, "conformance cases", None, format!("no tensor `{key}`"))
        })
    }
}

/// Every group of a directory, by name.
///
/// # Errors
/// `Kind::Io` and `Kind::Format` naming the file; `Kind::Argument` when there is no group.
pub fn read_dir(dir: impl AsRef<Path>) -> Result<Vec<Group>> {
    let dir = dir.as_ref();
    let entries = std::fs::read_dir(dir).map_err(|e| Error::io(dir, e))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Error::io(dir, e))?.path();
        let has_tensors = path.with_extension("safetensors").is_file();
        if path.extension().is_some_and(|e| e == "json") && has_tensors {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        let what = "a directory of <group>.json and <group>.safetensors";
        return Err(Error::argument("conformance", "directory", dir.display(), what));
    }
    files.iter().map(|file| Group::read(file)).collect()
}
