//! A folder of pictures, one folder a class, becomes a classifier that is trained with augmented
//! pictures.
//!
//! `cargo run --release -p gradus --features plot,image --example augment_folder -- [FOLDER]`
//!
//! Without a folder, one is made of the handwritten digits that the library holds. Everything is
//! written below `runs/augment_folder`: pictures as they come out of the augmentation in
//! `grid.png`, each row one picture, the first in it as it is. `GRADUS_DEVICE=cpu|gpu` picks the
//! device, `GRADUS_EPOCHS` the number of epochs.

#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use std::path::{Path, PathBuf};

use gradus::data::vision::{
    Augment, ColorJitter, Compose, LocalWarp, RandomAffine, RandomCrop, RandomErasing,
    RandomHorizontalFlip, Rescaling, write_png,
};
use gradus::data::{FolderOptions, ImageFolder, ImageFolderOptions, Mapped, SampleKey, ToFloat};
use gradus::plot::image_grid;
use gradus::prelude::*;
use gradus::train::{Accuracy, EvaluateOptions, FitOptions, Trainer, Validation};
use gradus::{Array, cat};

const DIR: &str = "runs/augment_folder";
const SIDE: usize = 32;
/// Pictures of the grid, and how often each is shown.
const SHOWN: usize = 6;
const TIMES: usize = 8;

fn main() -> Result<()> {
    let device = Device::auto();
    manual_seed(1);
    let given = std::env::args().nth(1).map(PathBuf::from);
    let mirror = given.is_some();
    let folder = given.map_or_else(digits_as_files, Ok)?;
    let options = ImageFolderOptions {
        folder: FolderOptions {
            validation_split: Some(0.2),
            seed: Some(7),
            ..FolderOptions::default()
        },
        image_size: (SIDE, SIDE),
        ..ImageFolderOptions::default()
    };
    let (train, test) = ImageFolder::both(&folder, &options)?;
    println!("{} pictures to train with, {} to test", train.len(), test.len());
    println!("classes: {}", train.classes().join(", "));
    let augment = augmentation(mirror);
    show(&train, &augment, &Path::new(DIR).join("grid.png"))?;

    // What is not augmented becomes floats, too.
    let unit = ToFloat::scaled(1.0 / 255.0)?;
    let test = Mapped::new(&test, move |mut columns| {
        columns[0] = unit.apply(&columns[0])?;
        Ok(columns)
    });
    let model = network(train.classes().len())?.to(&device)?;
    let optimizer = Adam::new(model.parameters(), 2e-3);
    let mut trainer = Trainer::new(model)
        .optimizer(optimizer)
        .loss(CrossEntropyLoss::default())
        .metric(Accuracy::default());
    let epochs = std::env::var("GRADUS_EPOCHS").ok().and_then(|v| v.parse().ok()).unwrap_or(10);
    let options = FitOptions {
        epochs,
        batch_size: 64,
        seed: 3,
        num_workers: 2,
        validation: Validation::data(&test),
        ..FitOptions::default()
    };
    trainer.fit(&train, options.transform(augment.push(Rescaling::new(1.0 / 255.0))))?;
    println!("test: {}", trainer.evaluate(&test, EvaluateOptions::default())?);
    Ok(())
}

/// What a picture goes through while training. Digits are not mirrored: a 2 would be none.
fn augmentation(mirror: bool) -> Compose {
    Compose::new()
        .push(RandomHorizontalFlip::new(if mirror { 0.5 } else { 0.0 }))
        .push(RandomCrop::new([SIDE, SIDE]).padding(3))
        .push(RandomAffine::new(12.0).scale([0.9, 1.1]).shear(6.0))
        .push(LocalWarp::new([4, 4], 0.03))
        .push(ColorJitter::default().brightness(0.3).contrast(0.3))
        .push(RandomErasing::default().p(0.25).scale([0.02, 0.1]))
}

/// Three convolutions and a mean of what they find.
fn network(classes: usize) -> Result<Sequential> {
    let mut model = Sequential::new();
    for (from, to) in [(3, 24), (24, 48), (48, 96)] {
        model = model
            .push(Conv2d::new(from, to, 3)?.padding(1))
            .push(BatchNorm2d::new(to))
            .push(Relu)
            .push(MaxPool2d::new(2));
    }
    let model = model.push(GlobalAvgPool2d::default()).push(Flatten::default());
    Ok(model.push(Linear::new(96, classes)?))
}

/// Writes some pictures as they are, and beside each what the augmentation makes of it.
fn show(data: &ImageFolder, augment: &Compose, path: &Path) -> Result<()> {
    let count = SHOWN.min(data.len());
    let (mut rows, mut titles) = (Vec::new(), Vec::new());
    let labels = data.labels()?.map(|y| y.to_vec::<i32>()).transpose()?.unwrap_or_default();
    for place in (0..count).map(|k| k * data.len() / count) {
        let picture = data.fetch(&[place])?.swap_remove(0);
        rows.push(Tensor::from(picture.clone()));
        for epoch in 1..TIMES as u64 {
            let key = SampleKey::new(7, epoch, place as u64);
            rows.push(Tensor::from(augment.transform(&picture, &[key])?));
        }
        titles.extend(vec![data.classes()[labels[place] as usize].clone(); TIMES]);
    }
    let pictures = cat(&rows.iter().collect::<Vec<_>>(), 0)?;
    let grid = image_grid(&pictures).columns(TIMES).titles(&titles).range(0.0, 255.0);
    std::fs::create_dir_all(DIR).map_err(|error| Error::io(DIR, error))?;
    grid.draw()?.save(path)?;
    println!("wrote {}", path.display());
    Ok(())
}

/// The handwritten digits as files.
fn digits_as_files() -> Result<PathBuf> {
    let folder = Path::new(DIR).join("digits");
    let (train, _) = datasets::digits()?;
    let (x, y) = (train.column(0)?, train.column(1)?.to_vec::<i32>()?);
    for (row, class) in y.into_iter().enumerate() {
        let class = folder.join(class.to_string());
        std::fs::create_dir_all(&class).map_err(|error| Error::io(&class, error))?;
        let digit = Array::from_vec(x.narrow(0, row, 1)?.to_vec::<f32>()?, [1, 8, 8])?;
        write_png(&digit, class.join(format!("{row}.png")))?;
    }
    Ok(folder)
}
