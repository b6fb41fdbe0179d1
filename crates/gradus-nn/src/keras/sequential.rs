//! Layers one after the other: Keras's `Sequential`, and this crate's as a functional model.

use std::fmt;
use std::sync::Arc;

use gradus_tensor::{Error, Result};

use super::call::{Apply, Call, call};
use super::model::Model;
use super::symbol::Symbol;

/// Layers one after the other, whose sizes follow from their inputs. Keras: `Sequential(layers)`.
///
/// ```
/// use gradus_nn::Module;
/// use gradus_nn::keras::{Dense, Flatten, Sequential, input};
/// let model = Sequential::new()
///     .add(Flatten::new())
///     .add(Dense::new(100).activation("relu"))
///     .add(Dense::new(30).activation("relu"))
///     .add(Dense::new(10))
///     .build(&input([28, 28]))?;
/// assert_eq!(model.num_parameters(), 81_840);
/// assert!(model.layer_names().eq(["input_layer", "flatten", "dense", "dense_1", "dense_2"]));
/// assert!(model.summary().to_string().starts_with("Model: \"sequential\""));
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Sequential {
    layers: Vec<Arc<dyn Call>>,
    name: Option<String>,
}

impl Sequential {
    /// No layers yet.
    pub fn new() -> Self {
        Sequential::default()
    }

    /// Adds a layer, or a model, behind the others.
    #[must_use]
    #[allow(clippy::should_implement_trait, reason = "Keras's name")]
    pub fn add(mut self, layer: impl Call + 'static) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// Sets the model's name; `sequential` by default.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The model for an input, or for any other symbol. Layers are made now; a second model has
    /// the same ones.
    ///
    /// # Errors
    /// `Kind::Argument` without layers; those of the layers for such an input.
    pub fn build(&self, input: &Symbol) -> Result<Model> {
        if self.layers.is_empty() {
            return Err(Error::argument("sequential", "layers", "empty", "at least one"));
        }
        let mut x = input.clone();
        for layer in &self.layers {
            x = call(&**layer, vec![x])?;
        }
        Ok(Model::new(input, &x)?.name(self.name.as_deref().unwrap_or("sequential")))
    }
}

impl fmt::Debug for Sequential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.layers.iter().map(|layer| layer.slot())).finish()
    }
}

impl crate::Sequential {
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
