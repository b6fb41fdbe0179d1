//! Random transforms in `fit`: seed, pass and sample alone decide.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use gradus_data::vision::{Compose, RandomAffine, RandomHorizontalFlip};
use gradus_data::{SampleKey, TensorDataset};
use gradus_nn::{Conv2d, CrossEntropyLoss, Flatten, Linear, Module, Relu, Sequential};
use gradus_optim::Adam;
use gradus_tensor::rng::{Generator, manual_seed};
use gradus_tensor::{Array, Device, Error};
use gradus_train::{BackupAndRestore, FitOptions, Lambda, SaveFreq, Supervised, Trainer};

use crate::support::{bits, network, points, quiet};

const EPOCHS: usize = 3;
const SAMPLES: usize = 22;

fn pictures() -> TensorDataset {
    let x = Generator::new(4).uniform(SAMPLES * 64);
    let y = (0..SAMPLES as i32).map(|i| i % 3).collect();
    let x = Array::from_vec(x, [SAMPLES, 1, 8, 8]).unwrap();
    TensorDataset::pair(x, Array::from_vec(y, [SAMPLES]).unwrap()).unwrap()
}

fn convolutions() -> Trainer<Supervised<Sequential>> {
    manual_seed(2);
    let model = Sequential::new()
        .push(Conv2d::new(1, 4, 3).unwrap())
        .push(Relu)
        .push(Flatten::default())
        .push(Linear::new(144, 3).unwrap());
    let optimizer = Adam::new(model.parameters(), 1e-2);
    Trainer::new(model).optimizer(optimizer).loss(CrossEntropyLoss::default())
}

fn augmented(options: FitOptions<'_>) -> FitOptions<'_> {
    let augment = Compose::new()
        .push(RandomHorizontalFlip::default())
        .push(RandomAffine::new(20.0).translate([0.1, 0.1]));
    options.transform(augment)
}

/// The weights after a training with augmentation.
fn trained(seed: u64, prefetch: usize, num_workers: usize) -> Vec<u32> {
    let mut trainer = convolutions();
    let options =
        FitOptions { batch_size: 4, seed, prefetch, num_workers, ..quiet(EPOCHS, vec![]) };
    trainer.fit(&pictures(), augmented(options)).unwrap();
    bits(trainer.model())
}

#[test]
fn workers_do_not_change_a_training_and_seeds_do() {
    let inline = trained(1, 0, 0);
    assert_eq!(inline, trained(1, 2, 1));
    assert_eq!(inline, trained(1, 5, 4));
    assert_ne!(inline, trained(2, 2, 1));
    let mut plain = convolutions();
    let options = FitOptions { batch_size: 4, seed: 1, ..quiet(EPOCHS, vec![]) };
    plain.fit(&pictures(), options).unwrap();
    assert_ne!(inline, bits(plain.model()));
}

/// Trains until step `fail_at`, or to the end; goes on from the backup in `dir`.
fn resumable(dir: &Path, fail_at: Option<u64>) -> Result<Vec<u32>, Error> {
    let mut trainer = convolutions();
    let mut backup =
        BackupAndRestore::new(dir).save_freq(SaveFreq::Batches(2)).delete_checkpoint(false);
    let mut fail = Lambda::new().on_train_batch_end(move |cx| match fail_at {
        Some(step) if step == cx.iteration() => {
            Err(Error::io("interrupted", std::io::Error::other("on purpose")))
        }
        _ => Ok(()),
    });
    let options =
        FitOptions { batch_size: 4, seed: 1, ..quiet(EPOCHS, vec![&mut backup, &mut fail]) };
    trainer.fit(&pictures(), augmented(options))?;
    Ok(bits(trainer.model()))
}

#[test]
fn a_resumed_training_sees_the_same_augmented_pictures() {
    let dir = tempfile::tempdir().unwrap();
    let whole = resumable(&dir.path().join("whole"), None).unwrap();
    assert_eq!(whole, trained(1, 2, 1));
    // Within an epoch of six batches, at its end, and behind it.
    for stop in [3, 6, 11] {
        let aborted = dir.path().join(stop.to_string());
        assert!(resumable(&aborted, Some(stop)).is_err());
        assert_eq!(resumable(&aborted, None).unwrap(), whole, "stopped at {stop}");
    }
}

#[test]
fn keys_are_of_seed_pass_and_sample_and_validation_is_left_alone() {
    let seen: Arc<Mutex<Vec<SampleKey>>> = Arc::default();
    for shuffle in [false, true] {
        let keys = seen.clone();
        let record = gradus_data::Lambda(move |columns: Vec<Array>, new: &[SampleKey]| {
            keys.lock().unwrap().extend(new);
            Ok(columns)
        });
        let options = FitOptions {
            batch_size: 3,
            seed: 9,
            shuffle,
            // Two epochs are two passes over the eight samples that are trained on.
            steps_per_epoch: Some(3),
            validation: gradus_train::Validation::Split(0.2),
            ..quiet(2, vec![])
        };
        network(&Device::cpu()).fit(&points(10), options.transform(record)).unwrap();
        let seen: BTreeSet<(u64, u64)> =
            seen.lock().unwrap().drain(..).map(|key| (key.epoch, key.index)).collect();
        let expected = (0..2).flat_map(|pass| (0..8).map(move |sample| (pass, sample)));
        assert_eq!(seen, expected.collect(), "shuffle {shuffle}");
    }
}
