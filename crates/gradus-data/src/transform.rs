//! `Transform`: what a loader does to batches, with random numbers that belong to the samples.

use std::fmt;
use std::sync::Arc;

use gradus_tensor::rng::{Generator, philox4x32};
use gradus_tensor::{Array, Result};

/// Words that set the keys of samples apart from those of the parts of a transform.
const SAMPLE: u32 = 0x5341_4d50;
const PART: u32 = 0x5041_5254;

/// Whose random numbers a transform draws: those of a sample in an epoch of a seed.
///
/// Nothing else goes in, so that neither the number of workers, nor the batch size, nor where an
/// epoch was taken up again changes what becomes of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SampleKey {
    /// The loader's seed.
    pub seed: u64,
    /// The number of the epoch.
    pub epoch: u64,
    /// The number of the sample in the loader's dataset.
    pub index: u64,
    /// How often the epoch had the sample before: not 0 only where a sampler draws with
    /// replacement, so that a sample that is drawn twice is not changed in the same way twice.
    pub repeat: u64,
}

impl SampleKey {
    /// The key of a sample that comes once in an epoch.
    pub const fn new(seed: u64, epoch: u64, index: u64) -> Self {
        SampleKey { seed, epoch, index, repeat: 0 }
    }

    /// The sample's random numbers, from their start. Philox, so that a kernel which is given
    /// [`Generator::state`] draws the same.
    ///
    /// ```
    /// use gradus_data::SampleKey;
    /// let key = SampleKey::new(7, 0, 3);
    /// assert_eq!(key.rng().uniform(4), key.rng().uniform(4));
    /// assert_ne!(key.rng().uniform(4), SampleKey::new(7, 1, 3).rng().uniform(4));
    /// assert_ne!(key.rng().uniform(4), key.part(0).rng().uniform(4));
    /// ```
    pub fn rng(&self) -> Generator {
        let [a, b, c, d] = words(self.seed, [self.epoch, self.repeat], SAMPLE);
        let of_sample = [self.index as u32, (self.index >> 32) as u32, c, d];
        let [a, b, c, d] = philox4x32(of_sample, [a, b]);
        // The draws of a sample are the streams from the upper words on, under the lower as seed.
        Generator::from_state((joined(a, b), joined(c, d)))
    }

    /// The key for part `number` of a transform that is made of others: without it, two parts would
    /// draw the same numbers.
    #[must_use]
    pub fn part(&self, number: u64) -> Self {
        let [a, b, ..] = words(self.seed, [number, 0], PART);
        SampleKey { seed: joined(a, b), ..*self }
    }
}

fn words(seed: u64, [a, b]: [u64; 2], tag: u32) -> [u32; 4] {
    let counter = [a as u32, (a >> 32) as u32, b as u32, (b >> 32) as u32 ^ tag];
    philox4x32(counter, [seed as u32, (seed >> 32) as u32])
}

fn joined(low: u32, high: u32) -> u64 {
    u64::from(low) | (u64::from(high) << 32)
}

/// A change of whole batches, on the host or on a device.
///
/// `columns` are those of [`Dataset::fetch`](crate::Dataset::fetch): arrays with the samples along
/// dimension 0, images as `[N, C, H, W]` in uint8 (0 to 255) or float32. `keys` has one key a
/// sample, in the order of the rows. A transform returns columns with the same samples in the same
/// order; it may change their shapes, types and number.
///
/// A random transform draws from `keys[i].rng()` alone. One that mixes samples (mixup) draws for
/// sample `i` from its key, too. A transform made of others gives number `j` of them the keys
/// `part(j)`.
///
/// ```
/// use gradus_data::{SampleKey, Transform};
/// use gradus_tensor::{Array, Result};
///
/// /// Adds to each sample a number below 1.
/// struct Jitter;
/// impl Transform for Jitter {
///     fn apply(&self, mut columns: Vec<Array>, keys: &[SampleKey]) -> Result<Vec<Array>> {
///         let x = columns[0].to_vec::<f32>()?;
///         let noise = keys.iter().map(|key| key.rng().uniform(1)[0]);
///         let x = x.iter().zip(noise).map(|(x, noise)| x + noise).collect();
///         columns[0] = Array::from_vec(x, [keys.len()])?;
///         Ok(columns)
///     }
/// }
///
/// let x = Array::from_vec(vec![4.0f32, 5.0], [2])?;
/// let keys = [SampleKey::new(7, 0, 0), SampleKey::new(7, 0, 1)];
/// let y = Jitter.apply(vec![x], &keys)?[0].to_vec::<f32>()?;
/// assert!((4.0..5.0).contains(&y[0]) && (5.0..6.0).contains(&y[1]));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
pub trait Transform: Send + Sync {
    /// The changed columns.
    ///
    /// # Errors
    /// Those of the transform: `Kind::Shape` and `Kind::DType` for columns that it cannot change.
    fn apply(&self, columns: Vec<Array>, keys: &[SampleKey]) -> Result<Vec<Array>>;
}

