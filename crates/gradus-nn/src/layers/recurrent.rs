//! Recurrent layers: RNN, LSTM and GRU over sequences.

use gradus_autodiff::Tensor;
use gradus_tensor::Result;

use super::recurrent_core::{Core, Kind, RecurrentOptions, RecurrentWeights, State};
use crate::Module;

/// The function of a plain recurrent layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RnnNonlinearity {
    /// `tanh`, the default.
    #[default]
    Tanh,
    /// `relu`.
    Relu,
}

impl RnnNonlinearity {
    pub(super) fn kind(self) -> Kind {
        match self {
            RnnNonlinearity::Tanh => Kind::Tanh,
            RnnNonlinearity::Relu => Kind::Relu,
        }
    }
}

macro_rules! common {
    ($name:ident) => {
        impl $name {
            /// The weights, layer by layer, in each the forward direction first. They can be
            /// replaced, for instance to share them.
            pub fn weights_mut(&mut self) -> &mut [RecurrentWeights] {
                &mut self.core.weights
            }
        }
    };
}
common! { Rnn }
common! { Lstm }
common! { Gru }

/// `h = tanh(x · W_ihᵀ + b_ih + h · W_hhᵀ + b_hh)` at every step. PyTorch: `nn.RNN`.
///
/// *Shapes*: x is `[T, N, I]`, `[N, T, I]` with `batch_first`, or one sequence `[T, I]`; the
/// output has `D·H` features, D directions; states are `[L·D, N, H]` for L layers, `[L·D, H]` for
/// one sequence. *Parameters*: `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, with
/// `_reverse` behind for the other direction, from U(±1/√H).
///
/// ```
/// use gradus_nn::{Device, Rnn, Tensor};
/// let layer = Rnn::new(3, 4)?;
/// let (y, h) = layer.forward(&Tensor::ones([5, 2, 3], &Device::cpu()), None)?;
/// assert_eq!((y.shape().dims(), h.shape().dims()), (&[5, 2, 4][..], &[1, 2, 4][..]));
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct Rnn {
    #[module(flatten)]
    core: Core,
}

impl Rnn {
    /// One layer of `tanh`, with PyTorch's defaults.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`.
    pub fn new(input_size: usize, hidden_size: usize) -> Result<Self> {
        Rnn::with(input_size, hidden_size, RnnNonlinearity::Tanh, RecurrentOptions::default())
    }

    /// Layers with options.
    ///
    /// # Errors
    /// `Kind::Argument` for no layers or a dropout outside `0..=1`.
    pub fn with(
        input_size: usize,
        hidden_size: usize,
        nonlinearity: RnnNonlinearity,
        options: RecurrentOptions,
    ) -> Result<Self> {
        Ok(Rnn { core: Core::new(nonlinearity.kind(), input_size, hidden_size, options)? })
    }

    /// Outputs of the last layer and the final hidden states, from `h0` or zeros.
    ///
    /// # Errors
    /// `Kind::Shape` when x or the state does not fit.
    pub fn forward(&self, x: &Tensor, h0: Option<&Tensor>) -> Result<(Tensor, Tensor)> {
        hidden_only(&self.core, x, h0, None)
    }

    /// As [`Rnn::forward`] for sequences of these lengths, padded to the steps of x; see
    /// [`Lstm::forward_packed`].
    ///
    /// # Errors
    /// As [`Lstm::forward_packed`].
    pub fn forward_packed(
        &self,
        x: &Tensor,
        h0: Option<&Tensor>,
        lengths: &[usize],
    ) -> Result<(Tensor, Tensor)> {
        hidden_only(&self.core, x, h0, Some(lengths))
    }
}

/// Long short-term memory. PyTorch: `nn.LSTM`. *Source*: Hochreiter and Schmidhuber 1997.
///
/// The rows of the weights are the gates input, forget, cell, output. Shapes and names are those
/// of [`Rnn`]; the state is a pair (hidden, cell). `proj_size` is not offered.
///
/// ```
/// use gradus_nn::{Device, Lstm, Module, RecurrentOptions, Tensor};
/// let options = RecurrentOptions { batch_first: true, bidirectional: true, ..Default::default() };
/// let layer = Lstm::with(3, 4, options)?;
/// let (y, (h, c)) = layer.forward(&Tensor::ones([2, 5, 3], &Device::cpu()), None)?;
/// assert_eq!(y.shape().dims(), [2, 5, 8]);
/// assert_eq!((h.shape().dims(), c.shape().dims()), (&[2, 2, 4][..], &[2, 2, 4][..]));
/// assert_eq!(layer.named_parameters()[4].0, "weight_ih_l0_reverse");
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct Lstm {
    #[module(flatten)]
    core: Core,
}

impl Lstm {
    /// One layer, with PyTorch's defaults.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`.
    pub fn new(input_size: usize, hidden_size: usize) -> Result<Self> {
        Lstm::with(input_size, hidden_size, RecurrentOptions::default())
    }

