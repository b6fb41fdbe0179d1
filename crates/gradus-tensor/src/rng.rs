//! Random numbers: Philox 4x32-10, a counter-based generator with the same bits on every device.
//!
//! Element `i` of a draw depends on the key and `i` alone, so a draw can be evaluated in any
//! order, on the CPU or inside a WGSL kernel, with one result.
//! Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

use std::cell::RefCell;

const MUL: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// Ten rounds of Philox 4x32 on `counter` under `key`.
///
/// ```
/// // The first known-answer vector of the authors' library, Random123.
/// let out = gradus_tensor::rng::philox4x32([0; 4], [0; 2]);
/// assert_eq!(out, [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
/// ```
#[inline]
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let (mut c, mut k) = (counter, key);
    for _ in 0..ROUNDS {
        let a = u64::from(MUL[0]) * u64::from(c[0]);
        let b = u64::from(MUL[1]) * u64::from(c[2]);
        c = [(b >> 32) as u32 ^ c[1] ^ k[0], b as u32, (a >> 32) as u32 ^ c[3] ^ k[1], a as u32];
        k = [k[0].wrapping_add(WEYL[0]), k[1].wrapping_add(WEYL[1])];
    }
    c
}

/// A float in `[0, 1)` from the upper 24 bits: exact on every device.
#[inline]
pub fn unit_f32(bits: u32) -> f32 {
    (bits >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// One draw: an endless row of random words, addressed by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Draw {
    /// Philox key: the generator's seed.
    pub key: [u32; 2],
    /// Upper half of the counter: which draw of the generator this is.
    pub stream: [u32; 2],
}

impl Draw {
    /// The four words that hold positions `4 * block .. 4 * block + 4`.
    #[inline]
    pub fn block(&self, block: u64) -> [u32; 4] {
        let counter = [block as u32, (block >> 32) as u32, self.stream[0], self.stream[1]];
        philox4x32(counter, self.key)
    }

    /// The word at `position`.
    #[inline]
    pub fn word(&self, position: u64) -> u32 {
        self.block(position / 4)[(position % 4) as usize]
    }
}

/// A seeded source of draws. Every draw has its own counter space, so they never overlap.
///
/// ```
/// use gradus_tensor::rng::Generator;
/// let (mut a, mut b) = (Generator::new(7), Generator::new(7));
/// assert_eq!(a.uniform(3), b.uniform(3));
/// assert_ne!(a.uniform(3), a.uniform(3));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generator {
    seed: u64,
    draws: u64,
}

impl Generator {
    /// A generator from a seed.
    pub const fn new(seed: u64) -> Self {
        Generator { seed, draws: 0 }
    }

    /// Seed and number of draws made: what a checkpoint keeps.
    pub fn state(&self) -> (u64, u64) {
        (self.seed, self.draws)
    }

    /// A generator in a state that [`Generator::state`] returned.
    pub const fn from_state((seed, draws): (u64, u64)) -> Self {
        Generator { seed, draws }
    }

    /// The next draw.
    pub fn draw(&mut self) -> Draw {
        crate::capture::refuse("random numbers: each step draws others");
        let stream = self.draws;
        self.draws += 1;
        Draw {
            key: [self.seed as u32, (self.seed >> 32) as u32],
            stream: [stream as u32, (stream >> 32) as u32],
        }
    }

    /// `n` floats in `[0, 1)`.
    pub fn uniform(&mut self, n: usize) -> Vec<f32> {
        let draw = self.draw();
        words(draw).take(n).map(unit_f32).collect()
    }

    /// `n` standard normal floats, by the Box–Muller transform in f64. Made on the host, so that
    /// every device gets the same values.
    pub fn normal(&mut self, n: usize) -> Vec<f32> {
        let mut source = words(self.draw());
        let mut unit = || (f64::from(source.next().unwrap_or(0)) + 0.5) / 4_294_967_296.0;
        let mut out = Vec::with_capacity(n + 1);
        while out.len() < n {
            let (radius, angle) = ((-2.0 * unit().ln()).sqrt(), std::f64::consts::TAU * unit());
            out.push((radius * angle.cos()) as f32);
            out.push((radius * angle.sin()) as f32);
        }
        out.truncate(n);
        out
    }

    /// A random order of `0..n`, by the Fisher–Yates shuffle.
    ///
    /// ```
    /// let order = gradus_tensor::rng::Generator::new(1).permutation(100);
    /// let mut sorted = order.clone();
    /// sorted.sort_unstable();
    /// assert_eq!(sorted, (0..100).collect::<Vec<_>>());
    /// assert_ne!(order, sorted);
    /// ```
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut source = words(self.draw());
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            // 64 random bits scaled to 0..=i: the bias is below i / 2^64.
            let high = u64::from(source.next().unwrap_or(0)) << 32;
            let word = high | u64::from(source.next().unwrap_or(0));
            order.swap(i, ((u128::from(word) * (i as u128 + 1)) >> 64) as usize);
        }
        order
    }
}

/// The words of a draw from position 0.
pub fn words(draw: Draw) -> impl Iterator<Item = u32> {
    (0u64..).flat_map(move |block| draw.block(block))
}

thread_local! {
    static DEFAULT: RefCell<Generator> = const { RefCell::new(Generator::new(0)) };
}

/// Seeds this thread's default generator, which initialisers and dropout draw from unless given
/// another. It starts from seed 0, so a program is repeatable even without this call.
pub fn manual_seed(seed: u64) {
    DEFAULT.with(|g| *g.borrow_mut() = Generator::new(seed));
}

/// Uses this thread's default generator.
pub fn with_default<T>(f: impl FnOnce(&mut Generator) -> T) -> T {
    DEFAULT.with(|g| f(&mut g.borrow_mut()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_authors_known_answers() {
        let ones = philox4x32([u32::MAX; 4], [u32::MAX; 2]);
        assert_eq!(ones, [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let pi = philox4x32(
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xa409_3822, 0x299f_31d0],
        );
        assert_eq!(pi, [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }

    #[test]
    fn normals_have_the_right_moments() {
        let x = Generator::new(3).normal(100_000);
        let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / x.len() as f64;
        let var = x.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / x.len() as f64;
        // Standard errors are 0.003 and 0.0045: five of them.
        assert!(mean.abs() < 0.016 && (var - 1.0).abs() < 0.023, "{mean} {var}");
    }

    #[test]
    fn a_restored_generator_continues() {
        let mut a = Generator::new(11);
        a.uniform(5);
        let mut b = Generator::from_state(a.state());
        assert_eq!(a.normal(4), b.normal(4));
    }
}
