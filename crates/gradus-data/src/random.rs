//! Random choices, each in a range of counters of its own: functions of a seed and a purpose.

use gradus_tensor::rng::{Draw, Generator};

/// What the draws of a seed are for. Each purpose lives in a counter range that no ordinary use of
/// the same seed reaches, so a shuffle never repeats the random words of an initialiser.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// The order of an epoch.
    Epoch(u64),
    /// A split of a dataset.
    Split,
    /// Samples that are repeated, left out or made up.
    Resample,
}

impl Purpose {
    const EPOCHS: u64 = 1 << 62;
    const SPLITS: u64 = 1 << 61;
    const RESAMPLES: u64 = 1 << 60;

    /// The generator of this purpose under `seed`.
    pub(crate) fn generator(self, seed: u64) -> Generator {
        let draws = match self {
            Purpose::Epoch(epoch) => Self::EPOCHS | (epoch & (Self::EPOCHS - 1)),
            Purpose::Split => Self::SPLITS,
            Purpose::Resample => Self::RESAMPLES,
        };
        Generator::from_state((seed, draws))
    }

    /// The words of this purpose under `seed`, one after the other.
    pub(crate) fn words(self, seed: u64) -> Words {
        Words { draw: self.generator(seed).draw(), block: [0; 4], position: 0 }
    }
}

/// Random numbers one after the other.
pub(crate) struct Words {
    draw: Draw,
    block: [u32; 4],
    position: u64,
}

impl Words {
    fn word(&mut self) -> u64 {
        let at = (self.position % 4) as usize;
        if at == 0 {
            self.block = self.draw.block(self.position / 4);
        }
        self.position += 1;
        self.block[at].into()
    }

    fn long(&mut self) -> u64 {
        (self.word() << 32) | self.word()
    }

    /// A number of `0..end`; the bias is below `end / 2^64`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.long()) * end as u128) >> 64) as usize
    }

    /// A number in `[0, 1)` of 53 bits.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.long() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Brings `items` into a random order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

/// The random order behind a split of a dataset.
pub(crate) fn split_order(samples: usize, seed: u64) -> Vec<usize> {
    Purpose::Split.generator(seed).permutation(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_and_plain_draws_of_one_seed_differ() {
        let order = |purpose: Purpose, seed| purpose.generator(seed).permutation(50);
        let orders = [
            order(Purpose::Epoch(0), 7),
            order(Purpose::Epoch(1), 7),
            order(Purpose::Epoch(u64::MAX), 7),
            order(Purpose::Split, 7),
            order(Purpose::Resample, 7),
            Generator::new(7).permutation(50),
            order(Purpose::Epoch(0), 8),
        ];
        for (i, a) in orders.iter().enumerate() {
            for b in &orders[i + 1..] {
                assert_ne!(a, b);
            }
        }
        assert_eq!(split_order(50, 7), orders[3]);
    }

    #[test]
    fn numbers_stay_in_their_range_and_shuffles_keep_everything() {
        let mut words = Purpose::Resample.words(1);
        let mut seen = [0; 7];
        for _ in 0..7000 {
            seen[words.below(7)] += 1;
            assert!((0.0..1.0).contains(&words.unit()));
        }
        // A thousand each; the standard deviation is 29.
        assert!(seen.iter().all(|n| (880..1120).contains(n)), "{seen:?}");
        let mut items: Vec<usize> = (0..100).collect();
        words.shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
