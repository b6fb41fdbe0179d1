//! Trains 784-100-30-10 (81,840 parameters) on Fashion-MNIST with Adam, batch 64, for 5 epochs.
//!
//! `cargo run --release -p gradus --example fashion_mnist`. The images come from `$GRADUS_DATA`,
//! Debian's package `dataset-fashion-mnist`, the cache directory or, with `--features download`,
//! the project that made them. `GRADUS_DEVICE=cpu|gpu` picks the device, `GRADUS_EPOCHS` the
//! number of epochs; with `GRADUS_CURVE=file.csv` the loss of every batch is written there.

#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use gradus::prelude::*;
use indicatif::{ProgressBar, ProgressStyle};

fn main() -> Result<()> {
    let device = Device::auto();
    manual_seed(1);
    let (train, test) = datasets::fashion_mnist()?;
    let model = Sequential::new()
        .push(Flatten::default())
        .push(Linear::new(784, 100)?)
        .push(Relu)
        .push(Linear::new(100, 30)?)
        .push(Relu)
        .push(Linear::new(30, 10)?)
        .to(&device)?;
    let mut optimizer = Adam::new(model.parameters(), 1e-3);
    println!("device: {device}; {} parameters", model.num_parameters());

    let loader = DataLoader::new(&train).batch_size(64).shuffle(3).to(&device);
    let epochs = setting("GRADUS_EPOCHS").and_then(|v| v.parse().ok()).unwrap_or(5);
    let mut curve = String::from("batch,loss\n");
    for epoch in 1..=epochs {
        let start = Instant::now();
        let bar = bar(loader.len() as u64, &format!("{epoch}/{epochs}"));
        let mut total = 0.0;
        let mut shown = Instant::now();
        for (i, batch) in loader.iter().enumerate() {
            let (x, y) = batch?;
            optimizer.zero_grad();
            let loss = model.forward(&x)?.cross_entropy(&y)?;
            loss.backward()?;
            optimizer.step()?;
            total += loss.item()?;
            let _ = writeln!(curve, "{},{}", i + (epoch - 1) * loader.len(), loss.item()?);
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
        println!("epoch {epoch}: loss {loss:.4}, test accuracy {accuracy:.4}, {seconds:.2} s");
    }
    if let Some(path) = setting("GRADUS_CURVE") {
        std::fs::write(&path, curve).map_err(|e| Error::io(path, e))?;
    }
    model.save("fashion_mnist.safetensors")
}

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn bar(len: u64, prefix: &str) -> ProgressBar {
    let bar = ProgressBar::new(len).with_prefix(prefix.to_owned());
    let style = "epoch {prefix} {bar:30} batch {pos}/{len} {msg}";
    bar.with_style(ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()))
}

fn evaluate(model: &Sequential, data: &TensorDataset, device: &Device) -> Result<f64> {
    model.eval();
    let mut correct = 0.0;
    for batch in DataLoader::new(data).batch_size(1000).to(device) {
        let (x, y) = batch?;
        let logits = no_grad(|| model.forward(&x))?;
        correct += logits.argmax(Some(1), false)?.eq(&y)?.sum_all()?.item()?;
    }
    model.train();
    Ok(correct / data.len() as f64)
}
