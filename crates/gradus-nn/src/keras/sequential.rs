//! A [`Sequential`] as a functional model.

use std::sync::Arc;

use gradus_tensor::Result;

use super::call::{Apply, Call};
use super::model::Model;
use super::symbol::Symbol;
use crate::Sequential;

impl Sequential {
    /// The same layers as a functional model, named by their numbers as in the state dict: for
    /// the summary and for the output of any layer.
    ///
    /// ```
    /// use gradus_nn::{Linear, Module, Relu, Sequential, Tensor};
    /// use gradus_nn::keras::input;
    /// let model = Sequential::new().push(Linear::new(2, 3)?).push(Relu).push(Linear::new(3, 1)?);
    /// let functional = model.functional(&input([2]))?;
    /// assert_eq!(functional.state_dict()?.keys().next().map(String::as_str), Some("0.bias"));
    /// let x = Tensor::from_vec(vec![1.0f32, -1.0], [1, 2])?;
    /// let after_relu = functional.output_of("1", &[&x])?;
    /// assert!(after_relu[0].to_vec::<f32>()?.iter().all(|&h| h >= 0.0));
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of the layers for such an input.
    pub fn functional(&self, input: &Symbol) -> Result<Model> {
        let mut x = input.clone();
        for (i, layer) in self.layers().iter().enumerate() {
            x = Apply::shared(Arc::clone(layer)).name(i.to_string()).call(&x)?;
        }
        Model::new(input, &x)
    }
}
