//! `Trainer::update_bn`: running estimates for weights that were not trained as they are.

use std::sync::Arc;

use gradus_autodiff::Tensor;
use gradus_data::{Dataset, Loader};
use gradus_nn::update_bn;
use gradus_tensor::{Error, Result};

use crate::learner::{Learner, device_of};
use crate::trainer::Trainer;

impl<L: Learner> Trainer<L> {
    /// Estimates mean and variance of every batch norm anew from the first column of the data, in
    /// its order; see [`gradus_nn::update_bn`]. After
    /// [`WeightAveraging`](crate::WeightAveraging), for instance.
    ///
    /// ```
    /// use gradus_data::TensorDataset;
    /// use gradus_nn::{BatchNorm1d, Module};
    /// use gradus_tensor::Array;
    /// use gradus_train::Trainer;
    /// let mut trainer = Trainer::new(BatchNorm1d::new(1));
    /// let x = Array::from_vec(vec![1.0f32, 3.0, 5.0, 7.0], [4, 1])?;
    /// trainer.update_bn(&TensorDataset::new(vec![x])?, 2)?;
    /// assert_eq!(trainer.model().state_dict()?["running_mean"].to_vec::<f32>()?, [4.0]);
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Argument` for a batch size of 0; `Kind::Unsupported` for a learner without
    /// `predict_step`; what model and data report.
    pub fn update_bn<D: Dataset + Clone + 'static>(
        &mut self,
        data: &D,
        batch_size: usize,
    ) -> Result<()> {
        let data: Arc<dyn Dataset> = Arc::new(data.clone());
        let device = device_of(self.learner.module());
        let loader = Loader::<Tensor>::new(&data).batch_size(batch_size).to(&device);
        update_bn(self.learner.module(), loader.batches(), |columns| {
            let columns = columns?;
            let x = columns.first().ok_or_else(|| {
                Error::argument("update_bn", "number of columns", 0, "at least 1")
            })?;
            self.learner.predict_step(x)
        })
    }
}
