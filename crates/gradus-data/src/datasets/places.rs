//! Where data sets are looked for, and what to say when they are nowhere.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use gradus_tensor::{Error, Result};

/// The environment variable that names a directory of data sets.
pub(crate) const DATA_VAR: &str = "GRADUS_DATA";

/// What a data set is made of and how a user gets it.
pub(crate) struct Package {
    /// Name of its directories.
    pub(crate) name: &'static str,
    /// Its files, unpacked; each may also be there as `.gz`.
    pub(crate) files: &'static [&'static str],
    /// Where a system package puts it.
    pub(crate) system: &'static str,
    /// How to get it.
    pub(crate) cures: &'static str,
}

impl Package {
    /// Directories in the order they are looked at: the environment's, the system's, the user's.
    pub(crate) fn places(&self, data: Option<OsString>, cache: Option<PathBuf>) -> Vec<PathBuf> {
        let mut places = Vec::new();
        if let Some(data) = data.filter(|d| !d.is_empty()).map(PathBuf::from) {
            places.extend(self.around(&data));
        }
        places.push(self.system.into());
        places.extend(cache);
        places
    }

    /// A directory that a user names: the files are in it or in its folder of the set's name.
    pub(crate) fn around(&self, dir: &Path) -> [PathBuf; 2] {
        [dir.to_owned(), dir.join(self.name)]
    }

    /// The user's cache directory of this data set.
    pub(crate) fn cache(&self) -> Option<PathBuf> {
        dirs::cache_dir().map(|dir| dir.join("gradus").join(self.name))
    }

    /// The files in the first place that has all of them, in the order of `files`.
    pub(crate) fn find(&self, places: &[PathBuf]) -> Option<Vec<PathBuf>> {
        places.iter().find_map(|dir| {
            let there = |file: &&str| {
                let forms = [dir.join(format!("{file}.gz")), dir.join(file)];
                forms.into_iter().find(|path| path.is_file())
            };
            self.files.iter().map(there).collect()
        })
    }

    /// As [`Package::find`]; when nothing is found, the error says where and what helps.
    pub(crate) fn require(&self, places: &[PathBuf]) -> Result<Vec<PathBuf>> {
        self.find(places).ok_or_else(|| {
            let list: Vec<String> = places.iter().map(|p| p.display().to_string()).collect();
            let message = format!(
                "not found: no directory has all of {} (.gz or not); looked in {}; {}",
                self.files.join(", "),
                list.join(", "),
                self.cures
            );
            Error::io(self.name, io::Error::new(io::ErrorKind::NotFound, message))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGE: Package =
        Package { name: "toy", files: &["a", "b"], system: "/nowhere/toy", cures: "install toy" };

    #[test]
    fn the_environment_comes_first_and_the_cache_last() {
        let places = PACKAGE.places(Some("/data".into()), Some("/cache/toy".into()));
        let expected = ["/data", "/data/toy", "/nowhere/toy", "/cache/toy"].map(PathBuf::from);
        assert_eq!(places, expected);
        assert_eq!(PACKAGE.places(Some("".into()), None), [PathBuf::from("/nowhere/toy")]);
        assert_eq!(PACKAGE.places(None, None), [PathBuf::from("/nowhere/toy")]);
    }

    #[test]
    fn only_a_complete_directory_counts() {
        let dir = tempfile::tempdir().expect("a directory");
        let places = PACKAGE.around(dir.path());
        std::fs::write(dir.path().join("a.gz"), "").expect("writable");
        let error = PACKAGE.require(&places).expect_err("b is missing").to_string();
        assert!(error.starts_with("toy: not found"), "{error}");
        for place in &places {
            assert!(error.contains(&place.display().to_string()), "{error}");
        }
        assert!(error.ends_with("install toy"), "{error}");
        std::fs::write(dir.path().join("b"), "").expect("writable");
        let found = PACKAGE.find(&places).expect("complete");
        assert_eq!(found, [dir.path().join("a.gz"), dir.path().join("b")]);
    }
}
