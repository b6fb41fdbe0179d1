//! Dropout.

use gradus_autodiff::{Tensor, where_};
use gradus_tensor::rng::{self, Generator};
use gradus_tensor::{Error, Result, Shape};

use crate::Module;
use crate::layer::Layer;
use crate::parameter::{LayerGenerator, Mode};

/// In training, sets each element to zero with probability p and multiplies the others by
/// `1 / (1 - p)`, so that the mean stays; in evaluation, the identity. PyTorch: `nn.Dropout`.
///
/// The mask is computed where it is used, from a counter: it takes no memory and is the same on
/// every device. *Source*: Srivastava et al., JMLR 15 (2014).
///
/// ```
/// use gradus_nn::{Dropout, Layer, Module, Tensor};
/// let layer = Dropout::new(0.5)?.seed(7);
/// let x = Tensor::from_vec(vec![1.0f32; 8], [8])?;
/// assert!(layer.forward(&x)?.to_vec::<f32>()?.iter().all(|&v| v == 0.0 || v == 2.0));
/// layer.eval();
/// assert_eq!(layer.forward(&x)?.to_vec::<f32>()?, [1.0; 8]);
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct Dropout {
    p: f64,
    mode: Mode,
    generator: Option<LayerGenerator>,
}

impl Dropout {
    /// Drops with probability `p`, by this thread's default generator.
    ///
    /// # Errors
    /// `Kind::Argument` unless p is in `0..=1`.
    pub fn new(p: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&p) {
            return Err(Error::argument("dropout", "p", p, "a probability in 0..=1"));
        }
        Ok(Dropout { p, mode: Mode::default(), generator: None })
    }

    /// Gives the layer a generator of its own.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.generator = Some(LayerGenerator::new(seed));
        self
    }

    /// The probability of a zero.
    pub fn p(&self) -> f64 {
        self.p
    }

    /// Whether anything is dropped now.
    pub(crate) fn drops(&self) -> bool {
        self.mode.is_training() && self.p > 0.0
    }

    /// Where values of a shape stay; none where all of them do. Draws in training only.
    pub(super) fn kept(&self, shape: impl Into<Shape>, x: &Tensor) -> Result<Option<Tensor>> {
        if !self.drops() {
            return Ok(None);
        }
        let draw = |g: &mut Generator| Tensor::rand_from(g, shape, &x.device());
        let noise = match &self.generator {
            Some(generator) => generator.with(draw),
            None => rng::with_default(draw),
        };
        noise.lt(1.0 - self.p).map(Some)
    }

    /// x where it stays, scaled, else zero; `kept` broadcasts.
    pub(super) fn thinned(&self, x: &Tensor, kept: Option<Tensor>) -> Result<Tensor> {
        let Some(kept) = kept else { return Ok(x.clone()) };
        let keep = 1.0 - self.p;
        let scale = if keep > 0.0 { 1.0 / keep } else { 0.0 };
        where_(&kept, &x.mul(scale)?, 0.0)
    }
}

impl Layer for Dropout {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.thinned(x, self.kept(x.shape(), x)?)
    }
}

#[cfg(test)]
mod tests {
    use gradus_tensor::{Device, Kind};

    use super::*;

    fn ones(n: usize) -> Tensor {
        Tensor::ones([n], &Device::cpu())
    }

    fn drop(layer: &Dropout, x: &Tensor) -> Vec<f32> {
        layer.forward(x).unwrap().to_vec().unwrap()
    }

    #[test]
    fn the_share_of_zeros_is_p_and_the_mean_stays() {
        let n = 40_000;
        let y = drop(&Dropout::new(0.3).unwrap().seed(1), &ones(n));
        let zeros = y.iter().filter(|&&v| v == 0.0).count() as f64 / n as f64;
        // The standard error is 0.0023: four of them.
        assert!((zeros - 0.3).abs() < 0.0092, "{zeros}");
        let mean = y.iter().map(|&v| f64::from(v)).sum::<f64>() / n as f64;
        assert!((mean - 1.0).abs() < 0.0132, "{mean}");
        assert!(y.iter().all(|&v| v == 0.0 || (v - 1.0 / 0.7).abs() < 1e-6));
    }

    #[test]
    fn a_seed_repeats_and_every_call_differs() {
        let (a, b) = (Dropout::new(0.5).unwrap().seed(9), Dropout::new(0.5).unwrap().seed(9));
        let x = ones(64);
        let first = drop(&a, &x);
        assert_eq!(first, drop(&b, &x));
        assert_ne!(first, drop(&a, &x));
        let c = Dropout::new(0.5).unwrap();
        rng::manual_seed(4);
        let first = drop(&c, &x);
        rng::manual_seed(4);
        assert_eq!(first, drop(&c, &x));
    }

    #[test]
    fn the_gradient_passes_where_the_value_did() {
        let x = ones(64).requires_grad_(true);
        let y = Dropout::new(0.5).unwrap().seed(2).forward(&x).unwrap();
        y.sum_all().unwrap().backward().unwrap();
        let dx = x.grad().unwrap().to_vec::<f32>().unwrap();
        assert_eq!(dx, y.to_vec::<f32>().unwrap());
    }

    #[test]
    fn the_limits_are_identity_and_zeros() {
        let x = Tensor::from_vec(vec![1.0f32, f32::INFINITY], [2]).unwrap();
        assert_eq!(drop(&Dropout::new(1.0).unwrap(), &x), [0.0, 0.0]);
        assert_eq!(drop(&Dropout::new(0.0).unwrap(), &x), [1.0, f32::INFINITY]);
        for p in [-0.1, 1.5, f64::NAN] {
            let error = Dropout::new(p).unwrap_err();
            assert!(matches!(error.kind(), Kind::Argument { name: "p", .. }), "{error}");
        }
    }

    #[test]
    fn evaluation_draws_nothing() {
        let layer = Dropout::new(0.5).unwrap().seed(3);
        let before = layer.generator.as_ref().unwrap().with(|g| g.state());
        layer.eval();
        assert_eq!(drop(&layer, &ones(3)), [1.0; 3]);
        assert_eq!(layer.generator.as_ref().unwrap().with(|g| g.state()), before);
    }
}
