//! Convolutional networks on Fashion-MNIST.
//!
//! `cargo run --release -p gradus --example fashion_cnn -- [notes|small|deep]`:
//!
//! - `notes`: conv-pool-conv-pool-256-fc-log_softmax, as in many lecture notes, with `nll_loss`;
//!   6,846 parameters, 10 epochs;
//! - `small`, what it takes unless told: two convolutions with batch norm, pooling, dropout and a
//!   dense layer; 50,378 parameters, 10 epochs;
//! - `deep`: six convolutions with batch norm, images flipped and shifted at random; 288,618
//!   parameters, 20 epochs.
//!
//! The images are found as the example `fashion_mnist` finds them. `GRADUS_DEVICE=cpu|gpu` picks
//! the device, `GRADUS_EPOCHS` the number of epochs.

#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use std::time::{Duration, Instant};

use gradus::prelude::*;
use gradus::{Generator, arange, where_};
use indicatif::{ProgressBar, ProgressStyle};

/// A network with the way it is trained.
struct Recipe {
    model: Sequential,
    epochs: usize,
    /// The largest learning rate; it falls to zero along half a cosine.
    lr: f64,
    /// Whether the model ends in log-probabilities, so that its loss is `nll_loss`.
    log_softmax: bool,
    /// Whether images are flipped and shifted in training.
    augment: bool,
}

fn notes() -> Result<Recipe> {
    let model = Sequential::new()
        .push(Conv2d::new(1, 10, 5)?)
        .push(MaxPool2d::new(2))
        .push(Relu)
        .push(Conv2d::new(10, 16, 5)?)
        .push(MaxPool2d::new(2))
        .push(Relu)
        .push(Flatten::default())
        .push(Linear::new(256, 10)?)
        .push(LogSoftmax { dim: 1 });
    Ok(Recipe { model, epochs: 10, lr: 2e-3, log_softmax: true, augment: false })
}

fn small() -> Result<Recipe> {
    let model = Sequential::new()
        .push(Conv2d::new(1, 32, 3)?.padding(1))
        .push(BatchNorm2d::new(32))
        .push(Relu)
        .push(MaxPool2d::new(2))
        .push(Conv2d::new(32, 64, 3)?.padding(1))
        .push(BatchNorm2d::new(64))
        .push(Relu)
        .push(MaxPool2d::new(2))
        .push(Flatten::default())
        .push(Dropout::new(0.4)?)
        .push(Linear::new(64 * 7 * 7, 10)?);
    Ok(Recipe { model, epochs: 10, lr: 2e-3, log_softmax: false, augment: false })
}

fn deep() -> Result<Recipe> {
    let mut model = Sequential::new();
    let widths = [(1, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128)];
    for (i, (from, to)) in widths.into_iter().enumerate() {
        model =
            model.push(Conv2d::new(from, to, 3)?.padding(1)).push(BatchNorm2d::new(to)).push(Relu);
        // So the six convolutions see pictures that are 28, 14, 14, 7, 7 and 3 pixels wide.
        if matches!(i, 0 | 2 | 4) {
            model = model.push(MaxPool2d::new(2));
        }
    }
    let model = model.push(GlobalAvgPool2d::default()).push(Flatten::default());
    let model = model.push(Dropout::new(0.2)?).push(Linear::new(128, 10)?);
    Ok(Recipe { model, epochs: 20, lr: 3e-3, log_softmax: false, augment: true })
}

