//! Files of what survives a program.

use std::collections::BTreeMap;
use std::path::Path;

use gradus_io::{read_safetensors, write_safetensors};
use gradus_tensor::{Array, Error, Result};

use crate::persist::{Persist, Source};

const ENTRY: &str = "state";
const FORMAT: &str = "agent state";

/// Writes a [`Run`](super::Run), or anything else that persists, as a file that is there whole or
/// not at all.
///
/// ```
/// use gradus_agent::{envs::FrozenLake, run::*, tabular::QLearning};
/// # let dir = tempfile::tempdir().map_err(|e| gradus_tensor::Error::io("temp", e))?;
/// # let path = dir.path().join("run.state");
/// let mut env = FrozenLake::make(Default::default())?;
/// let mut agent = QLearning::new(&env, 0)?;
/// let mut run = Run::new(&mut agent, &mut env, 0).steps(1_000);
/// run.by_ref().take(500).for_each(drop);
/// save_state(&path, &run)?;
/// let rest: Vec<_> = run.map(Result::unwrap).collect();
///
/// let mut env = FrozenLake::make(Default::default())?;
/// let mut agent = QLearning::new(&env, 99)?; // everything comes from the file
/// let mut run = Run::new(&mut agent, &mut env, 99).steps(1_000);
/// load_state(&path, &mut run)?;
/// assert_eq!(run.map(Result::unwrap).collect::<Vec<_>>(), rest);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Io` when the file cannot be written; those of [`Persist::save`].
pub fn save_state(path: impl AsRef<Path>, value: &impl Persist) -> Result<()> {
    let mut bytes = Vec::new();
    value.save(&mut bytes)?;
    let length = bytes.len();
    let tensors = BTreeMap::from([(ENTRY.to_owned(), Array::from_vec(bytes, [length])?)]);
    write_safetensors(path, &tensors, &BTreeMap::new())
}

/// Reads what [`save_state`] wrote into an object that was built the same way.
///
/// # Errors
/// `Kind::Io`, `Kind::Format`. The object may then be partly changed.
pub fn load_state(path: impl AsRef<Path>, value: &mut impl Persist) -> Result<()> {
    let path = path.as_ref();
    let file = read_safetensors(path)?;
    let Some(array) = file.tensors.get(ENTRY) else {
        return Err(Error::format(path, FORMAT, None, format!("no entry `{ENTRY}`")));
    };
    let bytes = array.to_vec::<u8>()?;
    let mut source = Source::new(&bytes);
    let loaded = value.load(&mut source).and_then(|()| source.finish());
    loaded.map_err(|error| error.within(path.display().to_string()))
}
