//! When work is shared between threads, and how.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

/// A raw pointer that may cross threads: each thread writes its own part.
#[derive(Clone, Copy)]
pub struct SendPtr(*mut u8);
// SAFETY: the users split the memory behind it into disjoint parts.
unsafe impl Send for SendPtr {}
// SAFETY: as above.
unsafe impl Sync for SendPtr {}

impl SendPtr {
    /// The pointer, its type forgotten.
    pub fn new<T>(pointer: *mut T) -> Self {
        SendPtr(pointer.cast())
    }

    /// The pointer, `bytes` further on.
    ///
    /// # Safety
    /// `bytes` must stay inside the allocation.
    pub unsafe fn add(self, bytes: usize) -> *mut u8 {
        // SAFETY: promised by the caller.
        unsafe { self.0.add(bytes) }
    }
}

/// Splits `0..n` into pieces of `piece` and runs `f(start, length)` for each, on several threads
/// when there is more than one piece. The split depends on `n` and `piece` alone, so results do
/// not depend on the number of threads.
///
/// The calling thread works too and waits for nobody who has not begun: handing a small kernel
/// over and sleeping until it is done takes longer than the kernel.
pub fn for_pieces(n: usize, piece: usize, f: impl Fn(usize, usize) + Sync) {
    pieces(n, piece, &f);
}

/// [`for_pieces`], compiled once for all kernels.
fn pieces(n: usize, piece: usize, f: &(dyn Fn(usize, usize) + Sync)) {
    let piece = piece.max(1);
    let count = n.div_ceil(piece);
    let run = |i: usize| f(i * piece, piece.min(n - i * piece));
    match rayon::current_num_threads().min(count) {
        0 | 1 => (0..count).for_each(run),
        threads => share(count, threads - 1, &run),
    }
}

/// Pieces that threads take one after another.
struct Pieces {
    /// What runs a piece; borrowed from the thread that waits until `done` is `count`.
    run: *const (dyn Fn(usize) + Sync),
    count: usize,
    next: AtomicUsize,
    done: AtomicUsize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}
// SAFETY: `run` points to something `Sync`, and is only followed for a piece below `count`: until
// that piece is done, the thread that lends it waits.
unsafe impl Send for Pieces {}
// SAFETY: as above.
unsafe impl Sync for Pieces {}

impl Pieces {
    /// Runs pieces until none is left to begin.
    fn work(&self) {
        loop {
            let i = self.next.fetch_add(1, Ordering::Relaxed);
            if i >= self.count {
                return;
            }
            // SAFETY: piece i is not done, so the closure is still borrowed.
            let run = unsafe { &*self.run };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(i))) {
                *self.panic.lock() = Some(panic);
            }
            self.done.fetch_add(1, Ordering::Release);
        }
    }
}

fn share(count: usize, helpers: usize, run: &(dyn Fn(usize) + Sync)) {
    // SAFETY: only the lifetime changes; nobody follows the pointer after the loop below.
    let run = unsafe {
        std::mem::transmute::<*const (dyn Fn(usize) + Sync), *const (dyn Fn(usize) + Sync)>(run)
    };
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let pieces = Arc::new(Pieces { run, count, next, done, panic: Mutex::new(None) });
    for _ in 0..helpers {
        let pieces = pieces.clone();
        rayon::spawn(move || pieces.work());
    }
    pieces.work();
    let mut rounds = 0u32;
    while pieces.done.load(Ordering::Acquire) < count {
        rounds += 1;
        if rounds.is_multiple_of(64) {
            std::thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
    let panic = pieces.panic.lock().take();
    if let Some(panic) = panic {
        resume_unwind(panic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_runs_once() {
        for (n, piece) in [(0, 5), (1, 5), (5, 5), (6, 5), (1000, 7), (100_000, 1)] {
            let seen: Vec<AtomicUsize> = (0..n).map(|_| AtomicUsize::new(0)).collect();
            for_pieces(n, piece, |start, len| {
                assert!(len > 0 && len <= piece);
                for at in &seen[start..start + len] {
                    at.fetch_add(1, Ordering::Relaxed);
                }
            });
            assert!(seen.iter().all(|at| at.load(Ordering::Relaxed) == 1), "{n} by {piece}");
        }
    }

    #[test]
    fn pieces_may_be_split_again() {
        let sum = AtomicUsize::new(0);
        for_pieces(64, 1, |start, _| {
            for_pieces(100, 9, |at, len| {
                sum.fetch_add(start * (at..at + len).sum::<usize>(), Ordering::Relaxed);
            });
        });
        assert_eq!(sum.load(Ordering::Relaxed), 63 * 64 / 2 * 99 * 100 / 2);
    }

    #[test]
    fn a_panic_arrives_after_the_other_pieces() {
        let ran = AtomicUsize::new(0);
        let panic = catch_unwind(AssertUnwindSafe(|| {
            for_pieces(50, 1, |i, _| {
                ran.fetch_add(1, Ordering::Relaxed);
                assert_ne!(i, 17, "this one");
            });
        }));
        assert!(panic.is_err());
        assert_eq!(ran.load(Ordering::Relaxed), 50);
    }
}
