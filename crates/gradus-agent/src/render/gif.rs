//! Recordings as animated GIF files.

use std::path::Path;

use gradus_io::write_atomic;
use gradus_tensor::{Error, Kind, Result};
use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, Frame, RgbaImage};

use super::Picture;
use crate::env::Env;

/// Collects pictures of an environment and writes them as an animated GIF.
///
/// ```
/// use gradus_agent::{Env, envs::FrozenLake, render::Recorder};
/// let mut env = FrozenLake::make(Default::default())?;
/// let mut recorder = Recorder::new(4);
/// env.reset(0)?;
/// recorder.add(&env);
/// env.step(1)?;
/// recorder.add(&env);
/// let gif = recorder.to_gif()?;
/// assert_eq!((&gif[..6], recorder.len()), (b"GIF89a".as_slice(), 2));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Recorder {
    frames: Vec<Picture>,
    frames_per_second: u32,
}

impl Recorder {
    /// Nothing yet; pictures follow each other at this rate, at least 1.
    pub fn new(frames_per_second: u32) -> Self {
        Recorder { frames: Vec::new(), frames_per_second: frames_per_second.max(1) }
    }

    /// Takes a picture of an environment, if it gives one.
    pub fn add(&mut self, env: &impl Env) {
        self.frames.extend(env.render());
    }

    /// Adds a picture.
    pub fn push(&mut self, picture: Picture) {
        self.frames.push(picture);
    }

    /// How many pictures.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether there is no picture.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The recording as the bytes of a file that repeats for ever.
    ///
    /// # Errors
    /// `Kind::Argument` without pictures, `Kind::Unsupported` for pictures larger than the format
    /// allows.
    pub fn to_gif(&self) -> Result<Vec<u8>> {
        const OP: &str = "recorder";
        if self.frames.is_empty() {
            return Err(Error::argument(OP, "frames", 0, "at least one picture"));
        }
        let refused = |error: image::ImageError| {
            let what = error.to_string();
            Error::from(Kind::Unsupported { op: OP, what, place: "by the GIF format" })
        };
        let mut bytes = Vec::new();
        // 10 of 30: half the time for colours that differ in what nobody sees.
        let mut encoder = GifEncoder::new_with_speed(&mut bytes, 10);
        encoder.set_repeat(Repeat::Infinite).map_err(refused)?;
        for picture in &self.frames {
            let rgba = picture.rgb().chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]);
            let (width, height) = (picture.width() as u32, picture.height() as u32);
            let Some(image) = RgbaImage::from_raw(width, height, rgba.collect()) else { continue };
            let delay = Delay::from_numer_denom_ms(1000, self.frames_per_second);
            encoder.encode_frame(Frame::from_parts(image, 0, 0, delay)).map_err(refused)?;
        }
        drop(encoder);
        Ok(bytes)
    }

    /// Writes the recording as a file.
    ///
    /// # Errors
    /// As [`Recorder::to_gif`]; `Kind::Io` when the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        use std::io::Write;
        let bytes = self.to_gif()?;
        write_atomic(path, |file| file.write_all(&bytes))
    }
}
