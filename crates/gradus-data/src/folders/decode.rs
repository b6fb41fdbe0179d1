//! Pictures from files: decoded within limits, into the colours asked for.

use std::io::Cursor;
use std::path::Path;

use gradus_io::read_file;
use gradus_tensor::{Array, Error, Result};
use image::{DynamicImage, ImageReader, Limits};

const FORMAT: &str = "image";
/// Enough for any photograph.
const MAX_SIDE: u32 = 16_384;
const MAX_DECODED: u64 = 512 << 20;

/// The colours of decoded pictures; Keras' `color_mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorMode {
    /// One channel, `0.299 R + 0.587 G + 0.114 B`, as PIL's mode `L`.
    Grayscale,
    /// Three channels.
    #[default]
    Rgb,
    /// Four channels; the last is 255 where the file has none.
    Rgba,
}

impl ColorMode {
    /// The number of channels.
    pub const fn channels(self) -> usize {
        match self {
            ColorMode::Grayscale => 1,
            ColorMode::Rgb => 3,
            ColorMode::Rgba => 4,
        }
    }
}

/// How large a picture may be. A file of a few bytes can say that it is of any size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// The largest width and height.
    pub max_side: u32,
    /// The most bytes that decoding may take.
    pub max_bytes: u64,
}

impl Default for DecodeLimits {
    /// 16,384 pixels a side, 512 MiB.
    fn default() -> Self {
        DecodeLimits { max_side: MAX_SIDE, max_bytes: MAX_DECODED }
    }
}

/// A decoded picture: rows of pixels of `channels` bytes.
pub(super) struct Picture {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: usize,
    pub(super) pixels: Vec<u8>,
}

/// Reads a picture (JPEG, PNG, BMP, GIF: its first frame) as uint8 `[C, H, W]`.
///
/// # Errors
/// `Kind::Io` when the file cannot be read; `Kind::Format` when it is empty, damaged, of another
/// format or larger than [`DecodeLimits`] allows.
pub fn read_image(path: impl AsRef<Path>, color_mode: ColorMode) -> Result<Array> {
    let picture = decode(path.as_ref(), color_mode, DecodeLimits::default())?;
    let Picture { width, height, channels, pixels } = picture;
    let mut planes = vec![0; pixels.len()];
    for (channel, plane) in planes.chunks_exact_mut((width * height).max(1)).enumerate() {
        let from = pixels[channel..].iter().step_by(channels);
        plane.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
    }
    Array::from_vec(planes, [channels, height, width])
}

pub(super) fn decode(path: &Path, color_mode: ColorMode, limits: DecodeLimits) -> Result<Picture> {
    let bytes = read_file(path)?;
    let bad = |problem: String| Error::format(path, FORMAT, None, problem);
    if bytes.is_empty() {
        return Err(bad("the file is empty".into()));
    }
    let reader = ImageReader::new(Cursor::new(&bytes)).with_guessed_format();
    let mut reader = reader.map_err(|error| Error::io(path, error))?;
    if reader.format().is_none() {
        return Err(bad("the content is no JPEG, PNG, BMP or GIF".into()));
    }
    reader.limits(bounds(limits));
    let image = reader.decode().map_err(|error| bad(error.to_string()))?;
    Ok(pixels(image, color_mode))
}

/// What decoders are held to.
pub(super) fn bounds(limits: DecodeLimits) -> Limits {
    let mut bounds = Limits::no_limits();
    bounds.max_image_width = Some(limits.max_side);
    bounds.max_image_height = Some(limits.max_side);
    bounds.max_alloc = Some(limits.max_bytes);
    bounds
}

/// A decoded picture in the colours asked for.
pub(super) fn pixels(image: DynamicImage, color_mode: ColorMode) -> Picture {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let pixels = match color_mode {
        ColorMode::Rgb => image.into_rgb8().into_raw(),
        ColorMode::Rgba => image.into_rgba8().into_raw(),
        ColorMode::Grayscale => grey(image),
    };
    Picture { width, height, channels: color_mode.channels(), pixels }
}

/// The weights of ITU-R BT.601 in 65,536ths, rounded as PIL does.
fn grey(image: DynamicImage) -> Vec<u8> {
    if let DynamicImage::ImageLuma8(grey) = image {
        return grey.into_raw();
    }
    let weigh = |rgb: &[u8]| {
        let [r, g, b] = [u32::from(rgb[0]), u32::from(rgb[1]), u32::from(rgb[2])];
        ((19_595 * r + 38_470 * g + 7_471 * b + 0x8000) >> 16) as u8
    };
    image.into_rgb8().chunks_exact(3).map(weigh).collect()
}
