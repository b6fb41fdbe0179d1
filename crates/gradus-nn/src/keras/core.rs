//! Keras's core layers: dense, embedding.

use gradus_tensor::{Error, Result};

use super::activations::activated;
use super::call::{Combine, One, one_input};
use super::symbol::Spec;
use crate::init::Init;
use crate::{EmbeddingOptions, Linear, LinearOptions};

super::layer! {
    /// The fully connected layer over the last axis, [`Linear`] with as many inputs as it is
    /// called on. Keras: `Dense(units)`.
    ///
    /// ```
    /// use gradus_nn::Module;
    /// use gradus_nn::keras::{Call, Dense, Model, input};
    /// let x = input([784]);
    /// let y = Dense::new(100).activation("relu").call(&x)?;
    /// assert_eq!(y.to_string(), "(None, 100)");
    /// assert_eq!(Model::new(&x, &y)?.num_parameters(), 78_500);
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    Dense => "Dense"; { units: usize [usize] } with {
        /// Sets the activation by its name; a `softmax` is along the units.
        activation: String [&str] = "linear".into(),
        /// Sets whether there is a bias.
        use_bias: bool [bool] = true,
        /// Sets how the weight starts.
        kernel_initializer: Init [Init] = Init::XavierUniform(1.0),
        /// Sets how the bias starts.
        bias_initializer: Init [Init] = Init::Zeros,
    }
}

impl Dense {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        let x = one_input("dense", inputs, &[], "")?;
        let Some(&features) = x.shape.last() else {
            return Err(Error::argument("dense", "x", x, "an axis of features behind the batch"));
        };
        let options = LinearOptions {
            bias: self.use_bias,
            weight_init: self.kernel_initializer,
            bias_init: Some(self.bias_initializer),
        };
        activated(Linear::with(features, self.units, options)?, &self.activation, -1)
    }
}

super::layer! {
    /// A table of trained vectors, read by integers from 0. Keras: `Embedding(input_dim,
    /// output_dim)`; the table starts uniform in ±0.05.
    ///
    /// Its input is one of integers, see [`input_with`](super::input_with).
    Embedding => "Embedding"; { input_dim: usize [usize], output_dim: usize [usize] } with {
        /// Sets how the table starts.
        embeddings_initializer: Init [Init] = Init::Uniform(-0.05, 0.05),
    }
}

impl Embedding {
    fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
        let x = one_input("embedding", inputs, &[], "")?;
        if x.dtype.is_float() {
            let expected = "integers: `input_with` sets the type";
            return Err(Error::argument("embedding", "x", x.dtype, expected));
        }
        let options =
            EmbeddingOptions { padding_idx: None, weight_init: self.embeddings_initializer };
        Ok(Box::new(One(crate::Embedding::with(self.input_dim, self.output_dim, options)?)))
    }
}
