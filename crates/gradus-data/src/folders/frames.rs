//! Sequences of pictures: animated GIFs, and folders of frames.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use gradus_io::read_file;
use gradus_tensor::{Array, Error, Problem, Result, Shape};
use image::codecs::gif::GifDecoder;
use image::{AnimationDecoder, ImageDecoder};

use super::decode::{Picture, bounds, decode, pixels};
use super::{ColorMode, DecodeLimits};

const OP: &str = "read_frames";
const EXTENSIONS: [&str; 5] = ["bmp", "gif", "jpeg", "jpg", "png"];

/// Reads a sequence of pictures as uint8 `[T, C, H, W]`: the frames of a GIF, or the pictures of a
/// folder in the order of their names. Decoded frames take at most
/// [`DecodeLimits::max_bytes`] together.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let dir = dir.path();
/// # for (name, grey) in [("02.png", 20u8), ("01.png", 10)] {
/// #     image::GrayImage::from_pixel(3, 2, image::Luma([grey])).save(dir.join(name)).unwrap();
/// # }
/// use gradus_data::{ColorMode, DecodeLimits, read_frames};
/// let video = read_frames(dir, ColorMode::Grayscale, DecodeLimits::default())?;
/// assert_eq!(video.shape().dims(), [2, 1, 2, 3]);
/// assert_eq!(video.to_vec::<u8>()?[..7], [10, 10, 10, 10, 10, 10, 20]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Io` when a file or the folder cannot be read; `Kind::Format` when a file is damaged, of
/// another format or too large; `Kind::Shape` for frames of two sizes; `Kind::Argument` for a
/// folder without pictures.
pub fn read_frames(
    path: impl AsRef<Path>,
    color_mode: ColorMode,
    limits: DecodeLimits,
) -> Result<Array> {
    let path = path.as_ref();
    let mut frames = Frames { first: None, planes: Vec::new(), count: 0 };
    if path.is_dir() {
        for file in pictures(path)? {
            frames.add(&file, &decode(&file, color_mode, limits)?, limits)?;
        }
    } else {
        gif(path, color_mode, limits, &mut frames)?;
    }
    let Some([c, h, w]) = frames.first else {
        let value = path.display();
        return Err(Error::argument(OP, "path", value, "a folder with at least one picture"));
    };
    Array::from_vec(frames.planes, [frames.count, c, h, w])
}

/// Planes of frames that have one size.
struct Frames {
    first: Option<[usize; 3]>,
    planes: Vec<u8>,
    count: usize,
}

impl Frames {
    fn add(&mut self, path: &Path, picture: &Picture, limits: DecodeLimits) -> Result<()> {
        let size = [picture.channels, picture.height, picture.width];
        let first = *self.first.get_or_insert(size);
        if first != size {
            let problem = Problem::Rule { rule: "all frames must have one size" };
            let operands = [("first", &Shape::new(&first)), ("other", &Shape::new(&size))];
            let error = Error::shape(OP, problem, &operands);
            return Err(error.within(path.display().to_string()));
        }
        if (self.planes.len() + picture.pixels.len()) as u64 > limits.max_bytes {
            let problem = format!("the frames take more than {} bytes", limits.max_bytes);
            return Err(Error::format(path, "image", None, problem));
        }
        for channel in 0..picture.channels {
            let plane = picture.pixels.iter().skip(channel).step_by(picture.channels);
            self.planes.extend(plane.copied());
        }
        self.count += 1;
        Ok(())
    }
}

fn gif(
    path: &Path,
    color_mode: ColorMode,
    limits: DecodeLimits,
    frames: &mut Frames,
) -> Result<()> {
    let bytes = read_file(path)?;
    let bad = |error: image::ImageError| Error::format(path, "gif", None, error.to_string());
    let mut decoder = GifDecoder::new(Cursor::new(&bytes)).map_err(bad)?;
    decoder.set_limits(bounds(limits)).map_err(bad)?;
    for frame in decoder.into_frames() {
        let picture = pixels(frame.map_err(bad)?.into_buffer().into(), color_mode);
        frames.add(path, &picture, limits)?;
    }
    Ok(())
}

fn pictures(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| Error::io(folder, error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let extension = file.extension().map(|e| e.to_string_lossy().to_lowercase());
        if extension.is_some_and(|e| EXTENSIONS.contains(&e.as_str())) {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}
