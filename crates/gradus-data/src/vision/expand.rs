//! A folder of images made larger: changed copies of every picture, as files.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use gradus_io::write_atomic;
use gradus_tensor::{Array, DType, Error, Kind, Result};
use image::{ColorType, ImageEncoder, codecs::png::PngEncoder};

use super::augment::Augment;
use super::functional::to_dtype;
use super::picture::Batch;
use crate::{ColorMode, SampleKey, read_image};

/// Folders inside one another that are followed.
const DEEPEST: usize = 16;

/// What [`expand_folder`] did.
#[derive(Debug, Default)]
pub struct Expanded {
    /// Pictures that were read.
    pub read: usize,
    /// Files that were written.
    pub written: usize,
    /// Files that could not be read, each with its path; the others were done nevertheless.
    pub failed: Vec<Error>,
}

/// Writes `copies` changed copies of every PNG and JPEG file below `from` to the same place below
/// `to`, as `name_0.png`, `name_1.png` and so on, so that class folders stay class folders.
///
/// What a copy looks like depends on the seed, the picture's place in the order of paths and the
/// copy's number. For small sets that do not change; augmenting while training costs no space and
/// never shows the same picture twice.
///
/// ```no_run
/// use gradus_data::vision::{Compose, RandomHorizontalFlip, RandomRotation, expand_folder};
///
/// let augment =
///     Compose::new().push(RandomHorizontalFlip::default()).push(RandomRotation::new(15.0));
/// let done = expand_folder("flowers", "flowers_x5", 5, &augment, 7)?;
/// assert_eq!(done.written, 5 * done.read);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Io` for folders that cannot be read or written; those of the transform. A picture that
/// cannot be decoded is reported in the result.
pub fn expand_folder(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
    copies: usize,
    augment: &dyn Augment,
    seed: u64,
) -> Result<Expanded> {
    let (from, to) = (from.as_ref(), to.as_ref());
    let mut files = Vec::new();
    collect(from, &mut files, DEEPEST)?;
    files.sort();
    let mut done = Expanded::default();
    for (index, path) in files.iter().enumerate() {
        let picture = match read_image(path, ColorMode::Rgb) {
            Ok(picture) => picture,
            Err(error) => {
                done.failed.push(error);
                continue;
            }
        };
        done.read += 1;
        let place = to.join(path.strip_prefix(from).unwrap_or(path));
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        }
        let stem = place.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for copy in 0..copies {
            let key = SampleKey::new(seed, copy as u64, index as u64);
            let changed = augment
                .transform(&picture, &[key])
                .map_err(|error| error.within(path.display().to_string()))?;
            write_png(&changed, place.with_file_name(format!("{stem}_{copy}.png")))?;
            done.written += 1;
        }
    }
    Ok(done)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>, deeper: usize) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(|error| Error::io(folder, error))? {
        let path = entry.map_err(|error| Error::io(folder, error))?.path();
        let kind = path.extension().unwrap_or_default().to_ascii_lowercase();
        if path.is_dir() && deeper > 0 {
            collect(&path, files, deeper - 1)?;
        } else if path.is_file() && ["png", "jpg", "jpeg"].iter().any(|known| kind == *known) {
            files.push(path);
        }
    }
    Ok(())
}

fn malformed(path: &Path, problem: String) -> Error {
    Kind::Format { path: path.into(), format: "image", offset: None, problem }.into()
}

/// Writes an image of 1, 3 or 4 channels; floats are taken from 0 to 1.
///
/// # Errors
/// `Kind::Io` when the file cannot be written; `Kind::Shape` and `Kind::DType` for what is no
/// image, `Kind::Argument` for other numbers of channels.
pub fn write_png(x: &Array, path: impl AsRef<Path>) -> Result<()> {
    const OP: &str = "write_png";
    let path = path.as_ref();
    let size = Batch::of(OP, x)?.size;
    let color = match (size.channels, x.shape().rank()) {
        (1, 3) => ColorType::L8,
        (3, 3) => ColorType::Rgb8,
        (4, 3) => ColorType::Rgba8,
        (channels, _) => {
            let expected = "one image of 1, 3 or 4 channels";
            return Err(Error::argument(OP, "channels", channels, expected));
        }
    };
    let planes = to_dtype(x, DType::U8, true)?.to_vec::<u8>()?;
    let plane = size.plane();
    let pixels: Vec<u8> = (0..plane)
        .flat_map(|at| (0..size.channels).map(move |c| c * plane + at))
        .map(|at| planes[at])
        .collect();
    let mut png = Cursor::new(Vec::new());
    PngEncoder::new(&mut png)
        .write_image(&pixels, size.width as u32, size.height as u32, color.into())
        .map_err(|error| malformed(path, error.to_string()))?;
    write_atomic(path, |file| file.write_all(png.get_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::{Compose, RandomInvert};

    #[test]
    fn class_folders_grow_and_bad_files_are_reported() {
        let dir = tempfile::tempdir().expect("a folder");
        let (from, to) = (dir.path().join("in"), dir.path().join("out"));
        for class in ["cat", "dog"] {
            fs::create_dir_all(from.join(class)).expect("a folder");
        }
        let x = Array::from_vec((0..24).collect::<Vec<u8>>(), [3, 2, 4]).expect("fills");
        write_png(&x, from.join("cat/a.png")).expect("writes");
        write_png(&x, from.join("dog/b.png")).expect("writes");
        fs::write(from.join("dog/broken.jpg"), b"not a picture").expect("writes");
        fs::write(from.join("dog/empty.png"), b"").expect("writes");
        fs::write(from.join("notes.txt"), b"words").expect("writes");
        let augment = Compose::new().push(RandomInvert::new().p(1.0));
        let done = expand_folder(&from, &to, 3, &augment, 1).expect("expands");
        assert_eq!((done.read, done.written, done.failed.len()), (2, 6, 2));
        for error in &done.failed {
            assert!(error.to_string().contains("dog"), "{error}");
        }
        let back = read_image(to.join("dog/b_2.png"), ColorMode::Rgb).expect("reads");
        let inverted: Vec<u8> = (0..24).map(|v| 255 - v).collect();
        assert_eq!(back.to_vec::<u8>().expect("bytes"), inverted);
    }
}
