//! Flat memory: ten thousand training steps take no more than three hundred, and five hundred of
//! a model with states and running estimates no more than a hundred. Little memory: a step of a
//! convolutional network holds what it must keep, and not half as much again. A hundred thousand
//! captured steps take what the first did.
//!
//! The pools count for a whole process, so each run is a process of its own: this binary again,
//! with one test.

use std::process::Command;

use gradus_autodiff::{Capture, Device, Result, Tensor};
use gradus_nn::{
    BatchNorm1d, Conv2d, Flatten, Layer, Linear, Losses, Lstm, MaxPool2d, Module, Relu, Sequential,
};
use gradus_optim::{Adam, Optimizer};
use gradus_tensor::{CpuPool, PoolStats};

const IMAGES: usize = 64;
const STEPS: usize = 10_000;
const WARM_UP: usize = 300;
/// The pool hands the same buffers out in turns; by now every turn has had its bind groups.
#[cfg(feature = "gpu")]
const SETTLED: usize = 3000;

/// Runs one ignored test of this binary, alone.
fn alone(test: &str) {
    let this = std::env::current_exe().expect("this binary has a path");
    let output = Command::new(this)
        .args(["--exact", test, "--ignored", "--nocapture", "--test-threads", "1"])
        .output()
        .expect("it can be started again");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    assert!(text.contains("1 passed"), "the test was not found: {text}");
}

/// A network and batches, small enough that the steps cost little.
struct Run {
    model: Box<dyn Layer>,
    optimizer: Adam,
    x: Tensor,
    t: Tensor,
}

impl Run {
    fn new(device: &Device) -> Result<Run> {
        gradus_tensor::rng::manual_seed(7);
        let model = Sequential::new()
            .push(Linear::new(4, 8)?)
            .push(Relu)
            .push(Linear::new(8, 3)?)
            .to(device)?;
        Run::of(Box::new(model), &[5, 4], device)
    }

    /// The LSTM's states, its weights' many gradients, and the estimates of batch norm.
    fn with_states(device: &Device) -> Result<Run> {
        gradus_tensor::rng::manual_seed(7);
        let lstm = Lstm::new(3, 4)?;
        let model = Recurrent { lstm, norm: BatchNorm1d::new(4), out: Linear::new(4, 3)? };
        Run::of(Box::new(model.to(device)?), &[6, 5, 3], device)
    }

    /// The network of the bench `cnn`.
    fn with_images(device: &Device) -> Result<Run> {
        gradus_tensor::rng::manual_seed(7);
        let model = Sequential::new()
            .push(Conv2d::new(1, 32, 3)?.padding(1))
            .push(Relu)
            .push(MaxPool2d::new(2))
            .push(Conv2d::new(32, 64, 3)?.padding(1))
            .push(Relu)
            .push(MaxPool2d::new(2))
            .push(Flatten::default())
            .push(Linear::new(3136, 128)?)
            .push(Relu)
            .push(Linear::new(128, 10)?)
            .to(device)?;
        Run::of(Box::new(model), &[IMAGES, 1, 28, 28], device)
    }

    fn of(model: Box<dyn Layer>, shape: &[usize], device: &Device) -> Result<Run> {
        let optimizer = Adam::new(model.parameters(), 1e-3);
        let x = Tensor::randn(shape, device)?;
        let count = if shape[0] == IMAGES { IMAGES } else { 5 };
        let labels = (0..count as i32).map(|i| i % 3).collect();
        let t = Tensor::from_vec(labels, [count])?.to(device)?;
        Ok(Run { model, optimizer, x, t })
    }

    fn steps(&mut self, count: usize) -> Result<f64> {
        let mut last = 0.0;
        for step in 0..count {
            self.optimizer.zero_grad();
            let loss = self.model.forward(&self.x)?.cross_entropy(&self.t)?;
            loss.backward()?;
            self.optimizer.step()?;
            // What a training loop prints now and then.
            if step + 1 == count || step % 100 == 99 {
                last = loss.item()?;
            }
        }
        Ok(last)
    }

    /// The same steps, captured.
    fn captured_steps(&mut self, capture: &mut Capture, count: usize) -> Result<f64> {
        let Run { model, optimizer, x, t } = self;
        let mut last = 0.0;
        for step in 0..count {
            let loss = capture.run(&[x, t], |batch| {
                optimizer.zero_grad();
                let loss = model.forward(&batch[0])?.cross_entropy(&batch[1])?;
                loss.backward()?;
                Ok(vec![loss])
            })?;
            optimizer.step()?;
            if step + 1 == count || step % 100 == 99 {
                last = loss[0].item()?;
            }
        }
        Ok(last)
    }
}