fn main() -> Result<()> {
    let device = Device::auto();
    manual_seed(1);
    let name = std::env::args().nth(1).unwrap_or_else(|| "small".to_owned());
    let recipe = match name.as_str() {
        "notes" => notes()?,
        "small" => small()?,
        "deep" => deep()?,
        _ => {
            let known = "notes, small or deep";
            return Err(Error::argument("fashion_cnn", "the network's name", name, known));
        }
    };
    let model = recipe.model.to(&device)?;
    println!("device: {device}; {name}, {} parameters", model.num_parameters());
    let (train, test) = datasets::fashion_mnist()?;

    let mut optimizer = Adam::new(model.parameters(), recipe.lr);
    let mut random = Generator::new(5);
    let loader = DataLoader::new(&train).batch_size(64).shuffle(3).to(&device);
    let epochs = std::env::var("GRADUS_EPOCHS").ok().and_then(|v| v.parse().ok());
    let epochs = epochs.unwrap_or(recipe.epochs);
    let begin = Instant::now();
    for epoch in 1..=epochs {
        let start = Instant::now();
        let bar = bar(loader.len() as u64, &format!("{epoch}/{epochs}"));
        let mut total = 0.0;
        let mut shown = Instant::now();
        for (i, batch) in loader.iter().enumerate() {
            let (x, y) = batch?;
            let x = if recipe.augment { shaken(&x, &mut random)? } else { x };
            let done = ((epoch - 1) * loader.len() + i) as f64 / (epochs * loader.len()) as f64;
            let lr = recipe.lr * 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
            optimizer.param_groups_mut()[0].set("lr", lr);
            optimizer.zero_grad();
            let out = model.forward(&x)?;
            let loss = if recipe.log_softmax { out.nll_loss(&y)? } else { out.cross_entropy(&y)? };
            loss.backward()?;
            optimizer.step()?;
            total += loss.item()?;
            bar.inc(1);
            if shown.elapsed() > Duration::from_millis(100) {
                shown = Instant::now();
                let rate = (i + 1) as f64 * 64.0 / start.elapsed().as_secs_f64();
                bar.set_message(format!("loss {:.4} {rate:.0} img/s", total / (i + 1) as f64));
            }
        }
        bar.finish_and_clear();
        let seconds = start.elapsed().as_secs_f64();
        let (loss, accuracy) = (total / loader.len() as f64, evaluate(&model, &test, &device)?);
        println!("epoch {epoch}: loss {loss:.4}, test accuracy {accuracy:.4}, {seconds:.1} s");
    }
    println!("{:.0} s in all", begin.elapsed().as_secs_f64());
    let file = format!("fashion_cnn_{name}.safetensors");
    model.save(&file)?;
    println!("saved {file}");
    Ok(())
}

/// Each image of `[N, 1, 28, 28]` flipped with probability 1/2 and shifted by up to two pixels
/// both ways.
fn shaken(x: &Tensor, random: &mut Generator) -> Result<Tensor> {
    let (n, device) = (x.shape()[0], x.device());
    let flip = Tensor::rand_from(random, [n, 1, 1, 1], &device).lt(0.5)?;
    let x = where_(&flip, &x.flip(&[-1])?, x)?;
    // Windows of 28 pixels in a frame of 32, each image's at a place of its own.
    let frame = x.pad(&[2, 2, 2, 2], 0.0)?;
    let place = |random: &mut Generator, size: [i64; 4]| -> Result<Tensor> {
        let shift = Tensor::rand_from(random, [n, 1, 1, 1], &device).mul(5.0)?.floor()?;
        let pixels = arange(0.0, 28.0, 1.0, &device)?;
        shift.add(&pixels.reshape(&size)?)?.to_dtype(DType::I32)
    };
    let rows = place(random, [1, 1, 28, 1])?.expand(&[n as i64, 1, 28, 32])?;
    let columns = place(random, [1, 1, 1, 28])?.expand(&[n as i64, 1, 28, 28])?;
    frame.gather(2, &rows)?.gather(3, &columns)
}

fn bar(len: u64, prefix: &str) -> ProgressBar {
    let bar = ProgressBar::new(len).with_prefix(prefix.to_owned());
    let style = "epoch {prefix} {bar:30} batch {pos}/{len} {msg}";
    bar.with_style(ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()))
}

fn evaluate(model: &Sequential, data: &TensorDataset, device: &Device) -> Result<f64> {
    model.eval();
    let mut correct = 0.0;
    for batch in DataLoader::new(data).batch_size(500).to(device) {
        let (x, y) = batch?;
        let out = no_grad(|| model.forward(&x))?;
        correct += out.argmax(Some(1), false)?.eq(&y)?.sum_all()?.item()?;
    }
    model.train();
    Ok(correct / data.len() as f64)
}
