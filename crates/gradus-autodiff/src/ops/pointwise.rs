//! Pointwise ops: methods, documentation and gradients, all derived from the op tables.

use gradus_kernels::{Binary, Compare, Unary, Value, binary_ops, unary_ops};
use gradus_tensor::{DType, Device, Kind, Result};
use smallvec::SmallVec;

use super::{one, unbroadcast};
use crate::graph::{Grads, Keep, Rule, Saved, record, record_fn};
use crate::operand::Operand;
use crate::tensor::Tensor;

fn unary(op: Unary, x: &Tensor, params: [f64; 2]) -> Result<Tensor> {
    let def = op.def();
    let value = Value::unary(op, &x.value(), params)?;
    let keep = Keep { inputs: [def.needs[0]; 3], output: def.needs[1] };
    Ok(record(def.name, value, &[x], keep, || Rule::Unary(op, params)))
}

fn binary(op: Binary, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let def = op.def();
    let value = Value::binary(op, &a.value(), &b.value())?;
    let (ga, gb) = (a.requires_grad(), b.requires_grad());
    let needs = |i: usize| (ga && def.needs[0][i]) || (gb && def.needs[1][i]);
    let keep = Keep { inputs: [needs(0), needs(1), false], output: needs(2) };
    // Without elements to look at, the rule still needs the operands' shapes and types.
    let shapes = [a.shape(), b.shape()];
    let types = [a.dtype(), b.dtype()];
    if !ga && !gb {
        return Ok(Tensor::constant(value));
    }
    let simple = shapes[0] == *value.shape() && shapes[1] == *value.shape();
    if simple && types[0] == value.dtype() && types[1] == value.dtype() {
        return Ok(record(def.name, value, &[a, b], keep, || Rule::Binary(op)));
    }
    Ok(record_fn(def.name, value, &[a, b], keep, move |saved, g| {
        let mut grads = binary_rule(op, saved, g)?;
        for ((grad, shape), dtype) in grads.iter_mut().zip(&shapes).zip(types) {
            if let Some(g) = grad.take() {
                *grad = Some(unbroadcast(g, shape)?.to_dtype(dtype)?);
            }
        }
        Ok(grads)
    }))
}

macro_rules! unary_methods {
    ($($name:ident [$($p:ident),*] ($x:ident -> $y:ident) = $f:expr; d = $d:expr;
        on = $lo:expr, $hi:expr; torch = $torch:literal; doc = $doc:literal;)*) => {
        impl Tensor {
            $(
                #[doc = $doc]
                ///
                #[doc = concat!("PyTorch: `", $torch, "`. Element by element, any shape.")]
                ///
                /// # Errors
                /// What computing the operand can report.
                pub fn $name(&self $(, $p: f64)*) -> Result<Tensor> {
                    #[allow(unused_mut, unused_assignments, reason = "rows have 0 to 2 parameters")]
                    let params = {
                        let mut params = [0.0; 2];
                        let mut next = 0;
                        $(params[next] = $p; next += 1;)*
                        let _ = next;
                        params
                    };
                    unary(Unary::$name, self, params)
                }
            )*
        }

        /// The gradient of a one-operand row.
        #[allow(clippy::approx_constant, reason = "derivatives are written like the formulas")]
        pub(crate) fn unary_rule(
            op: Unary,
            params: &[f64; 2],
            saved: &Saved<'_>,
            g: &Tensor,
        ) -> Result<Grads> {
            use crate::sym::*;
            let needs = op.def().needs;
            let x = if needs[0] { Sym::Val(saved.input(0)) } else { Sym::Num(0.0) };
            let y = if needs[1] { Sym::Val(saved.output()) } else { Sym::Num(0.0) };
            let mut params = params.iter().copied();
            one(match op {
                $(Unary::$name => {
                    #[allow(unused_variables, reason = "a derivative may need neither")]
                    let ($x, $y) = (&x, &y);
                    $(
                        #[allow(unused_variables, reason = "nor every parameter")]
                        let $p = params.next().unwrap_or(0.0);
                    )*
                    scaled_by(g, || Sym::from($d))?
                })*
            })
        }
    };
}
unary_ops!(unary_methods);

