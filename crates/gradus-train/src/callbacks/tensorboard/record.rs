//! Records: a length and bytes, each with a checksum; the framing of an event file.
//!
//! Source: TensorFlow's `tfrecord` format: u64 length, masked CRC-32C of the length, the bytes,
//! their masked CRC-32C, all little-endian.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use gradus_io::read_file;
use gradus_tensor::{Error, Result};

use super::message::{Event, EventValue};

const FORMAT: &str = "tensorboard events";
const VERSION: &str = "brain.Event:2";
/// What the format adds to a rotated checksum, so that checksums of checksums differ.
const MASK: u32 = 0xa282_ead8;

fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(MASK)
}

/// An event file that grows, for loops that are no `fit`.
///
/// ```
/// use gradus_train::{EventWriter, read_events};
/// # let dir = tempfile::tempdir().map_err(|e| gradus_tensor::Error::io("temp", e))?;
/// let mut writer = EventWriter::create(dir.path())?;
/// writer.scalar(10, "episode/reward", 0.5)?;
/// writer.flush()?;
/// let events = read_events(writer.path())?;
/// assert_eq!((events[1].step, events[1].values[0].0.as_str()), (10, "episode/reward"));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: BufWriter<File>,
}

/// Tells apart the files that one process begins in one second.
static FILES: AtomicU64 = AtomicU64::new(0);

impl Writer {
    /// A new file in a directory, which is made if it is missing.
    ///
    /// # Errors
    /// `Kind::Io`.
    pub fn create(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref();
        fs::create_dir_all(dir).map_err(|error| Error::io(dir, error))?;
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let (seconds, process) = (now() as u64, std::process::id());
        let name = format!("events.out.tfevents.{seconds:010}.gradus.{process}.{number}");
        let path = dir.join(name);
        let file = File::create(&path).map_err(|error| Error::io(&path, error))?;
        let mut writer = Writer { path, file: BufWriter::new(file) };
        let file_version = Some(VERSION.to_owned());
        writer.write(&Event { wall_time: now(), file_version, ..Event::default() })?;
        writer.flush()?;
        Ok(writer)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a number.
    ///
    /// # Errors
    /// `Kind::Io`.
    pub fn scalar(&mut self, step: i64, tag: &str, value: f64) -> Result<()> {
        self.add(step, tag, EventValue::Scalar(value as f32))
    }

    pub(super) fn add(&mut self, step: i64, tag: &str, value: EventValue) -> Result<()> {
        let values = vec![(tag.to_owned(), value)];
        self.write(&Event { wall_time: now(), step, file_version: None, values })
    }

    fn write(&mut self, event: &Event) -> Result<()> {
        let data = event.encode();
        let length = (data.len() as u64).to_le_bytes();
        let parts: [&[u8]; 4] =
            [&length, &masked(&length).to_le_bytes(), &data, &masked(&data).to_le_bytes()];
        let mut parts = parts.iter();
        let written = parts.try_for_each(|part| self.file.write_all(part));
        written.map_err(|error| Error::io(&self.path, error))
    }

    /// Writes out what is held back.
    ///
    /// # Errors
    /// `Kind::Io`.
    pub fn flush(&mut self) -> Result<()> {
        self.file.flush().map_err(|error| Error::io(&self.path, error))
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// The events of a TensorBoard file. A last record that is cut off, as while a training runs, is
/// left out.
///
/// # Errors
/// `Kind::Io` when the file cannot be read, `Kind::Format` for a wrong checksum.
pub fn read_events(path: impl AsRef<Path>) -> Result<Vec<Event>> {
    const HEAD: usize = 12;
    const TAIL: usize = 4;
    let path = path.as_ref();
    let bytes = read_file(path)?;
    let bad = |at: usize, problem: &str| Error::format(path, FORMAT, at as u64, problem);
    let word = |at: usize| bytes[at..at + 4].iter().rev().fold(0u32, |w, &b| w << 8 | u32::from(b));
    let (mut at, mut events) = (0, Vec::new());
    while bytes.len() - at >= HEAD {
        if masked(&bytes[at..at + 8]) != word(at + 8) {
            return Err(bad(at, "the length does not have its checksum"));
        }
        let length = u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        let room = (bytes.len() - at - HEAD).saturating_sub(TAIL);
        let Some(length) = usize::try_from(length).ok().filter(|&n| n <= room) else { break };
        let data = &bytes[at + HEAD..at + HEAD + length];
        if masked(data) != word(at + HEAD + length) {
            return Err(bad(at + HEAD, "the record does not have its checksum"));
        }
        events.push(Event::decode(data).ok_or_else(|| bad(at + HEAD, "not an event"))?);
        at += HEAD + length + TAIL;
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_known_one() {
        // CRC-32C's check value, and TensorFlow's mask of it: rotated right by 15, plus a constant.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(masked(b"123456789"), 0x2507_c60d_u32.wrapping_add(MASK));
    }

    #[test]
    fn files_read_back_damaged_ones_are_refused_and_cut_ones_shortened() {
        let dir = tempfile::tempdir().expect("directory");
        let mut writer = Writer::create(dir.path()).expect("file");
        writer.add(3, "epoch_loss", EventValue::Scalar(0.25)).expect("write");
        writer.flush().expect("write");
        let events = read_events(&writer.path).expect("readable");
        assert_eq!(events[0].file_version.as_deref(), Some(VERSION));
        assert_eq!(events[1].values, [("epoch_loss".to_owned(), EventValue::Scalar(0.25))]);
        assert_eq!((events[1].step, events.len()), (3, 2));

        let bytes = fs::read(&writer.path).expect("readable");
        let path = dir.path().join("changed");
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            fs::write(&path, &damaged).expect("write");
            assert!(read_events(&path).is_err(), "byte {at}");
        }
        fs::write(&path, &bytes[..bytes.len() - 1]).expect("write");
        assert_eq!(read_events(&path).expect("readable").len(), 1);
    }
}
