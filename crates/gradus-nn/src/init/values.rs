//! Initialisers that do not look at the shape: constants and plain distributions.

use std::f64::consts::SQRT_2;

use gradus_autodiff::Tensor;
use gradus_tensor::rng::{self, Generator};
use gradus_tensor::{Array, Error, Kind, Result};

/// Zero everywhere. PyTorch: `nn.init.zeros_`.
///
/// # Errors
/// `Kind::Autograd` unless the tensor is a leaf.
pub fn zeros(tensor: &Tensor) -> Result<()> {
    constant(tensor, 0.0)
}

/// One everywhere. PyTorch: `nn.init.ones_`.
///
/// # Errors
/// As [`zeros`].
pub fn ones(tensor: &Tensor) -> Result<()> {
    constant(tensor, 1.0)
}

/// `value` everywhere. PyTorch: `nn.init.constant_`.
///
/// # Errors
/// As [`zeros`].
pub fn constant(tensor: &Tensor, value: f64) -> Result<()> {
    let all = Tensor::full(tensor.shape(), value, tensor.dtype(), &tensor.device());
    tensor.set_value(&all.array()?.into())
}

/// Uniform in `low..high`. PyTorch: `nn.init.uniform_`, there 0 and 1 by default.
///
/// # Errors
/// `Kind::Argument` when low is above high, `Kind::DType` unless the tensor is a float,
/// `Kind::Autograd` unless it is a leaf.
pub fn uniform(
    tensor: &Tensor,
    low: f64,
    high: f64,
    generator: Option<&mut Generator>,
) -> Result<()> {
    let ordered = low <= high; // false for NaN too
    if !ordered {
        return Err(Error::argument("uniform", "low", low, "a number not above high"));
    }
    let unit = drawn(tensor, "uniform", generator, Generator::uniform)?;
    let at = |u: f32| (low + (high - low) * f64::from(u)) as f32;
    write(tensor, unit.into_iter().map(at).collect())
}

/// Normal with mean and standard deviation. PyTorch: `nn.init.normal_`, there 0 and 1 by default.
///
/// # Errors
/// `Kind::Argument` when the deviation is negative; else as [`uniform`].
pub fn normal(
    tensor: &Tensor,
    mean: f64,
    std: f64,
    generator: Option<&mut Generator>,
) -> Result<()> {
    must_be_deviation("normal", std)?;
    let units = drawn(tensor, "normal", generator, Generator::normal)?;
    write(tensor, units.into_iter().map(|z| (mean + std * f64::from(z)) as f32).collect())
}

/// Normal with mean and standard deviation, limited to `low..=high`: the distribution within, not
/// clipped values. PyTorch: `nn.init.trunc_normal_`, there 0, 1, -2 and 2 by default.
///
/// # Errors
/// `Kind::Argument` when low is not below high or the deviation is not positive; else as
/// [`uniform`].
pub fn trunc_normal(
    tensor: &Tensor,
    (mean, std): (f64, f64),
    (low, high): (f64, f64),
    generator: Option<&mut Generator>,
) -> Result<()> {
    const OP: &str = "trunc_normal";
    must_be_deviation(OP, std)?;
    let ordered = low < high; // false for NaN too
    if !ordered {
        return Err(Error::argument(OP, "low", low, "a number below high"));
    }
    if std == 0.0 {
        return constant(tensor, mean.clamp(low, high));
    }
    // erf at the limits bounds the quantiles from which values are taken.
    let limits = [low, high].map(|limit| (limit - mean) / (std * SQRT_2));
    let at = Tensor::from_slice(&limits, [2])?.erf()?.to_vec::<f64>()?;
    let unit = drawn(tensor, OP, generator, Generator::uniform)?;
    let value = |u: f32| {
        let z = erf_inv(at[0] + (at[1] - at[0]) * f64::from(u));
        (mean + std * SQRT_2 * z).clamp(low, high) as f32
    };
    write(tensor, unit.into_iter().map(value).collect())
}

fn must_be_deviation(op: &'static str, std: f64) -> Result<()> {
    if std >= 0.0 {
        return Ok(());
    }
    Err(Error::argument(op, "std", std, "a deviation, not negative"))
}

/// The inverse error function to about 1e-7. *Source*: Giles, "Approximating the erfinv
/// function", GPU Computing Gems 2 (2011), the single-precision form.
fn erf_inv(x: f64) -> f64 {
    const CENTRE: [f64; 9] = [
        2.81022636e-08,
        3.43273939e-07,
        -3.5233877e-06,
        -4.39150654e-06,
        0.00021858087,
        -0.00125372503,
        -0.00417768164,
        0.246640727,
        1.50140941,
    ];
    const TAIL: [f64; 9] = [
        -0.000200214257,
        0.000100950558,
        0.00134934322,
        -0.00367342844,
        0.00573950773,
        -0.0076224613,
        0.00943887047,
        1.00167406,
        2.83297682,
    ];
    let w = -((1.0 - x) * (1.0 + x)).ln();
    let (w, coefficients) = if w < 5.0 { (w - 2.5, CENTRE) } else { (w.sqrt() - 3.0, TAIL) };
    coefficients.into_iter().fold(0.0, |p, c| p * w + c) * x
}

