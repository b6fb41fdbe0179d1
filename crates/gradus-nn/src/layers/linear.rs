//! The fully connected layer.

use gradus_autodiff::Tensor;
use gradus_tensor::{Device, Result};

use crate::init::{self, Init};
use crate::layer::Layer;
use crate::parameter::Parameter;
use crate::{Module, Nonlinearity};

/// `x · weightᵀ + bias`. PyTorch: `nn.Linear`.
///
/// *Shapes*: `x: [*, in]`, `weight: [out, in]`, `bias: [out]`; the result is `[*, out]`.
///
/// ```
/// use gradus_nn::{Layer, Linear, Module, Tensor};
/// let layer = Linear::new(784, 100)?;
/// assert_eq!(layer.num_parameters(), 78_500);
/// let y = layer.forward(&Tensor::from_vec(vec![0.5f32; 2 * 784], [2, 784])?)?;
/// assert_eq!(y.shape().dims(), [2, 100]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct Linear {
    /// `[out, in]`.
    pub weight: Parameter,
    /// `[out]`, or none.
    pub bias: Option<Parameter>,
}

/// Options of [`Linear`].
#[derive(Clone, Debug, PartialEq)]
pub struct LinearOptions {
    /// Whether there is a bias.
    pub bias: bool,
    /// How the weight starts.
    pub weight_init: Init,
    /// How the bias starts; none is PyTorch's default, U(±1/√in).
    pub bias_init: Option<Init>,
}

impl Default for LinearOptions {
    /// PyTorch's: a bias, and everything from U(±1/√in).
    fn default() -> Self {
        let weight_init = Init::KaimingUniform(init::Fan::In, Nonlinearity::LeakyRelu(5f64.sqrt()));
        LinearOptions { bias: true, weight_init, bias_init: None }
    }
}

impl LinearOptions {
    /// Keras's: the weight Glorot-uniform, the bias zero.
    pub fn keras() -> Self {
        let weight_init = Init::XavierUniform(1.0);
        LinearOptions { bias: true, weight_init, bias_init: Some(Init::Zeros) }
    }
}

impl Linear {
    /// A layer with PyTorch's defaults, drawn from this thread's default generator.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`.
    pub fn new(in_features: usize, out_features: usize) -> Result<Self> {
        Linear::with(in_features, out_features, LinearOptions::default())
    }

    /// A layer with options.
    ///
    /// ```
    /// use gradus_nn::{Linear, LinearOptions, Module};
    /// let options = LinearOptions { bias: false, ..Default::default() };
    /// assert_eq!(Linear::with(3, 2, options)?.num_parameters(), 6);
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of the initialisers; `Kind::OutOfMemory`.
    #[allow(clippy::needless_pass_by_value, reason = "options are written where they are used")]
    pub fn with(in_features: usize, out_features: usize, options: LinearOptions) -> Result<Self> {
        let cpu = Device::cpu();
        let weight = Parameter::new(Tensor::zeros([out_features, in_features], &cpu));
        options.weight_init.fill(&weight, None)?;
        let bias = match options.bias {
            true => Some(Parameter::new(Tensor::zeros([out_features], &cpu))),
            false => None,
        };
        match (&bias, &options.bias_init) {
            (None, _) => {}
            (Some(bias), Some(init)) => init.fill(bias, None)?,
            (Some(bias), None) => init::uniform_of_fan(bias, in_features, None)?,
        }
        Ok(Linear { weight, bias })
    }
}

impl Layer for Linear {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.linear(&self.weight, self.bias.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_uniform_up_to_the_root_of_the_features() {
        let layer = Linear::new(100, 50).unwrap();
        let weight = layer.weight.to_vec::<f32>().unwrap();
        let largest = weight.iter().fold(0f32, |m, w| m.max(w.abs()));
        // 5000 draws come within 0.1% of the bound with probability 1 - e^-5.
        assert!((0.0995..=0.1).contains(&largest), "{largest}");
        let variance = weight.iter().map(|w| f64::from(w * w)).sum::<f64>() / 5000.0;
        assert!((variance - 0.01 / 3.0).abs() < 2e-4, "{variance}");
        let bias = layer.bias.unwrap().to_vec::<f32>().unwrap();
        assert!(bias.iter().all(|b| b.abs() <= 0.1) && bias.iter().any(|b| b.abs() > 0.05));
    }

    #[test]
    fn the_same_seed_gives_the_same_layer() {
        let make = || {
            gradus_tensor::rng::manual_seed(3);
            Linear::new(4, 4).unwrap().weight.to_vec::<f32>().unwrap()
        };
        assert_eq!(make(), make());
    }

    #[test]
    fn kerass_bias_starts_at_zero() {
        let layer = Linear::with(3, 5, LinearOptions::keras()).unwrap();
        assert_eq!(layer.bias.unwrap().to_vec::<f32>().unwrap(), [0.0; 5]);
        let limit = (6f32 / 8.0).sqrt();
        let weight = layer.weight.to_vec::<f32>().unwrap();
        assert!(weight.iter().all(|w| w.abs() <= limit) && weight.iter().any(|w| *w != 0.0));
    }

    #[test]
    fn a_hand_made_layer_computes_by_hand() {
        let weight = Tensor::from_vec(vec![1.0f32, 2.0, -1.0, 0.5], [2, 2]).unwrap();
        let bias = Tensor::from_vec(vec![0.5f32, -0.5], [2]).unwrap();
        let layer = Linear { weight: weight.into(), bias: Some(bias.into()) };
        let x = Tensor::from_vec(vec![3.0f32, 4.0], [1, 2]).unwrap();
        let y = layer.forward(&x).unwrap();
        assert_eq!(y.to_vec::<f32>().unwrap(), [11.5, -1.5]);
        y.sum_all().unwrap().backward().unwrap();
        let dw = layer.weight.grad().unwrap().to_vec::<f32>().unwrap();
        assert_eq!(dw, [3.0, 4.0, 3.0, 4.0]);
    }
}