#[derive(Module)]
struct Recurrent {
    lstm: Lstm,
    norm: BatchNorm1d,
    out: Linear,
}

impl Layer for Recurrent {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (y, _) = self.lstm.forward(x, None)?;
        self.out.forward(&self.norm.forward(&y.select(0, -1)?)?)
    }
}

/// The pool's numbers that must not grow.
fn flat(stats: PoolStats) -> [u64; 3] {
    [stats.fresh_allocations, stats.live_buffers, stats.in_use_bytes]
}

#[test]
fn the_cpu_takes_no_more_memory_with_time() {
    alone("memory::steps_on_the_cpu");
}

#[test]
#[ignore = "run alone by the test above"]
fn steps_on_the_cpu() {
    let mut run = Run::new(&Device::cpu()).expect("a small model");
    let first = run.steps(WARM_UP).expect("trains");
    let before = CpuPool::stats();
    let last = run.steps(STEPS - WARM_UP).expect("trains");
    let after = CpuPool::stats();
    assert_eq!(flat(before), flat(after));
    assert_eq!(before.peak_bytes, after.peak_bytes);
    assert!(after.reuses > before.reuses && last < first, "{last} {first}");
}

#[cfg(feature = "gpu")]
#[test]
fn the_gpu_takes_no_more_memory_with_time() {
    if gradus_testkit::gpu().is_some() {
        alone("memory::steps_on_the_gpu");
    }
}

#[cfg(feature = "gpu")]
#[test]
#[ignore = "run alone by the test above"]
fn steps_on_the_gpu() {
    let device = Device::gpu().expect("the parent found it");
    let gpu = device.as_gpu().expect("it is a GPU");
    let mut run = Run::new(&device).expect("a small model");
    let first = run.steps(WARM_UP).expect("trains");
    let (before, host_before) = (gpu.stats(), CpuPool::stats());
    run.steps(SETTLED - WARM_UP).expect("trains");
    let settled = gpu.stats();
    let last = run.steps(STEPS - SETTLED).expect("trains");
    let (after, host_after) = (gpu.stats(), CpuPool::stats());
    assert_eq!(flat(before.pool), flat(after.pool));
    assert_eq!(flat(host_before), flat(host_after));
    assert_eq!(settled.bind_groups_created, after.bind_groups_created, "bind groups");
    assert_eq!(before.pipelines_created, after.pipelines_created, "pipelines");
    assert!(after.dispatches > before.dispatches && last < first, "{last} {first}");
}

/// Captured steps: few host instructions each, so more of them.
const CAPTURED_STEPS: usize = 100_000;
/// On the GPU, whose kernels a software adapter computes.
#[cfg(feature = "gpu")]
const CAPTURED_STEPS_ON_THE_GPU: usize = 10_000;

#[test]
fn captured_steps_take_no_more_memory_with_time() {
    alone("memory::captured_steps_on_the_cpu");
    if gradus_testkit::gpu().is_some() {
        alone("memory::captured_steps_on_the_gpu");
    }
}

#[test]
#[ignore = "run alone by the test above"]
fn captured_steps_on_the_cpu() {
    let mut run = Run::new(&Device::cpu()).expect("a small model");
    let mut capture = Capture::new();
    let first = run.captured_steps(&mut capture, WARM_UP).expect("trains");
    let before = CpuPool::stats();
    let last = run.captured_steps(&mut capture, CAPTURED_STEPS - WARM_UP).expect("trains");
    let after = CpuPool::stats();
    assert_eq!(flat(before), flat(after));
    assert_eq!(before.peak_bytes, after.peak_bytes);
    assert_eq!(capture.replays(), CAPTURED_STEPS as u64 - 2, "{:?}", capture.refusal());
    assert!(last < first, "{last} {first}");
}

#[cfg(feature = "gpu")]
#[test]
#[ignore = "run alone by the test above"]
fn captured_steps_on_the_gpu() {
    let device = Device::gpu().expect("the parent found it");
    let gpu = device.as_gpu().expect("it is a GPU");
    let mut run = Run::new(&device).expect("a small model");
    let mut capture = Capture::new();
    let first = run.captured_steps(&mut capture, WARM_UP).expect("trains");
    let (before, host_before) = (gpu.stats(), CpuPool::stats());
    let count = CAPTURED_STEPS_ON_THE_GPU - WARM_UP;
    let last = run.captured_steps(&mut capture, count).expect("trains");
    let (after, host_after) = (gpu.stats(), CpuPool::stats());
    assert_eq!(flat(before.pool), flat(after.pool));
    assert_eq!(flat(host_before), flat(host_after));
    assert_eq!(before.bind_groups_created, after.bind_groups_created, "bind groups");
    assert_eq!(before.pipelines_created, after.pipelines_created, "pipelines");
    assert_eq!(capture.replays(), CAPTURED_STEPS_ON_THE_GPU as u64 - 2);
    assert!(last < first, "{last} {first}");
}

