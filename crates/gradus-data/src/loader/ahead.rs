//! Fetches batches ahead of the consumer, on worker threads; hands them out in their order.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use gradus_tensor::{Array, Result};
use parking_lot::{Condvar, Mutex};

use super::job::Job;

/// Running threads and the batches that they have ready. Dropping it ends the threads.
pub(super) struct Ahead {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    job: Arc<Job>,
    /// Batches that are fetched or being fetched at once, at most.
    depth: usize,
    state: Mutex<State>,
    /// Somebody took a batch, or nobody wants more.
    room: Condvar,
    /// The batch that the consumer waits for is there.
    ready: Condvar,
}

struct State {
    /// The next batch to be fetched.
    next: usize,
    /// One past the last batch to be fetched; an error moves it down.
    end: usize,
    /// The batch that the consumer takes next.
    wanted: usize,
    done: BTreeMap<usize, Result<Vec<Array>>>,
}

impl Ahead {
    /// Starts fetching all batches of `job`, at most `depth` ahead, on `workers` threads or as
    /// many as the system gives, which is an error if there is none.
    pub(super) fn start(job: Arc<Job>, depth: usize, workers: usize) -> io::Result<Self> {
        let batches = job.batches();
        let state = State {
            next: batches.start,
            end: batches.end,
            wanted: batches.start,
            done: BTreeMap::new(),
        };
        let workers = workers.min(batches.len()).max(1);
        let shared = Arc::new(Shared {
            job,
            depth: depth.max(workers),
            state: Mutex::new(state),
            room: Condvar::new(),
            ready: Condvar::new(),
        });
        let mut ahead = Ahead { shared, threads: Vec::with_capacity(workers) };
        for worker in 0..workers {
            let shared = ahead.shared.clone();
            let name = format!("gradus-data-{worker}");
            match Builder::new().name(name).spawn(move || shared.work()) {
                Ok(thread) => ahead.threads.push(thread),
                Err(error) if worker == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(ahead)
    }

    /// The next batch; waits for it. `None` after the last.
    pub(super) fn next(&mut self) -> Option<Result<Vec<Array>>> {
        let mut state = self.shared.state.lock();
        let wanted = state.wanted;
        while wanted < state.end {
            if let Some(batch) = state.done.remove(&wanted) {
                state.wanted += 1;
                drop(state);
                self.shared.room.notify_one();
                return Some(batch);
            }
            self.shared.ready.wait(&mut state);
        }
        None
    }
}

impl Shared {
    fn work(&self) {
        let mut state = self.state.lock();
        loop {
            while state.next < state.end && state.next >= state.wanted + self.depth {
                self.room.wait(&mut state);
            }
            if state.next >= state.end {
                return;
            }
            let batch = state.next;
            state.next += 1;
            drop(state);
            let fetched = self.job.fetch(batch);
            state = self.state.lock();
            if fetched.is_err() {
                // Nothing after an error is wanted.
                state.end = state.end.min(batch + 1);
                self.room.notify_all();
            }
            state.done.insert(batch, fetched);
            if batch == state.wanted {
                self.ready.notify_one();
            }
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.shared.state.lock().end = 0;
        self.shared.room.notify_all();
        for thread in self.threads.drain(..) {
            // It cannot have panicked: `Job::fetch` turns panics into errors.
            let _ = thread.join();
        }
    }
}
