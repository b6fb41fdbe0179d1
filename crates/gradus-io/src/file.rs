//! Whole files: read with errors that name the path, written so that none is ever half there.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use gradus_tensor::{Error, Result};

/// The typed error inside `error` if there is one, else a file system failure at `path`.
pub(crate) fn error_at(path: &Path, error: io::Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(|error| Error::io(path, error))
}

/// The content of a file.
///
/// # Errors
/// `Kind::Io` naming the path when the file cannot be read.
pub fn read_file(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    let path = path.as_ref();
    fs::read(path).map_err(|error| Error::io(path, error))
}

/// Writes a file that appears complete or not at all.
///
/// `write` fills a temporary file beside `path`; once it is flushed to the disk it takes the name
/// `path`. When anything fails, what was at `path` before is still there and nothing else is. An
/// existing file keeps its permissions, a symbolic link its place: the file it names is replaced.
///
/// ```
/// use std::io::Write;
///
/// let dir = tempfile::tempdir().map_err(|e| gradus_tensor::Error::io("temp", e))?;
/// let path = dir.path().join("notes.txt");
/// gradus_io::write_atomic(&path, |file| file.write_all(b"kept"))?;
/// assert_eq!(gradus_io::read_file(&path)?, b"kept");
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Io` naming `path` when the directory is missing, the disk is full, `path` is not a
/// regular file or `write` fails; a typed error that `write` passed through `?` comes back as is.
pub fn write_atomic(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> Result<()> {
    let path = path.as_ref();
    replace(path, write).map_err(|error| error_at(path, error))
}

fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let old = fs::metadata(&target).ok();
    // Renaming over a device or a directory would destroy it or fail late.
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let dir = directory_of(&target);
    // Asked first: the temporary file's own error would name a random path.
    fs::metadata(&dir)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".gradus-").suffix(".partial");
    #[cfg(unix)]
    builder.permissions(permissions(old.as_ref()));
    let temporary = builder.tempfile_in(&dir)?;
    let mut out = BufWriter::new(temporary.as_file());
    write(&mut out)?;
    out.flush()?;
    drop(out);
    temporary.as_file().sync_all()?;
    temporary.persist(&target).map_err(|error| error.error)?;
    sync_directory(&dir);
    Ok(())
}

fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// What a file created in the ordinary way would have: temporary files are private by default.
#[cfg(unix)]
fn permissions(old: Option<&fs::Metadata>) -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    // The process's umask is taken off by the system.
    const ORDINARY: u32 = 0o666;
    old.map_or_else(|| fs::Permissions::from_mode(ORDINARY), fs::Metadata::permissions)
}

/// Makes the new name last through a power cut. The file is complete either way, and some file
/// systems refuse to sync directories, so a failure changes nothing.
fn sync_directory(dir: &Path) {
    if cfg!(unix)
        && let Ok(dir) = File::open(dir)
    {
        let _ = dir.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradus_tensor::Kind;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .expect("directory")
            .map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_written_file_reads_back_and_replaces_the_old_one() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("a.bin");
        for content in [b"first".as_slice(), b"", b"second, longer"] {
            write_atomic(&path, |file| file.write_all(content)).expect("write");
            assert_eq!(read_file(&path).expect("read"), content);
            assert_eq!(names(dir.path()), ["a.bin"]);
        }
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_temporary() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("a.bin");
        let full = || io::Error::new(io::ErrorKind::StorageFull, "disk full");
        for old in [false, true] {
            if old {
                fs::write(&path, b"old").expect("write");
            }
            let error = write_atomic(&path, |file| {
                file.write_all(&[7; 100_000])?;
                Err(full())
            })
            .expect_err("the writer failed");
            assert_eq!(error.to_string(), format!("{}: disk full", path.display()));
            assert!(matches!(error.kind(), Kind::Io { .. }));
            assert_eq!(names(dir.path()), if old { vec!["a.bin"] } else { vec![] });
        }
        assert_eq!(fs::read(&path).expect("read"), b"old");
    }

    #[test]
    fn a_typed_error_passes_through() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("a.bin");
        let error = write_atomic(&path, |_| {
            Err(Error::argument("save", "name", "x", "a free name"))?;
            Ok(())
        })
        .expect_err("the writer failed");
        assert_eq!(error.to_string(), "save: name is x, expected a free name");
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn a_missing_directory_and_a_directory_are_named() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("absent").join("a.bin");
        for error in [
            write_atomic(&path, |_| Ok(())).expect_err("no directory"),
            read_file(&path).expect_err("no file"),
        ] {
            let text = error.to_string();
            assert!(text.starts_with(&format!("{}: ", path.display())), "{text}");
            assert!(!text.contains("partial"), "{text}");
            assert!(matches!(error.kind(), Kind::Io { source, .. }
                if source.kind() == io::ErrorKind::NotFound));
        }
        let error = write_atomic(dir.path(), |_| Ok(())).expect_err("a directory");
        let text = format!("{}: not a regular file", dir.path().display());
        assert_eq!(error.to_string(), text);
        assert!(matches!(read_file(dir.path()).expect_err("a directory").kind(), Kind::Io { .. }));
    }

    #[cfg(unix)]
    #[test]
    fn permissions_and_links_survive() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().expect("directory");
        let (path, link) = (dir.path().join("real"), dir.path().join("link"));
        let mode = |path: &Path| fs::metadata(path).expect("file").permissions().mode() & 0o777;
        fs::write(&path, b"old").expect("write");
        let ordinary = mode(&path);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("chmod");
        symlink(&path, &link).expect("link");
        write_atomic(&link, |file| file.write_all(b"new")).expect("write");
        assert_eq!((fs::read(&path).expect("read"), mode(&path)), (b"new".to_vec(), 0o640));
        assert!(fs::symlink_metadata(&link).expect("link").is_symlink());
        let fresh = dir.path().join("fresh");
        write_atomic(&fresh, |_| Ok(())).expect("write");
        assert_eq!(mode(&fresh), ordinary);
    }
}
