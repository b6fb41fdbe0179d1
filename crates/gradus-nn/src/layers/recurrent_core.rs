//! What the recurrent layers share: their weights' names, the walk through time, both directions.

use gradus_autodiff::{Tensor, cat, gru_cell, lstm_cell, stack, where_};
use gradus_tensor::{Device, Error, Problem, Result, Shape};

use super::dropout::Dropout;
use crate::init;
use crate::layer::Layer;
use crate::parameter::Parameter;
use crate::visit::{Visit, Visitor};

/// Options of recurrent layers, with PyTorch's defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecurrentOptions {
    /// Layers on top of one another: 1.
    pub num_layers: usize,
    /// Whether there are biases.
    pub bias: bool,
    /// Whether x is `[N, T, I]` rather than `[T, N, I]`.
    pub batch_first: bool,
    /// The probability of a zero between layers, in training.
    pub dropout: f64,
    /// Whether a second set of weights reads from the end.
    pub bidirectional: bool,
}

impl Default for RecurrentOptions {
    fn default() -> Self {
        let (bias, batch_first, bidirectional) = (true, false, false);
        RecurrentOptions { num_layers: 1, bias, batch_first, dropout: 0.0, bidirectional }
    }
}

/// The weights of one layer in one direction: G is 1 for an RNN, 4 for an LSTM, 3 for a GRU.
#[derive(Clone, Debug)]
pub struct RecurrentWeights {
    /// `[G·H, I]`, of the input.
    pub weight_ih: Parameter,
    /// `[G·H, H]`, of the hidden state.
    pub weight_hh: Parameter,
    /// `[G·H]`, or none.
    pub bias_ih: Option<Parameter>,
    /// `[G·H]`, or none.
    pub bias_hh: Option<Parameter>,
}

impl RecurrentWeights {
    /// Everything from U(±1/√hidden).
    pub(super) fn new(gates: usize, input: usize, hidden: usize, bias: bool) -> Result<Self> {
        let drawn = |shape: Shape| -> Result<Parameter> {
            let parameter = Parameter::new(Tensor::zeros(shape, &Device::cpu()));
            init::uniform_of_fan(&parameter, hidden.max(1), None)?;
            Ok(parameter)
        };
        let rows = gates * hidden;
        let (weight_ih, weight_hh) = (drawn([rows, input].into())?, drawn([rows, hidden].into())?);
        let offset = || if bias { drawn([rows].into()).map(Some) } else { Ok(None) };
        Ok(RecurrentWeights { weight_ih, weight_hh, bias_ih: offset()?, bias_hh: offset()? })
    }

    /// What the input adds to the gates: of every step at once.
    pub(super) fn of_input(&self, kind: Kind, x: &Tensor) -> Result<Tensor> {
        let bias = match (kind, &self.bias_ih, &self.bias_hh) {
            // A GRU multiplies its hidden bias with a gate; the others only add it.
            (Kind::Gru, bias, _) => bias.as_deref().cloned(),
            (_, Some(a), Some(b)) => Some(a.add(b)?),
            (_, a, b) => a.as_deref().or(b.as_deref()).cloned(),
        };
        x.linear(&self.weight_ih, bias.as_ref())
    }

    /// The next state from what the input adds and the present state.
    pub(super) fn step(&self, kind: Kind, input: &Tensor, state: &State) -> Result<State> {
        let State { h, c } = state;
        if let Kind::Gru = kind {
            let hidden = h.linear(&self.weight_hh, self.bias_hh.as_deref())?;
            return Ok(State { h: gru_cell(input, &hidden, h)?, c: None });
        }
        let gates = input.add(&h.linear(&self.weight_hh, None)?)?;
        Ok(match (kind, c) {
            (Kind::Lstm, Some(c)) => {
                let (h, c) = lstm_cell(&gates, c)?;
                State { h, c: Some(c) }
            }
            (Kind::Relu, _) => State { h: gates.relu()?.computed()?, c: None },
            _ => State { h: gates.tanh()?.computed()?, c: None },
        })
    }
}

/// Which cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tanh,
    Relu,
    Lstm,
    Gru,
}

impl Kind {
    pub(super) fn gates(self) -> usize {
        match self {
            Kind::Tanh | Kind::Relu => 1,
            Kind::Lstm => 4,
            Kind::Gru => 3,
        }
    }

    pub(super) fn op(self) -> &'static str {
        match self {
            Kind::Tanh | Kind::Relu => "rnn",
            Kind::Lstm => "lstm",
            Kind::Gru => "gru",
        }
    }
}

/// What a step hands to the next: the hidden state, and an LSTM's cell state.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) h: Tensor,
    pub(super) c: Option<Tensor>,
}

