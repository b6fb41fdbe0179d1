//! `TextFolder`: text files, a folder for each class.

use std::path::{Path, PathBuf};

use gradus_io::read_file;
use gradus_tensor::{Array, Error, Result};

use super::index::Index;
use super::{FolderOptions, Skipped};

const FORMAT: &str = "text";

/// Options of [`text_dataset_from_directory`].
#[derive(Clone, Debug, Default)]
pub struct TextFolderOptions {
    /// Which files, and of which class.
    pub folder: FolderOptions,
    /// Characters that are kept of a text, from its start.
    pub max_length: Option<usize>,
    /// Whether bytes that are not UTF-8 become the replacement character instead of an error, as
    /// in collections of old mails.
    pub lossy: bool,
}

/// Texts with their classes.
///
/// Texts become columns by a vectorizer: see [`CountVectorizer`](crate::CountVectorizer),
/// [`TfidfVectorizer`](crate::TfidfVectorizer) and [`Vocabulary`](crate::Vocabulary).
#[derive(Clone, Debug)]
pub struct TextFolder {
    index: Index,
    texts: Vec<String>,
}

/// The `.txt` files of a directory whose folders are the classes; Keras' function of this name.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let dir = dir.path();
/// # for (class, text) in [("ham", "see you at noon"), ("spam", "win now")] {
/// #     std::fs::create_dir(dir.join(class)).unwrap();
/// #     std::fs::write(dir.join(class).join("1.txt"), text).unwrap();
/// # }
/// use gradus_data::{TextFolderOptions, text_dataset_from_directory};
/// let mails = text_dataset_from_directory(dir, &TextFolderOptions::default())?;
/// assert_eq!(mails.texts(), ["see you at noon", "win now"]);
/// assert_eq!(mails.classes(), ["ham", "spam"]);
/// assert_eq!(mails.labels()?.unwrap().to_vec::<i32>()?, [0, 1]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Io` when the directory cannot be read; `Kind::Format` with the path of a file that is
/// not UTF-8; `Kind::Argument` for options that contradict each other, a class without files, no
/// files.
pub fn text_dataset_from_directory(
    directory: impl AsRef<Path>,
    options: &TextFolderOptions,
) -> Result<TextFolder> {
    let read = |path: &Path| text(path, options);
    let check = |path: &Path| read(path).map(drop);
    let index = Index::new(directory.as_ref(), &options.folder, &["txt"], &check)?;
    let texts = index.paths.iter().map(|path| read(path)).collect::<Result<_>>()?;
    Ok(TextFolder { index, texts })
}

impl TextFolder {
    /// The texts.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Their labels as `label_mode` says; nothing if there are none.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`.
    pub fn labels(&self) -> Result<Option<Array>> {
        self.index.all_labels()
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

    /// The number of texts.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there are no texts.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

fn text(path: &Path, options: &TextFolderOptions) -> Result<String> {
    let bytes = read_file(path)?;
    let mut text = if options.lossy {
        String::from_utf8_lossy(&bytes).into_owned()
    } else {
        String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Error::format(path, FORMAT, at as u64, "the text is not UTF-8; `lossy` reads it")
        })?
    };
    let end = options.max_length.and_then(|length| text.char_indices().nth(length));
    if let Some((end, _)) = end {
        text.truncate(end);
    }
    Ok(text)
}
