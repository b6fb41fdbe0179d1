//! NumPy's `SeedSequence`: spreads a seed of any quality over the state of a generator.
//!
//! Source: `numpy/random/bit_generator.pyx` (NumPy 2.4), after M. E. O'Neill's `seed_seq`.

const INIT_A: u32 = 0x43b0_d7e5;
const MULT_A: u32 = 0x931e_8875;
const INIT_B: u32 = 0x8b51_f9dd;
const MULT_B: u32 = 0x58f3_8ded;
const MIX_LEFT: u32 = 0xca01_f9dd;
const MIX_RIGHT: u32 = 0x4973_f715;
const SHIFT: u32 = 16;
const POOL: usize = 4;

/// The entropy pool of a seed. NumPy: `SeedSequence(seed)`.
///
/// ```
/// use gradus_agent::rng::SeedSequence;
/// // np.random.SeedSequence(42).generate_state(2, np.uint64)
/// let words = SeedSequence::new(42).generate::<2>();
/// assert_eq!(words, [11_465_652_750_463_011_511, 15_382_171_918_060_459_190]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeedSequence {
    pool: [u32; POOL],
}

fn hash(mut value: u32, constant: &mut u32) -> u32 {
    value ^= *constant;
    *constant = constant.wrapping_mul(MULT_A);
    value = value.wrapping_mul(*constant);
    value ^ (value >> SHIFT)
}

fn mix(x: u32, y: u32) -> u32 {
    let mixed = MIX_LEFT.wrapping_mul(x).wrapping_sub(MIX_RIGHT.wrapping_mul(y));
    mixed ^ (mixed >> SHIFT)
}

impl SeedSequence {
    /// Mixes the seed into the pool.
    pub fn new(seed: u64) -> Self {
        let mut constant = INIT_A;
        let entropy = [seed as u32, (seed >> 32) as u32, 0, 0];
        let mut pool = entropy.map(|word| hash(word, &mut constant));
        for from in 0..POOL {
            for to in 0..POOL {
                if from != to {
                    pool[to] = mix(pool[to], hash(pool[from], &mut constant));
                }
            }
        }
        SeedSequence { pool }
    }

    /// The first `N` words of the sequence. NumPy: `generate_state(N, np.uint64)`.
    pub fn generate<const N: usize>(&self) -> [u64; N] {
        let mut constant = INIT_B;
        let mut source = self.pool.iter().cycle();
        let mut half = || {
            let mut value = source.next().copied().unwrap_or_default() ^ constant;
            constant = constant.wrapping_mul(MULT_B);
            value = value.wrapping_mul(constant);
            u64::from(value ^ (value >> SHIFT))
        };
        std::array::from_fn(|_| half() | half() << 32)
    }
}
