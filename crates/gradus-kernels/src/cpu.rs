//! What this processor can do, and when work is worth sharing between threads.

use std::sync::OnceLock;

/// Whether the AVX2 versions of the loops may run.
pub(crate) fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        static FOUND: OnceLock<bool> = OnceLock::new();
        *FOUND.get_or_init(|| {
            std::arch::is_x86_feature_detected!("avx2")
                && std::arch::is_x86_feature_detected!("fma")
        })
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        // The two versions are the same code there.
        let _: Option<OnceLock<bool>> = None;
        true
    }
}

/// A raw pointer that may cross threads: each thread writes its own part.
#[derive(Clone, Copy)]
pub(crate) struct SendPtr(*mut u8);
// SAFETY: the users split the memory behind it into disjoint parts.
unsafe impl Send for SendPtr {}
// SAFETY: as above.
unsafe impl Sync for SendPtr {}

impl SendPtr {
    pub(crate) fn new<T>(pointer: *mut T) -> Self {
        SendPtr(pointer.cast())
    }

    /// The pointer, `bytes` further on.
    ///
    /// # Safety
    /// `bytes` must stay inside the allocation.
    pub(crate) unsafe fn add(self, bytes: usize) -> *mut u8 {
        // SAFETY: promised by the caller.
        unsafe { self.0.add(bytes) }
    }
}

/// Splits `0..n` into pieces of `piece` and runs `f(start, length)` for each, on several threads
/// when there is more than one piece. The split depends on `n` and `piece` alone, so results do
/// not depend on the number of threads.
pub(crate) fn for_pieces(n: usize, piece: usize, f: impl Fn(usize, usize) + Sync) {
    use rayon::prelude::*;
    let piece = piece.max(1);
    if n <= piece {
        if n > 0 {
            f(0, n);
        }
        return;
    }
    (0..n.div_ceil(piece)).into_par_iter().for_each(|i| {
        let start = i * piece;
        f(start, piece.min(n - start));
    });
}
