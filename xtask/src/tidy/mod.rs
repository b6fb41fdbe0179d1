//! `tidy`: the rules of the source tree that no compiler checks.

mod layers;
mod manifests;
mod shaders;
mod source;
mod words;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::{Result, ops, places};

/// A rule that is broken, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    path: PathBuf,
    line: usize,
    message: String,
}

impl Violation {
    /// A violation in a line, or line 0 for the file as a whole.
    fn new(path: &Path, line: usize, message: impl Into<String>) -> Self {
        Violation { path: path.to_path_buf(), line, message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { path, line, message } = self;
        match line {
            0 => write!(f, "{}: {message}", path.display()),
            _ => write!(f, "{}:{line}: {message}", path.display()),
        }
    }
}

/// Files of the tree with their texts; those that are no text are left out.
type Texts = Vec<(PathBuf, String)>;

fn texts(files: &[PathBuf]) -> Texts {
    files.iter().filter_map(|file| Some((file.clone(), places::read(file).ok()?))).collect()
}

/// Every broken rule of the tree.
fn violations() -> Result<(usize, Vec<Violation>)> {
    let texts = texts(&places::files()?);
    let mut found = layers::check()?;
    for (path, text) in &texts {
        source::check(path, text, &mut found);
        manifests::check(path, text, &mut found);
        words::check(path, text, &mut found);
    }
    shaders::check(&texts, &mut found);
    if let Err(message) = ops::run(true) {
        found.push(Violation::new(Path::new(ops::FILE), 0, message));
    }
    found.sort();
    Ok((texts.len(), found))
}

pub(crate) fn run() -> Result<()> {
    let (files, found) = violations()?;
    for violation in &found {
        println!("{violation}");
    }
    match found.len() {
        0 => {
            println!("tidy: {files} files, every rule holds");
            Ok(())
        }
        n => Err(format!("tidy: {n} violations")),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tree_is_tidy() {
        let (files, found) = super::violations().expect("the tree can be read");
        assert!(files > 50, "{files} files");
        let list: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(list.is_empty(), "\n{}", list.join("\n"));
    }
}
