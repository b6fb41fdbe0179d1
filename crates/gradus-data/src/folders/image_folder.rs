//! `ImageFolder`: pictures in files, a folder for each class, decoded when they are fetched.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gradus_tensor::{Array, CpuBuffer, DType, Error, Layout, Result, Shape, Storage};

use super::decode::decode;
use super::index::Index;
use super::resize::{Window, resize};
use super::{ColorMode, DecodeLimits, FolderOptions, Part, Skipped};
use crate::dataset::Dataset;
use crate::loader::Loader;
use crate::vision::Interpolation;

const OP: &str = "image_folder";
/// The endings that Keras takes.
const EXTENSIONS: [&str; 5] = ["bmp", "gif", "jpeg", "jpg", "png"];

/// Options of [`image_dataset_from_directory`].
#[derive(Clone, Debug)]
pub struct ImageFolderOptions {
    /// Which files, and of which class: `labels`, `label_mode`, `class_names`, `batch_size`,
    /// `shuffle`, `seed`, `validation_split`, `subset`.
    pub folder: FolderOptions,
    /// The colours of the pictures.
    pub color_mode: ColorMode,
    /// Height and width of the pictures.
    pub image_size: (usize, usize),
    /// How pixels of another size are computed, by Keras' conventions: pixel centres at halves for
    /// the nearest pixel, too, Keys' kernel with a = -0.5, float32 until the end.
    pub interpolation: Interpolation,
    /// Whether a pixel of a smaller picture is made of all that it covers, as torchvision does;
    /// Keras does not.
    pub antialias: bool,
    /// Whether pictures of another form are cut instead of stretched.
    pub crop_to_aspect_ratio: bool,
    /// How large a picture in a file may be.
    pub limits: DecodeLimits,
}

impl Default for ImageFolderOptions {
    /// Keras' defaults: RGB, 256×256, bilinear, stretched.
    fn default() -> Self {
        ImageFolderOptions {
            folder: FolderOptions::default(),
            color_mode: ColorMode::Rgb,
            image_size: (256, 256),
            interpolation: Interpolation::Bilinear,
            antialias: false,
            crop_to_aspect_ratio: false,
            limits: DecodeLimits::default(),
        }
    }
}

/// Pictures in files: `x` uint8 `[N, C, H, W]`, and `y` as
/// [`label_mode`](FolderOptions::label_mode) says.
///
/// Pictures stay bytes until they are on a device ([`Loader::convert`]); decoding is spread over
/// the workers of a loader.
#[derive(Clone)]
pub struct ImageFolder {
    index: Index,
    options: Arc<ImageFolderOptions>,
}

/// The pictures of a directory whose folders are the classes; Keras' function of this name, with
/// its arguments.
///
/// ```
/// # use gradus_data::read_image;
/// # let dir = tempfile::tempdir().unwrap();
/// # let dir = dir.path();
/// # for (class, pixel) in [("cats", [255u8, 0, 0]), ("dogs", [0, 0, 255])] {
/// #     std::fs::create_dir(dir.join(class)).unwrap();
/// #     image::RgbImage::from_pixel(9, 7, image::Rgb(pixel))
/// #         .save(dir.join(class).join("1.png"))
/// #         .unwrap();
/// # }
/// use gradus_data::{FolderOptions, ImageFolderOptions, image_dataset_from_directory};
/// use gradus_data::DataLoader;
/// let folder = FolderOptions { shuffle: false, ..Default::default() };
/// let options = ImageFolderOptions { folder, image_size: (4, 4), ..Default::default() };
/// let data = image_dataset_from_directory(dir, &options)?;
/// assert_eq!(data.classes(), ["cats", "dogs"]);
/// let loader: DataLoader = data.loader();
/// let (x, y) = loader.iter().next().unwrap()?;
/// assert_eq!((x.shape().dims(), y.to_vec::<i32>()?), (&[2, 3, 4, 4][..], vec![0, 1]));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::Io` when the directory cannot be read; `Kind::Argument` for options that contradict each
/// other, a class without files, no files.
pub fn image_dataset_from_directory(
    directory: impl AsRef<Path>,
    options: &ImageFolderOptions,
) -> Result<ImageFolder> {
    let (height, width) = options.image_size;
    if height == 0 || width == 0 {
        let value = format!("{height} × {width}");
        return Err(Error::argument(OP, "image_size", value, "at least one pixel"));
    }
    let read = |path: &Path| decode(path, options.color_mode, options.limits).map(drop);
    let index = Index::new(directory.as_ref(), &options.folder, &EXTENSIONS, &read)?;
    Ok(ImageFolder { index, options: Arc::new(options.clone()) })
}

impl ImageFolder {
    /// The two parts of a division: Keras' `subset="both"`.
    ///
    /// # Errors
    /// As [`image_dataset_from_directory`].
    pub fn both(directory: impl AsRef<Path>, options: &ImageFolderOptions) -> Result<(Self, Self)> {
        let part = |subset| {
            let folder = FolderOptions { subset: Some(subset), ..options.folder.clone() };
            let options = ImageFolderOptions { folder, ..options.clone() };
            image_dataset_from_directory(directory.as_ref(), &options)
        };
        Ok((part(Part::Training)?, part(Part::Validation)?))
    }

    /// A loader with the batch size, order and seed of the options, and a worker for each
    /// processor.
    pub fn loader<T>(&self) -> Loader<T> {
        self.index.loader(self)
    }

    /// The number of pictures.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are no pictures.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The classes in the order of their numbers.
    pub fn classes(&self) -> &[String] {
        &self.index.classes
    }

    /// The labels of all pictures as `label_mode` says; nothing if there are none.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`.
    pub fn labels(&self) -> Result<Option<Array>> {
        self.index.all_labels()
    }

    /// The files.
    pub fn paths(&self) -> &[PathBuf] {
        &self.index.paths
    }

    /// The files that were left out, and why.
    pub fn skipped(&self) -> &[Skipped] {
        &self.index.skipped
    }
}

impl Dataset for ImageFolder {
    fn len(&self) -> usize {
        self.index.len()
    }

    fn fetch(&self, indices: &[usize]) -> Result<Vec<Array>> {
        let (paths, labels) = self.index.chosen(indices)?;
        let options = &*self.options;
        let (height, width) = options.image_size;
        let channels = options.color_mode.channels();
        let size = channels * height * width;
        let mut out = CpuBuffer::new(paths.len() * size)?;
        for (planes, path) in out.bytes_mut().chunks_exact_mut(size).zip(paths) {
            let picture = decode(path, options.color_mode, options.limits)?;
            let window = Window::of(&picture, height, width, options.crop_to_aspect_ratio);
            let (how, antialias) = (options.interpolation, options.antialias);
            resize(&picture, window, options.image_size, how, antialias, planes);
        }
        let shape = Shape::new(&[indices.len(), channels, height, width]);
        let x = Array::new(Storage::Cpu(Arc::new(out)), Layout::dense(shape), DType::U8);
        self.index.columns(x, &labels)
    }
}

impl fmt::Debug for ImageFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, classes) = (self.len(), self.classes().len());
        write!(f, "ImageFolder({n} pictures, {classes} classes, {} left out)", self.skipped().len())
    }
}
