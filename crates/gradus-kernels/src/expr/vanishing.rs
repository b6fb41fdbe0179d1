//! Sums that are known to be zero.
//!
//! A constant added before a norm changes nothing, so the gradient behind the norm sums to zero,
//! and so does the gradient of a bias that only shifts what is normed. Rounding leaves something
//! instead, and Adam makes whole steps of it. So the gradient says that its sum vanishes, the ops
//! that keep sums pass it on, and `sum` listens.

use std::sync::Arc;

use gradus_tensor::Result;
use parking_lot::Mutex;

use super::plan::Code;
use super::value::{Inner, Node, Value};
use crate::table::Binary;

fn mask(dims: impl IntoIterator<Item = usize>) -> u32 {
    dims.into_iter().filter(|&d| d < 32).fold(0, |mask, d| mask | 1 << d)
}

impl Value {
    /// The same elements, with the knowledge that their sum over `dims`, all together, is zero,
    /// whatever rounding left of it: such a sum is a constant.
    #[must_use]
    pub fn with_zero_sum(&self, dims: &[usize]) -> Self {
        self.with_vanishing(mask(dims.iter().copied()))
    }

    /// The same elements, with the knowledge that `other` brings, because an op that made one of
    /// the other has kept the sums over every set of dimensions but those without `merged`: it
    /// only moves elements along these.
    #[must_use]
    pub(crate) fn with_sums_of(&self, other: &Value, merged: impl Iterator<Item = usize>) -> Self {
        let merged = mask(merged);
        match other.0.vanishing {
            known if known != 0 && known & merged == merged => self.with_vanishing(known),
            _ => self.clone(),
        }
    }

    fn with_vanishing(&self, vanishing: u32) -> Self {
        let Inner { shape, dtype, device, cost, state, .. } = &*self.0;
        let state = Mutex::new(state.lock().clone());
        let (shape, device) = (shape.clone(), device.clone());
        let (dtype, cost) = (*dtype, *cost);
        Value(Arc::new(Inner { shape, dtype, device, cost, vanishing, state }))
    }

    /// Whether the sum over these dimensions is known to be zero.
    pub(crate) fn sums_to_zero(&self, dims: &[usize]) -> bool {
        let known = self.0.vanishing;
        known != 0 && known & !mask(dims.iter().copied()) == 0
    }

    /// For `g · m` with a g whose sum over `dims` is zero and a mask m of zeros and ones, as the
    /// gradient of a relu is: `g · (m - 1)`, whose sum is the same. Where the mask is all ones
    /// it is exactly zero, where it is all zeros the sum of `g · m` is.
    pub(crate) fn with_complement(&self, dims: &[usize]) -> Result<Option<Value>> {
        let Err(node) = self.state() else { return Ok(None) };
        let Node::Op { code: Code::Binary(Binary::mul), args, .. } = &*node else {
            return Ok(None);
        };
        for (g, m) in [(&args[0], &args[1]), (&args[1], &args[0])] {
            if g.sums_to_zero(dims) && g.shape() == self.shape() {
                return m.less_one()?.map(|m| Value::binary(Binary::mul, g, &m)).transpose();
            }
        }
        Ok(None)
    }

    /// A mask of zeros and ones, minus one.
    fn less_one(&self) -> Result<Option<Value>> {
        let Err(node) = self.state() else { return Ok(None) };
        let Node::Op { code: Code::Select, args, .. } = &*node else { return Ok(None) };
        let less = |yes, no| {
            let number =
                |v| Value::constant(v, args[1].shape().clone(), self.dtype(), self.device());
            Value::select(&args[0], &number(yes), &number(no)).map(Some)
        };
        match (args[1].as_constant(), args[2].as_constant()) {
            (Some(1.0), Some(0.0)) => less(0.0, -1.0),
            (Some(0.0), Some(1.0)) => less(-1.0, 0.0),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use gradus_tensor::Array;

    use super::*;
    use crate::ops::{Reduce, reduce};
    use crate::table::Compare;

    /// Elements whose sum is zero but for rounding, and a mask over them.
    fn masked(keep: [i32; 4]) -> (Value, Value) {
        let g = Array::from_vec(vec![0.1f32, 0.2, -0.3, 1e-9], [2, 2]).expect("it fits");
        let device = g.device();
        let keep = Value::from(Array::from_vec(keep.to_vec(), [2, 2]).expect("it fits"));
        let number = |v, dtype| Value::constant(v, [2, 2], dtype, &device);
        let zero = number(0.0, keep.dtype());
        let cond = Value::compare(Compare::gt, &keep, &zero).expect("same shapes");
        let (one, zero) = (number(1.0, g.dtype()), number(0.0, g.dtype()));
        let mask = Value::select(&cond, &one, &zero).expect("same shapes");
        (Value::from(g), mask)
    }

    fn sum(x: &Value, dims: &[i64]) -> Vec<f32> {
        let sum = reduce(Reduce::sum, x, dims, false).expect("dims exist");
        sum.array().and_then(|a| a.to_vec()).expect("a sum")
    }

    #[test]
    fn a_known_sum_is_zero_over_these_dimensions_and_no_fewer() {
        let (g, _) = masked([1; 4]);
        assert_ne!(sum(&g, &[0, 1]), [0.0]);
        let known = g.with_zero_sum(&[0, 1]);
        assert_eq!(sum(&known, &[0, 1]), [0.0]);
        assert_eq!(sum(&known, &[0]), sum(&g, &[0]));
    }

    #[test]
    fn a_mask_of_ones_keeps_a_zero_sum_exactly() {
        let (g, mask) = masked([1; 4]);
        let known = g.with_zero_sum(&[0, 1]);
        for product in
            [Value::binary(Binary::mul, &known, &mask), Value::binary(Binary::mul, &mask, &known)]
        {
            assert_eq!(sum(&product.expect("same shapes"), &[0, 1]), [0.0]);
        }
    }

    #[test]
    fn a_mask_of_zeros_leaves_exactly_nothing() {
        // The first column is dropped, as a unit that is off everywhere drops its channel.
        let (g, mask) = masked([0, 1, 0, 1]);
        let product = Value::binary(Binary::mul, &g.with_zero_sum(&[0]), &mask);
        assert_eq!(sum(&product.expect("same shapes"), &[0])[0], 0.0);
    }

    #[test]
    fn what_a_mask_drops_is_what_is_missing() {
        let (g, mask) = masked([1, 1, 0, 1]);
        let product = Value::binary(Binary::mul, &g.with_zero_sum(&[0, 1]), &mask);
        assert_eq!(sum(&product.expect("same shapes"), &[0, 1]), [0.3]);
    }

    #[test]
    fn knowledge_is_passed_on_where_elements_stay_among_the_known_dimensions() {
        let (g, _) = masked([1; 4]);
        let known = g.with_zero_sum(&[0, 1]);
        assert!(g.with_sums_of(&known, [1].into_iter()).sums_to_zero(&[0, 1]));
        assert!(!g.with_sums_of(&g.with_zero_sum(&[0]), [1].into_iter()).sums_to_zero(&[0]));
        assert!(!g.with_sums_of(&g, [1].into_iter()).sums_to_zero(&[0, 1]));
    }
}
