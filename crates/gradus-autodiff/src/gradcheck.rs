//! Gradient checks: what a rule says against central differences, in float64.

use gradus_tensor::rng::Generator;
use gradus_tensor::{DType, Device, Kind, Result};

use crate::backward::grad;
use crate::tensor::Tensor;

/// The outcome of a gradient check along one random direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GradCheck {
    /// Slope by the gradient rules.
    pub analytic: f64,
    /// Slope by central differences.
    pub numeric: f64,
}

impl GradCheck {
    /// Difference of the two slopes relative to their size (at least 1).
    pub fn error(&self) -> f64 {
        (self.analytic - self.numeric).abs() / self.analytic.abs().max(self.numeric.abs()).max(1.0)
    }

    /// Whether the slopes agree to `tolerance`; NaN never does.
    pub fn is_ok(&self, tolerance: f64) -> bool {
        self.error() <= tolerance
    }
}

/// Step of the central difference: its error is of order step², rounding of order 1e-16 / step.
const STEP: f64 = 1e-5;

/// Compares the gradient of `f` at float64 `inputs` with central differences, along one random
/// direction in the inputs and one random weighting of the outputs: three evaluations at any
/// size.
///
/// ```
/// use gradus_autodiff::{Tensor, gradcheck};
/// let x = Tensor::from_vec(vec![0.3f64, -1.2, 2.0], [3])?;
/// let check = gradcheck(|x| x[0].tanh(), &[x], 7)?;
/// assert!(check.is_ok(1e-7), "{check:?}");
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
///
/// # Errors
/// `Kind::DType` unless the inputs are float64; what `f` reports.
pub fn gradcheck(
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
    inputs: &[Tensor],
    seed: u64,
) -> Result<GradCheck> {
    let mut random = Generator::new(seed);
    let inputs = leaves("gradcheck", inputs)?;
    let y = f(&inputs)?;
    let weights = noise(&mut random, &y)?;
    let loss = |y: &Tensor| y.mul(&weights)?.sum_all();
    let slopes = grad(&[loss(&y)?], &inputs, false)?;
    let mut analytic = 0.0;
    let mut directions = Vec::with_capacity(inputs.len());
    for (input, slope) in inputs.iter().zip(&slopes) {
        let direction = noise(&mut random, input)?;
        analytic += slope.mul(&direction)?.sum_all()?.item()?;
        directions.push(direction);
    }
    let at = |step: f64| -> Result<f64> {
        let mut moved = Vec::with_capacity(inputs.len());
        for (input, direction) in inputs.iter().zip(&directions) {
            moved.push(input.detach().add(&direction.mul(step)?)?);
        }
        loss(&f(&moved)?)?.item()
    };
    Ok(GradCheck { analytic, numeric: (at(STEP)? - at(-STEP)?) / (2.0 * STEP) })
}

/// As [`gradcheck`] for the gradient itself: the second derivative of `f`.
///
/// # Errors
/// As [`gradcheck`].
pub fn gradgradcheck(
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
    inputs: &[Tensor],
    seed: u64,
) -> Result<GradCheck> {
    let probe = f(&leaves("gradgradcheck", inputs)?)?;
    let weights = noise(&mut Generator::new(seed ^ 0x5eed), &probe)?;
    let slope = |inputs: &[Tensor]| -> Result<Tensor> {
        let inputs: Vec<Tensor> = inputs
            .iter()
            .map(|t| if t.requires_grad() { t.clone() } else { t.clone().requires_grad_(true) })
            .collect();
        let loss = f(&inputs)?.mul(&weights)?.sum_all()?;
        let mut total = Tensor::full((), 0.0, DType::F64, &Device::cpu());
        let mut random = Generator::new(seed ^ 0xd1ff);
        for slope in grad(&[loss], &inputs, true)? {
            total = total.add(&slope.mul(&noise(&mut random, &slope)?)?.sum_all()?)?;
        }
        Ok(total)
    };
    gradcheck(slope, inputs, seed)
}

fn leaves(op: &'static str, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    let mut out = Vec::with_capacity(inputs.len());
    for input in inputs {
        if input.dtype() != DType::F64 {
            let got = vec![input.dtype()];
            return Err(Kind::DType { op, got, expected: "float64" }.into());
        }
        out.push(input.detach().requires_grad_(true));
    }
    Ok(out)
}

fn noise(random: &mut Generator, like: &Tensor) -> Result<Tensor> {
    let values: Vec<f64> = random.normal(like.numel()).into_iter().map(f64::from).collect();
    Tensor::from_vec(values, like.shape())
}
