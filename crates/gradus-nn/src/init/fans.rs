//! Initialisers whose spread follows from the number of inputs and outputs.

use gradus_autodiff::Tensor;
use gradus_tensor::rng::Generator;
use gradus_tensor::{Error, Problem, Result};

use super::values::{normal, trunc_normal, uniform};

/// Which side's variance Kaiming's initialisation keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fan {
    /// Of the activations, forward.
    #[default]
    In,
    /// Of the gradients, backward.
    Out,
}

/// What follows a layer, for [`calculate_gain`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Nonlinearity {
    /// Nothing, or a convolution.
    Linear,
    /// The logistic function.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// The rectifier.
    Relu,
    /// The rectifier with this slope below zero.
    LeakyRelu(f64),
    /// The self-normalising unit.
    Selu,
}

/// The recommended gain. PyTorch: `nn.init.calculate_gain`.
///
/// ```
/// use gradus_nn::init::{Nonlinearity, calculate_gain};
/// assert_eq!(calculate_gain(Nonlinearity::Tanh), 5.0 / 3.0);
/// assert_eq!(calculate_gain(Nonlinearity::LeakyRelu(1.0)), 1.0);
/// ```
pub fn calculate_gain(nonlinearity: Nonlinearity) -> f64 {
    match nonlinearity {
        Nonlinearity::Linear | Nonlinearity::Sigmoid => 1.0,
        Nonlinearity::Tanh => 5.0 / 3.0,
        Nonlinearity::Relu => std::f64::consts::SQRT_2,
        Nonlinearity::LeakyRelu(slope) => (2.0 / (1.0 + slope * slope)).sqrt(),
        Nonlinearity::Selu => 0.75,
    }
}

/// Inputs and outputs of a weight `[out, in, *]`, each times the size of the kernel `*`.
fn fans(op: &'static str, tensor: &Tensor) -> Result<(f64, f64)> {
    let shape = tensor.shape();
    if shape.rank() < 2 {
        let problem = Problem::Rank { name: "weight", got: shape.rank(), expected: "at least 2" };
        return Err(Error::shape(op, problem, &[("weight", &shape)]));
    }
    let kernel: usize = shape[2..].iter().product();
    Ok(((shape[1] * kernel) as f64, (shape[0] * kernel) as f64))
}

/// `1 / √count`, and 0 where there is nothing to initialise.
fn root(count: f64) -> f64 {
    if count > 0.0 { count.sqrt().recip() } else { 0.0 }
}

/// U(±gain · √(6 / (in + out))). PyTorch: `nn.init.xavier_uniform_`; Keras: `GlorotUniform`.
/// *Source*: Glorot and Bengio, AISTATS 2010.
///
/// # Errors
/// `Kind::Shape` for fewer than two dimensions; else as [`uniform`].
pub fn xavier_uniform(tensor: &Tensor, gain: f64, generator: Option<&mut Generator>) -> Result<()> {
    let (fan_in, fan_out) = fans("xavier_uniform", tensor)?;
    let limit = gain * 6f64.sqrt() * root(fan_in + fan_out);
    uniform(tensor, -limit, limit, generator)
}

/// N(0, gain² · 2 / (in + out)). PyTorch: `nn.init.xavier_normal_`.
///
/// # Errors
/// As [`xavier_uniform`].
pub fn xavier_normal(tensor: &Tensor, gain: f64, generator: Option<&mut Generator>) -> Result<()> {
    let (fan_in, fan_out) = fans("xavier_normal", tensor)?;
    normal(tensor, 0.0, gain * 2f64.sqrt() * root(fan_in + fan_out), generator)
}

/// U(±gain · √(3 / fan)). PyTorch: `nn.init.kaiming_uniform_`; Keras: `HeUniform`.
/// *Source*: He et al., ICCV 2015.
///
/// # Errors
/// As [`xavier_uniform`].
pub fn kaiming_uniform(
    tensor: &Tensor,
    fan: Fan,
    nonlinearity: Nonlinearity,
    generator: Option<&mut Generator>,
) -> Result<()> {
    let std = kaiming_std("kaiming_uniform", tensor, fan, nonlinearity)?;
    uniform(tensor, -3f64.sqrt() * std, 3f64.sqrt() * std, generator)
}

/// N(0, gain² / fan). PyTorch: `nn.init.kaiming_normal_`.
///
/// # Errors
/// As [`xavier_uniform`].
pub fn kaiming_normal(
    tensor: &Tensor,
    fan: Fan,
    nonlinearity: Nonlinearity,
    generator: Option<&mut Generator>,
) -> Result<()> {
    normal(tensor, 0.0, kaiming_std("kaiming_normal", tensor, fan, nonlinearity)?, generator)
}