    /// Layers with options.
    ///
    /// # Errors
    /// `Kind::Argument` for no layers or a dropout outside `0..=1`.
    pub fn with(input_size: usize, hidden_size: usize, options: RecurrentOptions) -> Result<Self> {
        Ok(Lstm { core: Core::new(Kind::Lstm, input_size, hidden_size, options)? })
    }

    /// Outputs of the last layer and the final states (hidden, cell), from the given ones or
    /// zeros.
    ///
    /// # Errors
    /// `Kind::Shape` when x or a state does not fit.
    pub fn forward(
        &self,
        x: &Tensor,
        state: Option<(&Tensor, &Tensor)>,
    ) -> Result<(Tensor, (Tensor, Tensor))> {
        self.run(x, state, None)
    }

    /// As [`Lstm::forward`] for sequences of these lengths, padded to the steps of x: outputs
    /// past a length are zero, final states are those at the length, and the reverse direction
    /// starts at each sequence's own end. PyTorch: `pack_padded_sequence` before and
    /// `pad_packed_sequence` with the steps of x as `total_length` after; any order of lengths.
    ///
    /// # Errors
    /// `Kind::Shape` when x or a state does not fit, `Kind::Argument` unless there is one length
    /// a sequence, from 1 to the steps of x.
    pub fn forward_packed(
        &self,
        x: &Tensor,
        state: Option<(&Tensor, &Tensor)>,
        lengths: &[usize],
    ) -> Result<(Tensor, (Tensor, Tensor))> {
        self.run(x, state, Some(lengths))
    }

    fn run(
        &self,
        x: &Tensor,
        state: Option<(&Tensor, &Tensor)>,
        lengths: Option<&[usize]>,
    ) -> Result<(Tensor, (Tensor, Tensor))> {
        let initial = state.map(|(h, c)| State { h: h.clone(), c: Some(c.clone()) });
        let (y, State { h, c }) = self.core.forward(x, initial, lengths)?;
        let c = c.unwrap_or_else(|| h.clone());
        Ok((y, (h, c)))
    }
}

/// Gated recurrent units. PyTorch: `nn.GRU` (arXiv:1406.1078).
///
/// The rows of the weights are the gates reset, update, new; the reset gate acts after the
/// product. Shapes and names are those of [`Rnn`].
///
/// ```
/// use gradus_nn::{Device, Gru, Tensor};
/// let layer = Gru::new(3, 4)?;
/// let (y, h) = layer.forward(&Tensor::ones([5, 3], &Device::cpu()), None)?;
/// assert_eq!((y.shape().dims(), h.shape().dims()), (&[5, 4][..], &[1, 4][..]));
/// # Ok::<(), gradus_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct Gru {
    #[module(flatten)]
    core: Core,
}

impl Gru {
    /// One layer, with PyTorch's defaults.
    ///
    /// # Errors
    /// `Kind::OutOfMemory`.
    pub fn new(input_size: usize, hidden_size: usize) -> Result<Self> {
        Gru::with(input_size, hidden_size, RecurrentOptions::default())
    }

    /// Layers with options.
    ///
    /// # Errors
    /// `Kind::Argument` for no layers or a dropout outside `0..=1`.
    pub fn with(input_size: usize, hidden_size: usize, options: RecurrentOptions) -> Result<Self> {
        Ok(Gru { core: Core::new(Kind::Gru, input_size, hidden_size, options)? })
    }

    /// Outputs of the last layer and the final hidden states, from `h0` or zeros.
    ///
    /// # Errors
    /// `Kind::Shape` when x or the state does not fit.
    pub fn forward(&self, x: &Tensor, h0: Option<&Tensor>) -> Result<(Tensor, Tensor)> {
        hidden_only(&self.core, x, h0, None)
    }

    /// As [`Gru::forward`] for sequences of these lengths, padded to the steps of x; see
    /// [`Lstm::forward_packed`].
    ///
    /// # Errors
    /// As [`Lstm::forward_packed`].
    pub fn forward_packed(
        &self,
        x: &Tensor,
        h0: Option<&Tensor>,
        lengths: &[usize],
    ) -> Result<(Tensor, Tensor)> {
        hidden_only(&self.core, x, h0, Some(lengths))
    }
}

fn hidden_only(
    core: &Core,
    x: &Tensor,
    h0: Option<&Tensor>,
    lengths: Option<&[usize]>,
) -> Result<(Tensor, Tensor)> {
    let initial = h0.map(|h| State { h: h.clone(), c: None });
    let (y, State { h, .. }) = core.forward(x, initial, lengths)?;
    Ok((y, h))
}

#[cfg(test)]
mod tests {
    use gradus_tensor::{Device, Kind};

    use super::*;

    fn leaf(values: &[f32], shape: &[usize]) -> Tensor {
        Tensor::from_slice(values, shape).unwrap()
    }