impl<T: Transform + ?Sized> Transform for Arc<T> {
    fn apply(&self, columns: Vec<Array>, keys: &[SampleKey]) -> Result<Vec<Array>> {
        (**self).apply(columns, keys)
    }
}

impl<T: Transform + ?Sized> Transform for Box<T> {
    fn apply(&self, columns: Vec<Array>, keys: &[SampleKey]) -> Result<Vec<Array>> {
        (**self).apply(columns, keys)
    }
}

/// A function as a transform, under torchvision's name.
///
/// ```
/// use gradus_data::{Lambda, SampleKey, Transform};
/// use gradus_tensor::Array;
/// let swap = Lambda(|mut columns: Vec<Array>, _: &[SampleKey]| {
///     columns.swap(0, 1);
///     Ok(columns)
/// });
/// let (a, b) = (Array::from_vec(vec![1.0f32], [1])?, Array::from_vec(vec![2.0f32], [1])?);
/// let columns = swap.apply(vec![a, b], &[SampleKey::new(0, 0, 0)])?;
/// assert_eq!(columns[0].to_vec::<f32>()?, [2.0]);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Lambda<F>(pub F);

impl<F> Transform for Lambda<F>
where
    F: Fn(Vec<Array>, &[SampleKey]) -> Result<Vec<Array>> + Send + Sync,
{
    fn apply(&self, columns: Vec<Array>, keys: &[SampleKey]) -> Result<Vec<Array>> {
        (self.0)(columns, keys)
    }
}

impl<F> fmt::Debug for Lambda<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lambda")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_that_differ_anywhere_draw_other_numbers() {
        let mut keys = Vec::new();
        for seed in [0, 1, 1 << 32] {
            for epoch in [0, 1, 1 << 32] {
                for index in [0, 1, 1 << 32] {
                    for repeat in [0, 1, 1 << 32] {
                        keys.push(SampleKey { seed, epoch, index, repeat });
                    }
                }
            }
        }
        let parts: Vec<SampleKey> =
            (0..3).flat_map(|n| keys.iter().map(move |k| k.part(n))).collect();
        let draws = keys.iter().chain(&parts).map(|key| {
            let mut rng = key.rng();
            rng.uniform(2).iter().map(|v| v.to_bits()).collect::<Vec<_>>()
        });
        let distinct: HashSet<Vec<u32>> = draws.collect();
        assert_eq!(distinct.len(), 4 * keys.len());
    }

    #[test]
    fn neighbours_are_not_alike() {
        let first = |index| SampleKey::new(3, 5, index).rng().uniform(1)[0];
        let draws: Vec<f32> = (0..10_000).map(first).collect();
        let mean = draws.iter().sum::<f32>() / draws.len() as f32;
        let pairs = draws.windows(2).map(|w| (w[0] - 0.5) * (w[1] - 0.5));
        let correlation = pairs.sum::<f32>() / draws.len() as f32 * 12.0;
        // Standard errors are 0.0029 and 0.01: four of them.
        assert!((mean - 0.5).abs() < 0.012 && correlation.abs() < 0.04, "{mean} {correlation}");
    }
}
