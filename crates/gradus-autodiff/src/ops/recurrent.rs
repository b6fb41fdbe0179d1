//! Steps of recurrent layers, after the matrix products.

use gradus_tensor::{Dim, Error, Problem, Result};

use super::one;
use crate::graph::{Keep, record_fn};
use crate::tensor::Tensor;

/// One step of an LSTM from the pre-activations `[*, 4·H]` of the gates (input, forget, cell,
/// output) and the cell state `[*, H]`: the new hidden state and cell state. *Source*: Hochreiter
/// and Schmidhuber 1997, with forget gates.
///
/// ```
/// use gradus_autodiff::{Tensor, lstm_cell};
/// let gates = Tensor::from_vec(vec![-90.0f32, 90.0, 0.0, 90.0], [1, 4])?;
/// let (h, c) = lstm_cell(&gates, &Tensor::from_vec(vec![2.0f32], [1, 1])?)?;
/// assert_eq!(c.to_vec::<f32>()?, [2.0]);
/// assert!((h.item()? - 2f64.tanh()).abs() < 1e-6);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` unless there are four pre-activations for each element of the state.
pub fn lstm_cell(gates: &Tensor, c: &Tensor) -> Result<(Tensor, Tensor)> {
    let hidden = gated("lstm_cell", gates, c, 4)?;
    let gate = |at: usize| gates.narrow(-1, at * hidden, hidden);
    let (i, f, g, o) = (gate(0)?, gate(1)?, gate(2)?, gate(3)?);
    let kept = f.sigmoid()?.mul(c)?;
    let c = kept.add(&i.sigmoid()?.mul(&g.tanh()?)?)?.computed()?;
    let h = o.sigmoid()?.mul(&c.tanh()?)?;
    Ok((h, c))
}

/// One step of a GRU from the pre-activations `[*, 3·H]` of the gates (reset, update, new), those
/// of the input and those of the hidden state apart, and the hidden state `[*, H]`: the new one.
/// *Source*: arXiv:1406.1078, with the reset after the product, as cuDNN's and PyTorch's.
///
/// ```
/// use gradus_autodiff::{Tensor, gru_cell};
/// let input = Tensor::from_vec(vec![0.0f32, 0.0, 0.0], [1, 3])?;
/// let h = Tensor::from_vec(vec![2.0f32], [1, 1])?;
/// assert_eq!(gru_cell(&input, &input, &h)?.to_vec::<f32>()?, [1.0]);
/// # Ok::<(), gradus_autodiff::Error>(())
/// ```
///
/// # Errors
/// `Kind::Shape` unless there are three pre-activations for each element of the state.
pub fn gru_cell(input: &Tensor, hidden: &Tensor, h: &Tensor) -> Result<Tensor> {
    let size = gated("gru_cell", input, h, 3)?;
    gated("gru_cell", hidden, h, 3)?;
    let gate = |gates: &Tensor, at: usize| gates.narrow(-1, at * size, size);
    let r = gate(input, 0)?.add(&gate(hidden, 0)?)?.sigmoid()?;
    let z = gate(input, 1)?.add(&gate(hidden, 1)?)?.sigmoid()?;
    let n = gate(input, 2)?.add(&r.mul(&gate(hidden, 2)?)?)?.tanh()?;
    n.add(&z.mul(&h.sub(&n)?)?)?.computed()
}

/// The size of the state, checked against its gates.
fn gated(op: &'static str, gates: &Tensor, state: &Tensor, count: usize) -> Result<usize> {
    let (sg, ss) = (gates.shape(), state.shape());
    let fits = ss.rank() >= 1
        && sg.rank() == ss.rank()
        && sg[..sg.rank() - 1] == ss[..ss.rank() - 1]
        && sg[sg.rank() - 1] == count * ss[ss.rank() - 1];
    if fits {
        return Ok(ss[ss.rank() - 1]);
    }
    let rule = "each element of the state has one pre-activation a gate";
    Err(Error::shape(op, Problem::Rule { rule }, &[("gates", &sg), ("state", &ss)]))
}

impl Tensor {
    /// The same tensor, its elements computed now rather than where they are used, and its
    /// gradient as soon as it is complete: what feeds itself, such as the state of a recurrent
    /// layer, would else be computed again at every later step.
    ///
    /// ```
    /// use gradus_autodiff::Tensor;
    /// let x = Tensor::scalar(2.0).requires_grad_(true);
    /// let y = x.square()?.computed()?;
    /// assert!(y.value().is_computed());
    /// y.backward()?;
    /// assert_eq!(x.grad().expect("a leaf").item()?, 4.0);
    /// # Ok::<(), gradus_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// What computing the elements can report.
    pub fn computed(&self) -> Result<Tensor> {
        let value = self.value();
        value.array()?;
        Ok(record_fn("computed", value, &[self], Keep::NOTHING, |_, g| {
            g.array()?;
            one(g.clone())
        }))
    }

    /// The slices along `dim`, without that dimension. PyTorch: `unbind`.
    ///
    /// Halves are cut in two, and so on: the gradient is put together in `log n` passes.
    ///
    /// ```
    /// use gradus_autodiff::Tensor;
    /// let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0, 4.0], [2, 2])?;
    /// assert_eq!(x.unbind(1)?[1].to_vec::<f32>()?, [2.0, 4.0]);
    /// # Ok::<(), gradus_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Shape` when the dimension does not exist.
    pub fn unbind(&self, dim: Dim) -> Result<Vec<Tensor>> {
        let d = self.shape().dim("unbind", dim)?;
        let mut slices = Vec::with_capacity(self.shape()[d]);
        if self.shape()[d] > 0 {
            self.halves(d as i64, &mut slices)?;
        }
        Ok(slices)
    }

    fn halves(&self, dim: Dim, slices: &mut Vec<Tensor>) -> Result<()> {
        let size = self.shape()[dim as usize];
        if size == 1 {
            slices.push(self.squeeze(dim)?);
            return Ok(());
        }
        let half = size / 2;
        self.narrow(dim, 0, half)?.halves(dim, slices)?;
        self.narrow(dim, half, size - half)?.halves(dim, slices)
    }
}
