//! The files of a directory, with their classes; the part of them that is asked for.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use gradus_tensor::{Array, Error, Kind, Result};
use parking_lot::Mutex;

use super::options::{FolderLabels, FolderOptions, OnError, Part};
use crate::dataset::{Dataset, check_indices};
use crate::loader::Loader;
use crate::random::Purpose;

const OP: &str = "folder";
/// Deeper nesting is a loop of links.
const MAX_DEPTH: usize = 64;

/// A file that was left out, and why.
#[derive(Clone, Debug)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// What was wrong with it.
    pub reason: String,
}

/// A file and the number of its class.
type File = (PathBuf, i64);
/// A folder's name and path.
type Folder = (String, PathBuf);

/// The samples of a directory.
#[derive(Clone, Debug)]
pub(super) struct Index {
    pub(super) paths: Arc<[PathBuf]>,
    pub(super) labels: Arc<[i64]>,
    pub(super) classes: Arc<[String]>,
    pub(super) skipped: Arc<[Skipped]>,
    options: Arc<FolderOptions>,
}

#[cfg_attr(
    not(any(feature = "image", feature = "wav")),
    allow(dead_code, reason = "folders of pictures and sounds read more than those of texts")
)]
impl Index {
    /// The files of `directory` whose names end in one of `extensions` and that `read` accepts,
    /// where it is asked.
    pub(super) fn new(
        directory: &Path,
        options: &FolderOptions,
        extensions: &[&str],
        read: &(dyn Fn(&Path) -> Result<()> + Sync),
    ) -> Result<Self> {
        options.check()?;
        let (classes, files) = listed(directory, options, extensions)?;
        options.check_classes(classes.len())?;
        let order = match (options.shuffle, options.validation_split) {
            (true, Some(_)) => {
                let seed = options.seed.unwrap_or_default();
                Purpose::Split.generator(seed).permutation(files.len())
            }
            _ => (0..files.len()).collect(),
        };
        let aside = (options.validation_split.unwrap_or(0.0) * files.len() as f64) as usize;
        let (training, validation) = order.split_at(files.len() - aside);
        let part = if options.subset == Some(Part::Validation) { validation } else { training };
        let mut files: Vec<File> = part.iter().map(|&at| files[at].clone()).collect();
        let mut skipped = Vec::new();
        if options.on_error == OnError::Skip {
            // Divided first, so that a bad file moves no other from one part to the other.
            let problems = problems(&files, read);
            let mut problems = problems.into_iter();
            files.retain(|(path, _)| match problems.next().flatten() {
                None => true,
                Some(reason) => {
                    skipped.push(Skipped { path: path.clone(), reason });
                    false
                }
            });
        }
        if files.is_empty() {
            let value = format!("none in {}, {} left out", directory.display(), skipped.len());
            return Err(Error::argument(OP, "files", value, "at least 1"));
        }
        let (paths, labels): (Vec<PathBuf>, Vec<i64>) = files.into_iter().unzip();
        Ok(Index {
            paths: paths.into(),
            labels: labels.into(),
            classes: classes.into(),
            skipped: skipped.into(),
            options: Arc::new(options.clone()),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.paths.len()
    }

    /// The paths and labels of some samples.
    pub(super) fn chosen(&self, indices: &[usize]) -> Result<(Vec<&Path>, Vec<i64>)> {
        check_indices("fetch", indices, self.len())?;
        let paths = indices.iter().map(|&at| self.paths[at].as_path()).collect();
        Ok((paths, indices.iter().map(|&at| self.labels[at]).collect()))
    }

    /// `x` and the column of labels, if there is one.
    pub(super) fn columns(&self, x: Array, labels: &[i64]) -> Result<Vec<Array>> {
        let y = self.options.label_mode.column(labels, self.classes.len())?;
        Ok(std::iter::once(x).chain(y).collect())
    }

    /// All labels, if there are any.
    pub(super) fn all_labels(&self) -> Result<Option<Array>> {
        self.options.label_mode.column(&self.labels, self.classes.len())
    }

    /// A loader of `data`, which has these samples, with the batch size and order of the options.
    pub(super) fn loader<T, D: Dataset + Clone + 'static>(&self, data: &D) -> Loader<T> {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let loader = Loader::new(data).batch_size(self.options.batch_size);
        let loader = loader.num_workers(workers).prefetch(2 * workers);
        let seed = self.options.seed.unwrap_or_default();
        if self.options.shuffle { loader.shuffle(seed) } else { loader.seed(seed) }
    }
}

/// What `read` says about each file; on as many threads as there are processors.
fn problems(files: &[File], read: &(dyn Fn(&Path) -> Result<()> + Sync)) -> Vec<Option<String>> {
    let problems = Mutex::new(vec![None; files.len()]);
    let next = AtomicUsize::new(0);
    let work = || loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let Some((path, _)) = files.get(at) else { break };
        if let Err(error) = read(path) {
            problems.lock()[at] = Some(error.to_string());
        }
    };
    thread::scope(|scope| {
        for _ in 1..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
        work();
    });
    problems.into_inner()
}

