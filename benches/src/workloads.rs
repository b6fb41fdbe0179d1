//! The workloads. What is timed ends with its result computed: a step ends after the optimizer,
//! an op after its device is idle.

use gradus::autodiff::Capture;
use gradus::prelude::*;
use gradus::{Generator, Shape};

use crate::{augment, cold, data};

/// One run of a workload.
pub type Run = Box<dyn FnMut() -> Result<()>>;

/// Work of one run, for a rate beside the time.
pub enum Amount {
    /// Floating-point operations.
    Flops(f64),
    /// Bytes read and written at least.
    Bytes(f64),
    /// Samples delivered.
    Samples(f64),
    /// Neither is a sensible measure.
    Unknown,
}

/// A named workload.
pub struct Workload {
    /// Its name on the command line.
    pub name: &'static str,
    /// Work of one run.
    pub amount: Amount,
    /// Upper bound of timed runs, for long ones.
    pub most_runs: usize,
    /// Builds it on a device.
    pub prepare: fn(&Device) -> Result<Run>,
}

/// A workload that is run as often as time allows.
pub const fn workload(
    name: &'static str,
    amount: Amount,
    prepare: fn(&Device) -> Result<Run>,
) -> Workload {
    Workload { name, amount, most_runs: usize::MAX, prepare }
}

/// A workload of seconds.
const fn few(name: &'static str, amount: Amount, prepare: fn(&Device) -> Result<Run>) -> Workload {
    Workload { name, amount, most_runs: 5, prepare }
}

/// Multiply-adds of one training step of a batch: forward, weight and input gradients.
const fn mlp_flops(batch: usize, sizes: &[usize]) -> f64 {
    let (mut total, mut i) = (0, 0);
    while i + 1 < sizes.len() {
        let passes = if i == 0 { 2 } else { 3 };
        total += passes * 2 * batch * sizes[i] * sizes[i + 1];
        i += 1;
    }
    total as f64
}

/// Sizes of the classifiers' layers.
const SMALL: &[usize] = &[784, 100, 30, 10];
const WIDE: &[usize] = &[784, 512, 512, 10];

/// Every workload.
pub fn all() -> impl Iterator<Item = &'static Workload> {
    TRAINING.iter().chain(augment::PIPELINE).chain(augment::SINGLE)
}

/// Training steps and operations on tensors.
static TRAINING: &[Workload] = &[
    workload("mlp_small", Amount::Flops(mlp_flops(64, SMALL)), |d| mlp_step(d, SMALL, false)),
    workload("mlp_small_captured", Amount::Flops(mlp_flops(64, SMALL)), |d| {
        mlp_step(d, SMALL, true)
    }),
    workload("mlp_wide", Amount::Flops(mlp_flops(64, WIDE)), |d| mlp_step(d, WIDE, false)),
    workload("mlp_wide_captured", Amount::Flops(mlp_flops(64, WIDE)), |d| mlp_step(d, WIDE, true)),
    workload("matmul1024", Amount::Flops(2.0 * 1024.0 * 1024.0 * 1024.0), |d| matmul(d, 1024)),
    workload("matmul2048", Amount::Flops(2.0 * 2048.0 * 2048.0 * 2048.0), |d| matmul(d, 2048)),
    workload("pointwise", Amount::Bytes(2.0 * 4.0 * LARGE as f64), pointwise),
    workload("softmax", Amount::Bytes(2.0 * 4.0 * 4096.0 * 1024.0), softmax),
    workload("max_pool", Amount::Bytes(4.0 * 4.5 * POOLED as f64), |d| {
        pooled(d, |x| x.max_pool2d(2))
    }),
    workload("avg_pool", Amount::Bytes(4.0 * 4.5 * POOLED as f64), |d| {
        pooled(d, |x| x.avg_pool2d(2))
    }),
    workload("sum", Amount::Bytes(4.0 * LARGE as f64), sum),
    workload("conv_fwd", Amount::Flops(CONV_FLOPS), |d| conv(d, false)),
    workload("conv_fwdbwd", Amount::Flops(3.0 * CONV_FLOPS), |d| conv(d, true)),
    workload("cnn", Amount::Flops(CNN_FLOPS), |d| cnn(d, false)),
    workload("cnn_captured", Amount::Flops(CNN_FLOPS), |d| cnn(d, true)),
    workload("dqn_tiny", Amount::Unknown, |d| dqn_tiny(d, false)),
    workload("dqn_tiny_captured", Amount::Unknown, |d| dqn_tiny(d, true)),
    Workload {
        name: "cold_start",
        amount: Amount::Unknown,
        most_runs: 1,
        prepare: cold::cold_start,
    },
    workload("loader", Amount::Samples(data::FASHION), data::loader),
    few("image_folder", Amount::Samples(data::PICTURES), data::image_folder),
    few("image_decode", Amount::Samples(data::PICTURES), data::image_decode),
    Workload {
        name: "fashion_epoch",
        amount: Amount::Unknown,
        most_runs: 5,
        prepare: |device| fashion_epoch(device, false),
    },
    Workload {
        name: "fashion_epoch_captured",
        amount: Amount::Unknown,
        most_runs: 5,
        prepare: |device| fashion_epoch(device, true),
    },
];

