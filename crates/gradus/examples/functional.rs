//! A model with two inputs, two outputs and a shared layer: it looks at two handwritten digits
//! and says which digit the first one is, and whether both are the same.
//!
//! `cargo run --release -p gradus --example functional`; `GRADUS_DEVICE=cpu|gpu` picks the device.

#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use gradus::nn::keras::{
    BatchNormalization, Call, Concatenate, Dense, Flatten, InputOptions, Model, Multiply,
    input_with,
};
use gradus::prelude::*;

const EPOCHS: u64 = 12;

/// The same eye looks at both digits; the second output also sees where the two agree.
fn network() -> Result<Model> {
    let left = input_with([1, 8, 8], InputOptions::named("left"));
    let right = input_with([1, 8, 8], InputOptions::named("right"));
    let flat = Flatten::new();
    let eye = Dense::new(64).activation("relu").name("eye");
    let a = eye.call(&flat.call(&left)?)?;
    let b = eye.call(&flat.call(&right)?)?;
    let digit = Dense::new(10).name("digit").call(&a)?;
    let agree = Multiply::new().name("agree").call([&a, &b])?;
    let pair = Concatenate::new().call([&a, &b, &agree])?;
    let hidden = Dense::new(64).activation("relu").call(&BatchNormalization::new().call(&pair)?)?;
    let same = Dense::new(1).name("same").call(&hidden)?;
    Model::new([&left, &right], [&digit, &same])
}

/// Pairs of a batch: each image and one beside it, half of them of the same digit.
fn pairs(x: &Tensor, y: &Tensor) -> Result<(Tensor, Tensor)> {
    let labels = y.to_vec::<i32>()?;
    let partner = |i: usize| {
        let n = labels.len();
        let mut others = (1..n).map(|step| (i + step) % n);
        let alike = i.is_multiple_of(2);
        others.find(|&j| (labels[i] == labels[j]) == alike).unwrap_or(i)
    };
    let partners: Vec<usize> = (0..labels.len()).map(partner).collect();
    let same = partners.iter().zip(&labels).map(|(&j, &label)| f32::from(labels[j] == label));
    let same = Tensor::from_vec(same.collect::<Vec<f32>>(), [labels.len(), 1])?;
    let index: Vec<i32> = partners.into_iter().map(|j| j as i32).collect();
    let index = Tensor::from_vec(index, [labels.len()])?.to(&x.device())?;
    Ok((x.index_select(0, &index)?, same.to(&x.device())?))
}

fn main() -> Result<()> {
    let device = Device::auto();
    manual_seed(7);
    let (train, test) = datasets::digits()?;
    let model = network()?.to(&device)?;
    println!("{}", model.summary());

    let mut optimizer = Adam::new(model.parameters(), 3e-3);
    let loader = DataLoader::new(&train).batch_size(64).shuffle(1).to(&device);
    for epoch in 1..=EPOCHS {
        model.train();
        let (mut total, mut batches) = (0.0, 0.0);
        for batch in &loader {
            let (x, y) = batch?;
            let (partner, same) = pairs(&x, &y)?;
            optimizer.zero_grad();
            let outputs = model.forward_many(&[&x, &partner])?;
            let loss = outputs[0].cross_entropy(&y)?;
            let loss = loss.add(&outputs[1].binary_cross_entropy_with_logits(&same)?)?;
            loss.backward()?;
            optimizer.step()?;
            total += loss.item()?;
            batches += 1.0;
        }
        println!("epoch {epoch:2}/{EPOCHS} loss {:.4}", total / batches);
    }

    model.eval();
    let batch = DataLoader::new(&test).batch_size(test.len()).to(&device).iter().next();
    let Some(batch) = batch else { return Ok(()) };
    let (x, y) = batch?;
    let (partner, same) = pairs(&x, &y)?;
    let outputs = no_grad(|| model.forward_many(&[&x, &partner]))?;
    let right = outputs[0].argmax(Some(1), false)?.eq(&y)?.sum_all()?.item()?;
    let said = outputs[1].gt(0.0)?.eq(&same.gt(0.5)?)?.sum_all()?.item()?;
    let n = test.len() as f64;
    println!("\ntest: the digit {:.1} %, the same {:.1} %", 100.0 * right / n, 100.0 * said / n);

    // What the shared layer sees of the first pair: one output for each of its calls.
    let first = |x: &Tensor| x.narrow(0, 0, 1);
    let seen = no_grad(|| model.output_of("eye", &[&first(&x)?, &first(&partner)?]))?;
    for (side, features) in ["left", "right"].iter().zip(&seen) {
        let active = features.gt(0.0)?.sum_all()?.item()?;
        println!("eye, {side}: {} features, {active} active", features.numel());
    }
    Ok(())
}
