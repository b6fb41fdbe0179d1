//! The 8×8 digits of the UCI repository, inside the crate: a real data set without any setup.

use std::io::Read;

use flate2::read::GzDecoder;
use gradus_tensor::{Array, Error, Result};

use crate::tensor_dataset::TensorDataset;

const FILE: &str = "digits.csv.gz";
const PACKED: &[u8] = include_bytes!("../../data/digits.csv.gz");
const PIXELS: usize = 64;
/// Pixels count the dark points of a 4×4 block.
const PIXEL_MAX: f32 = 16.0;
const TRAIN_FRACTION: f64 = 0.8;
const SPLIT_SEED: u64 = 0;

/// The UCI handwritten digits, 8×8 pixels, split into 1,437 samples to train and 360 to test.
///
/// The split is random with a fixed seed, the same on every machine and in every version.
/// `x` is float32 `[N, 1, 8, 8]` in `0..=1` (the counts 0 to 16, times 1/16), `y` int32 `[N]`.
/// Anchor: logistic regression gets 0.97 right in five-fold cross-validation.
///
/// *Source*: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
/// Learning Repository, 1998, CC BY 4.0; its test part, shipped in this crate.
///
/// ```
/// let (train, test) = gradus_data::datasets::digits()?;
/// assert_eq!((train.len(), test.len()), (1437, 360));
/// assert_eq!(train.sample_shape(0)?.dims(), [1, 8, 8]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::OutOfMemory`.
pub fn digits() -> Result<(TensorDataset, TensorDataset)> {
    digits_all()?.split(TRAIN_FRACTION, SPLIT_SEED)
}

/// All 1,797 samples of [`digits`], in the order of the file.
///
/// # Errors
/// `Kind::OutOfMemory`.
pub fn digits_all() -> Result<TensorDataset> {
    let mut text = String::new();
    let read = GzDecoder::new(PACKED).read_to_string(&mut text);
    read.map_err(|e| Error::io(FILE, e))?;
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for (number, line) in text.lines().enumerate() {
        let fields: Option<Vec<u8>> = line.split(',').map(|f| f.parse().ok()).collect();
        match fields.as_deref().and_then(<[u8]>::split_last) {
            Some((&label, image)) if image.len() == PIXELS => {
                pixels.extend_from_slice(image);
                labels.push(i32::from(label));
            }
            _ => {
                let problem = format!("line {} is not 65 numbers", number + 1);
                return Err(Error::format(FILE, "csv", None, problem));
            }
        }
    }
    let samples = labels.len();
    let x = Array::from_vec(pixels, [samples, 1, 8, 8])?;
    let y = Array::from_vec(labels, [samples])?;
    let data = TensorDataset::pair(x, y)?.scaled(0, 1.0 / PIXEL_MAX)?;
    Ok(data.with_classes((0..10).map(|digit| digit.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;

    fn labels(data: &TensorDataset) -> Vec<i32> {
        data.column(1).and_then(|y| y.to_vec()).expect("labels")
    }

    #[test]
    fn every_sample_of_the_file_is_there() {
        let all = digits_all().expect("inside the crate");
        assert_eq!(all.len(), 1797);
        assert_eq!(labels(&all)[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        // Samples per digit, as the repository's description counts them.
        let mut counts = [0; 10];
        labels(&all).iter().for_each(|&y| counts[y as usize] += 1);
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        let first = all.fetch(&[0]).expect("valid")[0].to_vec::<f32>().expect("f32");
        assert_eq!(
            first[..8].iter().map(|v| v * 16.0).collect::<Vec<_>>(),
            [0.0, 0.0, 5.0, 13.0, 9.0, 1.0, 0.0, 0.0]
        );
        let x = all.column(0).and_then(|x| x.to_vec::<f32>()).expect("f32");
        assert!(x.iter().all(|v| (0.0..=1.0).contains(v)) && x.contains(&1.0));
        assert_eq!(all.classes()[9], "9");
    }

    #[test]
    fn the_split_is_fixed_and_has_every_digit() {
        let (train, test) = digits().expect("inside the crate");
        assert_eq!((train.len(), test.len()), (1437, 360));
        for part in [&train, &test] {
            for digit in 0..10 {
                let share = labels(part).iter().filter(|&&y| y == digit).count() as f64;
                // A tenth each, within five standard deviations of the smaller part.
                assert!((share / part.len() as f64 - 0.1).abs() < 0.08, "{digit}");
            }
        }
        // Changing these would change every published result on this split.
        assert_eq!(labels(&train)[..8], [4, 6, 6, 6, 3, 7, 9, 9]);
    }
}
