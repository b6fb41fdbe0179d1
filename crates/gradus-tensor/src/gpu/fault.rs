//! The first failure that cannot be undone; afterwards every call on the GPU returns it.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::error::{Error, Kind, Result};

/// Shared with the driver's callbacks, which must not hold the GPU itself.
#[derive(Debug, Default)]
pub(crate) struct Fault {
    hit: AtomicBool,
    cause: Mutex<Option<Cause>>,
}

#[derive(Clone, Debug)]
enum Cause {
    /// The device is gone.
    Lost(String),
    /// The driver refused a command, so results are missing.
    Refused(String),
}

impl Fault {
    /// The failure, if there was one.
    pub(crate) fn check(&self) -> Result<()> {
        if self.hit.load(Ordering::Acquire) { Err(self.error("unknown")) } else { Ok(()) }
    }

    /// The failure as an error; `otherwise` describes one that the driver has not reported.
    pub(crate) fn error(&self, otherwise: &str) -> Error {
        match self.cause.lock().clone() {
            Some(Cause::Refused(message)) => Kind::Device { op: "gpu", message }.into(),
            Some(Cause::Lost(reason)) => Kind::DeviceLost { reason }.into(),
            None => Kind::DeviceLost { reason: otherwise.to_owned() }.into(),
        }
    }

    /// The driver says that the device went away. It explains the refusals seen before.
    pub(crate) fn lose(&self, reason: String) {
        *self.cause.lock() = Some(Cause::Lost(reason));
        self.hit.store(true, Ordering::Release);
    }

    /// Something failed that only a lost device explains.
    pub(crate) fn suspect(&self, reason: String) {
        self.set(Cause::Lost(reason));
    }

    /// An error that no scope caught.
    pub(crate) fn uncaptured(&self, error: &wgpu::Error) {
        self.set(match error {
            wgpu::Error::OutOfMemory { .. } => {
                Cause::Lost("the driver ran out of memory while commands ran".into())
            }
            other => Cause::Refused(format!("a command was refused, a bug of gradus: {other}")),
        });
    }

    fn set(&self, cause: Cause) {
        self.cause.lock().get_or_insert(cause);
        self.hit.store(true, Ordering::Release);
    }
}
