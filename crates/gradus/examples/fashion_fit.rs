//! Fashion-MNIST as in Keras' notes: `fit` with a validation split and callbacks, `evaluate`,
//! `predict` and the batch dimension it wants, the functional form of the same model, and the page
//! of the run.
//!
//! `cargo run --release -p gradus --features plot --example fashion_fit -- epochs=5 lr=0.002`; the
//! words change [`Settings`]. The images come from `$GRADUS_DATA`, Debian's package
//! `dataset-fashion-mnist`, the cache directory or, with `--features download`, the project that
//! made them. `GRADUS_DEVICE=cpu|gpu` picks the device. Everything is written below
//! `runs/fashion_fit`, `report.html` among it; a run that was interrupted goes on when it is
//! started again. `tensorboard --logdir runs/fashion_fit/tensorboard` shows the curves.

#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use gradus::nn::keras::{Call, Dense, Flatten as FlattenLayer, Model, input};
use gradus::plot::{confusion_matrix, image_grid};
use gradus::prelude::*;
use gradus::train::{
    Accuracy, BackupAndRestore, Config, ConfusionMatrix, CsvLogger, EarlyStopping,
    EarlyStoppingOptions, EvaluateOptions, FitOptions, GradNorm, ModelCheckpoint,
    ModelCheckpointOptions, PredictOptions, ReduceLrOnPlateau, ReduceLrOptions, RunDir, Supervised,
    TensorBoard, TerminateOnNan, Trainer, Validation,
};
use serde::{Deserialize, Serialize};

const DIR: &str = "runs/fashion_fit";
const CLASSES: usize = 10;

/// Hyperparameters: what a person chooses, beside the parameters that are learned.
#[derive(Serialize, Deserialize)]
struct Settings {
    seed: u64,
    epochs: usize,
    batch_size: usize,
    lr: f64,
}

fn main() -> Result<()> {
    let defaults = Settings { seed: 1, epochs: 20, batch_size: 64, lr: 1e-3 };
    let config = Config::new(&defaults)?.overrides(std::env::args().skip(1))?;
    let settings: Settings = config.get()?;
    let device = Device::auto();
    manual_seed(settings.seed);
    let (train, test) = datasets::fashion_mnist()?;
    let model = Sequential::new()
        .push(Flatten::default())
        .push(Linear::new(784, 100)?)
        .push(Relu)
        .push(Linear::new(100, 30)?)
        .push(Relu)
        .push(Linear::new(30, CLASSES)?)
        .to(&device)?;
    println!("device: {device}\n\n{}", model.functional(&input([1, 28, 28]))?.summary());

    // compile
    let optimizer = Adam::new(model.parameters(), settings.lr);
    let mut trainer = Trainer::new(model)
        .optimizer(optimizer)
        .loss(CrossEntropyLoss::default())
        .metric(Accuracy::default())
        .metric(ConfusionMatrix::new(CLASSES));

    // fit
    let mut run =
        RunDir::new(DIR, config.value().clone()).class_names(test.classes()).histograms(40);
    fit(&mut trainer, &train, &settings, &mut run)?;

    // evaluate
    let options = || EvaluateOptions { batch_size: 1000, ..Default::default() };
    let logs = trainer.evaluate(&test, options())?;
    println!("\ntest: {logs}");
    let sums = trainer.sums("confusion_matrix")?;
    let matrix = ConfusionMatrix::new(CLASSES).matrix(&sums);
    confused(&matrix, test.classes());

    predict(&mut trainer, &test)?;

    // The functional form of the same model, with the weights that were learned.
    let functional = functional()?.to(&device)?;
    println!("\n{}", functional.summary());
    let learned = trainer.model().parameters();
    for (own, learned) in functional.parameters().iter().zip(&learned) {
        own.set_value(learned)?;
    }
    let first = Tensor::from(test.fetch(&[0])?[0].clone()).to(&device)?;
    let hidden = functional.output_of("second", &[&first])?;
    println!("layer `second` of the first test image: {:?}", hidden[0].shape().dims());
    let mut twin = Trainer::new(functional)
        .loss(CrossEntropyLoss::default())
        .metric(Accuracy::default())
        .metric(ConfusionMatrix::new(CLASSES));
    let same = twin.evaluate(&test, options())?;
    println!("functional, test: {same}");
    assert_eq!(logs, same, "one model in two forms");

    // The page of the run, and what only the test knows.
    if let Some(page) = run.report() {
        let names = test.classes();
        let matrix = confusion_matrix(&matrix, names).title("test").draw()?;
        let first: Vec<usize> = (0..30).collect();
        let images = Tensor::from(test.fetch(&first)?[0].clone());
        let guesses =
            trainer.predict(&images, PredictOptions::default())?.argmax(Some(1), false)?;
        let guesses = guesses.to_vec::<i64>()?;
        let titles: Vec<&str> = guesses.iter().map(|&class| &*names[class as usize]).collect();
        let grid = image_grid(&images).columns(10).scale(3).titles(&titles).draw()?;
        let page = page.clone().text(format!("Test: {logs}."));
        let page = page.picture("Test: what was taken for what", &matrix);
        let path = run.path().join("report.html");
        page.picture("Test: the first images and what they were taken for", &grid).save(&path)?;
        println!("\nthe page of the run is {}", path.display());
    }
    Ok(())
}

/// Trains with the callbacks of Keras' notes.
fn fit(
    trainer: &mut Trainer<Supervised<Sequential>>,
    train: &TensorDataset,
    settings: &Settings,
    run: &mut RunDir,
) -> Result<()> {
    let mut best = ModelCheckpoint::new(
        &format!("{DIR}/weights.{{epoch:02d}}-{{val_loss:.2f}}.safetensors"),
        ModelCheckpointOptions {
            save_best_only: true,
            save_weights_only: true,
            verbose: true,
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
    let mut norm = GradNorm::default().every(50);
    let mut backup = BackupAndRestore::new(format!("{DIR}/backup"));
    let history = trainer.fit(
        train,
        FitOptions {
            epochs: settings.epochs,
            batch_size: settings.batch_size,
            seed: settings.seed,
            validation: Validation::Split(0.2),
            callbacks: vec![
                &mut norm,
                &mut best,
                &mut reduce,
                &mut stop,
                &mut csv,
                &mut board,
                &mut nan,
                run,
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

/// «차원 맞추기»: a model takes batches, and says so.
fn predict(trainer: &mut Trainer<Supervised<Sequential>>, test: &TensorDataset) -> Result<()> {
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
    let alone = trainer.predict_one(&image)?;
    println!("`predict_one`: scores {:?} of {CLASSES} classes", alone.shape().dims());
    Ok(())
}

/// The same network by symbols: sizes follow from inputs, layers have names.
fn functional() -> Result<Model> {
    let x = input([1, 28, 28]);
    let h = FlattenLayer::new().call(&x)?;
    let h = Dense::new(100).activation("relu").name("first").call(&h)?;
    let h = Dense::new(30).activation("relu").name("second").call(&h)?;
    let y = Dense::new(CLASSES).name("scores").call(&h)?;
    Ok(Model::new(&x, &y)?.name("fashion"))
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
