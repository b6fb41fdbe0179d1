//! CIFAR-10 and CIFAR-100 in their binary form.

use std::path::{Path, PathBuf};

use gradus_tensor::{Array, Error, Result};

use super::places::{DATA_VAR, Package};
use crate::files::read_all;
use crate::tensor_dataset::TensorDataset;

const FORMAT: &str = "cifar";
const PIXELS: usize = 3 * 32 * 32;
/// Ten times the largest file of the sets.
const MAX_BYTES: u64 = 2 << 30;

const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

const CIFAR10: Package = Package {
    name: "cifar-10-batches-bin",
    files: &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
        "test_batch.bin",
    ],
    system: "/usr/share/datasets/cifar-10-batches-bin",
    cures: "unpack cifar-10-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html and set \
            GRADUS_DATA to the directory that has its folder",
};

const CIFAR100: Package = Package {
    name: "cifar-100-binary",
    files: &["train.bin", "test.bin"],
    system: "/usr/share/datasets/cifar-100-binary",
    cures: "unpack cifar-100-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html and set \
            GRADUS_DATA to the directory that has its folder",
};

/// CIFAR-10: 50,000 pictures of ten classes to train, 10,000 to test, 32×32 in colour.
///
/// `x` is float32 `[N, 3, 32, 32]` in `0..=1` (kept as bytes in memory), `y` int32 `[N]`. The
/// binary files are looked for in `$GRADUS_DATA` and its folder `cifar-10-batches-bin`,
/// `/usr/share/datasets/cifar-10-batches-bin`, and the folder `gradus/cifar-10-batches-bin` of the
/// user's cache directory.
///
/// *Source*: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
///
/// # Errors
/// `Kind::Io` when the files are nowhere: the message lists the places and the cures.
/// `Kind::Format` when a file is damaged.
pub fn cifar10() -> Result<(TensorDataset, TensorDataset)> {
    cifar10_from(&places(&CIFAR10))
}

/// As [`cifar10`], from `dir` or its folder `cifar-10-batches-bin`.
///
/// # Errors
/// As [`cifar10`].
pub fn cifar10_in(dir: impl AsRef<Path>) -> Result<(TensorDataset, TensorDataset)> {
    cifar10_from(&CIFAR10.around(dir.as_ref()))
}

/// CIFAR-100: 50,000 pictures to train, 10,000 to test, 32×32 in colour.
///
/// The columns are `x`, float32 `[N, 3, 32, 32]` in `0..=1`, `y`, the 100 classes, and `coarse`,
/// the 20 groups of them, int32 `[N]`. Places are those of [`cifar10`] with the folder
/// `cifar-100-binary`; the names of the classes are read from `fine_label_names.txt` there.
///
/// # Errors
/// As [`cifar10`].
pub fn cifar100() -> Result<(TensorDataset, TensorDataset)> {
    cifar100_from(&places(&CIFAR100))
}

/// As [`cifar100`], from `dir` or its folder `cifar-100-binary`.
///
/// # Errors
/// As [`cifar100`].
pub fn cifar100_in(dir: impl AsRef<Path>) -> Result<(TensorDataset, TensorDataset)> {
    cifar100_from(&CIFAR100.around(dir.as_ref()))
}

fn places(package: &Package) -> Vec<PathBuf> {
    package.places(std::env::var_os(DATA_VAR), package.cache())
}

fn cifar10_from(places: &[PathBuf]) -> Result<(TensorDataset, TensorDataset)> {
    let files = CIFAR10.require(places)?;
    let part = |files: &[PathBuf]| -> Result<TensorDataset> {
        let data = records(files, &[10])?;
        Ok(data.with_classes(CLASSES))
    };
    Ok((part(&files[..5])?, part(&files[5..])?))
}

fn cifar100_from(places: &[PathBuf]) -> Result<(TensorDataset, TensorDataset)> {
    let files = CIFAR100.require(places)?;
    let names = files[0].with_file_name("fine_label_names.txt");
    let names = std::fs::read_to_string(names).unwrap_or_default();
    let part = |file: &PathBuf| -> Result<TensorDataset> {
        let data = records(std::slice::from_ref(file), &[20, 100])?;
        Ok(data.with_classes(names.lines().filter(|name| !name.is_empty())))
    };
    Ok((part(&files[0])?, part(&files[1])?))
}

