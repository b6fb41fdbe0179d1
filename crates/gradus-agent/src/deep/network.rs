//! Networks of values.

use gradus_autodiff::Tensor;
use gradus_nn::{Layer, Linear, Module, Visit, Visitor, WithinLayer};
use gradus_tensor::rng::{Generator, with_default};
use gradus_tensor::{Error, Result};

use super::noisy_linear::NoisyLinear;
use crate::rng::Pcg64;

/// How a [`QNetwork`] is built.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkOptions {
    /// Sizes of the hidden layers, each followed by a relu.
    pub hidden: Vec<usize>,
    /// Whether value and advantages are apart (Wang et al. 2015, arXiv:1511.06581).
    pub dueling: bool,
    /// The noise at the beginning where weights are noisy.
    pub noisy: Option<f64>,
    /// Numbers for each action: atoms, quantiles, or 1.
    pub atoms: usize,
}

impl Default for NetworkOptions {
    /// Two hidden layers of 64, one number an action.
    fn default() -> Self {
        NetworkOptions { hidden: vec![64, 64], dueling: false, noisy: None, atoms: 1 }
    }
}

/// A linear layer, noisy or not.
#[derive(Clone, Debug)]
enum Affine {
    Plain(Linear),
    Noisy(NoisyLinear),
}

impl Affine {
    fn new(inputs: usize, outputs: usize, noisy: Option<f64>) -> Result<Self> {
        Ok(match noisy {
            None => Affine::Plain(Linear::new(inputs, outputs)?),
            Some(sigma0) => Affine::Noisy(NoisyLinear::new(inputs, outputs, sigma0)?),
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Affine::Plain(layer) => layer.forward(x),
            Affine::Noisy(layer) => layer.forward(x),
        }
    }
}

impl Visit for Affine {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        match self {
            Affine::Plain(layer) => layer.visit(visitor),
            Affine::Noisy(layer) => layer.visit(visitor),
        }
    }
}

impl Module for Affine {}

/// Values of all actions for a batch of observations.
///
/// *Shapes*: `x: [N, D]`; the result is `[N, A]`, with more than one atom `[N, A, K]`.
///
/// ```
/// use gradus_agent::deep::{NetworkOptions, QNetwork};
/// use gradus_autodiff::{Device, Tensor};
/// use gradus_nn::{Layer, Module};
/// let options = NetworkOptions { hidden: vec![8], dueling: true, ..Default::default() };
/// let network = QNetwork::new(4, 2, &options, 0)?;
/// let y = network.forward(&Tensor::zeros([3, 4], &Device::cpu()))?;
/// assert_eq!(y.shape().dims(), [3, 2]);
/// assert_eq!(network.num_parameters(), (4 * 8 + 8) + (8 * 2 + 2) + (8 + 1));
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct QNetwork {
    body: Vec<Affine>,
    advantage: Affine,
    value: Option<Affine>,
    actions: usize,
    atoms: usize,
}

/// Draws weights from a seed instead of from the thread's generator, which is left as it is.
pub(super) fn seeded<T>(seed: u64, build: impl FnOnce() -> T) -> T {
    let old = with_default(|g| std::mem::replace(g, Generator::new(seed)));
    let built = build();
    with_default(|g| *g = old);
    built
}

impl QNetwork {
    /// A network with weights drawn from a seed.
    ///
    /// # Errors
    /// `Kind::Argument` for no inputs, actions, atoms or a hidden layer of size 0.
    pub fn new(inputs: usize, actions: usize, options: &NetworkOptions, seed: u64) -> Result<Self> {
        let NetworkOptions { hidden, dueling, noisy, atoms } = options;
        if hidden.iter().chain([&inputs, &actions, atoms]).any(|&size| size == 0) {
            let value = format!("{inputs} {hidden:?} {actions} x {atoms}");
            return Err(Error::argument("q_network", "sizes", value, "1 or more each"));
        }
        seeded(seed, || {
            let mut body = Vec::new();
            let mut width = inputs;
            for &size in hidden {
                body.push(Affine::new(width, size, *noisy)?);
                width = size;
            }
            let value = match dueling {
                true => Some(Affine::new(width, *atoms, *noisy)?),
                false => None,
            };
            let advantage = Affine::new(width, actions * atoms, *noisy)?;
            Ok(QNetwork { body, advantage, value, actions, atoms: *atoms })
        })
    }

    /// Number of actions.
    pub fn actions(&self) -> usize {
        self.actions
    }

    /// Draws new noise where weights are noisy.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`.
    pub fn draw(&self, rng: &mut Pcg64) -> Result<()> {
        self.set_noise(self.drawn(rng)?)
    }

    fn noisy_layers(&self) -> impl Iterator<Item = &NoisyLinear> {
        let layers = self.body.iter().chain([&self.advantage]).chain(&self.value);
        layers.filter_map(|layer| match layer {
            Affine::Noisy(layer) => Some(layer),
            Affine::Plain(_) => None,
        })
    }

    /// New noise for [`QNetwork::set_noise`]; nothing where weights are not noisy.
    pub(super) fn drawn(&self, rng: &mut Pcg64) -> Result<Vec<Tensor>> {
        let mut drawn = Vec::new();
        for layer in self.noisy_layers() {
            drawn.extend(layer.drawn(rng)?);
        }
        Ok(drawn)
    }

    /// Takes noise in the order of [`QNetwork::drawn`].
    pub(super) fn set_noise(&self, noise: impl IntoIterator<Item = Tensor>) -> Result<()> {
        let noises = self.noisy_layers().flat_map(NoisyLinear::noises);
        noises.zip(noise).try_for_each(|(noise, new)| noise.set(&new))
    }
}

impl Layer for QNetwork {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for (i, layer) in self.body.iter().enumerate() {
            x = layer.forward(&x).within_layer(&format!("body.{i}"))?.relu()?;
        }
        let mut out = self.advantage.forward(&x).within_layer("advantage")?;
        let (actions, atoms) = (self.actions as i64, self.atoms as i64);
        if self.atoms > 1 {
            out = out.reshape(&[-1, actions, atoms])?;
        }
        let Some(value) = &self.value else { return Ok(out) };
        let mut value = value.forward(&x).within_layer("value")?;
        if self.atoms > 1 {
            value = value.unsqueeze(1)?; // [N, 1, K]
        }
        // Only the sum of both is learned: without the mean, value and advantages could drift.
        value.add(&out.sub(&out.mean(&[1], true)?)?)
    }
}
