//! Random numbers of environments and agents: NumPy's default generator, bit for bit.
//!
//! Gymnasium draws its slips, starts and cards from `np.random.Generator(PCG64(SeedSequence(n)))`.
//! The same stream here means the same episodes: a seed and a list of actions give the trace that
//! they give in Python.

mod pcg64;
mod seed_sequence;

pub use pcg64::Pcg64;
pub use seed_sequence::SeedSequence;
