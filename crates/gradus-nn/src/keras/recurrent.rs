//! Keras's recurrent layers.

use gradus_autodiff::{DType, Tensor, cat};
use gradus_tensor::{Device, Result};

use super::call::{Combine, One, one_input};
use super::symbol::Spec;
use crate::init::Init;
use crate::parameter::Parameter;
use crate::{Gru, Layer, Lstm, Module, RecurrentOptions, RecurrentWeights, Rnn, RnnNonlinearity};

/// A recurrent layer and which of its outputs are wanted.
#[derive(Module)]
struct Outputs<L> {
    #[module(flatten)]
    layer: L,
    all: bool,
}

macro_rules! recurrent {
    ($(
        $(#[$doc:meta])*
        $name:ident $op:literal $layer:ident $gates:literal $new:expr;
    )*) => {$(
        super::layer! {
            $(#[$doc])*
            ///
            /// Takes `(None, steps, features)`; gives the last output `(None, units)`, or every
            /// step's with `return_sequences`. Weights of inputs start Glorot-uniform, those of
            /// states orthogonal, biases at zero.
            $name => stringify!($name); { units: usize [usize] } with {
                /// Sets whether every step's output is given.
                return_sequences: bool [bool] = false,
                /// Sets whether there is a bias.
                use_bias: bool [bool] = true,
            }
        }

        impl $name {
            fn make(&self, inputs: &[Spec]) -> Result<Box<dyn Combine>> {
                let x = one_input($op, inputs, &[2], "(None, steps, features)")?;
                let options = RecurrentOptions {
                    batch_first: true,
                    bias: self.use_bias,
                    ..Default::default()
                };
                let new: fn(usize, usize, RecurrentOptions) -> Result<$layer> = $new;
                let mut layer = new(x.shape[1], self.units, options)?;
                for weights in layer.weights_mut() {
                    start(weights, $gates)?;
                }
                Ok(Box::new(One(Outputs { layer, all: self.return_sequences })))
            }
        }

        impl Layer for Outputs<$layer> {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                let (y, _) = self.layer.forward(x, None)?;
                if self.all { Ok(y) } else { y.select(1, -1) }
            }
        }
    )*};
}
recurrent! {
    /// Long short-term memory, [`Lstm`](crate::Lstm). Keras: `LSTM(units)`: one bias, which starts
    /// at 1 for the forget gate.
    ///
    /// ```
    /// use gradus_nn::Module;
    /// use gradus_nn::keras::{Call, LSTM, Model, input};
    /// let x = input([12, 8]);
    /// let sequence = LSTM::new(16).return_sequences(true).call(&x)?;
    /// assert_eq!(sequence.to_string(), "(None, 12, 16)");
    /// let model = Model::new(&x, &LSTM::new(16).call(&x)?)?;
    /// assert_eq!(model.num_parameters(), 4 * (8 * 16 + 16 * 16 + 16));
    /// # Ok::<(), gradus_nn::Error>(())
    /// ```
    LSTM "lstm" Lstm 4 |input, units, options| {
        let mut layer = Lstm::with(input, units, options)?;
        for weights in layer.weights_mut() {
            weights.bias_hh = None;
        }
        Ok(layer)
    };
    /// Gated recurrent units, [`Gru`](crate::Gru). Keras: `GRU(units)` with `reset_after`, its
    /// default: two biases.
    GRU "gru" Gru 3 Gru::with;
    /// `tanh` of input and state, [`Rnn`](crate::Rnn). Keras: `SimpleRNN(units)`: one bias.
    SimpleRNN "simple_rnn" Rnn 1 |input, units, options| {
        let mut layer = Rnn::with(input, units, RnnNonlinearity::Tanh, options)?;
        for weights in layer.weights_mut() {
            weights.bias_hh = None;
        }
        Ok(layer)
    };
}

/// Gives weights Keras's start. Keras draws for all gates at once: so do the fans, and the
/// orthogonal matrix is one of all gates, [units, gates · units] in its layout.
fn start(weights: &RecurrentWeights, gates: usize) -> Result<()> {
    Init::XavierUniform(1.0).fill(&weights.weight_ih, None)?;
    Init::Orthogonal(1.0).fill(&weights.weight_hh, None)?;
    for bias in [&weights.bias_ih, &weights.bias_hh].into_iter().flatten() {
        Init::Zeros.fill(bias, None)?;
    }
    match (gates, &weights.bias_ih) {
        (4, Some(bias)) => forget_gate_open(bias),
        _ => Ok(()),
    }
}

/// Sets an LSTM's second gate to 1: it begins by remembering.
fn forget_gate_open(bias: &Parameter) -> Result<()> {
    let (units, cpu) = (bias.numel() / 4, Device::cpu());
    let part = |n: usize, value| Tensor::full([n], value, DType::F32, &cpu);
    let start = cat(&[&part(units, 0.0), &part(units, 1.0), &part(2 * units, 0.0)], 0)?;
    bias.set_value(&start.array()?.into())
}
