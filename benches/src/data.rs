//! Workloads of the data crate: an epoch of a loader, a folder of pictures.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use gradus::data::{FolderOptions, ImageFolderOptions, image_dataset_from_directory};
use gradus::prelude::*;
use gradus::{DataLoader, Generator};
use image::{ImageFormat, Rgb, RgbImage};

use crate::workloads::Run;

/// Samples of Fashion-MNIST's training part.
pub const FASHION: f64 = 60_000.0;
/// Pictures of the folder, and their width and height.
pub const PICTURES: f64 = 5000.0;
const SIDE: u32 = 256;
/// Pictures that differ; files repeat them.
const DISTINCT: usize = 50;
/// Mean and deviation of Fashion-MNIST's training pictures.
const NORMAL: ([f32; 1], [f32; 1]) = ([0.2860], [0.3530]);

/// An epoch of shuffled batches of 64, bytes to normalised floats.
pub fn loader(device: &Device) -> Result<Run> {
    let (train, _) = datasets::fashion_mnist()?;
    let train = train.normalized(0, &NORMAL.0, &NORMAL.1)?;
    let loader = DataLoader::new(&train).batch_size(64).shuffle(1).to(device);
    Ok(Box::new(move || {
        let mut samples = 0;
        for batch in &loader {
            let (x, y) = batch?;
            assert_eq!(x.shape()[0], y.shape()[0], "a batch has one row a sample");
            samples += y.shape()[0];
        }
        assert_eq!(samples as f64, FASHION, "an epoch has every sample");
        Ok(())
    }))
}

/// An epoch over a folder of JPEGs that need not be resized, a worker for each processor.
pub fn image_folder(device: &Device) -> Result<Run> {
    let folder = Folder::new()?;
    let options = ImageFolderOptions {
        folder: FolderOptions { batch_size: 64, seed: Some(1), ..Default::default() },
        image_size: (SIDE as usize, SIDE as usize),
        ..Default::default()
    };
    let data = image_dataset_from_directory(&folder.path, &options)?;
    let loader: DataLoader = data.loader().to(device);
    Ok(Box::new(move || {
        // The folder lives as long as its runs.
        let _ = &folder;
        let mut samples = 0;
        for batch in &loader {
            samples += batch?.1.shape()[0];
        }
        assert_eq!(samples as f64, PICTURES, "an epoch has every picture");
        Ok(())
    }))
}

/// What `image_folder` is measured by: reading and decoding alone, on as many threads.
pub fn image_decode(_device: &Device) -> Result<Run> {
    let folder = Folder::new()?;
    Ok(Box::new(move || {
        let next = AtomicUsize::new(0);
        let bytes = AtomicUsize::new(0);
        let work = || {
            while let Some(path) = folder.files.get(next.fetch_add(1, Ordering::Relaxed)) {
                bytes.fetch_add(decoded(path), Ordering::Relaxed);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(work);
            }
            work();
        });
        let expected = PICTURES as usize * (SIDE * SIDE * 3) as usize;
        assert_eq!(bytes.into_inner(), expected, "every picture was decoded");
        Ok(())
    }))
}

fn decoded(path: &Path) -> usize {
    let bytes = std::fs::read(path).unwrap_or_default();
    let image = image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg);
    image.map_or(0, |image| image.into_rgb8().into_raw().len())
}

/// A folder of JPEGs in two classes, gone when dropped.
struct Folder {
    path: PathBuf,
    files: Vec<PathBuf>,
}

impl Folder {
    fn new() -> Result<Self> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("gradus-bench-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut folder = Folder { path, files: Vec::new() };
        let failed = |error| Error::io(&folder.path, error);
        let pictures: Vec<Vec<u8>> = (0..DISTINCT).map(|at| picture(at as u64)).collect();
        let mut files = Vec::new();
        for class in ["even", "odd"] {
            std::fs::create_dir_all(folder.path.join(class)).map_err(failed)?;
        }
        for at in 0..PICTURES as usize {
            let class = if at % 2 == 0 { "even" } else { "odd" };
            let file = folder.path.join(class).join(format!("{at}.jpg"));
            std::fs::write(&file, &pictures[at % DISTINCT]).map_err(failed)?;
            files.push(file);
        }
        folder.files = files;
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to the system.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Smooth colours with some noise: as much to decode as a photograph.
fn picture(seed: u64) -> Vec<u8> {
    let noise = Generator::new(seed).uniform((SIDE * SIDE) as usize);
    let (a, b) = (0.02 + seed as f32 * 3e-4, 0.05);
    let image = RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let noise = noise[(y * SIDE + x) as usize] * 24.0;
        let wave = |phase: f32| (x as f32 * a + y as f32 * b + phase).sin() * 100.0 + 114.0;
        Rgb([0.0, 2.0, 4.0].map(|phase| (wave(phase) + noise) as u8))
    });
    let mut jpeg = std::io::Cursor::new(Vec::new());
    let written = image.write_to(&mut jpeg, ImageFormat::Jpeg);
    assert!(written.is_ok(), "a picture in memory can be written");
    jpeg.into_inner()
}