/// Steps of the model with states, and how many of them may still allocate.
const STATE_STEPS: usize = 500;
const STATE_WARM_UP: usize = 100;

#[test]
fn states_take_no_more_memory_with_time() {
    alone("memory::steps_with_states_on_the_cpu");
    if gradus_testkit::gpu().is_some() {
        alone("memory::steps_with_states_on_the_gpu");
    }
}

#[test]
#[ignore = "run alone by the test above"]
fn steps_with_states_on_the_cpu() {
    let mut run = Run::with_states(&Device::cpu()).expect("a small model");
    let first = run.steps(STATE_WARM_UP).expect("trains");
    let before = CpuPool::stats();
    let last = run.steps(STATE_STEPS - STATE_WARM_UP).expect("trains");
    let after = CpuPool::stats();
    assert_eq!(flat(before), flat(after));
    assert_eq!(before.peak_bytes, after.peak_bytes);
    assert!(last < first, "{last} {first}");
}

#[cfg(feature = "gpu")]
#[test]
#[ignore = "run alone by the test above"]
fn steps_with_states_on_the_gpu() {
    let device = Device::gpu().expect("the parent found it");
    let gpu = device.as_gpu().expect("it is a GPU");
    let mut run = Run::with_states(&device).expect("a small model");
    let first = run.steps(STATE_WARM_UP / 2).expect("trains");
    // A loss was read: the next step begins with nothing held back and joins other launches.
    run.steps(STATE_WARM_UP / 2).expect("trains");
    let (before, host_before) = (gpu.stats(), CpuPool::stats());
    let last = run.steps(STATE_STEPS - STATE_WARM_UP).expect("trains");
    let (after, host_after) = (gpu.stats(), CpuPool::stats());
    assert_eq!(flat(before.pool), flat(after.pool));
    assert_eq!(flat(host_before), flat(host_after));
    assert_eq!(before.pipelines_created, after.pipelines_created, "pipelines");
    assert!(last < first, "{last} {first}");
}

/// Elements that a step with images cannot do without: parameters, gradients and Adam's two
/// moments; and per image what the gradients read: the image, what the relus and the pools give
/// with the indices of the maxima, and the scores.
fn kept(run: &Run) -> u64 {
    let parameters: usize = run.model.parameters().iter().map(Tensor::numel).sum();
    let image = 784 + 32 * (784 + 2 * 196) + 64 * (196 + 2 * 49) + 128 + 10;
    (4 * parameters + IMAGES * image) as u64
}

#[test]
fn a_convolutional_step_holds_little_more_than_it_keeps() {
    alone("memory::steps_with_images_on_the_cpu");
    if gradus_testkit::gpu().is_some() {
        alone("memory::steps_with_images_on_the_gpu");
    }
}

#[test]
#[ignore = "run alone by the test above"]
fn steps_with_images_on_the_cpu() {
    let mut run = Run::with_images(&Device::cpu()).expect("a model");
    run.steps(2).expect("trains");
    let before = CpuPool::stats();
    run.steps(6).expect("trains");
    let after = CpuPool::stats();
    assert_eq!(flat(before), flat(after));
    let (peak, kept) = (after.peak_bytes as f64, 4.0 * kept(&run) as f64);
    assert!(peak <= 1.5 * kept, "{peak} bytes at most, {kept} kept: {}", peak / kept);
}

#[cfg(feature = "gpu")]
#[test]
#[ignore = "run alone by the test above"]
fn steps_with_images_on_the_gpu() {
    let device = Device::gpu().expect("the parent found it");
    let gpu = device.as_gpu().expect("it is a GPU");
    let mut run = Run::with_images(&device).expect("a model");
    run.steps(2).expect("trains");
    let before = gpu.stats().pool;
    run.steps(4).expect("trains");
    let after = gpu.stats().pool;
    assert_eq!(flat(before), flat(after));
    let (peak, kept) = (after.peak_bytes as f64, 4.0 * kept(&run) as f64);
    assert!(peak <= 1.5 * kept, "{peak} bytes at most, {kept} kept: {}", peak / kept);
}