/// 16 Mi elements.
const LARGE: usize = 1 << 24;

fn uniform(device: &Device, shape: impl Into<Shape>) -> Result<Tensor> {
    let shape = shape.into();
    let values = Generator::new(5).uniform(shape.numel());
    Tensor::from_vec(values, shape)?.to(device)
}

fn mlp(device: &Device, sizes: &[usize]) -> Result<Sequential> {
    let mut model = Sequential::new();
    for (i, pair) in sizes.windows(2).enumerate() {
        if i > 0 {
            model = model.push(Relu);
        }
        model = model.push(Linear::new(pair[0], pair[1])?);
    }
    model.to(device)
}

/// Training steps on one batch, as they are or captured.
fn steps(
    model: Sequential,
    batch: [Tensor; 2],
    lr: f64,
    loss: fn(&Tensor, &Tensor) -> Result<Tensor>,
    captured: bool,
) -> Run {
    let mut optimizer = Adam::new(model.parameters(), lr);
    let mut capture = Capture::new();
    Box::new(move || {
        let step = |batch: &[Tensor]| {
            optimizer.zero_grad();
            let loss = loss(&model.forward(&batch[0])?, &batch[1])?;
            loss.backward()?;
            Ok(vec![loss])
        };
        let loss = match captured {
            true => capture.run(&[&batch[0], &batch[1]], step)?.remove(0),
            false => step(&batch)?.remove(0),
        };
        optimizer.step()?;
        loss.item().map(|_| ())
    })
}

fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    logits.cross_entropy(labels)
}

fn mse(q: &Tensor, target: &Tensor) -> Result<Tensor> {
    q.mse_loss(target)
}

/// Labels of a batch of 64.
fn labels(device: &Device) -> Result<Tensor> {
    let labels: Vec<i64> = (0..64).map(|i| i % 10).collect();
    Tensor::from_vec(labels, 64)?.to(device)
}

/// One training step of a classifier, batch 64, Adam, the loss read back.
fn mlp_step(device: &Device, sizes: &'static [usize], captured: bool) -> Result<Run> {
    let batch = [uniform(device, [64, sizes[0]])?, labels(device)?];
    Ok(steps(mlp(device, sizes)?, batch, 1e-3, cross_entropy, captured))
}

fn matmul(device: &Device, n: usize) -> Result<Run> {
    let (a, b) = (uniform(device, [n, n])?, uniform(device, [n, n])?);
    let device = device.clone();
    Ok(Box::new(move || {
        a.matmul(&b)?.array()?;
        device.synchronize()
    }))
}

/// Convolutions of 64 images, 1 to 32 channels of 28×28 without the gradient by the image and 32
/// to 64 of 14×14, and the dense layers.
const CNN_FLOPS: f64 = 2.0 * 64.0 * (2.0 * 9.0 * 32.0 * 784.0 + 3.0 * 9.0 * 32.0 * 64.0 * 196.0)
    + 3.0 * 2.0 * 64.0 * (3136.0 * 128.0 + 1280.0);

/// One training step of conv-pool-conv-pool-dense-dense, batch 64, Adam.
fn cnn(device: &Device, captured: bool) -> Result<Run> {
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
    let batch = [uniform(device, [64, 1, 28, 28])?, labels(device)?];
    Ok(steps(model, batch, 1e-3, cross_entropy, captured))
}

