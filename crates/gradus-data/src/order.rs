//! In which order samples are visited: a function of seed and epoch alone.

use gradus_tensor::rng::Generator;

/// Draws of epochs and of splits live in counter ranges that no ordinary use of the same seed
/// reaches, so a shuffle never repeats the random words of an initialiser.
const EPOCHS: u64 = 1 << 62;
const SPLITS: u64 = 1 << 61;

/// How a loader orders its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// `0, 1, 2 …`.
    Sequential,
    /// Another random order in each epoch.
    Shuffled {
        /// Seed of all epochs.
        seed: u64,
    },
}

impl Order {
    /// The sample numbers of one epoch.
    pub(crate) fn indices(self, samples: usize, epoch: u64) -> Vec<usize> {
        match self {
            Order::Sequential => (0..samples).collect(),
            Order::Shuffled { seed } => {
                let stream = EPOCHS | (epoch & (EPOCHS - 1));
                Generator::from_state((seed, stream)).permutation(samples)
            }
        }
    }
}

/// The random order behind a split of a dataset.
pub(crate) fn split_order(samples: usize, seed: u64) -> Vec<usize> {
    Generator::from_state((seed, SPLITS)).permutation(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_splits_and_plain_draws_of_one_seed_differ() {
        let shuffled = Order::Shuffled { seed: 7 };
        let orders = [
            shuffled.indices(50, 0),
            shuffled.indices(50, 1),
            shuffled.indices(50, u64::MAX),
            split_order(50, 7),
            Generator::new(7).permutation(50),
            Order::Shuffled { seed: 8 }.indices(50, 0),
        ];
        for (i, a) in orders.iter().enumerate() {
            for b in &orders[i + 1..] {
                assert_ne!(a, b);
            }
        }
        assert_eq!(shuffled.indices(50, 1), orders[1]);
    }
}
