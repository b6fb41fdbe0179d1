//! What this processor can do.

use std::sync::OnceLock;

/// Sets of vector instructions that loops are compiled for, each on top of the one before. On other
/// architectures than x86-64 their versions are the same code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Simd {
    /// What every processor of the architecture has.
    Base,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F, VL, DQ and BW.
    Avx512,
}

impl Simd {
    /// The widest set that this processor has.
    pub fn here() -> Self {
        static HERE: OnceLock<Simd> = OnceLock::new();
        *HERE.get_or_init(Simd::find)
    }

    #[cfg(target_arch = "x86_64")]
    fn find() -> Self {
        use std::arch::is_x86_feature_detected as has;
        if !has!("avx2") || !has!("fma") {
            return Simd::Base;
        }
        let wide = [has!("avx512f"), has!("avx512vl"), has!("avx512dq"), has!("avx512bw")];
        if wide.contains(&false) { Simd::Avx2 } else { Simd::Avx512 }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn find() -> Self {
        Simd::Base
    }
}

/// Whether the AVX2 versions of loops may run: AVX2 and FMA are there.
pub fn has_avx2() -> bool {
    Simd::here() >= Simd::Avx2
}

/// Bytes of a cache line.
pub const LINE: usize = 64;

/// Asks for the memory of `values` from `at` on, one cache line, ahead of its use. Nothing happens
/// past the end.
#[inline(always)]
pub fn prefetch<T>(values: &[T], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if at < values.len() {
        // SAFETY: the address lies inside the slice; a prefetch changes nothing but the cache.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().add(at).cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, at);
}