impl State {
    fn map(&self, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<State> {
        Ok(State { h: f(&self.h)?, c: self.c.as_ref().map(f).transpose()? })
    }

    /// This where `live` is true, else the state before.
    fn where_live(self, live: &Tensor, before: &State) -> Result<State> {
        let c = match (&self.c, &before.c) {
            (Some(c), Some(old)) => Some(where_(live, c, old)?.computed()?),
            _ => None,
        };
        Ok(State { h: where_(live, &self.h, &before.h)?.computed()?, c })
    }

    /// The states of all layers and directions: `[L·D, N, H]`.
    fn stacked(states: &[State]) -> Result<State> {
        let h = stack(&states.iter().map(|state| &state.h).collect::<Vec<_>>(), 0)?;
        let c: Vec<&Tensor> = states.iter().filter_map(|state| state.c.as_ref()).collect();
        Ok(State { h, c: if c.is_empty() { None } else { Some(stack(&c, 0)?) } })
    }
}

/// Weights and options of a recurrent layer.
#[derive(Clone, Debug)]
pub(super) struct Core {
    pub(super) kind: Kind,
    input_size: usize,
    hidden_size: usize,
    options: RecurrentOptions,
    /// Layer by layer, in each the forward direction first.
    pub(super) weights: Vec<RecurrentWeights>,
    dropout: Dropout,
}

/// PyTorch's flat names: `weight_ih_l0`, `bias_hh_l1_reverse` …
impl Visit for Core {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        let directions = self.directions();
        for (i, weights) in self.weights.iter().enumerate() {
            let reverse = if i % directions == 1 { "_reverse" } else { "" };
            let name = |what| format!("{what}_l{}{reverse}", i / directions);
            visitor.child(&name("weight_ih"), &weights.weight_ih);
            visitor.child(&name("weight_hh"), &weights.weight_hh);
            visitor.child(&name("bias_ih"), &weights.bias_ih);
            visitor.child(&name("bias_hh"), &weights.bias_hh);
        }
        visitor.child("dropout", &self.dropout);
    }
}

impl Core {
    pub(super) fn new(
        kind: Kind,
        input_size: usize,
        hidden_size: usize,
        options: RecurrentOptions,
    ) -> Result<Self> {
        if options.num_layers == 0 {
            return Err(Error::argument(kind.op(), "num_layers", 0, "at least 1"));
        }
        let directions = if options.bidirectional { 2 } else { 1 };
        let weights = (0..options.num_layers * directions).map(|i| {
            let input = if i < directions { input_size } else { directions * hidden_size };
            RecurrentWeights::new(kind.gates(), input, hidden_size, options.bias)
        });
        let weights = weights.collect::<Result<_>>()?;
        let dropout = Dropout::new(options.dropout)?;
        Ok(Core { kind, input_size, hidden_size, options, weights, dropout })
    }

    fn directions(&self) -> usize {
        if self.options.bidirectional { 2 } else { 1 }
    }

