//! Rows of recurrent layers with the case's weights.

use gradus_autodiff::{Result, Tensor};
use gradus_nn::{Gru, Lstm, Parameter, RecurrentOptions, RecurrentWeights, Rnn, RnnNonlinearity};

use crate::call::{Call, Outputs, Row, row};

pub(crate) const ROWS: &[Row] = &[
    row("rnn", |c| {
        let (input, hidden, options) = options(c)?;
        let mut layer = Rnn::with(input, hidden, RnnNonlinearity::Tanh, options)?;
        take(c, options, layer.weights_mut())?;
        let (y, h) = layer.forward(c.x()?, c.optional("h0"))?;
        Ok(named([("y", y), ("h", h)]))
    }),
    row("gru", |c| {
        let (input, hidden, options) = options(c)?;
        let mut layer = Gru::with(input, hidden, options)?;
        take(c, options, layer.weights_mut())?;
        let (y, h) = layer.forward(c.x()?, c.optional("h0"))?;
        Ok(named([("y", y), ("h", h)]))
    }),
    row("lstm", |c| {
        let (input, hidden, options) = options(c)?;
        let mut layer = Lstm::with(input, hidden, options)?;
        take(c, options, layer.weights_mut())?;
        let state = c.optional("h0").zip(c.optional("c0"));
        let (y, (h, cell)) = layer.forward(c.x()?, state)?;
        Ok(named([("y", y), ("h", h), ("c", cell)]))
    }),
];

fn named<const N: usize>(outputs: [(&str, Tensor); N]) -> Outputs {
    outputs.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect()
}

fn options(c: &Call<'_>) -> Result<(usize, usize, RecurrentOptions)> {
    let options = RecurrentOptions {
        num_layers: c.attrs.count("num_layers", 1)?,
        bias: c.attrs.flag("bias", true)?,
        batch_first: c.attrs.flag("batch_first", false)?,
        dropout: 0.0,
        bidirectional: c.attrs.flag("bidirectional", false)?,
    };
    Ok((c.attrs.count("input_size", 1)?, c.attrs.count("hidden_size", 1)?, options))
}

/// Makes the case's inputs the layer's parameters: leaves stay themselves, and so collect their
/// gradients.
fn take(c: &Call<'_>, options: RecurrentOptions, weights: &mut [RecurrentWeights]) -> Result<()> {
    let directions = if options.bidirectional { 2 } else { 1 };
    for (i, weights) in weights.iter_mut().enumerate() {
        let reverse = if i % directions == 1 { "_reverse" } else { "" };
        let input = |what: &str| -> Result<Parameter> {
            let name = format!("{what}_l{}{reverse}", i / directions);
            Ok(Parameter::new(c.input(&name)?.clone()))
        };
        weights.weight_ih = input("weight_ih")?;
        weights.weight_hh = input("weight_hh")?;
        if options.bias {
            weights.bias_ih = Some(input("bias_ih")?);
            weights.bias_hh = Some(input("bias_hh")?);
        }
    }
    Ok(())
}