/// 16 images of 64 channels, 56×56, 64 filters 3×3.
const CONV_FLOPS: f64 = 2.0 * 16.0 * 64.0 * 64.0 * 9.0 * 56.0 * 56.0;

/// A convolution with zeros around the images, with both gradients if `backward`.
fn conv(device: &Device, backward: bool) -> Result<Run> {
    let x = uniform(device, [16, 64, 56, 56])?.requires_grad_(backward);
    let w = uniform(device, [64, 64, 3, 3])?.requires_grad_(backward);
    let device = device.clone();
    Ok(Box::new(move || {
        let y = x.conv2d(&w, None, &ConvOptions::default().padding(1))?;
        if backward {
            for g in gradus::autodiff::grad(&[y.sum_all()?], &[x.clone(), w.clone()], false)? {
                g.array()?;
            }
        }
        y.array()?;
        device.synchronize()
    }))
}

/// `gelu(2x + 1) · sigmoid(x)`.
fn pointwise(device: &Device) -> Result<Run> {
    let x = uniform(device, LARGE)?;
    let device = device.clone();
    Ok(Box::new(move || {
        let y = x.mul(2.0)?.add(1.0)?.gelu()?.mul(&x.sigmoid()?)?;
        y.array()?;
        device.synchronize()
    }))
}

fn softmax(device: &Device) -> Result<Run> {
    let x = uniform(device, [4096, 1024])?;
    let device = device.clone();
    Ok(Box::new(move || {
        x.softmax(1)?.array()?;
        device.synchronize()
    }))
}

/// Elements of a batch of feature maps.
const POOLED: usize = 64 * 32 * 28 * 28;

/// A pooling of 64 × 32 × 28 × 28 and its gradient.
fn pooled(device: &Device, pool: fn(&Tensor) -> Result<Tensor>) -> Result<Run> {
    let x = uniform(device, [64, 32, 28, 28])?.requires_grad_(true);
    let g = uniform(device, [64, 32, 14, 14])?;
    let device = device.clone();
    Ok(Box::new(move || {
        x.zero_grad();
        pool(&x)?.mul(&g)?.sum_all()?.backward()?;
        x.grad().map(|dx| dx.array()).transpose()?;
        device.synchronize()
    }))
}

fn sum(device: &Device) -> Result<Run> {
    let x = uniform(device, LARGE)?;
    Ok(Box::new(move || x.sum_all()?.item().map(|_| ())))
}

/// One step of the network of the Q-learning notes: a single state, Adam, squared error.
fn dqn_tiny(device: &Device, captured: bool) -> Result<Run> {
    let model = mlp(device, &[16, 64, 64, 96, 96, 64, 64, 4])?;
    let state = Tensor::from_vec(vec![3i64], 1)?.one_hot(16)?.to(device)?;
    let batch = [state, uniform(device, [1, 4])?];
    Ok(steps(model, batch, 1e-2, mse, captured))
}

/// One epoch of Fashion-MNIST through the loader, batch 64, 784-100-30-10, Adam.
fn fashion_epoch(device: &Device, captured: bool) -> Result<Run> {
    let (train, _) = datasets::fashion_mnist()?;
    let model = Sequential::new()
        .push(Flatten::default())
        .push(mlp(device, &[784, 100, 30, 10])?)
        .to(device)?;
    let mut optimizer = Adam::new(model.parameters(), 1e-3);
    let mut capture = Capture::new();
    let loader = DataLoader::new(&train).batch_size(64).shuffle(1).to(device);
    Ok(Box::new(move || {
        let mut last = None;
        for batch in &loader {
            let (x, y) = batch?;
            let step = |batch: &[Tensor]| {
                optimizer.zero_grad();
                let loss = model.forward(&batch[0])?.cross_entropy(&batch[1])?;
                loss.backward()?;
                Ok(vec![loss])
            };
            last = match captured {
                true => capture.run(&[&x, &y], step)?.pop(),
                false => step(&[x, y])?.pop(),
            };
            optimizer.step()?;
        }
        last.map_or(Ok(0.0), |loss| loss.item()).map(|_| ())
    }))
}
