//! PCG64 (XSL-RR 128/64) and the distributions that environments draw from.
//!
//! Source: M. E. O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good
//! Algorithms for Random Number Generation" (2014); draws as `numpy/random` 2.4 makes them.

use super::SeedSequence;
use crate::persist::{Persist, Source};
use gradus_tensor::Result;

const MULTIPLIER: u128 = (2_549_297_995_355_413_924 << 64) + 4_865_540_595_714_422_341;

/// A seeded stream of draws. NumPy: `np.random.default_rng(seed)`.
///
/// ```
/// use gradus_agent::rng::Pcg64;
/// let mut rng = Pcg64::new(42);
/// assert_eq!(rng.random(), 0.773_956_048_555_963_3); // np.random.default_rng(42).random()
/// assert_eq!(Pcg64::new(42).below(6), 0); // np.random.default_rng(42).integers(6)
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pcg64 {
    state: u128,
    increment: u128,
    /// The upper half of a word whose lower half has been drawn.
    half: Option<u32>,
}

impl Pcg64 {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        let [a, b, c, d] = SeedSequence::new(seed).generate::<4>();
        let increment = (u128::from(c) << 64 | u128::from(d)) << 1 | 1;
        let mut rng = Pcg64 { state: 0, increment, half: None };
        rng.advance();
        rng.state = rng.state.wrapping_add(u128::from(a) << 64 | u128::from(b));
        rng.advance();
        rng
    }

    /// A stream that depends on `seed` and on a number, for one of many users of a seed.
    pub fn stream(seed: u64, number: u64) -> Self {
        // SplitMix64's constant spreads neighbouring numbers over the seeds.
        Pcg64::new(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    #[inline]
    fn advance(&mut self) {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
    }

    /// The next 64 bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.advance();
        let folded = (self.state >> 64) as u64 ^ self.state as u64;
        folded.rotate_right((self.state >> 122) as u32)
    }

    /// The next 32 bits: the lower half of a word, then its upper half.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        if let Some(half) = self.half.take() {
            return half;
        }
        let word = self.next_u64();
        self.half = Some((word >> 32) as u32);
        word as u32
    }

    /// A float in `[0, 1)`. NumPy: `random()`.
    #[inline]
    pub fn random(&mut self) -> f64 {
        const UNIT: f64 = 1.0 / (1u64 << 53) as f64;
        (self.next_u64() >> 11) as f64 * UNIT
    }

    /// A float in `[low, high)`. NumPy: `uniform(low, high)`.
    #[inline]
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.random()
    }

    /// An integer in `0..n`, without bias, by Lemire's method; 0 for `n` of 0 or 1, which draw
    /// nothing. NumPy: `integers(n)`.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        match n {
            0 | 1 => 0,
            _ if n < 1 << 32 => {
                let mut product = u64::from(self.next_u32()) * n;
                if (product as u32) < n as u32 {
                    let threshold = (u32::MAX - (n as u32 - 1)) % n as u32;
                    while (product as u32) < threshold {
                        product = u64::from(self.next_u32()) * n;
                    }
                }
                product >> 32
            }
            _ if n == 1 << 32 => u64::from(self.next_u32()),
            _ => {
                let wide = u128::from(n);
                let mut product = u128::from(self.next_u64()) * wide;
                if (product as u64) < n {
                    let threshold = (u64::MAX - (n - 1)) % n;
                    while (product as u64) < threshold {
                        product = u128::from(self.next_u64()) * wide;
                    }
                }
                (product >> 64) as u64
            }
        }
    }

    /// As [`Pcg64::below`], for positions.
    #[inline]
    pub fn index(&mut self, n: usize) -> usize {
        self.below(n as u64) as usize
    }

    /// One of `items`, each as likely as the others. NumPy: `choice(items)`.
    pub fn choice<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.index(items.len()))
    }

    /// A position, drawn with these weights. NumPy: `choice(n, p=weights)`.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let total: f64 = weights.iter().sum();
        let (u, mut sum) = (self.random(), 0.0);
        for (i, weight) in weights.iter().enumerate() {
            sum += weight;
            if sum / total > u {
                return i;
            }
        }
        weights.len().saturating_sub(1)
    }

    /// A standard normal float by the Box–Muller transform. NumPy uses other draws.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.random()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.random()).cos()
    }

    /// An exponential float of mean 1, by inversion. NumPy uses other draws.
    pub fn exponential(&mut self) -> f64 {
        -(1.0 - self.random()).ln()
    }

    /// Bytes as NumPy draws small integers: four out of each 32-bit word, lowest first.
    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(n + 3);
        while out.len() < n {
            out.extend(self.next_u32().to_le_bytes());
        }
        out.truncate(n);
        out
    }
}

impl Persist for Pcg64 {
    fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        (self.state, self.increment, self.half).save(out)
    }

    fn load(&mut self, from: &mut Source<'_>) -> Result<()> {
        let mut parts = (0u128, 0u128, None);
        parts.load(from)?;
        (self.state, self.increment, self.half) = parts;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws of NumPy 2.4.6: `tests/golden/generate.py` prints them.
    #[test]
    fn the_streams_are_numpys() {
        let mut rng = Pcg64::new(0);
        assert_eq!(rng.random().to_bits(), 0.636_961_687_321_454_3f64.to_bits());
        assert_eq!(rng.uniform(-0.05, 0.05).to_bits(), (-0.023_021_328_623_612_97f64).to_bits());
        let mut rng = Pcg64::new(123);
        let drawn: Vec<u64> = (0..8).map(|_| rng.below(10)).collect();
        assert_eq!(drawn, [0, 6, 5, 0, 9, 2, 2, 1]);
    }

    #[test]
    fn every_integer_is_as_likely() {
        for n in [3u64, 1 << 32, (1 << 40) + 1] {
            let mut rng = Pcg64::new(n);
            let mean = (0..20_000).map(|_| rng.below(n) as f64).sum::<f64>() / 20_000.0;
            // A uniform mean over 20,000 draws has a deviation of 0.2% of n.
            assert!((mean / (n - 1) as f64 - 0.5).abs() < 0.012, "{n}: {mean}");
        }
    }

    #[test]
    fn a_saved_stream_goes_on() {
        let mut rng = Pcg64::new(5);
        rng.next_u32();
        let mut bytes = Vec::new();
        rng.save(&mut bytes).expect("numbers");
        let mut other = Pcg64::new(6);
        other.load(&mut Source::new(&bytes)).expect("whole");
        assert_eq!((other.next_u32(), other.next_u64()), (rng.next_u32(), rng.next_u64()));
    }
}
