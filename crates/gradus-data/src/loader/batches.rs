//! The iterators of an epoch: batches of any number of columns, and pairs.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use gradus_tensor::{Array, Device, Error, Result};

#[cfg(not(target_family = "wasm"))]
use super::ahead::Ahead;
use super::job::Job;
use super::{OP, Position};

/// One epoch of batches, one `T` per column. Ends after the first error.
pub struct Batches<T> {
    source: Source,
    epoch: u64,
    /// The number of the next batch, and one past the last.
    next: usize,
    end: usize,
    device: Option<Device>,
    convert: PhantomData<fn() -> T>,
}

enum Source {
    Inline(Arc<Job>),
    #[cfg(not(target_family = "wasm"))]
    Ahead(Arc<Job>, Ahead),
    /// An epoch that could not start, or one that is over.
    Failed(Option<Error>),
}

impl<T> Batches<T> {
    pub(super) fn new(job: Job, device: Option<Device>, ahead: usize, workers: usize) -> Self {
        let (epoch, range, job) = (job.epoch, job.batches(), Arc::new(job));
        let mut source = Source::Inline(job.clone());
        #[cfg(not(target_family = "wasm"))]
        // A single batch has nothing to be ahead of. A system that gives no thread is served
        // without one: the batches are the same.
        if ahead > 0
            && workers > 0
            && range.len() > 1
            && let Ok(ahead) = Ahead::start(job.clone(), ahead, workers)
        {
            source = Source::Ahead(job, ahead);
        }
        let (next, end) = (range.start, range.end);
        Batches { source, epoch, next, end, device, convert: PhantomData }
    }

    /// An epoch that consists of an error.
    pub(super) fn failed(error: Error, at: Position) -> Self {
        let (epoch, next) = (at.epoch, at.batch);
        let source = Source::Failed(Some(error));
        Batches { source, epoch, next, end: next + 1, device: None, convert: PhantomData }
    }

    /// Where the next batch stands, or the one that failed: what
    /// [`Loader::resume`](super::Loader::resume) takes to go on from here.
    pub fn position(&self) -> Position {
        Position { epoch: self.epoch, batch: self.next }
    }

    fn batch(&mut self) -> Option<Result<Vec<Array>>> {
        let (fetched, job) = match &mut self.source {
            Source::Inline(job) => (job.fetch(self.next), job),
            #[cfg(not(target_family = "wasm"))]
            Source::Ahead(job, ahead) => (ahead.next()?, job),
            Source::Failed(error) => return error.take().map(Err),
        };
        let moved = fetched.and_then(|columns| match &self.device {
            Some(device) => columns.iter().map(|c| c.to(device)).collect(),
            None => Ok(columns),
        });
        Some(moved.and_then(|columns| job.finish(columns, self.next)))
    }

    fn stop(&mut self) {
        (self.end, self.source) = (self.next, Source::Failed(None));
    }
}

impl<T: From<Array>> Iterator for Batches<T> {
    type Item = Result<Vec<T>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.end {
            return None;
        }
        let batch = self.batch()?;
        if batch.is_ok() {
            self.next += 1;
        }
        if batch.is_err() || self.next == self.end {
            self.stop();
        }
        Some(batch.map(|columns| columns.into_iter().map(T::from).collect()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error ends the epoch early.
        let left = self.end - self.next;
        (left.min(1), Some(left))
    }
}

/// One epoch of `(x, y)` batches. Ends after the first error.
pub struct Pairs<T> {
    pub(super) batches: Batches<T>,
}

impl<T> Pairs<T> {
    /// Where the next batch stands, as [`Batches::position`].
    pub fn position(&self) -> Position {
        self.batches.position()
    }
}

impl<T: From<Array>> Iterator for Pairs<T> {
    type Item = Result<(T, T)>;

    fn next(&mut self) -> Option<Self::Item> {
        let columns = match self.batches.next()? {
            Ok(columns) => columns,
            Err(error) => return Some(Err(error)),
        };
        match <[T; 2]>::try_from(columns) {
            Ok([x, y]) => Some(Ok((x, y))),
            Err(columns) => {
                self.batches.stop();
                let expected = "2; `batches` gives any number of columns";
                let got = columns.len();
                Some(Err(Error::argument(OP, "number of columns", got, expected)))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.batches.size_hint()
    }
}

impl<T> fmt::Debug for Batches<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batches({} left)", self.end - self.next)
    }
}

impl<T> fmt::Debug for Pairs<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pairs({} left)", self.batches.end - self.batches.next)
    }
}
