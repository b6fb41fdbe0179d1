//! WAV files as floats.

use std::io::Cursor;
use std::path::Path;

use gradus_io::read_file;
use gradus_tensor::{Array, Error, Result};
use hound::{SampleFormat, WavReader};

const FORMAT: &str = "wav";

/// The sound of a WAV file.
#[derive(Clone, Debug)]
pub struct Wav {
    /// float32 `[channels, frames]`; PCM of any width lies in `-1..1`.
    pub samples: Array,
    /// Frames a second.
    pub sample_rate: u32,
}

/// Reads a WAV file of integer PCM (8 to 32 bits) or floats; numbers as torchaudio's `load` gives
/// them: PCM divided by the largest magnitude of its width.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("tone.wav");
/// # let spec = hound::WavSpec {
/// #     channels: 1, sample_rate: 8000, bits_per_sample: 16,
/// #     sample_format: hound::SampleFormat::Int,
/// # };
/// # let mut writer = hound::WavWriter::create(&path, spec).unwrap();
/// # for value in [0i16, 16384, -32768] {
/// #     writer.write_sample(value).unwrap();
/// # }
/// # writer.finalize().unwrap();
/// let sound = gradus_data::read_wav(&path)?;
/// assert_eq!(sound.samples.to_vec::<f32>()?, [0.0, 0.5, -1.0]);
/// assert_eq!((sound.samples.shape().dims(), sound.sample_rate), (&[1, 3][..], 8000));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Io` when the file cannot be read; `Kind::Format` when it is empty, damaged or of another
/// encoding.
pub fn read_wav(path: impl AsRef<Path>) -> Result<Wav> {
    let path = path.as_ref();
    let bytes = read_file(path)?;
    let bad = |problem: String| Error::format(path, FORMAT, None, problem);
    if bytes.is_empty() {
        return Err(bad("the file is empty".into()));
    }
    let mut reader = WavReader::new(Cursor::new(&bytes)).map_err(|e| bad(e.to_string()))?;
    let spec = reader.spec();
    let values: Vec<f32> = match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().collect::<std::result::Result<_, _>>(),
        SampleFormat::Int => {
            let most = (1u64 << (spec.bits_per_sample.clamp(1, 32) - 1)) as f32;
            let unit = |value: std::result::Result<i32, hound::Error>| Ok(value? as f32 / most);
            reader.samples::<i32>().map(unit).collect::<std::result::Result<_, hound::Error>>()
        }
    }
    .map_err(|e| bad(e.to_string()))?;
    let channels = usize::from(spec.channels.max(1));
    let frames = values.len() / channels;
    let mut planes: Vec<f32> = Vec::with_capacity(channels * frames);
    for channel in 0..channels {
        planes.extend(values[channel.min(values.len())..].iter().step_by(channels).take(frames));
    }
    let samples = Array::from_vec(planes, [channels, frames])?;
    Ok(Wav { samples, sample_rate: spec.sample_rate })
}
