//! Fashion-MNIST: 70,000 pictures of clothes, 28×28, ten classes.

use std::path::{Path, PathBuf};

use gradus_tensor::{Array, DType, Error, Result};
use sha2::{Digest, Sha256};

use super::places::{DATA_VAR, Package};
use crate::idx::Idx;
use crate::tensor_dataset::TensorDataset;

const CLASSES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

const PACKAGE: Package = Package {
    name: "fashion-mnist",
    files: &[
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ],
    system: "/usr/share/datasets/fashion-mnist",
    cures: "install the Debian or Ubuntu package `dataset-fashion-mnist`, set GRADUS_DATA to a \
            directory that has the files, or build with the feature `download`",
};

/// sha256 of the unpacked files, in their order: packed ones differ from packer to packer.
const SHA256: [&str; 4] = [
    "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
];

#[cfg(feature = "download")]
const URL: &str =
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion";

/// Fashion-MNIST: 60,000 pictures to train, 10,000 to test.
///
/// `x` is float32 `[N, 1, 28, 28]` in `0..=1` (kept as bytes in memory, 47 MB, and multiplied by
/// 1/255 on delivery), `y` int32 `[N]`; [`TensorDataset::classes`] names the ten classes.
/// Anchors published with the data: a network 256-128-100 gets 0.883 of the test samples right, two
/// convolutions with pooling 0.88 to 0.92.
///
/// The four IDX files, gzipped or not, are looked for in this order: `$GRADUS_DATA` and its folder
/// `fashion-mnist`; `/usr/share/datasets/fashion-mnist` (the Debian package
/// `dataset-fashion-mnist`); the folder `gradus/fashion-mnist` of the user's cache directory. With
/// the feature `download` they are then fetched over HTTPS into that cache. Their sha256 is always
/// checked.
///
/// *Source*: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for
/// Benchmarking Machine Learning Algorithms", arXiv:1708.07747; MIT licence.
///
/// # Errors
/// `Kind::Io` when the files are nowhere: the message lists the places and the cures.
/// `Kind::Format` when a file is damaged.
pub fn fashion_mnist() -> Result<(TensorDataset, TensorDataset)> {
    let cache = PACKAGE.cache();
    let places = PACKAGE.places(std::env::var_os(DATA_VAR), cache.clone());
    from_places(&places, cache.as_deref())
}

/// As [`fashion_mnist`], from `dir` or its folder `fashion-mnist` and nowhere else. With the
/// feature `download`, files that are not there are fetched into `dir`.
///
/// # Errors
/// As [`fashion_mnist`].
pub fn fashion_mnist_in(dir: impl AsRef<Path>) -> Result<(TensorDataset, TensorDataset)> {
    let dir = dir.as_ref();
    from_places(&PACKAGE.around(dir), Some(dir))
}

#[cfg_attr(not(feature = "download"), allow(unused_variables, reason = "only for downloads"))]
fn from_places(
    places: &[PathBuf],
    download_to: Option<&Path>,
) -> Result<(TensorDataset, TensorDataset)> {
    #[cfg(feature = "download")]
    if let (None, Some(dir)) = (PACKAGE.find(places), download_to) {
        super::download::files(URL, PACKAGE.files, dir, &|path, at| {
            verified(path, SHA256[at]).map(drop)
        })?;
    }
    let files = PACKAGE.require(places)?;
    let part = |at: usize| {
        let images = verified(&files[at], SHA256[at])?;
        let labels = verified(&files[at + 1], SHA256[at + 1])?;
        dataset(&images, &labels)
    };
    Ok((part(0)?, part(2)?))
}

/// Reads an IDX file whose unpacked bytes have the given checksum.
fn verified(path: &Path, expected: &str) -> Result<Idx> {
    let idx = Idx::read(path)?;
    let digest = Sha256::digest(&idx.bytes);
    let got: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    if got != expected {
        let problem = format!(
            "sha256 of the unpacked content is {got}, expected {expected}: the file is damaged or \
             of another data set"
        );
        return Err(Error::format(path, "idx", None, problem));
    }
    Ok(idx)
}

fn dataset(images: &Idx, labels: &Idx) -> Result<TensorDataset> {
    let dims = [images.dims()[0], 1, 28, 28];
    let x = Array::from_bytes(images.elements(), dims, DType::U8)?;
    let y: Vec<i32> = labels.elements().iter().map(|&label| i32::from(label)).collect();
    let y = Array::from_vec(y, [labels.dims()[0]])?;
    Ok(TensorDataset::pair(x, y)?.scaled(0, 1.0 / 255.0)?.with_classes(CLASSES))
}

#[cfg(test)]
mod tests {
    use gradus_tensor::Kind;

    use super::*;
    use crate::dataset::Dataset;

    #[test]
    fn the_real_files_hold_what_the_authors_published() {
        let (train, test) = match fashion_mnist() {
            Ok(parts) => parts,
            Err(error) if matches!(error.kind(), Kind::Io { .. }) => {
                println!("skipped: {error}");
                return;
            }
            Err(error) => panic!("{error}"),
        };
        assert_eq!((train.len(), test.len()), (60_000, 10_000));
        let first = |data: &TensorDataset| {
            let batch = data.fetch(&(0..10).collect::<Vec<_>>()).expect("valid");
            assert_eq!(batch[0].shape().dims(), [10, 1, 28, 28]);
            assert_eq!(batch[0].dtype(), DType::F32);
            batch[1].to_vec::<i32>().expect("int32")
        };
        assert_eq!(first(&train), [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]);
        assert_eq!(first(&test), [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]);
        assert_eq!(train.classes()[9], "Ankle boot");
        assert_eq!(train.column_names(), ["x", "y"]);
        let x = test.column(0).and_then(|x| x.to_vec::<f32>()).expect("float32");
        let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / x.len() as f64;
        // The mean of the test images, as computed once from the bytes.
        assert!((mean - 0.286_849).abs() < 1e-5, "{mean}");
        let y = test.column(1).and_then(|y| y.to_vec::<i32>()).expect("int32");
        assert!((0..10).all(|class| y.iter().filter(|&&v| v == class).count() == 1000));
    }

    #[cfg(not(feature = "download"))]
    #[test]
    fn an_absent_set_lists_places_and_cures() {
        let dir = tempfile::tempdir().expect("a directory");
        let error = fashion_mnist_in(dir.path()).expect_err("empty directory");
        assert!(matches!(error.kind(), Kind::Io { .. }));
        let text = error.to_string();
        let place = dir.path().display().to_string();
        for part in [&*place, "dataset-fashion-mnist", "GRADUS_DATA", "`download`"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn another_content_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        for file in PACKAGE.files {
            let bytes = [0, 0, 8, 1, 0, 0, 0, 1, 7];
            std::fs::write(dir.path().join(file), bytes).expect("writable");
        }
        let error = fashion_mnist_in(dir.path()).expect_err("wrong checksum");
        assert!(error.to_string().contains("train-images-idx3-ubyte: idx: sha256"), "{error}");
    }
}
