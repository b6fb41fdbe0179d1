//! Rows of whole training runs from given parameters and batches.

use gradus_autodiff::{Error, Result, Tensor, no_grad, stack};
use gradus_nn::{
    BatchNorm2d, Conv2d, Flatten, Layer, Linear, Losses, MaxPool2d, Module, Relu, Sequential,
    StateDict, Tanh,
};

use super::optimizer::optimizer;
use crate::call::{Call, Outputs, Row, row};
use crate::runner::scalar_like;

/// What the names of parameters begin with, in inputs and outputs.
const PARAM: &str = "param.";

pub(crate) const ROWS: &[Row] =
    &[row("train_mlp", |c| train(c, &mlp()?)), row("train_cnn", |c| train(c, &cnn()?))];

fn mlp() -> Result<Sequential> {
    Ok(Sequential::new()
        .push(Flatten::default())
        .push(Linear::new(64, 20)?)
        .push(Relu)
        .push(Linear::new(20, 12)?)
        .push(Tanh)
        .push(Linear::new(12, 10)?))
}

fn cnn() -> Result<Sequential> {
    Ok(Sequential::new()
        .push(Conv2d::new(1, 4, 3)?.padding(1))
        .push(Relu)
        .push(MaxPool2d::new(2))
        .push(Conv2d::new(4, 8, 3)?)
        .push(BatchNorm2d::new(8))
        .push(Relu)
        .push(Flatten::default())
        .push(Linear::new(32, 10)?))
}

/// Loads the case's parameters, takes its steps, and reports losses, eval-mode logits of the
/// first batch, and the state dict.
fn train(c: &Call<'_>, model: &Sequential) -> Result<Outputs> {
    let loss_name = c.attrs.text("loss", "cross_entropy")?;
    if loss_name != "cross_entropy" {
        return Err(Error::argument("case", "loss", loss_name, "cross_entropy"));
    }
    let own = model.state_dict()?;
    let mut dict = StateDict::new();
    for (name, tensor) in c.inputs {
        if let Some(name) = name.strip_prefix(PARAM) {
            let given = tensor.array()?;
            let given = match own.get(name) {
                Some(array) => scalar_like(&given, array.shape()),
                None => given,
            };
            dict.insert(name.to_owned(), given);
        }
    }
    model.load_state_dict(&dict)?;
    let first = c.input("x0")?;
    model.move_to(&first.device())?;
    let mut optimizer = optimizer(c, c.attrs.text("optimizer", "sgd")?, &model.parameters())?;
    model.train();
    let mut losses = Vec::new();
    while let (Some(x), Some(t)) = batch(c, losses.len()) {
        optimizer.zero_grad();
        let loss = model.forward(x)?.cross_entropy(t)?;
        loss.backward()?;
        optimizer.step()?;
        losses.push(loss.detach());
    }
    model.eval();
    let mut outputs = Outputs::new();
    outputs.insert("losses".to_owned(), stack(&losses.iter().collect::<Vec<_>>(), 0)?);
    outputs.insert("logits".to_owned(), no_grad(|| model.forward(first))?);
    for (name, array) in model.state_dict()? {
        outputs.insert(format!("{PARAM}{name}"), Tensor::from(array));
    }
    Ok(outputs)
}

fn batch<'a>(c: &'a Call<'_>, step: usize) -> (Option<&'a Tensor>, Option<&'a Tensor>) {
    (c.optional(&format!("x{step}")), c.optional(&format!("t{step}")))
}
