//! The comparison rule: `|result - expected| ≤ atol + rtol · |expected|` element by element; NaN
//! and infinity stand where they are expected; integers and bools are equal.

use std::fmt;

use gradus_tensor::{Array, DType, Result, Shape};

/// How far a result may be off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Relative to the expected value.
    pub rtol: f64,
    /// On top of that.
    pub atol: f64,
}

impl Tolerance {
    /// Allowed distance from `expected`.
    pub fn at(self, expected: f64) -> f64 {
        self.atol + self.rtol * expected.abs()
    }
}

/// Results that agree.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Agreement {
    /// Largest distance of a finite element.
    pub largest_error: f64,
    /// Largest share of its tolerance that an element used: at most 1.
    pub used: f64,
}

/// Why results do not agree.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Mismatch {
    /// Other shapes.
    Shape {
        /// The result's shape.
        got: Shape,
        /// The expected shape.
        expected: Shape,
    },
    /// A float instead of an integer, or the like.
    DType {
        /// The result's type.
        got: DType,
        /// The expected type.
        expected: DType,
    },
    /// Elements that are too far off.
    Values {
        /// How many of how many elements.
        wrong: (usize, usize),
        /// Indices of the worst one.
        at: Vec<usize>,
        /// Its value.
        got: f64,
        /// What was expected there.
        expected: f64,
        /// Its distance; infinite where NaN or infinity stand wrong.
        largest_error: f64,
    },
}

impl Mismatch {
    /// The largest distance of an element, infinite when nothing could be compared.
    pub fn largest_error(&self) -> f64 {
        match self {
            Mismatch::Values { largest_error, .. } => *largest_error,
            _ => f64::INFINITY,
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::Shape { got, expected } => write!(f, "shape {got}, expected {expected}"),
            Mismatch::DType { got, expected } => write!(f, "type {got}, expected {expected}"),
            Mismatch::Values { wrong, at, got, expected, largest_error } => write!(
                f,
                "largest error {largest_error:e} at {at:?}: {got} instead of {expected}; {} of {} \
                 elements are off",
                wrong.0, wrong.1
            ),
        }
    }
}

/// What kind of equality two types admit.
fn comparable(got: DType, expected: DType) -> bool {
    let kind = |dtype: DType| match dtype {
        DType::Bool => 0,
        dtype if dtype.is_float() => 1,
        _ => 2,
    };
    kind(got) == kind(expected)
}

/// Compares a result with what is expected of it; reads both back.
///
/// ```
/// use gradus_tensor::Array;
/// use gradus_testkit::{Tolerance, compare};
///
/// let got = Array::from_vec(vec![1.0f32, 2.5], [2])?;
/// let expected = Array::from_vec(vec![1.0f64, 2.0], [2])?;
/// let tolerance = Tolerance { rtol: 1e-4, atol: 1e-5 };
/// let mismatch = compare(&got, &expected, tolerance)?.expect_err("0.5 apart");
/// assert_eq!(mismatch.largest_error(), 0.5);
/// # Ok::<(), gradus_tensor::Error>(())
/// ```
///
/// # Errors
/// `Kind::DeviceLost` when a tensor cannot be read.
pub fn compare(
    got: &Array,
    expected: &Array,
    tolerance: Tolerance,
) -> Result<std::result::Result<Agreement, Mismatch>> {
    if got.shape() != expected.shape() {
        let (got, expected) = (got.shape().clone(), expected.shape().clone());
        return Ok(Err(Mismatch::Shape { got, expected }));
    }
    if !comparable(got.dtype(), expected.dtype()) {
        return Ok(Err(Mismatch::DType { got: got.dtype(), expected: expected.dtype() }));
    }
    let exact = !expected.dtype().is_float();
    let (values, wanted) = (as_f64(got)?, as_f64(expected)?);
    let mut agreement = Agreement::default();
    let mut wrong = 0;
    let mut worst: Option<(usize, f64, f64)> = None;
    for (i, (&g, &e)) in values.iter().zip(&wanted).enumerate() {
        let same_special = (g.is_nan() && e.is_nan()) || g == e;
        let error = match (g - e).abs() {
            _ if same_special => 0.0,
            error if error.is_finite() => error,
            _ => f64::INFINITY,
        };
        let allowed = if exact { 0.0 } else { tolerance.at(e) };
        let used = match error {
            0.0 => 0.0,
            error if error.is_finite() => error / allowed,
            _ => f64::INFINITY,
        };
        agreement.largest_error = agreement.largest_error.max(error);
        agreement.used = agreement.used.max(used);
        // An infinite expectation allows no distance, although its tolerance is infinite too.
        let fits = error == 0.0 || (error.is_finite() && error <= allowed);
        if !fits {
            wrong += 1;
            if worst.is_none_or(|(_, _, most)| used > most) {
                worst = Some((i, error, used));
            }
        }
    }
    Ok(match worst {
        None => Ok(agreement),
        Some((i, _, _)) => Err(Mismatch::Values {
            wrong: (wrong, values.len()),
            at: position(i, got.shape()),
            got: values[i],
            expected: wanted[i],
            largest_error: agreement.largest_error,
        }),
    })
}

