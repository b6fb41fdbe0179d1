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
/// not depend on the number of threads. Each thread begins with a share of neighbouring pieces,
/// because memory comes faster to who walks through it in one direction, alone.
///
/// The calling thread works too and waits for nobody who has not begun: handing a small kernel
/// over and sleeping until it is done takes longer than the kernel. Threads that have helped stay
/// awake for some 0.2 ms, because kernels come one after another and to wake a thread takes longer
/// than many of them.
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

/// Shares at most; more threads than that begin where others are.
const SHARES: usize = 16;

/// How many pieces of a share have begun, on a cache line of its own.
#[derive(Default)]
#[repr(align(64))]
struct Begun(AtomicUsize);

/// Pieces that threads take one after another: first of a share of their own, then what others
/// have left.
struct Pieces {
    /// What runs a piece; borrowed from the thread that waits until `done` is `count`.
    run: *const (dyn Fn(usize) + Sync),
    count: usize,
    /// Shares that are used; share s holds the pieces from `count·s / shares` on.
    shares: usize,
    begun: [Begun; SHARES],
    /// Threads that work here: the one that calls and those that have come.
    workers: AtomicUsize,
    done: AtomicUsize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}
// SAFETY: `run` points to something `Sync`, and is only followed for a piece below `count`: until
// that piece is done, the thread that lends it waits.
unsafe impl Send for Pieces {}
// SAFETY: as above.
unsafe impl Sync for Pieces {}

impl Pieces {
    fn new(run: *const (dyn Fn(usize) + Sync), count: usize, threads: usize) -> Self {
        let (workers, done) = (AtomicUsize::new(1), AtomicUsize::new(0));
        let shares = threads.min(SHARES);
        let panic = Mutex::new(None);
        Pieces { run, count, shares, begun: Default::default(), workers, done, panic }
    }

    /// Runs pieces until none is left to begin, from share `own` on.
    fn work(&self, own: usize) {
        for share in (own..).take(self.shares) {
            self.work_through(share % self.shares);
        }
    }

    fn work_through(&self, share: usize) {
        let [first, end] = [share, share + 1].map(|s| self.count * s / self.shares);
        loop {
            let i = first + self.begun[share].0.fetch_add(1, Ordering::Relaxed);
            if i >= end {
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

/// Waits for about a microsecond, and lets others run who have something to do.
fn spin() {
    for _ in 0..32 {
        std::hint::spin_loop();
    }
    std::thread::yield_now();
}

/// How often a thread that has helped looks for more before it sleeps: some 0.2 ms. No clock,
/// because a browser's threads have none.
const LOOKS: u32 = 256;

/// Where threads that have helped wait, and where work is put for them.
static STATION: Station =
    Station { waiting: AtomicUsize::new(0), posts: AtomicUsize::new(0), post: Mutex::new(None) };

struct Station {
    /// Threads that wait here.
    waiting: AtomicUsize,
    /// Counts what was posted, so that those who wait need no lock to look.
    posts: AtomicUsize,
    post: Mutex<Option<Post>>,
}

struct Post {
    pieces: Arc<Pieces>,
    /// Threads that may still come.
    places: usize,
}

impl Station {
    /// Puts work up for at most `helpers` of those who wait; returns how many may come. The place
    /// may be taken by another thread's work.
    fn post(&self, pieces: &Arc<Pieces>, helpers: usize) -> usize {
        let places = self.waiting.load(Ordering::Relaxed).min(helpers);
        if places == 0 {
            return 0;
        }
        let mut post = self.post.lock();
        if post.is_some() {
            return 0;
        }
        *post = Some(Post { pieces: pieces.clone(), places });
        self.posts.fetch_add(1, Ordering::Release);
        places
    }

    /// Takes down what nobody needs to begin any more.
    fn withdraw(&self, pieces: &Arc<Pieces>) {
        let mut post = self.post.lock();
        if post.as_ref().is_some_and(|post| Arc::ptr_eq(&post.pieces, pieces)) {
            *post = None;
        }
    }

    /// Work that is posted while the thread still looks.
    fn wait(&self) -> Option<Arc<Pieces>> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let mut seen = self.posts.load(Ordering::Acquire).wrapping_sub(1);
        let taken = (0..LOOKS).find_map(|_| {
            let posts = self.posts.load(Ordering::Acquire);
            let news = posts != seen;
            seen = posts;
            let taken = if news { self.take() } else { None };
            if taken.is_none() {
                spin();
            }
            taken
        });
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        taken
    }

    fn take(&self) -> Option<Arc<Pieces>> {
        let mut post = self.post.lock();
        let open = post.as_mut().filter(|post| post.places > 0)?;
        open.places -= 1;
        Some(open.pieces.clone())
    }
}

/// Does the work, and more that comes soon after it.
fn help(first: Arc<Pieces>) {
    let mut next = Some(first);
    while let Some(pieces) = next {
        pieces.work(pieces.workers.fetch_add(1, Ordering::Relaxed));
        drop(pieces);
        next = STATION.wait();
    }
}

fn share(count: usize, helpers: usize, run: &(dyn Fn(usize) + Sync)) {
    // SAFETY: only the lifetime changes; nobody follows the pointer after the loop below.
    let run = unsafe {
        std::mem::transmute::<*const (dyn Fn(usize) + Sync), *const (dyn Fn(usize) + Sync)>(run)
    };
    let pieces = Arc::new(Pieces::new(run, count, helpers + 1));
    let awake = STATION.post(&pieces, helpers);
    for _ in awake..helpers {
        let pieces = pieces.clone();
        rayon::spawn(move || help(pieces));
    }
    // Always from the first share, which its cache may hold from the last kernel.
    pieces.work(0);
    if awake > 0 {
        STATION.withdraw(&pieces);
    }
    while pieces.done.load(Ordering::Acquire) < count {
        spin();
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
    fn callers_at_once_get_their_own_pieces() {
        std::thread::scope(|scope| {
            for caller in 1..=4 {
                scope.spawn(move || {
                    for round in 0..500 {
                        let sum = AtomicUsize::new(0);
                        for_pieces(8 * caller, caller, |at, len| {
                            sum.fetch_add(at * round + len, Ordering::Relaxed);
                        });
                        let starts: usize = (0..8).map(|piece| piece * caller).sum();
                        assert_eq!(sum.into_inner(), starts * round + 8 * caller);
                    }
                });
            }
        });
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
