//! How far a car goes on a gallon: a table with a category and missing values, five-fold
//! cross-validation, early stopping.
//!
//! `cargo run --release -p gradus --example auto_mpg -- cars.json`. The file is that of
//! vega-datasets; without an argument it is looked for where `datasets::auto_mpg` says.
//! `GRADUS_DEVICE=cpu|gpu` picks the device.

#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use gradus::data::{KFold, OneHotEncoder, StandardScaler, Table, TrainTestSplit, train_test_split};
use gradus::prelude::*;
use gradus::train::{
    EarlyStopping, EarlyStoppingOptions, FitOptions, PredictOptions, Trainer, Validation, Verbose,
};
use gradus::{Array, cat};

const FOLDS: usize = 5;

fn main() -> Result<()> {
    let device = Device::auto();
    let table = match std::env::args().nth(1) {
        Some(path) => datasets::auto_mpg_from(path)?,
        None => datasets::auto_mpg()?,
    };
    let cars = table.drop_missing(&["mpg", "horsepower"])?;
    println!("{} cars, {} of them complete; device: {device}", table.rows(), cars.rows());

    let mut errors = Vec::new();
    for (number, fold) in KFold::new(FOLDS).shuffle(1).split(cars.rows())?.iter().enumerate() {
        manual_seed(number as u64);
        let options = TrainTestSplit { test_size: Some(0.15.into()), ..Default::default() };
        let (train, validation) = train_test_split(fold.train.len(), &options)?;
        let chosen = |places: &[usize]| -> Vec<usize> {
            places.iter().map(|&place| fold.train[place]).collect()
        };
        let error = fitted(
            &cars.take(&chosen(&train))?,
            &cars.take(&chosen(&validation))?,
            &cars.take(&fold.test)?,
            &device,
        )?;
        println!("fold {}: mean absolute error {error:.3} miles per gallon", number + 1);
        errors.push(error);
    }
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    println!("mean of {FOLDS} folds: {mean:.3} (ridge regression: 2.58)");
    Ok(())
}

/// Trains until the validation part gets worse; the mean absolute error of the test part.
fn fitted(train: &Table, validation: &Table, test: &Table, device: &Device) -> Result<f64> {
    // What is known of the other parts must not be: only training data are fitted to.
    let (mut scaler, mut origins) = (StandardScaler::default(), OneHotEncoder::default());
    scaler.fit(&train.to_array(&datasets::AUTO_MPG_FEATURES)?)?;
    origins.fit(&train.columns(&["origin"])?)?;
    let dataset = |part: &Table| -> Result<TensorDataset> {
        let numbers = scaler.transform(&part.to_array(&datasets::AUTO_MPG_FEATURES)?)?;
        let origin = origins.transform(&part.columns(&["origin"])?)?;
        let x = cat(&[&Tensor::from(numbers), &Tensor::from(origin)], 1)?;
        TensorDataset::pair(x.array()?, part.to_array(&["mpg"])?)
    };
    let (train, validation, test) = (dataset(train)?, dataset(validation)?, dataset(test)?);

    let features = train.sample_shape(0)?[0];
    let model = Sequential::new()
        .push(Linear::new(features, 64)?)
        .push(Relu)
        .push(Linear::new(64, 64)?)
        .push(Relu)
        .push(Linear::new(64, 1)?)
        .to(device)?;
    let optimizer = Adam::new(model.parameters(), 2e-3);
    let mut trainer = Trainer::new(model).optimizer(optimizer).loss(L1Loss::default());
    let mut stop = EarlyStopping::new(EarlyStoppingOptions {
        patience: 40,
        restore_best_weights: true,
        ..Default::default()
    });
    trainer.fit(
        &train,
        FitOptions {
            epochs: 400,
            batch_size: 32,
            validation: Validation::data(&validation),
            verbose: Verbose::Silent,
            callbacks: vec![&mut stop],
            ..Default::default()
        },
    )?;
    let guesses = trainer.predict(&Tensor::from(test.column(0)?), PredictOptions::default())?;
    mean_absolute_error(&guesses.array()?, &test.column(1)?)
}

fn mean_absolute_error(guesses: &Array, truth: &Array) -> Result<f64> {
    let (guesses, truth) = (guesses.to_vec::<f32>()?, truth.to_vec::<f32>()?);
    let errors = guesses.iter().zip(&truth).map(|(a, b)| f64::from((a - b).abs()));
    Ok(errors.sum::<f64>() / truth.len() as f64)
}