    /// Outputs of the last layer and final states, in the layout of x.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        initial: Option<State>,
        lengths: Option<&[usize]>,
    ) -> Result<(Tensor, State)> {
        let shape = x.shape();
        let fail = |problem| Err(Error::shape(self.kind.op(), problem, &[("x", &shape)]));
        if !(2..=3).contains(&shape.rank()) {
            return fail(Problem::Rank { name: "x", got: shape.rank(), expected: "2 or 3" });
        }
        let (got, expected) = (shape[shape.rank() - 1], self.input_size);
        if got != expected {
            let (name, unit, other) = ("x", "features", "weight_ih");
            return fail(Problem::Size { name, got, unit, other, expected });
        }
        if shape.rank() == 2 {
            let initial = initial.map(|state| state.map(|t| t.unsqueeze(1))).transpose()?;
            let (y, last) = self.run(&x.unsqueeze(1)?, initial, lengths)?;
            return Ok((y.squeeze(1)?, last.map(|t| t.squeeze(1))?));
        }
        if !self.options.batch_first {
            return self.run(x, initial, lengths);
        }
        let (y, last) = self.run(&x.transpose(0, 1)?, initial, lengths)?;
        Ok((y.transpose(0, 1)?, last))
    }

    /// `x: [T, N, I]`.
    fn run(
        &self,
        x: &Tensor,
        initial: Option<State>,
        lengths: Option<&[usize]>,
    ) -> Result<(Tensor, State)> {
        let shape = x.shape();
        if shape[0] == 0 {
            let problem = Problem::Empty;
            return Err(Error::shape(self.kind.op(), problem, &[("x", &shape)]));
        }
        let initial = self.initial(x, initial)?;
        let lengths = lengths.map(|l| Lengths::of(self.kind.op(), l, x)).transpose()?;
        let mut last = Vec::with_capacity(self.weights.len());
        let mut y = x.clone();
        for (layer, weights) in self.weights.chunks(self.directions()).enumerate() {
            if layer > 0 {
                y = self.dropout.forward(&y)?;
            }
            let mut outputs = Vec::with_capacity(weights.len());
            for (direction, weights) in weights.iter().enumerate() {
                let at = (layer * self.directions() + direction) as i64;
                let state = initial.map(|t| t.select(0, at))?;
                let input = weights.of_input(self.kind, &y)?;
                let walk = Walk { kind: self.kind, weights, lengths: lengths.as_ref() };
                let (output, state) = walk.through(&input, state, direction == 1)?;
                outputs.push(output);
                last.push(state);
            }
            y = match &outputs[..] {
                [forward, backward] => cat(&[forward, backward], -1)?,
                _ => outputs.remove(0),
            };
        }
        Ok((y, State::stacked(&last)?))
    }

    /// The given state, checked, or zeros.
    fn initial(&self, x: &Tensor, given: Option<State>) -> Result<State> {
        let wanted = Shape::from([self.weights.len(), x.shape()[1], self.hidden_size]);
        let Some(state) = given else {
            let zeros = Tensor::full(&wanted, 0.0, x.dtype(), &x.device());
            let c = (self.kind == Kind::Lstm).then(|| zeros.clone());
            return Ok(State { h: zeros, c });
        };
        for (name, tensor) in [("h0", Some(&state.h)), ("c0", state.c.as_ref())] {
            let Some(shape) = tensor.map(Tensor::shape).filter(|shape| *shape != wanted) else {
                continue;
            };
            let problem = Problem::Rule { rule: "a state is [layers · directions, N, hidden]" };
            let operands = [(name, &shape), ("expected", &wanted), ("x", &x.shape())];
            return Err(Error::shape(self.kind.op(), problem, &operands));
        }
        Ok(state)
    }
}

/// How many steps each sequence of a batch has.
struct Lengths {
    shortest: usize,
    longest: usize,
    /// `[N, 1]`, int32.
    all: Tensor,
}

impl Lengths {
    fn of(op: &'static str, lengths: &[usize], x: &Tensor) -> Result<Self> {
        let shape = x.shape();
        let fits = lengths.len() == shape[1] && lengths.iter().all(|l| (1..=shape[0]).contains(l));
        if !fits {
            let expected = "one length a sequence, each from 1 to the steps of x";
            return Err(Error::argument(op, "lengths", format!("{lengths:?}"), expected));
        }
        let all: Vec<i64> = lengths.iter().map(|&length| length as i64).collect();
        let all = Tensor::from_vec(all, [lengths.len(), 1])?.to(&x.device())?;
        let shortest = lengths.iter().copied().min().unwrap_or(0);
        let longest = lengths.iter().copied().max().unwrap_or(0);
        Ok(Lengths { shortest, longest, all })
    }
}

/// One layer in one direction.
struct Walk<'a> {
    kind: Kind,
    weights: &'a RecurrentWeights,
    lengths: Option<&'a Lengths>,
}

impl Walk<'_> {
    /// Outputs `[T, N, H]` and the final state. A state waits where its sequence has no step: so
    /// the reverse direction begins at each sequence's own end.
    fn through(&self, input: &Tensor, mut state: State, reverse: bool) -> Result<(Tensor, State)> {
        let inputs = input.unbind(0)?;
        let steps = inputs.len();
        let mut outputs = vec![None; steps];
        for i in 0..steps {
            let t = if reverse { steps - 1 - i } else { i };
            if self.lengths.is_some_and(|lengths| t >= lengths.longest) {
                continue;
            }
            let next = self.weights.step(self.kind, &inputs[t], &state)?;
            match self.lengths {
                Some(lengths) if t >= lengths.shortest => {
                    let live = lengths.all.gt(t as f64)?;
                    outputs[t] = Some(where_(&live, &next.h, 0.0)?);
                    state = next.where_live(&live, &state)?;
                }
                _ => {
                    outputs[t] = Some(next.h.clone());
                    state = next;
                }
            }
        }
        let zeros = Tensor::full(state.h.shape(), 0.0, state.h.dtype(), &state.h.device());
        let outputs: Vec<&Tensor> =
            outputs.iter().map(|output| output.as_ref().unwrap_or(&zeros)).collect();
        Ok((stack(&outputs, 0)?, state))
    }
}