macro_rules! binary_methods {
    ($($name:ident ($a:ident, $b:ident -> $y:ident) = $f:expr; da = $da:expr; db = $db:expr;
        on = $lo:expr, $hi:expr; on_b = $lo_b:expr, $hi_b:expr;
        torch = $torch:literal; doc = $doc:literal;)*) => {
        impl Tensor {
            $(
                #[doc = $doc]
                ///
                #[doc = concat!("PyTorch: `", $torch, "`. The operands broadcast.")]
                ///
                /// # Errors
                /// `Kind::Shape` when the shapes do not broadcast, `Kind::DType` when no type
                /// holds both, `Kind::Device` for operands on two devices.
                pub fn $name(&self, other: impl Operand) -> Result<Tensor> {
                    binary(Binary::$name, self, &other.beside(self))
                }
            )*
        }

        /// The gradients of a two-operand row, before broadcasting is undone.
        pub(crate) fn binary_rule(op: Binary, saved: &Saved<'_>, g: &Tensor) -> Result<Grads> {
            use crate::sym::*;
            let def = op.def();
            let wanted = [saved.needs(0), saved.needs(1)];
            let needs = |i: usize| (0..2).any(|side| wanted[side] && def.needs[side][i]);
            let a = if needs(0) { Sym::Val(saved.input(0)) } else { Sym::Num(0.0) };
            let b = if needs(1) { Sym::Val(saved.input(1)) } else { Sym::Num(0.0) };
            let y = if needs(2) { Sym::Val(saved.output()) } else { Sym::Num(0.0) };
            let mut grads: Grads = SmallVec::from_elem(None, 2);
            match op {
                $(Binary::$name => {
                    #[allow(unused_variables, reason = "a derivative may need none of them")]
                    let ($a, $b, $y) = (&a, &b, &y);
                    if wanted[0] {
                        grads[0] = Some(scaled_by(g, || Sym::from($da))?);
                    }
                    if wanted[1] {
                        grads[1] = Some(scaled_by(g, || Sym::from($db))?);
                    }
                })*
            }
            Ok(grads)
        }
    };
}
binary_ops!(binary_methods);

macro_rules! comparisons {
    ($($name:ident $doc:literal;)*) => {
        impl Tensor {
            $(
                #[doc = $doc]
                /// The result is bool and not differentiable; the operands broadcast.
                ///
                /// # Errors
                /// As [`Tensor::add`].
                pub fn $name(&self, other: impl Operand) -> Result<Tensor> {
                    let other = other.beside(self).value();
                    Ok(Value::compare(Compare::$name, &self.value(), &other)?.into())
                }
            )*
        }
    };
}
comparisons! {
    eq "Where both are equal.";
    ne "Where they differ.";
    lt "Where this is less.";
    le "Where this is less or equal.";
    gt "Where this is greater.";
    ge "Where this is greater or equal.";
}

/// `a` where `condition` is true, else `b`; all three broadcast. PyTorch: `where`.
///
/// ```
/// use gradus_autodiff::{Tensor, where_};
/// let x = Tensor::from_vec(vec![-1.0f32, 2.0], [2])?;
/// let y = where_(&x.gt(0.0)?, &x, 0.0)?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 2.0]);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
///
/// # Errors
/// `Kind::DType` unless the condition is bool; else as [`Tensor::add`].
#[allow(clippy::needless_pass_by_value, reason = "an operand is a number or a reference")]
pub fn where_(condition: &Tensor, a: &Tensor, b: impl Operand) -> Result<Tensor> {
    let b = b.beside(a);
    let value = Value::select(&condition.value(), &a.value(), &b.value())?;
    let (shapes, types) = ([a.shape(), b.shape()], [a.dtype(), b.dtype()]);
    let mask = condition.detach();
    Ok(record_fn("where", value, &[a, &b], Keep::NOTHING, move |saved, g| {
        let mut grads: Grads = SmallVec::from_elem(None, 2);
        let zero = Tensor::full((), 0.0, g.dtype(), &g.device());
        if saved.needs(0) {
            let ga = where_(&mask, g, &zero)?;
            grads[0] = Some(unbroadcast(ga, &shapes[0])?.to_dtype(types[0])?);
        }
        if saved.needs(1) {
            let gb = where_(&mask, &zero, g)?;
            grads[1] = Some(unbroadcast(gb, &shapes[1])?.to_dtype(types[1])?);
        }
        Ok(grads)
    }))
}

impl Tensor {
    /// Logical and of two bools, which broadcast.
    ///
    /// # Errors
    /// `Kind::DType` unless both are bool.
    pub fn logical_and(&self, other: &Tensor) -> Result<Tensor> {
        Ok(Value::and(&self.value(), &other.value())?.into())
    }

    /// Logical or of two bools, which broadcast.
    ///
    /// # Errors
    /// `Kind::DType` unless both are bool.
    pub fn logical_or(&self, other: &Tensor) -> Result<Tensor> {
        Ok(Value::or(&self.value(), &other.value())?.into())
    }

    /// Logical exclusive or of two bools, which broadcast.
    ///
    /// # Errors
    /// `Kind::DType` unless both are bool.
    pub fn logical_xor(&self, other: &Tensor) -> Result<Tensor> {
        Ok(Value::xor(&self.value(), &other.value())?.into())
    }

