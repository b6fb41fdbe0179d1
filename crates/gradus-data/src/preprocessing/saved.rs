//! `Saved`: what was fitted, as JSON.

use std::io::Write;
use std::path::Path;

use gradus_io::{read_file, write_atomic};
use gradus_tensor::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const FORMAT: &str = "json";
const VERSION: u32 = 1;

/// Something that is fitted to training data, saved, and loaded where it is used. Numbers are
/// written so that reading gives the same bits.
///
/// ```
/// use gradus_data::{Saved, StandardScaler};
/// use gradus_tensor::Array;
/// let x = Array::from_vec(vec![1.0f64, 2.0, 6.0], [3, 1])?;
/// let mut scaler = StandardScaler::default();
/// let scaled = scaler.fit_transform(&x)?;
/// let text = scaler.to_json()?;
/// let loaded = StandardScaler::from_json(&text, "scaler.json")?;
/// assert_eq!(loaded.transform(&x)?.to_vec::<f64>()?, scaled.to_vec::<f64>()?);
/// assert!(gradus_data::MinMaxScaler::from_json(&text, "scaler.json").is_err());
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub trait Saved: Serialize + DeserializeOwned {
    /// What the file calls this.
    const NAME: &'static str;

    /// The state as JSON.
    ///
    /// # Errors
    /// `Kind::Format` for what JSON cannot say, which a fitted state does not hold.
    fn to_json(&self) -> Result<String> {
        let file = File { kind: Self::NAME.to_owned(), version: VERSION, state: self };
        let text = serde_json::to_string_pretty(&file);
        text.map_err(|e| Error::format(Self::NAME, FORMAT, None, e.to_string()))
    }

    /// What [`to_json`](Saved::to_json) wrote; errors call the text `name`.
    ///
    /// # Errors
    /// `Kind::Format` for other text, the state of something else, or of a later version.
    fn from_json(text: &str, name: impl AsRef<Path>) -> Result<Self> {
        let name = name.as_ref();
        let bad = |problem: String| Error::format(name, FORMAT, None, problem);
        let file: File<serde_json::Value> =
            serde_json::from_str(text).map_err(|e| bad(e.to_string()))?;
        if file.kind != Self::NAME {
            return Err(bad(format!("it holds a `{}`, expected a `{}`", file.kind, Self::NAME)));
        }
        if file.version != VERSION {
            return Err(bad(format!("version {}, this program reads {VERSION}", file.version)));
        }
        serde_json::from_value(file.state).map_err(|e| bad(e.to_string()))
    }

    /// Writes the state to a file that appears only when complete.
    ///
    /// # Errors
    /// `Kind::Io` when it cannot be written.
    fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let text = self.to_json()?;
        write_atomic(path, |file| file.write_all(text.as_bytes()))
    }

    /// Reads a file of [`save`](Saved::save).
    ///
    /// # Errors
    /// `Kind::Io` when it cannot be read, else as [`from_json`](Saved::from_json).
    fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = String::from_utf8(read_file(path)?);
        let text = text.map_err(|e| Error::format(path, FORMAT, None, e.to_string()))?;
        Self::from_json(&text, path)
    }
}

#[derive(Serialize, Deserialize)]
struct File<S> {
    kind: String,
    version: u32,
    state: S,
}
