//! Whether operations record their gradients: a switch of each thread.

use std::cell::Cell;

thread_local! {
    static ENABLED: Cell<bool> = const { Cell::new(true) };
}

/// Whether operations on this thread record their gradients.
pub fn is_grad_enabled() -> bool {
    ENABLED.with(Cell::get)
}

/// Restores the previous mode when dropped; see [`set_grad_enabled`].
#[derive(Debug)]
#[must_use = "the mode lasts until the guard is dropped"]
pub struct NoGrad {
    before: bool,
}

impl Drop for NoGrad {
    fn drop(&mut self) {
        ENABLED.with(|e| e.set(self.before));
    }
}

/// Turns recording on or off until the guard is dropped.
pub fn set_grad_enabled(enabled: bool) -> NoGrad {
    NoGrad { before: ENABLED.with(|e| e.replace(enabled)) }
}

/// Runs `f` without recording gradients: evaluation needs no graph and keeps no operands.
///
/// ```
/// use gradus_autodiff::{Tensor, no_grad};
/// let w = Tensor::from_vec(vec![2.0f32], [1])?.requires_grad_(true);
/// let y = no_grad(|| w.square())?;
/// assert!(!y.requires_grad());
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
pub fn no_grad<T>(f: impl FnOnce() -> T) -> T {
    let _guard = set_grad_enabled(false);
    f()
}
