//! The same on a GPU: a training with metrics and callbacks, aborted and gone on with.
#![cfg(feature = "gpu")]

use std::fs;

use gradus_data::TensorDataset;
use gradus_nn::{CrossEntropyLoss, Linear, LinearOptions, Module, MseLoss, Tensor};
use gradus_optim::Sgd;
use gradus_tensor::{Array, Device};
use gradus_train::{EvaluateOptions, FitOptions, Trainer, Validation};

use crate::corruption::{find_every_damage, use_the_backup_before};
use crate::resume::{kill_at_random, same, training};
use crate::support::{network, points, quiet};

/// A GPU; `None`, said aloud, where there is no adapter and none is required.
#[allow(clippy::print_stdout, reason = "a skip must be seen")]
fn gpu() -> Option<Device> {
    match Device::gpu() {
        Ok(device) => Some(device),
        Err(error) => {
            let required = std::env::var("GRADUS_REQUIRE_GPU").is_ok_and(|v| v == "1");
            assert!(!required, "GRADUS_REQUIRE_GPU=1, but {error}");
            println!("SKIPPED: no GPU adapter ({error})");
            None
        }
    }
}

#[test]
fn an_aborted_training_on_a_gpu_goes_on_bit_for_bit() {
    let Some(device) = gpu() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (whole, aborted) = (dir.path().join("whole"), dir.path().join("aborted"));
    fs::create_dir_all(&whole).unwrap();
    fs::create_dir_all(&aborted).unwrap();
    training(&whole, &device, 4, None).unwrap();
    for stop in [10, 16, 23] {
        training(&aborted, &device, 4, Some(stop)).unwrap_err();
    }
    training(&aborted, &device, 4, None).unwrap();
    same(&whole, &aborted);
}

#[test]
fn a_training_on_a_gpu_killed_at_random_ends_as_one_left_alone() {
    let Some(device) = gpu() else { return };
    // A process that opens a device needs seconds, not milliseconds, to its first backup.
    kill_at_random(&device, 24, 8);
}

#[test]
fn checkpoints_of_a_gpu_are_checked_and_the_one_before_a_damaged_one_is_used() {
    let Some(device) = gpu() else { return };
    find_every_damage(&device);
    use_the_backup_before(&device);
}

#[test]
fn a_gpu_measures_what_the_cpu_does() {
    let Some(device) = gpu() else { return };
    let run = |device: &Device| {
        let mut trainer = network(device)
            .metric(gradus_train::F1Score::default())
            .metric(gradus_train::TopKAccuracy { k: 2 })
            .metric(gradus_train::ConfusionMatrix::new(3));
        let options = FitOptions { validation: Validation::Split(0.3), ..quiet(2, Vec::new()) };
        let history = trainer.fit(&points(100), options).unwrap();
        let logs = trainer.evaluate(&points(37), EvaluateOptions::default()).unwrap();
        (history, logs, trainer.sums("confusion_matrix").unwrap())
    };
    let (cpu, gpu) = (run(&Device::cpu()), run(&device));
    let cpu_rows = cpu.0.rows().iter().map(|(_, logs)| logs).chain([&cpu.1]);
    let gpu_rows = gpu.0.rows().iter().map(|(_, logs)| logs).chain([&gpu.1]);
    for (a, b) in cpu_rows.zip(gpu_rows) {
        assert_eq!(a.names(), b.names());
        for ((name, a), (_, b)) in a.iter().zip(b.iter()) {
            // Weights differ by roundings after a few steps; no decision is that close.
            assert!((a - b).abs() < 1e-4, "{name}: {a} on the CPU, {b} on the GPU");
        }
    }
    assert_eq!(cpu.2, gpu.2);
}

#[test]
fn a_class_without_a_weight_weighs_one_wherever_the_model_is() {
    let gpu = gpu();
    let column = |y: Vec<f32>| Array::from_vec(y, [4, 1]).unwrap();
    let rows = Array::from_vec((0..20).map(|i| f32::from(i % 6 == 0)).collect(), [4, 5]).unwrap();
    for device in [Some(Device::cpu()), gpu].into_iter().flatten() {
        // All scores are equal: the loss of each sample is ln C.
        let loss = |y: Array, weights: &[f32]| {
            let model =
                Linear::with(1, 5, LinearOptions { bias: false, ..Default::default() }).unwrap();
            model.weight.set_value(&Tensor::zeros([5, 1], &Device::cpu())).unwrap();
            let model = model.to(&device).unwrap();
            let optimizer = Sgd::new(model.parameters(), 0.0);
            let mut trainer =
                Trainer::new(model).optimizer(optimizer).loss(CrossEntropyLoss::default());
            let x = Array::from_vec(vec![1.0f32; 4], [4, 1]).unwrap();
            let data = TensorDataset::pair(x, y).unwrap();
            let options = FitOptions { class_weight: weights.to_vec(), ..quiet(1, Vec::new()) };
            let history = trainer.fit(&data, options).unwrap();
            history.get("loss").unwrap()[0] / 5f64.ln() * 4.0
        };
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-5, "{device}: {a}, expected {b}");
        // Labels 0, 1, 2, 4 with weights of 0 and 1 alone.
        let labels = Array::from_vec(vec![0i32, 1, 2, 4], [4]).unwrap();
        near(loss(labels.clone(), &[3.0, 5.0]), 3.0 + 5.0 + 1.0 + 1.0);
        near(loss(labels, &[0.0; 9]), 0.0);
        // Rows of 5 with a one at 0, 1, 2, 3.
        near(loss(rows.clone(), &[3.0, 5.0]), 3.0 + 5.0 + 1.0 + 1.0);
        near(loss(rows.clone(), &[1.0, 1.0, 1.0, 7.0, 1.0]), 3.0 + 7.0);
        // Zeros and ones as numbers, and what lies beyond them.
        let model =
            Linear::with(1, 1, LinearOptions { bias: false, ..Default::default() }).unwrap();
        model.weight.set_value(&Tensor::zeros([1, 1], &Device::cpu())).unwrap();
        let model = model.to(&device).unwrap();
        let optimizer = Sgd::new(model.parameters(), 0.0);
        let mut trainer = Trainer::new(model).optimizer(optimizer).loss(MseLoss::default());
        let x = Array::from_vec(vec![1.0f32; 4], [4, 1]).unwrap();
        let data = TensorDataset::pair(x, column(vec![-1.0, 0.0, 0.9, 2.0])).unwrap();
        let options = FitOptions { class_weight: vec![10.0, 100.0], ..quiet(1, Vec::new()) };
        let history = trainer.fit(&data, options).unwrap();
        near(history.get("loss").unwrap()[0] * 4.0, 1.0 + 0.0 + 100.0 * 0.81 + 4.0);
    }
}

#[test]
fn the_host_reads_as_much_after_many_batches_as_after_few() {
    if gpu().is_none() {
        return;
    }
    // An engine of its own: its counters are nobody else's.
    let engine = gradus_tensor::gpu::Gpu::open(&Default::default()).unwrap();
    let device = Device::from_gpu(engine.clone());
    let mut trainer = network(&device)
        .metric(gradus_train::F1Score::default())
        .metric(gradus_train::ConfusionMatrix::new(3));
    let mut norm = gradus_train::GradNorm::default();
    let mut read = |samples: usize| {
        let before = engine.stats().read_bytes;
        let options = FitOptions { batch_size: 5, ..quiet(1, vec![&mut norm]) };
        trainer.fit(&points(samples), options).unwrap();
        engine.stats().read_bytes - before
    };
    let few = read(10);
    assert!(few > 0);
    assert_eq!(read(200), few, "40 batches against 2");
}
