//! The same on a GPU: a training with metrics and callbacks, aborted and gone on with.
#![cfg(feature = "gpu")]

use std::fs;

use gradus_tensor::Device;
use gradus_train::{EvaluateOptions, FitOptions, Validation};

use crate::resume::{same, training};
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