fn kaiming_std(
    op: &'static str,
    tensor: &Tensor,
    fan: Fan,
    nonlinearity: Nonlinearity,
) -> Result<f64> {
    let (fan_in, fan_out) = fans(op, tensor)?;
    Ok(calculate_gain(nonlinearity) * root(if fan == Fan::In { fan_in } else { fan_out }))
}

/// U(±√(3 / in)). Keras: `LecunUniform`; PyTorch has none.
///
/// # Errors
/// As [`xavier_uniform`].
pub fn lecun_uniform(tensor: &Tensor, generator: Option<&mut Generator>) -> Result<()> {
    let limit = 3f64.sqrt() * root(fans("lecun_uniform", tensor)?.0);
    uniform(tensor, -limit, limit, generator)
}

/// Standard deviation of a standard normal limited to two deviations.
const TRUNCATED_STD: f64 = 0.879_625_661_034_239_8;

/// Normal of variance 1 / in after it is limited to two deviations. Keras: `LecunNormal`; PyTorch
/// has none.
///
/// # Errors
/// As [`xavier_uniform`].
pub fn lecun_normal(tensor: &Tensor, generator: Option<&mut Generator>) -> Result<()> {
    let std = root(fans("lecun_normal", tensor)?.0) / TRUNCATED_STD;
    if std == 0.0 {
        return Ok(());
    }
    trunc_normal(tensor, (0.0, std), (-2.0 * std, 2.0 * std), generator)
}

/// U(±1/√fan): PyTorch's default for the bias of a layer with `fan` inputs.
pub(crate) fn uniform_of_fan(
    tensor: &Tensor,
    fan: usize,
    generator: Option<&mut Generator>,
) -> Result<()> {
    let limit = root(fan as f64);
    uniform(tensor, -limit, limit, generator)
}

#[cfg(test)]
mod tests {
    use gradus_tensor::Device;

    use super::*;

    /// Largest magnitude and standard deviation of a filled `[out 50, in 40, 3, 3]`.
    fn spread(fill: impl FnOnce(&Tensor, Option<&mut Generator>) -> Result<()>) -> (f64, f64) {
        let tensor = Tensor::zeros([50, 40, 3, 3], &Device::cpu());
        fill(&tensor, Some(&mut Generator::new(5))).unwrap();
        let values = tensor.to_vec::<f32>().unwrap();
        let square: f64 = values.iter().map(|&v| f64::from(v).powi(2)).sum();
        let largest = values.iter().fold(0f64, |m, &v| m.max(f64::from(v).abs()));
        (largest, (square / values.len() as f64).sqrt())
    }

    /// 18 000 values: the deviation's standard error is below 0.55%; four of them.
    fn near(got: f64, expected: f64) {
        assert!((got / expected - 1.0).abs() < 0.022, "{got} instead of {expected}");
    }

    #[test]
    fn uniform_ones_reach_their_limits() {
        let (fan_in, fan_out) = (360.0, 450.0);
        let limit = 2.0 * f64::sqrt(6.0 / (fan_in + fan_out));
        near(spread(|t, g| xavier_uniform(t, 2.0, g)).0, limit);
        let kaiming = |fan, n| spread(move |t, g| kaiming_uniform(t, fan, n, g));
        near(kaiming(Fan::In, Nonlinearity::Relu).0, f64::sqrt(6.0 / fan_in));
        near(kaiming(Fan::Out, Nonlinearity::Relu).0, f64::sqrt(6.0 / fan_out));
        near(kaiming(Fan::In, Nonlinearity::LeakyRelu(5f64.sqrt())).0, f64::sqrt(1.0 / fan_in));
        near(spread(lecun_uniform).0, f64::sqrt(3.0 / fan_in));
    }

    #[test]
    fn normal_ones_have_their_deviation() {
        near(spread(|t, g| xavier_normal(t, 1.0, g)).1, f64::sqrt(2.0 / 810.0));
        let kaiming = spread(|t, g| kaiming_normal(t, Fan::Out, Nonlinearity::Tanh, g));
        near(kaiming.1, 5.0 / 3.0 / f64::sqrt(450.0));
        let (largest, std) = spread(lecun_normal);
        near(std, f64::sqrt(1.0 / 360.0));
        near(largest, 2.0 * f64::sqrt(1.0 / 360.0) / TRUNCATED_STD);
    }

    #[test]
    fn a_vector_has_no_fans() {
        let vector = Tensor::zeros([3], &Device::cpu());
        assert!(xavier_uniform(&vector, 1.0, None).unwrap_err().is_shape());
        let empty = Tensor::zeros([0, 0], &Device::cpu());
        lecun_normal(&empty, None).unwrap();
        xavier_uniform(&empty, 1.0, None).unwrap();
    }
}