/// Draws for every element.
pub(super) fn drawn(
    tensor: &Tensor,
    op: &'static str,
    generator: Option<&mut Generator>,
    draw: impl FnOnce(&mut Generator, usize) -> Vec<f32>,
) -> Result<Vec<f32>> {
    if !tensor.dtype().is_float() {
        let got = vec![tensor.dtype()];
        return Err(Kind::DType { op, got, expected: "a float type" }.into());
    }
    let n = tensor.numel();
    Ok(match generator {
        Some(generator) => draw(generator, n),
        None => rng::with_default(|generator| draw(generator, n)),
    })
}

/// Makes these the tensor's elements.
pub(super) fn write(tensor: &Tensor, values: Vec<f32>) -> Result<()> {
    let values = Tensor::from(Array::from_vec(values, tensor.shape())?);
    tensor.set_value(&values.to_dtype(tensor.dtype())?)
}

#[cfg(test)]
mod tests {
    use gradus_tensor::{DType, Device};

    use super::*;

    fn moments(fill: impl FnOnce(&Tensor) -> Result<()>) -> (f64, f64, Vec<f32>) {
        let tensor = Tensor::zeros([100, 400], &Device::cpu());
        fill(&tensor).unwrap();
        let values = tensor.to_vec::<f32>().unwrap();
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / 40_000.0;
        let var = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / 40_000.0;
        (mean, var, values)
    }

    #[test]
    fn uniform_has_its_limits_and_moments() {
        let (mean, var, values) = moments(|t| uniform(t, -1.0, 3.0, Some(&mut Generator::new(1))));
        assert!(values.iter().all(|v| (-1.0..=3.0).contains(v)));
        // Standard errors: 0.0058 and 0.006; four of them.
        assert!((mean - 1.0).abs() < 0.024 && (var - 16.0 / 12.0).abs() < 0.024, "{mean} {var}");
    }

    #[test]
    fn normal_has_its_moments() {
        let (mean, var, _) = moments(|t| normal(t, 2.0, 0.5, Some(&mut Generator::new(2))));
        // Standard errors: 0.0025 and 0.0018; four of them.
        assert!((mean - 2.0).abs() < 0.01 && (var - 0.25).abs() < 0.0072, "{mean} {var}");
    }

    #[test]
    fn a_truncated_normal_has_the_moments_of_its_part() {
        let mut g = Generator::new(3);
        let (mean, var, values) =
            moments(|t| trunc_normal(t, (0.0, 1.0), (-2.0, 2.0), Some(&mut g)));
        assert!(values.iter().all(|v| v.abs() <= 2.0) && values.iter().any(|v| v.abs() > 1.95));
        // The variance within two deviations is 0.7737.
        assert!(mean.abs() < 0.018 && (var - 0.7737).abs() < 0.016, "{mean} {var}");
        let (mean, _, values) = moments(|t| trunc_normal(t, (0.0, 1.0), (1.0, 9.0), Some(&mut g)));
        // Above one deviation the mean is φ(1) / (1 - Φ(1)).
        assert!(values.iter().all(|v| (1.0..=9.0).contains(v)));
        assert!((mean - 1.525135).abs() < 0.009, "{mean}");
    }

    #[test]
    fn the_inverse_error_function_has_known_values() {
        for (x, y) in [(0.5, 0.476936276), (-0.9, -1.163087154), (0.9999, 2.751063906)] {
            assert!((erf_inv(x) - y).abs() < 1e-6, "{x}");
        }
    }

    #[test]
    fn constants_and_other_types() {
        let wide = Tensor::full([3], 9.0, DType::F64, &Device::cpu());
        ones(&wide).unwrap();
        assert_eq!(wide.to_vec::<f64>().unwrap(), [1.0; 3]);
        uniform(&wide, 5.0, 6.0, None).unwrap();
        assert!(wide.to_vec::<f64>().unwrap().iter().all(|v| (5.0..6.0).contains(v)));
        let whole = Tensor::from_vec(vec![1i32], [1]).unwrap();
        assert!(matches!(normal(&whole, 0.0, 1.0, None).unwrap_err().kind(), Kind::DType { .. }));
    }

    #[test]
    fn impossible_options_are_errors() {
        let t = Tensor::zeros([1], &Device::cpu());
        assert!(uniform(&t, 1.0, 0.0, None).is_err());
        assert!(normal(&t, 0.0, -1.0, None).is_err());
        assert!(trunc_normal(&t, (0.0, 1.0), (1.0, 1.0), None).is_err());
    }
}
