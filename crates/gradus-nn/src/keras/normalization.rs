//! Keras's normalisations.

use gradus_tensor::{Error, Result};

use super::call::{Combine, One, one_input};
use super::symbol::Spec;
use crate::{
    BatchNorm1d, BatchNorm2d, BatchNorm3d, BatchNormOptions, GroupNorm, LayerNorm,
    LayerNormOptions, RmsNorm,
};

super::layer! {
    /// Each channel, the first axis behind the batch, standardised over the batch. Keras:
    /// `BatchNormalization`, whose momentum is the weight of the old estimate, 0.99, and whose
    /// epsilon is 1e-3.
    ///
    /// The variance that is kept is PyTorch's, unbiased. In evaluation the estimates are used, as
    /// Keras does with `training=False`.
    ///
    /// ```
    /// use gradus_nn::keras::{BatchNormalization, Call, Model, input};
    /// let x = input([16, 8, 8]);
    /// let model = Model::new(&x, &BatchNormalization::new().call(&x)?)?;
    /// let summary = model.summary();
    /// assert_eq!((summary.trainable(), summary.non_trainable()), (32, 32));
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    BatchNormalization => "BatchNormalization"; {} with {
        /// Sets the weight of the old estimates.
        momentum: f64 [f64] = 0.99,
        /// Sets what is added to the variance.
        epsilon: f64 [f64] = 1e-3,
    }
}

impl BatchNormalization {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        let expected = "channels and up to three sizes behind the batch";
        let x = one_input("batch_normalization", inputs, &[1, 2, 3, 4], expected)?;
        let options = BatchNormOptions {
            eps: self.epsilon,
            momentum: Some(1.0 - self.momentum),
            ..Default::default()
        };
        let channels = x.shape[0];
        Ok(match x.shape.rank() {
            3 => Box::new(One(BatchNorm2d::with(channels, options))),
            4 => Box::new(One(BatchNorm3d::with(channels, options))),
            _ => Box::new(One(BatchNorm1d::with(channels, options))),
        })
    }
}

super::layer! {
    /// The last axis of each sample standardised. Keras: `LayerNormalization`, whose epsilon is
    /// 1e-3.
    LayerNormalization => "LayerNormalization"; {} with {
        /// Sets what is added to the variance.
        epsilon: f64 [f64] = 1e-3,
    }
}

impl LayerNormalization {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        let x = one_input("layer_normalization", inputs, &[], "")?;
        let Some(&features) = x.shape.last() else {
            let expected = "an axis of features behind the batch";
            return Err(Error::argument("layer_normalization", "x", x, expected));
        };
        let options = LayerNormOptions { eps: self.epsilon, ..Default::default() };
        Ok(Box::new(One(LayerNorm::with([features], options))))
    }
}

super::layer! {
    /// The channels, the first axis behind the batch, in groups, each of which is standardised in
    /// each sample. Keras: `GroupNormalization(groups)`, with 32 groups and an epsilon of 1e-3
    /// unless set, but channels stand first in the data.
    ///
    /// ```
    /// use gradus_nn::Module;
    /// use gradus_nn::keras::{Call, GroupNormalization, Model, input};
    /// let x = input([16, 8, 8]);
    /// let model = Model::new(&x, &GroupNormalization::new().groups(4).call(&x)?)?;
    /// assert_eq!(model.num_parameters(), 32);
    /// assert!(GroupNormalization::new().call(&x).is_err(), "16 channels are not 32 groups");
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    GroupNormalization => "GroupNormalization"; {} with {
        /// Sets the number of groups.
        groups: usize [usize] = 32,
        /// Sets what is added to the variance.
        epsilon: f64 [f64] = 1e-3,
    }
}

impl GroupNormalization {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        let expected = "channels behind the batch";
        let x = one_input("group_normalization", inputs, &[1, 2, 3, 4], expected)?;
        Ok(Box::new(One(GroupNorm::with(self.groups, x.shape[0], self.epsilon, true)?)))
    }
}

super::layer! {
    /// The last axis of each sample divided by its root mean square. Keras: `RMSNormalization`,
    /// whose epsilon is 1e-6.
    ///
    /// ```
    /// use gradus_nn::keras::{Call, Model, RMSNormalization, input};
    /// use gradus_nn::{Layer, Tensor};
    /// let x = input([2]);
    /// let model = Model::new(&x, &RMSNormalization::new().call(&x)?)?;
    /// let y = model.forward(&Tensor::from_vec(vec![1.0f32, 7.0], [1, 2])?)?.to_vec::<f32>()?;
    /// assert!((y[0] - 0.2).abs() < 1e-6 && (y[1] - 1.4).abs() < 1e-6);
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    RMSNormalization => "RMSNormalization"; {} with {
        /// Sets what is added to the mean square.
        epsilon: f64 [f64] = 1e-6,
    }
}

impl RMSNormalization {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        let x = one_input("rms_normalization", inputs, &[], "")?;
        let Some(&features) = x.shape.last() else {
            let expected = "an axis of features behind the batch";
            return Err(Error::argument("rms_normalization", "x", x, expected));
        };
        Ok(Box::new(One(RmsNorm::with([features], Some(self.epsilon), true))))
    }
}
