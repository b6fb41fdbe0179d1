//! An initialiser as a value.

use gradus_autodiff::Tensor;
use gradus_tensor::Result;
use gradus_tensor::rng::Generator;

use super::{Fan, Nonlinearity};

/// One of the initialisers with its options, for options of layers.
///
/// ```
/// use gradus_nn::{Init, Linear, LinearOptions};
/// let options = LinearOptions { weight_init: Init::Constant(0.5), ..Default::default() };
/// assert_eq!(Linear::with(2, 1, options)?.weight.to_vec::<f32>()?, [0.5, 0.5]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Init {
    /// [`zeros`](super::zeros).
    Zeros,
    /// [`ones`](super::ones).
    Ones,
    /// [`constant`](super::constant): the value.
    Constant(f64),
    /// [`uniform`](super::uniform): low and high.
    Uniform(f64, f64),
    /// [`normal`](super::normal): mean and standard deviation.
    Normal(f64, f64),
    /// [`trunc_normal`](super::trunc_normal): mean and standard deviation, limited to two of them.
    TruncNormal(f64, f64),
    /// [`xavier_uniform`](super::xavier_uniform): the gain.
    XavierUniform(f64),
    /// [`xavier_normal`](super::xavier_normal): the gain.
    XavierNormal(f64),
    /// [`kaiming_uniform`](super::kaiming_uniform).
    KaimingUniform(Fan, Nonlinearity),
    /// [`kaiming_normal`](super::kaiming_normal).
    KaimingNormal(Fan, Nonlinearity),
    /// [`lecun_uniform`](super::lecun_uniform).
    LecunUniform,
    /// [`lecun_normal`](super::lecun_normal).
    LecunNormal,
    /// [`orthogonal`](super::orthogonal): the gain.
    Orthogonal(f64),
    /// [`eye`](super::eye).
    Eye,
}

impl Init {
    /// Gives a leaf its first elements; `None` draws from this thread's default generator.
    ///
    /// # Errors
    /// Those of the initialiser.
    pub fn fill(&self, tensor: &Tensor, generator: Option<&mut Generator>) -> Result<()> {
        match *self {
            Init::Zeros => super::zeros(tensor),
            Init::Ones => super::ones(tensor),
            Init::Constant(value) => super::constant(tensor, value),
            Init::Uniform(low, high) => super::uniform(tensor, low, high, generator),
            Init::Normal(mean, std) => super::normal(tensor, mean, std, generator),
            Init::TruncNormal(mean, std) => {
                let limits = (mean - 2.0 * std, mean + 2.0 * std);
                super::trunc_normal(tensor, (mean, std), limits, generator)
            }
            Init::XavierUniform(gain) => super::xavier_uniform(tensor, gain, generator),
            Init::XavierNormal(gain) => super::xavier_normal(tensor, gain, generator),
            Init::KaimingUniform(fan, after) => {
                super::kaiming_uniform(tensor, fan, after, generator)
            }
            Init::KaimingNormal(fan, after) => super::kaiming_normal(tensor, fan, after, generator),
            Init::LecunUniform => super::lecun_uniform(tensor, generator),
            Init::LecunNormal => super::lecun_normal(tensor, generator),
            Init::Orthogonal(gain) => super::orthogonal(tensor, gain, generator),
            Init::Eye => super::eye(tensor),
        }
    }
}
