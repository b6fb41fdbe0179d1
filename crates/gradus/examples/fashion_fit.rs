//! Fashion-MNIST as in Keras' notes: `fit` with a validation split and callbacks, `evaluate`,
//! `predict` and the batch dimension it wants.
//!
//! `cargo run --release -p gradus --example fashion_fit`. The images come from `$GRADUS_DATA`,
//! Debian's package `dataset-fashion-mnist`, the cache directory or, with `--features download`,
//! the project that made them. `GRADUS_DEVICE=cpu|gpu` picks the device, `GRADUS_EPOCHS` the
//! number of epochs. Everything is written below `runs/fashion_fit`; a run that was interrupted
//! goes on when it is started again. `tensorboard --logdir runs/fashion_fit/tensorboard` shows
//! the curves.

#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use gradus::prelude::*;
use gradus::train::{
    Accuracy, BackupAndRestore, ConfusionMatrix, CsvLogger, EarlyStopping, EarlyStoppingOptions,
    EvaluateOptions, FitOptions, ModelCheckpoint, ModelCheckpointOptions, PredictOptions,
    ReduceLrOnPlateau, ReduceLrOptions, Supervised, TensorBoard, TerminateOnNan, Trainer,
    Validation,
};

const DIR: &str = "runs/fashion_fit";

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
        .push(Dropout::new(0.1)?)
        .push(Linear::new(30, 10)?)
        .to(&device)?;
    println!("device: {device}; {model:?}\n{} parameters\n", model.num_parameters());

    // compile
    let optimizer = Adam::new(model.parameters(), 1e-3);
    let mut trainer = Trainer::new(model)
        .optimizer(optimizer)
        .loss(CrossEntropyLoss::default())
        .metric(Accuracy::default())
        .metric(ConfusionMatrix::new(10));

    // fit
    let epochs = std::env::var("GRADUS_EPOCHS").ok().and_then(|v| v.parse().ok()).unwrap_or(20);
    fit(&mut trainer, &train, epochs)?;

    // evaluate
    let options = EvaluateOptions { batch_size: 1000, ..Default::default() };
    println!("\ntest: {}", trainer.evaluate(&test, options)?);
    let sums = trainer.sums("confusion_matrix")?;
    confused(&ConfusionMatrix::new(10).matrix(&sums), test.classes());

    // predict
    let sample = test.fetch(&[0])?;
    let image = Tensor::from(sample[0].clone()).select(0, 0)?;
    match trainer.predict(&image, PredictOptions::default()) {
        Ok(_) => println!("one image passed for a batch"),
        Err(error) => println!("\npredict of one image alone:\n  {error}"),
    }
    let scores = trainer.predict(&image.unsqueeze(0)?, PredictOptions::default())?;
    let class = scores.argmax(Some(1), false)?.item()? as usize;
    let label = sample[1].to_vec::<i32>()?[0] as usize;
    println!("as a batch of one: {}, it is {}", test.classes()[class], test.classes()[label]);
    Ok(())
}

/// Trains with the callbacks of Keras' notes.
fn fit(
    trainer: &mut Trainer<Supervised<Sequential>>,
    train: &TensorDataset,
    epochs: usize,
) -> Result<()> {
    let mut best = ModelCheckpoint::new(
        &format!("{DIR}/weights.{{epoch:02d}}-{{val_loss:.2f}}.safetensors"),
        ModelCheckpointOptions {
            save_best_only: true,
            save_weights_only: true,
            ..Default::default()
        },
    )?;
    let mut reduce = ReduceLrOnPlateau::new(ReduceLrOptions {
        factor: 0.5,
        patience: 2,
        verbose: true,
        ..Default::default()
    })?;
    let mut stop = EarlyStopping::new(EarlyStoppingOptions {
        patience: 5,
        restore_best_weights: true,
        verbose: true,
        ..Default::default()
    });
    let mut csv = CsvLogger::new(format!("{DIR}/training.csv"));
    let mut board = TensorBoard::new(format!("{DIR}/tensorboard")).histogram_freq(1);
    let mut nan = TerminateOnNan::new().every(100);
    let mut backup = BackupAndRestore::new(format!("{DIR}/backup"));
    let history = trainer.fit(
        train,
        FitOptions {
            epochs,
            batch_size: 64,
            validation: Validation::Split(0.2),
            callbacks: vec![
                &mut best,
                &mut reduce,
                &mut stop,
                &mut csv,
                &mut board,
                &mut nan,
                &mut backup,
            ],
            ..Default::default()
        },
    )?;
    println!("\nval_accuracy by epoch: {:.4?}", history.get("val_accuracy")?);
    if let Some(path) = best.saved() {
        println!("the best weights are in {}", path.display());
    }
    Ok(())
}

/// The three pairs of classes that are confused most.
fn confused(matrix: &[Vec<f64>], names: &[String]) {
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (truth, row) in matrix.iter().enumerate() {
        let wrong = row.iter().enumerate().filter(|(guess, _)| *guess != truth);
        pairs.extend(wrong.map(|(guess, count)| (*count, truth, guess)));
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (count, truth, guess) in &pairs[..3] {
        println!("  {count} times {} was taken for {}", names[*truth], names[*guess]);
    }
}
