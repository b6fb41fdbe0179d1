//! The random numbers of one sample.

use gradus_tensor::rng::{Draw, Generator};

use crate::SampleKey;

/// Numbers drawn one after the other from a sample's key.
pub(crate) struct Dice {
    rng: Generator,
    draw: Draw,
    at: u64,
}

impl Dice {
    pub(crate) fn new(key: &SampleKey) -> Self {
        let mut rng = key.rng();
        let draw = rng.draw();
        Dice { rng, draw, at: 0 }
    }

    fn word(&mut self) -> u32 {
        self.at += 1;
        self.draw.word(self.at - 1)
    }

    /// In `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        f64::from(self.word()) / 4_294_967_296.0
    }

    /// In `[low, high)`; `low` when they are equal.
    pub(crate) fn uniform(&mut self, [low, high]: [f64; 2]) -> f64 {
        low + (high - low) * self.unit()
    }

    /// An integer below `n`, 0 for `n` 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.word()) * n as u128) >> 32) as usize
    }

    pub(crate) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// A random order of `0..n`.
    pub(crate) fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }

    /// A number of the beta distribution with equal parameters.
    pub(crate) fn beta(&mut self, alpha: f64) -> f64 {
        let (a, b) = (self.gamma(alpha), self.gamma(alpha));
        // Tiny parameters can give two zeros: then it is one end or the other.
        if a + b > 0.0 { a / (a + b) } else { f64::from(u8::from(self.chance(0.5))) }
    }

    /// Marsaglia and Tsang, "A simple method for generating gamma variables", 2000.
    fn gamma(&mut self, alpha: f64) -> f64 {
        if alpha < 1.0 {
            let more = 1.0 - self.unit();
            return self.gamma(alpha + 1.0) * more.powf(1.0 / alpha);
        }
        let d = alpha - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            let u = 1.0 - self.unit();
            if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// `n` numbers in `[-1, 1)`, apart from the others.
    pub(crate) fn symmetric_field(&mut self, n: usize) -> Vec<f32> {
        let draw = self.rng.draw();
        let mut out = Vec::with_capacity(n + 3);
        for block in 0..n.div_ceil(4) as u64 {
            let words = draw.block(block);
            out.extend(words.map(|word| (word >> 8) as f32 * (2.0 / 16_777_216.0) - 1.0));
        }
        out.truncate(n);
        out
    }

    /// `n` standard normal numbers, apart from the others.
    pub(crate) fn normal_field(&mut self, n: usize) -> Vec<f32> {
        self.rng.normal(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beta_has_its_moments() {
        for alpha in [0.2, 1.0, 3.0] {
            let draws: Vec<f64> =
                (0..20_000).map(|i| Dice::new(&SampleKey::new(1, 2, i)).beta(alpha)).collect();
            let n = draws.len() as f64;
            let mean = draws.iter().sum::<f64>() / n;
            let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / n;
            let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            // Five standard errors of the mean; the variance's is smaller than its twentieth.
            assert!((mean - 0.5).abs() < 5.0 * (expected / n).sqrt(), "{alpha}: {mean}");
            assert!((variance / expected - 1.0).abs() < 0.05, "{alpha}: {variance}");
            assert!(draws.iter().all(|d| (0.0..=1.0).contains(d)));
        }
    }

    #[test]
    fn integers_and_orders_are_fair() {
        let mut counts = [0; 6];
        for i in 0..6000 {
            let order = Dice::new(&SampleKey::new(3, 0, i)).permutation(3);
            counts[order[0] * 2 + usize::from(order[1] > order[2])] += 1;
        }
        // A standard error is 29.
        assert!(counts.iter().all(|&n| (880..1120).contains(&n)), "{counts:?}");
        assert_eq!(Dice::new(&SampleKey::new(3, 0, 1)).below(1), 0);
    }
}
