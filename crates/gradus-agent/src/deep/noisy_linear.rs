//! A layer whose weights explore.

use gradus_autodiff::{Device, Tensor};
use gradus_nn::{Buffer, Layer, Mode, Module, Parameter};
use gradus_tensor::Result;

use crate::rng::Pcg64;

/// A linear layer with noise that it learns to drown out: `(μ + σ ∘ ε) x + μ_b + σ_b ∘ ε_b`; in
/// evaluation without the noise.
///
/// *Source*: Fortunato et al. 2017, arXiv:1706.10295, factorised Gaussian noise:
/// `ε = f(ε_out) f(ε_in)ᵀ`, `f(x) = sgn(x) √|x|`; μ from U(±1/√in), σ = σ₀/√in.
///
/// ```
/// use gradus_agent::{deep::NoisyLinear, rng::Pcg64};
/// use gradus_autodiff::Tensor;
/// use gradus_nn::{Layer, Module};
/// let layer = NoisyLinear::new(3, 2, 0.5)?;
/// let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0], [1, 3])?;
/// let y = || Ok::<_, gradus_tensor::Error>(layer.forward(&x)?.to_vec::<f32>()?);
/// let quiet = y()?; // no noise was drawn yet
/// layer.draw(&mut Pcg64::new(0))?;
/// assert_ne!(y()?, quiet);
/// layer.eval();
/// assert_eq!(y()?, quiet);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct NoisyLinear {
    /// `[out, in]`.
    pub weight_mu: Parameter,
    /// `[out, in]`.
    pub weight_sigma: Parameter,
    /// `[out]`.
    pub bias_mu: Parameter,
    /// `[out]`.
    pub bias_sigma: Parameter,
    /// `[1, in]`.
    noise_in: Buffer,
    /// `[out]`.
    noise_out: Buffer,
    mode: Mode,
}

impl NoisyLinear {
    /// A layer whose noise begins at `sigma0`; 0.5 in the paper.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`.
    pub fn new(in_features: usize, out_features: usize, sigma0: f64) -> Result<Self> {
        let cpu = Device::cpu();
        let bound = 1.0 / (in_features.max(1) as f64).sqrt();
        let mu = |shape: &[usize]| -> Result<Parameter> {
            let unit = Tensor::rand(shape.to_vec(), &cpu);
            Ok(Parameter::new(unit.mul(2.0 * bound)?.sub(bound)?.computed()?))
        };
        let sigma = |shape: &[usize]| {
            let dtype = gradus_tensor::DType::F32;
            Parameter::new(Tensor::full(shape.to_vec(), sigma0 * bound, dtype, &cpu))
        };
        Ok(NoisyLinear {
            weight_mu: mu(&[out_features, in_features])?,
            weight_sigma: sigma(&[out_features, in_features]),
            bias_mu: mu(&[out_features])?,
            bias_sigma: sigma(&[out_features]),
            noise_in: Buffer::new(Tensor::zeros([1, in_features], &cpu)),
            noise_out: Buffer::new(Tensor::zeros([out_features], &cpu)),
            mode: Mode::default(),
        })
    }

    /// Draws new noise.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`.
    pub fn draw(&self, rng: &mut Pcg64) -> Result<()> {
        self.noises().iter().zip(self.drawn(rng)?).try_for_each(|(noise, new)| noise.set(&new))
    }

    pub(super) fn noises(&self) -> [&Buffer; 2] {
        [&self.noise_in, &self.noise_out]
    }

    /// New values of the noises.
    pub(super) fn drawn(&self, rng: &mut Pcg64) -> Result<Vec<Tensor>> {
        let draw = |noise: &Buffer| {
            let draw = |_| {
                let x = rng.normal();
                (x.signum() * x.abs().sqrt()) as f32
            };
            let values: Vec<f32> = (0..noise.numel()).map(draw).collect();
            Tensor::from_vec(values, noise.shape())?.to(&noise.device())
        };
        self.noises().into_iter().map(draw).collect()
    }
}

impl Layer for NoisyLinear {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if !self.mode.is_training() {
            return x.linear(&self.weight_mu, Some(&self.bias_mu));
        }
        let noise = self.noise_out.unsqueeze(1)?.mul(&self.noise_in)?; // [out, in]
        let weight = self.weight_mu.add(&self.weight_sigma.mul(&noise)?)?;
        let bias = self.bias_mu.add(&self.bias_sigma.mul(&self.noise_out)?)?;
        x.linear(&weight, Some(&bias))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_a_product_of_two_vectors_and_reaches_sigma() {
        let layer = NoisyLinear::new(3, 2, 0.5).unwrap();
        layer.draw(&mut Pcg64::new(4)).unwrap();
        let x = Tensor::from_slice(&[1.0f32, 2.0, -1.0], [1, 3]).unwrap();
        layer.forward(&x).unwrap().sum_all().unwrap().backward().unwrap();
        let noise_in = layer.noise_in.to_vec::<f32>().unwrap();
        let noise_out = layer.noise_out.to_vec::<f32>().unwrap();
        let sigma = layer.weight_sigma.grad().unwrap().to_vec::<f32>().unwrap();
        for (i, out) in noise_out.iter().enumerate() {
            for (j, (input, x)) in noise_in.iter().zip([1.0, 2.0, -1.0]).enumerate() {
                assert!((sigma[i * 3 + j] - out * input * x).abs() < 1e-6);
            }
        }
        let start = layer.weight_sigma.to_vec::<f32>().unwrap()[0];
        assert!((start - 0.5 / 3f32.sqrt()).abs() < 1e-7);
        assert_eq!(layer.num_parameters(), 2 * (6 + 2));
    }
}
