//! The same on a GPU: bytes are moved as bytes and become the floats of the CPU.
#![cfg(feature = "gpu")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gradus_data::{DataLoader, Dataset, Lambda, SampleKey, Smote, TensorDataset, ToFloat};
use gradus_tensor::rng::Generator;
use gradus_tensor::{Array, DType, Device, Result};

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

fn pictures() -> TensorDataset {
    let bytes: Vec<u8> = (0..10 * 3 * 20).map(|v| (v * 7 % 256) as u8).collect();
    let x = Array::from_vec(bytes, [10, 3, 4, 5]).expect("shape");
    let y = Array::from_vec((0..10).collect::<Vec<i32>>(), [10]).expect("shape");
    TensorDataset::pair(x, y).expect("sizes")
}

fn epoch(loader: &DataLoader) -> Vec<(DType, Vec<f32>, Vec<i32>)> {
    let batches = loader.iter().map(|batch| {
        let (x, y) = batch.expect("valid");
        let floats = x.to_vec::<f32>().expect("floats");
        (x.dtype(), floats, y.to_vec::<i32>().expect("labels"))
    });
    batches.collect()
}

#[track_caller]
fn equal(loader: impl Fn() -> DataLoader, device: &Device) {
    let (cpu, gpu) = (epoch(&loader()), epoch(&loader().to(device)));
    assert_eq!(cpu.len(), gpu.len());
    for (cpu, gpu) in cpu.iter().zip(&gpu) {
        assert_eq!((cpu.0, &cpu.2), (gpu.0, &gpu.2));
        for (a, b) in cpu.1.iter().zip(&gpu.1) {
            // A fused multiply-add may round once where the CPU rounds twice.
            assert!((a - b).abs() <= 1e-6 * (1.0 + a.abs()), "{a} {b}");
        }
    }
}

#[test]
fn bytes_become_the_same_floats_on_a_gpu() {
    let Some(device) = gpu() else { return };
    let loader = |data: &TensorDataset| DataLoader::new(data).batch_size(4).shuffle(2);
    let scaled = pictures().scaled(0, 1.0 / 255.0).expect("bytes");
    equal(|| loader(&scaled), &device);
    let (mean, std) = ([0.5, 0.25, 0.1], [0.2, 0.3, 0.4]);
    let normalised = pictures().normalized(0, &mean, &std).expect("bytes");
    equal(|| loader(&normalised), &device);
    let to_float = ToFloat::normalized(&mean, &std).expect("numbers");
    equal(|| loader(&pictures()).convert(0, to_float.clone()), &device);
    // With a transform the dataset converts first, and its result is moved.
    let twice = || {
        Lambda(|mut columns: Vec<Array>, _: &[SampleKey]| {
            assert_eq!(columns[0].dtype(), DType::F32);
            let x: Vec<f32> = columns[0].to_vec::<f32>()?.iter().map(|x| x * 2.0).collect();
            columns[0] = Array::from_vec(x, columns[0].shape().clone())?;
            Ok(columns)
        })
    };
    equal(|| loader(&scaled).transform(twice()), &device);
}

#[test]
fn a_loader_on_a_gpu_asks_for_bytes() {
    /// Counts which way samples were fetched.
    #[derive(Clone)]
    struct Watched(TensorDataset, Arc<[AtomicUsize; 2]>);
    impl Dataset for Watched {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn fetch(&self, indices: &[usize]) -> Result<Vec<Array>> {
            self.1[0].fetch_add(1, Ordering::SeqCst);
            self.0.fetch(indices)
        }
        fn fetch_stored(&self, indices: &[usize]) -> Result<Vec<Array>> {
            self.1[1].fetch_add(1, Ordering::SeqCst);
            self.0.fetch_stored(indices)
        }
        fn conversions(&self) -> Vec<Option<ToFloat>> {
            self.0.conversions()
        }
    }
    let Some(device) = gpu() else { return };
    let counts: Arc<[AtomicUsize; 2]> = Arc::default();
    let data = pictures().scaled(0, 0.5).expect("bytes");
    let loader = DataLoader::new(&Watched(data, counts.clone())).batch_size(5).to(&device);
    // What arrives at a transform on the device has been converted there.
    let loader = loader.transform_on_device(Lambda(|columns: Vec<Array>, _: &[SampleKey]| {
        assert!(columns[0].dtype() == DType::F32 && !columns[0].device().is_cpu());
        Ok(columns)
    }));
    assert_eq!(epoch(&loader).len(), 2);
    assert_eq!([counts[0].load(Ordering::SeqCst), counts[1].load(Ordering::SeqCst)], [0, 2]);
}

#[test]
fn smote_finds_the_same_neighbours_on_a_gpu() {
    let Some(device) = gpu() else { return };
    let mut rng = Generator::new(6);
    // Far from zero, where squares cancel.
    let x: Vec<f32> = rng.normal(300 * 7).iter().map(|v| 500.0 + v).collect();
    let x = Array::from_vec(x, [300, 7]).expect("shape");
    let y = (0..300).map(|i| i32::from(i % 3 == 0) + i32::from(i % 15 == 0)).collect();
    let y = Array::from_vec(y, [300]).expect("shape");
    let near = Smote::new(3).fit_resample(&x, &y).expect("resampled");
    let there = x.to(&device).expect("uploads");
    let far = Smote::new(3).fit_resample(&there, &y).expect("resampled");
    assert_eq!((far.0.device(), near.0.device()), (device, Device::cpu()));
    assert_eq!(near.1.to_vec::<i32>().expect("labels"), far.1.to_vec::<i32>().expect("labels"));
    assert_eq!(near.0.to_vec::<f32>().expect("floats"), far.0.to_vec::<f32>().expect("floats"));
}
