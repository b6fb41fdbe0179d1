//! Matrix products and what is made of them.

use gradus_tensor::{Error, Problem, Result};
use smallvec::SmallVec;

use super::unbroadcast;
use crate::flops;
use crate::graph::{Grads, Keep, record_fn};
use crate::tensor::Tensor;

impl Tensor {
    /// Matrix product with PyTorch's rules: `[*, M, K] · [*, K, N] → [*, M, N]` with broadcast
    /// leading dimensions; a vector on the left is a row, on the right a column, and that
    /// dimension disappears.
    ///
    /// *Gradient*: `da = g · bᵀ`, `db = aᵀ · g`. *Cost*: 2·M·N·K flop a matrix.
    ///
    /// # Errors
    /// `Kind::Shape` when the inner sizes differ, `Kind::DType` unless both are the same float
    /// type, `Kind::Device` for operands on two devices.
    pub fn matmul(&self, other: &Tensor) -> Result<Tensor> {
        let (ra, rb) = (self.rank(), other.rank());
        if ra == 0 || rb == 0 {
            let name = if ra == 0 { "a" } else { "b" };
            let problem = Problem::Rank { name, got: 0, expected: "at least 1" };
            let operands = [("a", &self.shape()), ("b", &other.shape())];
            return Err(Error::shape("matmul", problem, &operands));
        }
        let wide_a = if ra == 1 { self.unsqueeze(0)? } else { self.clone() };
        let wide_b = if rb == 1 { other.unsqueeze(-1)? } else { other.clone() };
        let mut out = wide_a.product(&wide_b)?;
        if rb == 1 {
            out = out.squeeze(-1)?;
        }
        if ra == 1 {
            out = out.squeeze(if rb == 1 { -1 } else { -2 })?;
        }
        Ok(out)
    }

    fn product(&self, other: &Tensor) -> Result<Tensor> {
        let value = gradus_kernels::matmul(&self.value(), &other.value())?;
        flops::note(value.shape(), self.shape().last().copied().unwrap_or(0));
        let (ga, gb) = (self.requires_grad(), other.requires_grad());
        let keep = Keep { inputs: [gb, ga, false], output: false };
        let (sa, sb) = (self.shape(), other.shape());
        Ok(record_fn("matmul", value, &[self, other], keep, move |saved, g| {
            let mut grads: Grads = SmallVec::from_elem(None, 2);
            if saved.needs(0) {
                grads[0] = Some(unbroadcast(g.product(&saved.input(1).t()?)?, &sa)?);
            }
            if saved.needs(1) {
                let a = saved.input(0);
                // A shared right side sums over the batch: one tall product does both.
                let tall = sb.rank() == 2 && sa.rank() > 2;
                let (a, g) =
                    if tall { (a.flatten(0, -2)?, g.flatten(0, -2)?) } else { (a, g.clone()) };
                grads[1] = Some(unbroadcast(a.t()?.product(&g)?, &sb)?);
            }
            Ok(grads)
        }))
    }

    /// `self · weightᵀ`, with the weight's gradient in the weight's own layout: by way of a
    /// transposed view it would have to be copied for the optimizer.
    fn times_transposed(&self, weight: &Tensor) -> Result<Tensor> {
        let rows = if self.rank() == 1 { self.value().reshape(&[1, -1])? } else { self.value() };
        let mut value = gradus_kernels::matmul(&rows, &weight.value().transpose(-2, -1)?)?;
        flops::note(value.shape(), weight.shape().last().copied().unwrap_or(0));
        if self.rank() == 1 {
            value = value.reshape(&[-1])?;
        }
        let (gx, gw) = (self.requires_grad(), weight.requires_grad());
        let keep = Keep { inputs: [gw, gx, false], output: false };
        Ok(record_fn("linear", value, &[self, weight], keep, move |saved, g| {
            let mut grads: Grads = SmallVec::from_elem(None, 2);
            if saved.needs(0) {
                grads[0] = Some(g.matmul(&saved.input(1))?);
            }
            if saved.needs(1) {
                let flat = |t: &Tensor| match t.rank() {
                    1 => t.unsqueeze(0),
                    _ => t.flatten(0, -2),
                };
                grads[1] = Some(flat(g)?.t()?.product(&flat(&saved.input(0))?)?);
            }
            Ok(grads)
        }))
    }

    /// `self · weightᵀ + bias`: `[*, I] → [*, O]` with `weight [O, I]` and `bias [O]`. PyTorch:
    /// `nn.functional.linear`.
    ///
    /// ```
    /// use gradus_autodiff::Tensor;
    /// let x = Tensor::from_vec(vec![1.0f32, 2.0], [1, 2])?;
    /// let w = Tensor::from_vec(vec![3.0f32, 4.0], [1, 2])?;
    /// let b = Tensor::from_vec(vec![0.5f32], [1])?;
    /// assert_eq!(x.linear(&w, Some(&b))?.to_vec::<f32>()?, [11.5]);
    /// # Ok::<(), gradus_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Shape` naming x, weight and bias when the features differ.
    pub fn linear(&self, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        let (sx, sw) = (self.shape(), weight.shape());
        let fail = |problem| Err(Error::shape("linear", problem, &[("x", &sx), ("weight", &sw)]));
        if sw.rank() != 2 {
            return fail(Problem::Rank { name: "weight", got: sw.rank(), expected: "2" });
        }
        if sx.rank() == 0 {
            return fail(Problem::Rank { name: "x", got: 0, expected: "at least 1" });
        }
        let got = sx[sx.rank() - 1];
        if got != sw[1] {
            let (name, other) = ("x", "weight");
            return fail(Problem::Size { name, got, unit: "features", other, expected: sw[1] });
        }
        let y = self.times_transposed(weight)?;
        match bias {
            None => Ok(y),
            Some(bias) if bias.shape() == [sw[0]] => y.add(bias),
            Some(bias) => {
                let sb = bias.shape();
                let rule = "bias must have one element an output feature";
                let operands = [("x", &sx), ("weight", &sw), ("bias", &sb)];
                Err(Error::shape("linear", Problem::Rule { rule }, &operands))
            }
        }
    }
}
