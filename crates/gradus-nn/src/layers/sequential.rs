//! Layers one after another.

use std::fmt;
use std::sync::Arc;

use gradus_autodiff::Tensor;
use gradus_tensor::Result;

use crate::Module;
use crate::layer::Layer;
use crate::visit::{Part, walk};

/// Layers one after another. PyTorch: `nn.Sequential`. Errors name the layer's number; names in
/// the state dict begin with it.
///
/// ```
/// use gradus_nn::{Flatten, Layer, Linear, Module, Relu, Sequential, Tensor};
/// let model = Sequential::new()
///     .push(Flatten::default())
///     .push(Linear::new(784, 100)?)
///     .push(Relu)
///     .push(Linear::new(100, 10)?);
/// let x = Tensor::from_vec(vec![0.0f32; 2 * 784], [2, 28, 28])?;
/// assert_eq!(model.forward(&x)?.shape().dims(), [2, 10]);
/// assert_eq!(model.named_parameters()[0].0, "1.weight");
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Default, Module)]
pub struct Sequential {
    #[module(flatten)]
    layers: Vec<Arc<dyn Layer>>,
}

impl Sequential {
    /// No layers yet: the identity.
    pub fn new() -> Self {
        Sequential::default()
    }

    /// With a layer at the end.
    #[must_use]
    pub fn push(mut self, layer: impl Layer + 'static) -> Self {
        self.add(layer);
        self
    }

    /// Adds a layer at the end, as Keras's `model.add`.
    pub fn add(&mut self, layer: impl Layer + 'static) -> &mut Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// Number of layers.
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// Whether there are no layers.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// A layer by number.
    pub fn get(&self, index: usize) -> Option<&dyn Layer> {
        self.layers.get(index).map(|layer| &**layer)
    }

    pub(crate) fn layers(&self) -> &[Arc<dyn Layer>] {
        &self.layers
    }

    /// The layers in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &dyn Layer> + ExactSizeIterator {
        self.layers.iter().map(|layer| &**layer)
    }
}

impl Layer for Sequential {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x).map_err(|error| error.within_layer(&i.to_string()))?;
        }
        Ok(x)
    }
}

impl fmt::Debug for Sequential {
    /// The tree of layers, one a line, with the shapes of their tensors.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        walk(self, &mut |path, part| match part {
            Part::Module(kind) if path.is_empty() => text.push_str(kind),
            Part::Module(kind) => {
                let name = path.rsplit('.').next().unwrap_or(path);
                let indent = "  ".repeat(path.split('.').count());
                text.push_str(&format!("\n{indent}({name}) {kind}"));
            }
            Part::Parameter(parameter) => {
                let name = path.rsplit('.').next().unwrap_or(path);
                text.push_str(&format!(" {name} {}", parameter.shape()));
            }
            Part::Buffer(_) | Part::Mode(_) | Part::Generator(_) => {}
        });
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Linear, Relu, Tanh};

    fn nested() -> Sequential {
        let body = Sequential::new().push(Linear::new(3, 4).unwrap()).push(Tanh);
        Sequential::new().push(body).push(Relu).push(Linear::new(5, 2).unwrap())
    }

    #[test]
    fn errors_end_with_the_path() {
        let x = Tensor::from_vec(vec![0.0f32; 3], [1, 3]).unwrap();
        let text = nested().forward(&x).unwrap_err().to_string();
        assert!(text.ends_with("; in 2"), "{text}");
        let x = Tensor::from_vec(vec![0.0f32; 7], [1, 7]).unwrap();
        let text = nested().forward(&x).unwrap_err().to_string();
        assert!(text.ends_with("; in 0.0"), "{text}");
    }

    #[test]
    fn layers_are_reached_by_number() {
        let mut model = nested();
        model.add(Tanh).add(Relu);
        assert_eq!((model.len(), model.is_empty(), model.iter().len()), (5, false, 5));
        assert_eq!(model.get(2).unwrap().num_parameters(), 12);
        assert!(model.get(5).is_none());
        let boxed: Box<dyn Layer> = Box::new(Relu);
        assert_eq!(Sequential::new().push(boxed).len(), 1);
    }

    #[test]
    fn without_layers_it_is_the_identity() {
        let y = Sequential::new().forward(&Tensor::scalar(2.0)).unwrap();
        assert_eq!(y.item().unwrap(), 2.0);
    }

    #[test]
    fn debug_shows_the_tree() {
        let expected = "Sequential\n  (0) Sequential\n    (0) Linear weight [4, 3] bias [4]\
                        \n    (1) Tanh\n  (1) Relu\n  (2) Linear weight [2, 5] bias [2]";
        assert_eq!(format!("{:?}", nested()), expected);
    }
}