    #[test]
    fn names_and_bounds_are_pytorchs() {
        let options = RecurrentOptions { num_layers: 2, bidirectional: true, ..Default::default() };
        let layer = Lstm::with(3, 4, options).unwrap();
        let names: Vec<String> = layer.named_parameters().into_iter().map(|(n, _)| n).collect();
        let expected: Vec<String> = ["l0", "l0_reverse", "l1", "l1_reverse"]
            .iter()
            .flat_map(|at| {
                ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map(|w| format!("{w}_{at}"))
            })
            .collect();
        assert_eq!(names, expected);
        let shapes = [[16, 3], [16, 8]].map(|shape| shape.to_vec());
        let found = |name: &str| layer.state_dict().unwrap()[name].shape().dims().to_vec();
        assert_eq!([found("weight_ih_l0"), found("weight_ih_l1_reverse")], shapes);
        for parameter in layer.parameters() {
            assert!(parameter.to_vec::<f32>().unwrap().iter().all(|v| v.abs() <= 0.5));
        }
        let bare = RecurrentOptions { bias: false, ..Default::default() };
        assert_eq!(Gru::with(3, 4, bare).unwrap().num_parameters(), 12 * 3 + 12 * 4);
    }

    /// x = 1, 2 with weights 1 and hidden weight 10: relu gives 1, then 2 + 10·1.
    #[test]
    fn a_hand_made_layer_computes_by_hand() {
        let mut layer =
            Rnn::with(1, 1, RnnNonlinearity::Relu, RecurrentOptions::default()).unwrap();
        let weights = &mut layer.weights_mut()[0];
        weights.weight_ih = leaf(&[1.0], &[1, 1]).into();
        weights.weight_hh = leaf(&[10.0], &[1, 1]).into();
        weights.bias_ih = Some(leaf(&[0.25], &[1]).into());
        weights.bias_hh = Some(leaf(&[-0.25], &[1]).into());
        let (y, h) = layer.forward(&leaf(&[1.0, 2.0], &[2, 1]), None).unwrap();
        assert_eq!(y.to_vec::<f32>().unwrap(), [1.0, 12.0]);
        assert_eq!(h.to_vec::<f32>().unwrap(), [12.0]);
        y.sum_all().unwrap().backward().unwrap();
        // dy = 1 and 1 + 10: the first step also feeds the second.
        let grads = layer.parameters().into_iter().map(|p| p.grad().unwrap().item().unwrap());
        assert_eq!(grads.collect::<Vec<_>>(), [11.0 + 2.0, 1.0, 12.0, 12.0]);
    }

    #[test]
    fn a_padded_sequence_is_the_shorter_sequence() {
        let options = RecurrentOptions { bidirectional: true, ..Default::default() };
        let layer = Gru::with(2, 3, options).unwrap();
        let x = leaf(&[0.5, -1.0, 2.0, 0.25, 9.0, 9.0], &[3, 1, 2]);
        let (y, h) = layer.forward_packed(&x, None, &[2]).unwrap();
        let (short, h_short) = layer.forward(&x.narrow(0, 0, 2).unwrap(), None).unwrap();
        let (y, short) = (y.to_vec::<f32>().unwrap(), short.to_vec::<f32>().unwrap());
        assert_eq!(y[..12], short);
        assert_eq!(y[12..], [0.0; 6]);
        assert_eq!(h.to_vec::<f32>().unwrap(), h_short.to_vec::<f32>().unwrap());
    }

    #[test]
    fn dropout_acts_between_layers_in_training_only() {
        let options = RecurrentOptions { num_layers: 2, dropout: 1.0, ..Default::default() };
        let layer = Rnn::with(1, 2, RnnNonlinearity::Tanh, options).unwrap();
        let run = |x: f32| layer.forward(&leaf(&[x], &[1, 1]), None).unwrap().0.to_vec::<f32>();
        assert_eq!(run(1.0).unwrap(), run(5.0).unwrap());
        layer.eval();
        assert_ne!(run(1.0).unwrap(), run(5.0).unwrap());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let layer = Lstm::new(3, 4).unwrap();
        let zeros = |shape: &[usize]| Tensor::zeros(shape, &Device::cpu());
        let text = layer.forward(&zeros(&[5, 2, 2]), None).unwrap_err().to_string();
        assert!(text.contains("lstm: x has 2 features, weight_ih expects 3"), "{text}");
        let state = zeros(&[1, 1, 4]);
        let text = layer.forward(&zeros(&[5, 2, 3]), Some((&state, &state))).unwrap_err();
        assert!(text.to_string().contains("h0 [1, 1, 4], expected [1, 2, 4]"), "{text}");
        assert!(layer.forward(&zeros(&[0, 2, 3]), None).unwrap_err().is_shape());
        for lengths in [&[5usize][..], &[0, 5], &[6, 1]] {
            let error = layer.forward_packed(&zeros(&[5, 2, 3]), None, lengths).unwrap_err();
            assert!(matches!(error.kind(), Kind::Argument { name: "lengths", .. }), "{error}");
        }
        let none = RecurrentOptions { num_layers: 0, ..Default::default() };
        assert!(Gru::with(1, 1, none).is_err());
    }
}