/// Every element in double precision, whatever the type.
fn as_f64(array: &Array) -> Result<Vec<f64>> {
    Ok(match array.dtype() {
        DType::F64 => array.to_vec::<f64>()?,
        DType::F32 => array.to_vec::<f32>()?.into_iter().map(f64::from).collect(),
        DType::I32 => array.to_vec::<i32>()?.into_iter().map(f64::from).collect(),
        DType::U32 => array.to_vec::<u32>()?.into_iter().map(f64::from).collect(),
        DType::Bool => {
            array.to_vec::<bool>()?.into_iter().map(|b| f64::from(u8::from(b))).collect()
        }
        _ => array.to_vec::<u8>()?.into_iter().map(f64::from).collect(),
    })
}

fn position(mut flat: usize, shape: &Shape) -> Vec<usize> {
    let mut at = vec![0; shape.rank()];
    for (slot, &size) in at.iter_mut().zip(shape.iter()).rev() {
        *slot = flat % size;
        flat /= size;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANCE: Tolerance = Tolerance { rtol: 1e-2, atol: 1e-3 };

    fn floats(values: &[f32]) -> Array {
        Array::from_slice(values, values.len()).expect("fills")
    }

    fn doubles(values: &[f64]) -> Array {
        Array::from_slice(values, values.len()).expect("fills")
    }

    #[test]
    fn the_bound_is_absolute_plus_relative() {
        let expected = doubles(&[0.0, 100.0]);
        assert!(compare(&floats(&[0.0009, 101.0]), &expected, TOLERANCE).expect("read").is_ok());
        let wrong = compare(&floats(&[0.0011, 101.0]), &expected, TOLERANCE).expect("read");
        let Err(Mismatch::Values { wrong, at, .. }) = wrong else { panic!("{wrong:?}") };
        assert_eq!((wrong, at), ((1, 2), vec![0]));
    }

    #[test]
    fn nan_and_infinity_stand_where_expected() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        let expected = doubles(&[nan, inf, -inf, 1.0]);
        let same = floats(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.0]);
        assert_eq!(compare(&same, &expected, TOLERANCE).expect("read"), Ok(Agreement::default()));
        for wrong in [
            [1.0, f32::INFINITY, f32::NEG_INFINITY, 1.0],
            [f32::NAN, f32::NEG_INFINITY, f32::NEG_INFINITY, 1.0],
            [f32::NAN, 3e38, f32::NEG_INFINITY, 1.0],
            [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::NAN],
        ] {
            let found = compare(&floats(&wrong), &expected, TOLERANCE).expect("read");
            assert_eq!(found.expect_err("differs").largest_error(), f64::INFINITY, "{wrong:?}");
        }
    }

    #[test]
    fn integers_bools_and_shapes_are_exact() {
        let ints = Array::from_vec(vec![1i32, 2], [2]).expect("fills");
        let other = Array::from_vec(vec![1i32, 3], [2]).expect("fills");
        assert!(compare(&ints, &ints, TOLERANCE).expect("read").is_ok());
        let found = compare(&ints, &other, Tolerance { rtol: 9.0, atol: 9.0 }).expect("read");
        assert_eq!(
            found.expect_err("differs").to_string(),
            "largest error 1e0 at [1]: 2 instead of 3; 1 of 2 elements are off"
        );
        let found = compare(&floats(&[1.0, 2.0]), &ints, TOLERANCE).expect("read");
        assert_eq!(found.expect_err("type").to_string(), "type float32, expected int32");
        let wide = Array::from_vec(vec![1i32, 2], [1, 2]).expect("fills");
        let found = compare(&wide, &ints, TOLERANCE).expect("read");
        assert_eq!(found.expect_err("shape").to_string(), "shape [1, 2], expected [2]");
    }
}