/// The records of some files: a byte for each label, below its number of classes, and the planes
/// of a picture. The last label becomes the column `y`, one before it the column `coarse`.
fn records(files: &[PathBuf], classes: &[u8]) -> Result<TensorDataset> {
    let size = classes.len() + PIXELS;
    let mut pixels = Vec::new();
    let mut labels: Vec<Vec<i64>> = vec![Vec::new(); classes.len()];
    for file in files {
        let bytes = read_all(file, MAX_BYTES, FORMAT)?;
        if bytes.is_empty() || bytes.len() % size != 0 {
            let problem = format!("{} bytes are no whole records of {size}", bytes.len());
            return Err(Error::format(file, FORMAT, None, problem));
        }
        for (record, bytes) in bytes.chunks_exact(size).enumerate() {
            let (label, picture) = bytes.split_at(classes.len());
            for ((labels, &label), &classes) in labels.iter_mut().zip(label).zip(classes) {
                if label >= classes {
                    let at = (record * size) as u64;
                    let problem = format!("label {label} of record {record}, below {classes}");
                    return Err(Error::format(file, FORMAT, at, problem));
                }
                labels.push(label.into());
            }
            pixels.extend_from_slice(picture);
        }
    }
    let n = pixels.len() / PIXELS;
    let mut columns = vec![Array::from_vec(pixels, [n, 3, 32, 32])?];
    for labels in labels.into_iter().rev() {
        columns.push(Array::from_vec(labels, [n])?);
    }
    let names = ["x", "y", "coarse"];
    TensorDataset::new(columns)?.named(&names[..=classes.len()])?.scaled(0, 1.0 / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(labels: &[u8], pixel: u8) -> Vec<u8> {
        [labels, &[pixel; PIXELS]].concat()
    }

    #[test]
    fn records_are_read_in_the_order_of_the_files() {
        let dir = tempfile::tempdir().expect("a directory");
        for (at, file) in CIFAR10.files.iter().enumerate() {
            let content = [record(&[at as u8], 51), record(&[9], 255)].concat();
            std::fs::write(dir.path().join(file), content).expect("writable");
        }
        let (train, test) = cifar10_in(dir.path()).expect("valid");
        assert_eq!((train.len(), test.len()), (10, 2));
        let y = train.column(1).and_then(|y| y.to_vec::<i32>()).expect("labels");
        assert_eq!(y, [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]);
        assert_eq!(train.sample_shape(0).expect("x").dims(), [3, 32, 32]);
        let x = test.column(0).and_then(|x| x.to_vec::<f32>()).expect("floats");
        assert!((x[0] - 0.2).abs() < 1e-6 && x[PIXELS] == 1.0);
        assert_eq!(test.classes()[9], "truck");
    }

    #[test]
    fn hundred_classes_have_groups_and_names() {
        let dir = tempfile::tempdir().expect("a directory");
        let folder = dir.path().join("cifar-100-binary");
        std::fs::create_dir(&folder).expect("writable");
        for file in CIFAR100.files {
            std::fs::write(folder.join(file), record(&[3, 99], 0)).expect("writable");
        }
        std::fs::write(folder.join("fine_label_names.txt"), "apple\nworm\n").expect("writable");
        let (train, _) = cifar100_in(dir.path()).expect("valid");
        assert_eq!(train.column_names(), ["x", "y", "coarse"]);
        let label = |column| train.column(column).and_then(|y| y.to_vec::<i32>()).expect("label");
        assert_eq!((label(1), label(2)), (vec![99], vec![3]));
        assert_eq!(train.classes(), ["apple", "worm"]);
    }

    #[test]
    fn damaged_files_and_wrong_labels_are_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let says = |content: &[u8]| {
            for file in CIFAR10.files {
                std::fs::write(dir.path().join(file), content).expect("writable");
            }
            cifar10_in(dir.path()).expect_err("refused").to_string()
        };
        assert!(says(&[]).ends_with("cifar: 0 bytes are no whole records of 3073"));
        assert!(says(&record(&[1], 0)[1..]).ends_with("3072 bytes are no whole records of 3073"));
        let wrong = [record(&[1], 0), record(&[10], 0)].concat();
        assert!(says(&wrong).ends_with("label 10 of record 1, below 10; at byte 3073"));
        let nowhere = cifar100_in(dir.path()).expect_err("absent").to_string();
        assert!(nowhere.contains("cifar-100-binary.tar.gz"), "{nowhere}");
    }
}