    /// Logical not of a bool.
    ///
    /// # Errors
    /// `Kind::DType` unless it is bool.
    pub fn logical_not(&self) -> Result<Tensor> {
        Ok(Value::not(&self.value())?.into())
    }

    /// `value` where the mask is true, else this. PyTorch: `masked_fill`.
    ///
    /// # Errors
    /// As [`where_`].
    pub fn masked_fill(&self, mask: &Tensor, value: f64) -> Result<Tensor> {
        where_(mask, &value.beside(self), self)
    }

    /// `self + weight · (other - self)`. PyTorch: `lerp`.
    ///
    /// # Errors
    /// As [`Tensor::add`].
    pub fn lerp(&self, other: &Tensor, weight: impl Operand) -> Result<Tensor> {
        self.add((other - self)?.mul(weight)?)
    }

    /// `log(1 + e^x)`, PyTorch's `softplus` with its defaults; see [`Tensor::softplus_with`].
    ///
    /// # Errors
    /// What computing the operand can report.
    pub fn softplus(&self) -> Result<Tensor> {
        self.softplus_with(1.0, 20.0)
    }

    /// x limited to `min..=max`. PyTorch: `nn.functional.hardtanh`.
    ///
    /// # Errors
    /// What computing the operand can report.
    pub fn hardtanh(&self, min: f64, max: f64) -> Result<Tensor> {
        self.clamp(min, max)
    }

    /// x where positive, else `weight · x`, with one weight or one a channel (dimension 1).
    /// PyTorch: `nn.functional.prelu`.
    ///
    /// # Errors
    /// `Kind::Shape` when there is neither one weight nor one a channel.
    pub fn prelu(&self, weight: &Tensor) -> Result<Tensor> {
        let rank = self.rank();
        let weight = if rank > 2 && weight.numel() > 1 {
            let mut shape = vec![1i64; rank];
            shape[1] = -1;
            weight.reshape(&shape)?
        } else {
            weight.clone()
        };
        where_(&self.gt(0.0)?, self, &weight.mul(self)?)
    }

    /// Gated linear unit: the first half of `dim` times the sigmoid of the second half. PyTorch:
    /// `nn.functional.glu` (arXiv:1612.08083).
    ///
    /// # Errors
    /// `Kind::Argument` when the dimension's size is odd.
    pub fn glu(&self, dim: i64) -> Result<Tensor> {
        let d = self.shape().dim("glu", dim)?;
        let size = self.shape()[d];
        if !size.is_multiple_of(2) {
            return Err(gradus_tensor::Error::argument("glu", "size", size, "an even size"));
        }
        let (a, b) = (self.narrow(dim, 0, size / 2)?, self.narrow(dim, size / 2, size / 2)?);
        a.mul(&b.sigmoid()?)
    }

    /// The same values as another type; see [`Value::cast`] for rounding. Differentiable between
    /// floats.
    ///
    /// # Errors
    /// `Kind::Unsupported` for float64 on a GPU.
    pub fn to_dtype(&self, dtype: DType) -> Result<Tensor> {
        if self.dtype() == dtype {
            return Ok(self.clone());
        }
        let from = self.dtype();
        let value = self.value().cast(dtype)?;
        Ok(record_fn("to_dtype", value, &[self], Keep::NOTHING, move |_, g| one(g.to_dtype(from)?)))
    }

    /// As [`Tensor::to_dtype`] with float32.
    ///
    /// # Errors
    /// As [`Tensor::to_dtype`].
    pub fn float(&self) -> Result<Tensor> {
        self.to_dtype(DType::F32)
    }

    /// The same values on another device. The gradient travels back.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`, `Kind::DeviceLost`; `Kind::Unsupported` for float64 on a GPU.
    pub fn to(&self, device: &Device) -> Result<Tensor> {
        let from = self.device();
        if from == *device {
            return Ok(self.clone());
        }
        let value = self.value().to(device)?;
        Ok(record_fn("to", value, &[self], Keep::NOTHING, move |_, g| one(g.to(&from)?)))
    }

    /// The larger of each element and `min`. PyTorch: `clamp(min=…)`.
    ///
    /// # Errors
    /// What computing the operand can report.
    pub fn clamp_min(&self, min: f64) -> Result<Tensor> {
        self.clamp(min, f64::INFINITY)
    }

    /// The smaller of each element and `max`. PyTorch: `clamp(max=…)`.
    ///
    /// # Errors
    /// What computing the operand can report.
    pub fn clamp_max(&self, max: f64) -> Result<Tensor> {
        self.clamp(f64::NEG_INFINITY, max)
    }

    pub(crate) fn must_be_float(&self, op: &'static str) -> Result<()> {
        if self.dtype().is_float() {
            return Ok(());
        }
        let got = vec![self.dtype()];
        Err(Kind::DType { op, got, expected: "a float type; cast with `float()`" }.into())
    }
}
