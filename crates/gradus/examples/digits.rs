//! Trains a small network on the handwritten digits that the package carries, saves it, loads it
//! again and shows what it thinks of a few images.
//!
//! `cargo run --release -p gradus --example digits`; `GRADUS_DEVICE=cpu|gpu` picks the device.

#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use std::time::{Duration, Instant};

use gradus::prelude::*;
use indicatif::{ProgressBar, ProgressStyle};

const EPOCHS: u64 = 20;
const BATCH: usize = 32;
const MODEL: &str = "model.safetensors";

fn network() -> Result<Sequential> {
    Ok(Sequential::new()
        .push(Flatten::default())
        .push(Linear::new(64, 128)?)
        .push(Relu)
        .push(Linear::new(128, 64)?)
        .push(Relu)
        .push(Linear::new(64, 10)?))
}

fn main() -> Result<()> {
    let device = Device::auto();
    println!("device: {device}");
    manual_seed(42);
    let (train, test) = datasets::digits()?;
    println!("digits: {} training and {} test images of 8×8 pixels", train.len(), test.len());

    let model = network()?.to(&device)?;
    println!("network: 64-128-64-10, {} parameters\n", model.num_parameters());
    let mut optimizer = Adam::new(model.parameters(), 2e-3);
    let loader = DataLoader::new(&train).batch_size(BATCH).shuffle(7).to(&device);
    for epoch in 1..=EPOCHS {
        train_epoch(&model, &mut optimizer, &loader, epoch)?;
    }

    model.save(MODEL)?;
    println!("\nsaved {MODEL}");
    let restored = network()?.to(&device)?;
    restored.load(MODEL)?;
    let accuracy = accuracy(&restored, &test, &device)?;
    println!("loaded it again: test accuracy {accuracy:.4}\n");
    show(&restored, &test, &device)
}

/// One pass over the training data with a progress bar.
fn train_epoch(
    model: &Sequential,
    optimizer: &mut Adam,
    loader: &DataLoader,
    epoch: u64,
) -> Result<()> {
    let bar = ProgressBar::new(loader.len() as u64);
    let style = "epoch {prefix} {bar:30} batch {pos}/{len} {msg}";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()));
    bar.set_prefix(format!("{epoch:2}/{EPOCHS}"));
    let (start, mut shown) = (Instant::now(), Duration::ZERO);
    let (mut seen, mut correct, mut total) = (0.0, 0.0, 0.0);
    for batch in loader {
        let (x, y) = batch?;
        optimizer.zero_grad();
        let logits = model.forward(&x)?;
        let loss = logits.cross_entropy(&y)?;
        loss.backward()?;
        optimizer.step()?;

        let n = x.shape()[0] as f64;
        seen += n;
        total += loss.item()? * n;
        correct += logits.argmax(Some(1), false)?.eq(&y)?.sum_all()?.item()?;
        bar.inc(1);
        if start.elapsed() - shown > Duration::from_millis(100) || seen as usize == loader.samples()
        {
            shown = start.elapsed();
            let rate = seen / shown.as_secs_f64();
            let (loss, accuracy) = (total / seen, correct / seen);
            let text = format!("loss {loss:.4} accuracy {accuracy:.4} {rate:.0} samples/s");
            bar.set_message(text.clone());
            if bar.is_hidden() && seen as usize == loader.samples() {
                println!("epoch {epoch:2}/{EPOCHS} batch {}/{} {text}", loader.len(), loader.len());
            }
        }
    }
    bar.abandon();
    Ok(())
}

fn accuracy(model: &Sequential, data: &TensorDataset, device: &Device) -> Result<f64> {
    model.eval();
    let mut correct = 0.0;
    for batch in DataLoader::new(data).batch_size(256).to(device) {
        let (x, y) = batch?;
        let logits = no_grad(|| model.forward(&x))?;
        correct += logits.argmax(Some(1), false)?.eq(&y)?.sum_all()?.item()?;
    }
    Ok(correct / data.len() as f64)
}

/// Draws three test images in characters, with the network's first two guesses.
fn show(model: &Sequential, data: &TensorDataset, device: &Device) -> Result<()> {
    let columns = data.fetch(&[0, 1, 2])?;
    let (x, y) = (Tensor::from(columns[0].clone()), Tensor::from(columns[1].clone()));
    let probability = no_grad(|| model.forward(&x.to(device)?)?.softmax(1))?;
    let (values, classes) = probability.topk(2, 1, true)?;
    let (values, classes) = (values.to_vec::<f32>()?, classes.to_vec::<i32>()?);
    let (pixels, labels) = (x.to_vec::<f32>()?, y.to_vec::<i32>()?);
    for (i, image) in pixels.chunks(64).enumerate() {
        for row in image.chunks(8) {
            let shade = |v: &f32| [' ', '.', ':', '+', '#'][(v * 4.0).round() as usize];
            println!("  {}", row.iter().flat_map(|v| [shade(v); 2]).collect::<String>());
        }
        let guess =
            |k: usize| format!("{} ({:.1} %)", classes[i * 2 + k], values[i * 2 + k] * 100.0);
        println!("  label {}: predicted {}, then {}\n", labels[i], guess(0), guess(1));
    }
    Ok(())
}