/// The classes, and the files with the numbers of theirs, sorted by class and path.
fn listed(
    directory: &Path,
    options: &FolderOptions,
    extensions: &[&str],
) -> Result<(Vec<String>, Vec<File>)> {
    let walk = Walk { extensions, follow_links: options.follow_links };
    if options.labels != FolderLabels::Inferred {
        let mut paths = Vec::new();
        walk.files(directory, 0, &mut paths)?;
        let FolderLabels::Given(labels) = &options.labels else {
            return Ok((Vec::new(), paths.into_iter().map(|path| (path, 0)).collect()));
        };
        if labels.len() != paths.len() {
            let value = format!("{} for {} files", labels.len(), paths.len());
            return Err(Error::argument(OP, "number of labels", value, "one for each file"));
        }
        let classes = labels.iter().max().map_or(0, |&most| most.max(0) as usize + 1);
        if let Some(position) = labels.iter().position(|&label| label < 0) {
            let index = labels[position];
            return Err(Kind::Index { op: OP, index, position, size: classes }.into());
        }
        let names = (0..classes).map(|class| class.to_string()).collect();
        return Ok((names, paths.into_iter().zip(labels.iter().copied()).collect()));
    }
    let (mut folders, _) = walk.entries(directory)?;
    if let Some(names) = &options.class_names {
        let mut wanted: Vec<&String> = names.iter().collect();
        wanted.sort_unstable();
        if !wanted.iter().copied().eq(folders.iter().map(|(name, _)| name)) {
            let there: Vec<&str> = folders.iter().map(|(name, _)| name.as_str()).collect();
            let value = format!("{names:?} for the folders {there:?}");
            return Err(Error::argument(OP, "class_names", value, "a name for each folder"));
        }
        folders.sort_by_key(|(name, _)| names.iter().position(|n| n == name));
    }
    if folders.is_empty() {
        let value = format!("none in {}", directory.display());
        return Err(Error::argument(OP, "class folders", value, "a folder for each class"));
    }
    let mut files = Vec::new();
    for (class, (_, folder)) in folders.iter().enumerate() {
        let mut paths = Vec::new();
        walk.files(folder, 0, &mut paths)?;
        if paths.is_empty() {
            let value = format!("none of {} in {}", extensions.join(", "), folder.display());
            return Err(Error::argument(OP, "files of a class", value, "at least 1"));
        }
        files.extend(paths.into_iter().map(|path| (path, class as i64)));
    }
    Ok((folders.into_iter().map(|(name, _)| name).collect(), files))
}

struct Walk<'a> {
    extensions: &'a [&'a str],
    follow_links: bool,
}

impl Walk<'_> {
    /// Files of a folder, then those of its folders, each sorted by name.
    fn files(&self, folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> Result<()> {
        if depth > MAX_DEPTH {
            let error = io::Error::other("folders nest deeper than 64: a loop of links");
            return Err(Error::io(folder, error));
        }
        let (folders, files) = self.entries(folder)?;
        paths.extend(files);
        folders.iter().try_for_each(|(_, folder)| self.files(folder, depth + 1, paths))
    }

    /// Folders by name and files of a folder, without hidden ones.
    fn entries(&self, folder: &Path) -> Result<(Vec<Folder>, Vec<PathBuf>)> {
        let (mut folders, mut files) = (Vec::new(), Vec::new());
        let failed = |error| Error::io(folder, error);
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
            let linked = entry.file_type().map_err(failed)?.is_symlink();
            if name.starts_with('.') {
                continue;
            }
            if path.is_dir() {
                if !linked || self.follow_links {
                    folders.push((name, path));
                }
            } else if self.wanted(&path) {
                files.push(path);
            }
        }
        folders.sort_unstable();
        files.sort_unstable();
        Ok((folders, files))
    }

    fn wanted(&self, path: &Path) -> bool {
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        extension.is_some_and(|e| self.extensions.contains(&e.as_str()))
    }
}
