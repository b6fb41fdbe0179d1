//! Metrics that are the mean of one number a sample.

use gradus_autodiff::{Tensor, stack};
use gradus_tensor::{Error, Kind, Problem, Result};

/// The terms `[Σ w·v, Σ w]` of values `v: [N, *]`, whose other dimensions are averaged.
pub(crate) fn mean_terms(values: &Tensor, weight: Option<&Tensor>) -> Result<Tensor> {
    let rows = per_sample(&values.float()?)?;
    match weight {
        Some(weight) => {
            let weight = column(&rows, weight)?;
            stack(&[&rows.mul(&weight)?.sum_all()?, &weight.sum_all()?], 0)
        }
        None => {
            let count = Tensor::full((), rows.numel() as f64, rows.dtype(), &rows.device());
            stack(&[&rows.sum_all()?, &count], 0)
        }
    }
}

/// The value of [`mean_terms`].
pub(crate) fn mean_value(sums: &[f64]) -> f64 {
    divide(sums[0], sums[1])
}

/// Keras' `div_no_nan`: 0 where there is nothing to divide by.
pub(crate) fn divide(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

/// `[N, *]` to `[N]`, averaged.
pub(crate) fn per_sample(values: &Tensor) -> Result<Tensor> {
    match values.rank() {
        0 => values.reshape(&[1]),
        1 => Ok(values.clone()),
        rank => values.mean(&(1..rank as i64).collect::<Vec<_>>(), false),
    }
}

/// The samples' weights as float `[N]` where the rows are.
pub(crate) fn column(rows: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let (sr, sw) = (rows.shape(), weight.shape());
    if weight.numel() != rows.numel() {
        let rule = "sample weights are one number a sample";
        let operands = [("samples", &sr), ("weight", &sw)];
        return Err(Error::shape("sample_weight", Problem::Rule { rule }, &operands));
    }
    weight.to_dtype(rows.dtype())?.to(&rows.device())?.reshape(&[-1])
}

/// Target as float of the prediction's shape; `[N]` and `[N, 1]` count as one shape.
pub(crate) fn alike(op: &'static str, y: &Tensor, t: &Tensor) -> Result<(Tensor, Tensor)> {
    let (sy, st) = (y.shape(), t.shape());
    let trimmed = |x: &Tensor| match x.shape().dims() {
        [n, 1] => x.reshape(&[*n as i64]),
        _ => Ok(x.clone()),
    };
    let (y, t) = (trimmed(y)?, trimmed(t)?);
    if y.shape() != t.shape() {
        let rule = "prediction and target must have one shape: integer labels of several \
                    classes become it by `one_hot(classes)`";
        let operands = [("prediction", &sy), ("target", &st)];
        return Err(Error::shape(op, Problem::Rule { rule }, &operands));
    }
    Ok((y.float()?, t.float()?))
}

/// Demands class indices `[N, *]` for scores `[N, C, *]`; `[N, 1]` counts as `[N]`.
pub(crate) fn labels(op: &'static str, y: &Tensor, t: &Tensor) -> Result<Tensor> {
    let (sy, st) = (y.shape(), t.shape());
    let fits = sy.rank() > 1 && sy.without(1) == st;
    let column = sy.rank() == 2 && st.dims() == [sy[0], 1];
    if t.dtype().is_float() {
        let expected = "class indices of an integer type: cast with `to_dtype(DType::I32)`, or \
                        turn one-hot rows into indices with `argmax`";
        return Err(Kind::DType { op, got: vec![t.dtype()], expected }.into());
    }
    if !fits && !column {
        let rule = "class indices have the prediction's shape without its classes, dimension 1";
        let operands = [("prediction", &sy), ("target", &st)];
        return Err(Error::shape(op, Problem::Rule { rule }, &operands));
    }
    let t = t.to_dtype(gradus_tensor::DType::I32)?;
    if column { t.reshape(&[-1]) } else { Ok(t) }
}

/// A metric that is the mean of a function of prediction and target: one row each.
macro_rules! means {
    ($($(#[doc = $doc:expr])* $name:ident $text:literal $direction:ident
        { $($(#[doc = $field_doc:expr])* $field:ident: $type:ty = $default:expr,)* }
        |$this:ident, $y:ident, $t:ident| $values:expr;
        value $sums:ident $value:expr; )*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name { $($(#[doc = $field_doc])* pub $field: $type,)* }

        #[allow(clippy::derivable_impls, reason = "the defaults stand in the table")]
        impl Default for $name {
            fn default() -> Self {
                $name { $($field: $default,)* }
            }
        }

        impl $crate::metrics::Metric for $name {
            fn name(&self) -> &str {
                $text
            }
            fn direction(&self) -> $crate::metrics::Direction {
                $crate::metrics::Direction::$direction
            }
            fn terms(
                &self,
                $y: &gradus_autodiff::Tensor,
                $t: &gradus_autodiff::Tensor,
                weight: Option<&gradus_autodiff::Tensor>,
            ) -> gradus_tensor::Result<gradus_autodiff::Tensor> {
                let $this = self;
                let values: gradus_autodiff::Tensor = $values?;
                $crate::metrics::mean::mean_terms(&values, weight)
            }
            fn value(&self, $sums: &[f64]) -> gradus_tensor::Result<f64> {
                Ok($value)
            }
        }
    )*};
}
pub(crate) use means;
