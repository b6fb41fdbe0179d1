//! The losses as methods of tensors, with PyTorch's defaults.

use gradus_autodiff::Tensor;
use gradus_tensor::Result;

use super::common::Loss;
use super::{
    BceLoss, BceWithLogitsLoss, CrossEntropyLoss, HuberLoss, KlDivLoss, L1Loss, MseLoss, NllLoss,
    SmoothL1Loss,
};

/// The losses of two tensors as methods, with PyTorch's defaults and the mean; the structs take
/// options.
///
/// ```
/// use gradus_nn::{Losses, Tensor};
/// let logits = Tensor::from_vec(vec![0.0f32, 0.0], [1, 2])?;
/// let loss = logits.cross_entropy(&Tensor::from_vec(vec![1i32], [1])?)?;
/// assert!((loss.item()? - 2f64.ln()).abs() < 1e-6);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
pub trait Losses {
    /// [`CrossEntropyLoss`] of these logits.
    ///
    /// # Errors
    /// As [`cross_entropy`](crate::cross_entropy).
    fn cross_entropy(&self, target: &Tensor) -> Result<Tensor>;

    /// [`NllLoss`] of these log-probabilities.
    ///
    /// # Errors
    /// As [`nll_loss`](crate::nll_loss).
    fn nll_loss(&self, target: &Tensor) -> Result<Tensor>;

    /// [`MseLoss`].
    ///
    /// # Errors
    /// As [`mse_loss`](crate::mse_loss).
    fn mse_loss(&self, target: &Tensor) -> Result<Tensor>;

    /// [`L1Loss`].
    ///
    /// # Errors
    /// As [`l1_loss`](crate::l1_loss).
    fn l1_loss(&self, target: &Tensor) -> Result<Tensor>;

    /// [`SmoothL1Loss`] with beta 1.
    ///
    /// # Errors
    /// As [`smooth_l1_loss`](crate::smooth_l1_loss).
    fn smooth_l1_loss(&self, target: &Tensor) -> Result<Tensor>;

    /// [`HuberLoss`] with delta 1.
    ///
    /// # Errors
    /// As [`huber_loss`](crate::huber_loss).
    fn huber_loss(&self, target: &Tensor) -> Result<Tensor>;

    /// [`BceLoss`] of these probabilities.
    ///
    /// # Errors
    /// As [`binary_cross_entropy`](crate::binary_cross_entropy).
    fn binary_cross_entropy(&self, target: &Tensor) -> Result<Tensor>;

    /// [`BceWithLogitsLoss`] of these logits.
    ///
    /// # Errors
    /// As [`binary_cross_entropy_with_logits`](crate::binary_cross_entropy_with_logits).
    fn binary_cross_entropy_with_logits(&self, target: &Tensor) -> Result<Tensor>;

    /// [`KlDivLoss`] of these log-probabilities.
    ///
    /// # Errors
    /// As [`kl_div`](crate::kl_div).
    fn kl_div(&self, target: &Tensor) -> Result<Tensor>;
}

impl Losses for Tensor {
    fn cross_entropy(&self, target: &Tensor) -> Result<Tensor> {
        CrossEntropyLoss::default().forward(self, target)
    }

    fn nll_loss(&self, target: &Tensor) -> Result<Tensor> {
        NllLoss::default().forward(self, target)
    }

    fn mse_loss(&self, target: &Tensor) -> Result<Tensor> {
        MseLoss::default().forward(self, target)
    }

    fn l1_loss(&self, target: &Tensor) -> Result<Tensor> {
        L1Loss::default().forward(self, target)
    }

    fn smooth_l1_loss(&self, target: &Tensor) -> Result<Tensor> {
        SmoothL1Loss::default().forward(self, target)
    }

    fn huber_loss(&self, target: &Tensor) -> Result<Tensor> {
        HuberLoss::default().forward(self, target)
    }

    fn binary_cross_entropy(&self, target: &Tensor) -> Result<Tensor> {
        BceLoss::default().forward(self, target)
    }

    fn binary_cross_entropy_with_logits(&self, target: &Tensor) -> Result<Tensor> {
        BceWithLogitsLoss::default().forward(self, target)
    }

    fn kl_div(&self, target: &Tensor) -> Result<Tensor> {
        KlDivLoss::default().forward(self, target)
    }
}
