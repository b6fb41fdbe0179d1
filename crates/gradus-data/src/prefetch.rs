//! Fetches batches ahead of the consumer, on one background thread.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use gradus_tensor::{Array, Result};

use crate::loader::Job;

/// A running thread and the batches that it has ready. Dropping it ends the thread.
pub(crate) struct Ahead {
    receiver: Option<Receiver<Result<Vec<Array>>>>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    /// Starts fetching all batches of `job` in order, at most `depth` ahead.
    pub(crate) fn start(job: Arc<Job>, depth: usize) -> io::Result<Self> {
        // The thread itself holds one more batch while it waits for room.
        let (sender, receiver) = sync_channel(depth.saturating_sub(1));
        let thread = std::thread::Builder::new().name("gradus-data".into()).spawn(move || {
            for batch in job.batches() {
                let fetched = job.fetch(batch);
                let failed = fetched.is_err();
                // A consumer that went away wants no more batches.
                if sender.send(fetched).is_err() || failed {
                    return;
                }
            }
        })?;
        Ok(Ahead { receiver: Some(receiver), thread: Some(thread) })
    }

    /// The next batch; waits for it. `None` after the last.
    pub(crate) fn next(&mut self) -> Option<Result<Vec<Array>>> {
        self.receiver.as_ref()?.recv().ok()
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // First the channel, so that a thread that waits for room sees that nobody listens.
        self.receiver = None;
        if let Some(thread) = self.thread.take() {
            // It cannot have panicked: `Job::fetch` turns panics into errors.
            let _ = thread.join();
        }
    }
}
