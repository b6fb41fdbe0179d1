//! One step of a recurrent layer as a layer.

use gradus_autodiff::Tensor;
use gradus_tensor::{Error, Problem, Result};

use super::recurrent::RnnNonlinearity;
use super::recurrent_core::{Kind, RecurrentWeights, State};
use crate::visit::{Part, Visit, Visitor};
use crate::{Module, Parameter};

macro_rules! cells {
    ($($name:ident $kind:expr, $doc:literal;)*) => {$(
        #[doc = $doc]
        ///
        /// *Shapes*: x is `[N, I]` or `[I]`, states are `[N, H]` or `[H]`. *Parameters*:
        /// `weight_ih`, `weight_hh`, `bias_ih` and `bias_hh`, from U(±1/√H).
        #[derive(Clone, Debug)]
        pub struct $name {
            /// The weights.
            pub weights: RecurrentWeights,
            kind: Kind,
        }

        impl $name {
            /// A cell with biases.
            ///
            /// # Errors
            /// `Kind::OutOfMemory`.
            pub fn new(input_size: usize, hidden_size: usize) -> Result<Self> {
                $name::with(input_size, hidden_size, true)
            }

            /// A cell with or without biases.
            ///
            /// # Errors
            /// `Kind::OutOfMemory`.
            pub fn with(input_size: usize, hidden_size: usize, bias: bool) -> Result<Self> {
                let kind = $kind;
                let weights = RecurrentWeights::new(kind.gates(), input_size, hidden_size, bias)?;
                Ok($name { weights, kind })
            }
        }

        impl Visit for $name {
            fn visit(&self, visitor: &mut Visitor<'_>) {
                visitor.part(Part::Module(stringify!($name)));
                let RecurrentWeights { weight_ih, weight_hh, bias_ih, bias_hh } = &self.weights;
                visitor.child::<Parameter>("weight_ih", weight_ih);
                visitor.child::<Parameter>("weight_hh", weight_hh);
                visitor.child("bias_ih", bias_ih);
                visitor.child("bias_hh", bias_hh);
            }
        }

        impl Module for $name {}
    )*};
}
cells! {
    RnnCell Kind::Tanh, "One step of an [`Rnn`](crate::Rnn). PyTorch: `nn.RNNCell`.";
    LstmCell Kind::Lstm, "One step of an [`Lstm`](crate::Lstm). PyTorch: `nn.LSTMCell`.";
    GruCell Kind::Gru, "One step of a [`Gru`](crate::Gru). PyTorch: `nn.GRUCell`.";
}

impl RnnCell {
    /// The same cell with another function.
    #[must_use]
    pub fn nonlinearity(mut self, nonlinearity: RnnNonlinearity) -> Self {
        self.kind = nonlinearity.kind();
        self
    }

    /// The next hidden state, from `h` or zeros.
    ///
    /// # Errors
    /// `Kind::Shape` when x or the state does not fit.
    pub fn forward(&self, x: &Tensor, h: Option<&Tensor>) -> Result<Tensor> {
        Ok(step(&self.weights, self.kind, x, h, None)?.h)
    }
}

impl GruCell {
    /// The next hidden state, from `h` or zeros.
    ///
    /// # Errors
    /// `Kind::Shape` when x or the state does not fit.
    pub fn forward(&self, x: &Tensor, h: Option<&Tensor>) -> Result<Tensor> {
        Ok(step(&self.weights, self.kind, x, h, None)?.h)
    }
}

impl LstmCell {
    /// The next hidden and cell state, from the given ones or zeros.
    ///
    /// ```
    /// use gradus_nn::{Device, LstmCell, Tensor};
    /// let cell = LstmCell::new(3, 4)?;
    /// let x = Tensor::ones([2, 3], &Device::cpu());
    /// let (h, c) = cell.forward(&x, None)?;
    /// let (h, _) = cell.forward(&x, Some((&h, &c)))?;
    /// assert_eq!(h.shape().dims(), [2, 4]);
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Kind::Shape` when x or a state does not fit.
    pub fn forward(
        &self,
        x: &Tensor,
        state: Option<(&Tensor, &Tensor)>,
    ) -> Result<(Tensor, Tensor)> {
        let (h, c) = (state.map(|s| s.0), state.map(|s| s.1));
        let State { h, c } = step(&self.weights, self.kind, x, h, c)?;
        let c = c.unwrap_or_else(|| h.clone());
        Ok((h, c))
    }
}

fn step(
    weights: &RecurrentWeights,
    kind: Kind,
    x: &Tensor,
    h: Option<&Tensor>,
    c: Option<&Tensor>,
) -> Result<State> {
    let input = weights.of_input(kind, x)?;
    let wanted = x.shape().with(x.rank() - 1, weights.weight_hh.shape()[1]);
    let state = |name: &'static str, given: Option<&Tensor>| match given {
        None => Ok(Tensor::full(&wanted, 0.0, x.dtype(), &x.device())),
        Some(state) if state.shape() == wanted => Ok(state.clone()),
        Some(state) => {
            let problem = Problem::Rule { rule: "a state has one row an example" };
            let operands = [(name, &state.shape()), ("x", &x.shape())];
            Err(Error::shape(kind.op(), problem, &operands))
        }
    };
    let c = if kind == Kind::Lstm { Some(state("c", c)?) } else { None };
    weights.step(kind, &input, &State { h: state("h", h)?, c })
}
