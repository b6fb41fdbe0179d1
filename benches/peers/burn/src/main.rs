//! The same workloads in Burn, one JSON line each: on the CPU its Flex backend, on a GPU wgpu with
//! fusion and autotuning.
//!
//! usage: burn-bench [--device cpu|gpu] [--threads N] [--seconds S] [--data FOLDER] [--once]
//!                   [WORKLOAD ...]
//! For a GPU the feature `wgpu`; for fashion_epoch the IDX files of Fashion-MNIST in `--data`, and
//! `gzip`. `--once` runs each workload once and prints nothing.
#![recursion_limit = "256"]

use std::process::Command;
use std::time::Instant;

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::{CrossEntropyLossConfig, MseLoss, Reduction};
use burn::nn::pool::{AvgPool2dConfig, MaxPool2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::activation::{gelu, relu, sigmoid, softmax};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};

const LARGE: usize = 1 << 24;

type Run = Box<dyn FnMut()>;
type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// A workload by name; `None` for one that is not known.
fn prepare(name: &str, device: &Device, options: &Options) -> Fallible<Option<Run>> {
    let tracked = &device.clone().autodiff();
    // Ours captures the step there; Burn's has no counterpart.
    Ok(Some(match name.strip_suffix("_captured").unwrap_or(name) {
        "mlp_small" => mlp_step(tracked, &[784, 100, 30, 10]),
        "mlp_wide" => mlp_step(tracked, &[784, 512, 512, 10]),
        "matmul1024" => matmul(device, 1024),
        "matmul2048" => matmul(device, 2048),
        "pointwise" => pointwise(device),
        "softmax" => softmax_rows(device),
        "max_pool" => pooled(tracked, max_pool),
        "avg_pool" => pooled(tracked, |x| AvgPool2dConfig::new([2, 2]).init().forward(x)),
        "sum" => sum(device),
        "conv_fwd" => conv_fwd(device),
        "conv_fwdbwd" => conv_fwdbwd(tracked),
        "cnn" => cnn_step(tracked),
        "dqn_tiny" => dqn_tiny(tracked),
        "cold_start" => cold_start(&options.device),
        "fashion_epoch" => fashion_epoch(tracked, &options.data)?,
        _ => return Ok(None),
    }))
}

const ALL: &[&str] = &[
    "mlp_small",
    "mlp_wide",
    "matmul1024",
    "matmul2048",
    "pointwise",
    "softmax",
    "max_pool",
    "avg_pool",
    "sum",
    "conv_fwd",
    "conv_fwdbwd",
    "cnn",
    "dqn_tiny",
    "cold_start",
    "fashion_epoch",
];

#[derive(Module, Debug)]
struct Mlp {
    layers: Vec<Linear>,
}

impl Mlp {
    fn new(device: &Device, sizes: &[usize]) -> Self {
        let layer = |pair: &[usize]| LinearConfig::new(pair[0], pair[1]).init(device);
        Mlp { layers: sizes.windows(2).map(layer).collect() }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let step =
            |x, (i, layer): (usize, &Linear)| layer.forward(if i == 0 { x } else { relu(x) });
        self.layers.iter().enumerate().fold(x, step)
    }
}

#[derive(Module, Debug)]
struct Cnn {
    convolutions: [Conv2d; 2],
    dense: Mlp,
}

impl Cnn {
    fn new(device: &Device) -> Self {
        let convolution = |channels| {
            let padding = PaddingConfig2d::Explicit(1, 1, 1, 1);
            Conv2dConfig::new(channels, [3, 3]).with_padding(padding).init(device)
        };
        let convolutions = [[1, 32], [32, 64]].map(convolution);
        Cnn { convolutions, dense: Mlp::new(device, &[3136, 128, 10]) }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let step = |x, convolution: &Conv2d| max_pool(relu(convolution.forward(x)));
        self.dense.forward(self.convolutions.iter().fold(x, step).flatten(1, 3))
    }
}

fn uniform<const N: usize>(device: &Device, shape: [usize; N]) -> Tensor<N> {
    Tensor::random(shape, Distribution::Uniform(0.0, 1.0), device)
}

fn labels(device: &Device) -> Tensor<1, Int> {
    let labels: Vec<i32> = (0..64).map(|i| i % 10).collect();
    Tensor::from_data(TensorData::new(labels, [64]), device)
}

fn max_pool(x: Tensor<4>) -> Tensor<4> {
    MaxPool2dConfig::new([2, 2]).init().forward(x)
}

/// PyTorch's epsilon; Burn's own default is another.
fn adam() -> ModuleOptimizer {
    AdamConfig::new().with_epsilon(1e-8).init()
}

/// A training step; gradients are a value of `backward`, so there is nothing to zero.
fn step<M: Module>(model: M, optimizer: &mut ModuleOptimizer, lr: f64, loss: &Tensor<1>) -> M {
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    optimizer.step(lr, model, gradients)
}

/// Training steps on one batch, the loss read back.
fn steps<M: Module + 'static>(model: M, lr: f64, loss: impl Fn(&M) -> Tensor<1> + 'static) -> Run {
    let (mut model, mut optimizer) = (Some(model), adam());
    Box::new(move || {
        let before = model.take().expect("the model is put back after each step");
        let loss = loss(&before);
        model = Some(step(before, &mut optimizer, lr, &loss));
        loss.into_scalar::<f32>();
    })
}

fn mlp_step(device: &Device, sizes: &[usize]) -> Run {
    let (x, y) = (uniform(device, [64, sizes[0]]), labels(device));
    let loss = CrossEntropyLossConfig::new().init(device);
    steps(Mlp::new(device, sizes), 1e-3, move |model| {
        loss.forward(model.forward(x.clone()), y.clone())
    })
}

fn cnn_step(device: &Device) -> Run {
    let (x, y) = (uniform(device, [64, 1, 28, 28]), labels(device));
    let loss = CrossEntropyLossConfig::new().init(device);
    steps(Cnn::new(device), 1e-3, move |model| loss.forward(model.forward(x.clone()), y.clone()))
}

fn dqn_tiny(device: &Device) -> Run {
    let mut state = vec![0f32; 16];
    state[3] = 1.0;
    let state: Tensor<2> = Tensor::from_data(TensorData::new(state, [1, 16]), device);
    let target = uniform(device, [1, 4]);
    steps(Mlp::new(device, &[16, 64, 64, 96, 96, 64, 64, 4]), 1e-2, move |model| {
        MseLoss::new().forward(model.forward(state.clone()), target.clone(), Reduction::Mean)
    })
}

/// Runs that end when the device has computed the result.
fn computed<const N: usize>(device: &Device, result: impl Fn() -> Tensor<N> + 'static) -> Run {
    let device = device.clone();
    Box::new(move || {
        let result = result();
        device.sync().expect("the device computes");
        drop(result);
    })
}

fn matmul(device: &Device, n: usize) -> Run {
    let (a, b): (Tensor<2>, Tensor<2>) = (uniform(device, [n, n]), uniform(device, [n, n]));
    computed(device, move || a.clone().matmul(b.clone()))
}

/// `gelu(2x + 1) · sigmoid(x)`.
fn pointwise(device: &Device) -> Run {
    let x = uniform(device, [LARGE]);
    computed(device, move || gelu(x.clone() * 2.0 + 1.0) * sigmoid(x.clone()))
}

fn softmax_rows(device: &Device) -> Run {
    let x = uniform(device, [4096, 1024]);
    computed(device, move || softmax(x.clone(), 1))
}

/// Of a matrix: in one dimension Burn's answer on lavapipe is the sum of a 64th of the elements.
fn sum(device: &Device) -> Run {
    let x = uniform(device, [4096, LARGE / 4096]);
    Box::new(move || {
        let mean = x.clone().sum().into_scalar::<f32>() / LARGE as f32;
        assert!(
            (mean - 0.5).abs() < 1e-3,
            "a sum with a mean of {mean} is not that of the numbers"
        );
    })
}

fn padded() -> ConvOptions<2> {
    ConvOptions::new([1, 1], [1, 1], [1, 1], 1)
}

fn conv_fwd(device: &Device) -> Run {
    let (x, w) = (uniform(device, [16, 64, 56, 56]), uniform(device, [64, 64, 3, 3]));
    computed(device, move || conv2d(x.clone(), w.clone(), None, padded()))
}

fn conv_fwdbwd(device: &Device) -> Run {
    let x = uniform(device, [16, 64, 56, 56]).require_grad();
    let w = uniform(device, [64, 64, 3, 3]).require_grad();
    let device = device.clone();
    Box::new(move || {
        let y = conv2d(x.clone(), w.clone(), None, padded());
        let mut gradients = y.clone().sum().backward();
        let both = (x.grad_remove(&mut gradients), w.grad_remove(&mut gradients));
        device.sync().expect("the device computes");
        assert!(both.0.is_some() && both.1.is_some(), "both have a gradient");
    })
}

fn pooled(device: &Device, pool: fn(Tensor<4>) -> Tensor<4>) -> Run {
    let x = uniform(device, [64, 32, 28, 28]).require_grad();
    let g = uniform(device, [64, 32, 14, 14]);
    let device = device.clone();
    Box::new(move || {
        let mut gradients = (pool(x.clone()) * g.clone()).sum().backward();
        let gradient = x.grad_remove(&mut gradients);
        device.sync().expect("the device computes");
        assert!(gradient.is_some(), "the images have a gradient");
    })
}

/// A process of its own from its start to the end of the first training step of `cnn`, without
/// anything that an earlier one may have left.
fn cold_start(device: &str) -> Run {
    let device = device.to_owned();
    let home = std::env::temp_dir().join(format!("burn-bench-{}", std::process::id()));
    Box::new(move || {
        std::fs::create_dir_all(&home).expect("a folder for caches");
        let this = std::env::current_exe().expect("the path of this program");
        let status = Command::new(this)
            .args(["--device", &device, "--once", "cnn"])
            .current_dir(&home)
            .env("HOME", &home)
            .env("XDG_CACHE_HOME", &home)
            .env("MESA_SHADER_CACHE_DISABLE", "true")
            .status();
        assert!(status.is_ok_and(|status| status.success()), "a step is run");
        std::fs::remove_dir_all(&home).expect("the folder goes away");
    })
}

/// The bytes of an IDX file behind its header.
fn idx(folder: &str, name: &str, header: usize) -> Fallible<Vec<u8>> {
    let file = format!("{folder}/{name}.gz");
    let output = Command::new("gzip").args(["-dc", &file]).output()?;
    if !output.status.success() {
        return Err(format!("{file}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(output.stdout[header..].to_vec())
}

/// One epoch of Fashion-MNIST, batches of 64 in another order each epoch, 784-100-30-10, Adam.
fn fashion_epoch(device: &Device, folder: &str) -> Fallible<Run> {
    let images = idx(folder, "train-images-idx3-ubyte", 16)?;
    let targets = idx(folder, "train-labels-idx1-ubyte", 8)?;
    let (mut model, mut optimizer) = (Some(Mlp::new(device, &[784, 100, 30, 10])), adam());
    let loss = CrossEntropyLossConfig::new().init(device);
    let (device, mut random) = (device.clone(), 1u64);
    let mut order: Vec<usize> = (0..targets.len()).collect();
    Ok(Box::new(move || {
        for at in (1..order.len()).rev() {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            order.swap(at, (random >> 33) as usize % (at + 1));
        }
        let mut last = None;
        for batch in order.chunks(64) {
            let pixels: Vec<f32> = batch
                .iter()
                .flat_map(|&i| &images[784 * i..784 * (i + 1)])
                .map(|&byte| f32::from(byte) / 255.0)
                .collect();
            let labels: Vec<i32> = batch.iter().map(|&i| i32::from(targets[i])).collect();
            let x = Tensor::from_data(TensorData::new(pixels, [batch.len(), 784]), &device);
            let y = Tensor::from_data(TensorData::new(labels, [batch.len()]), &device);
            let before = model.take().expect("the model is put back after each step");
            let loss = loss.forward(before.forward(x), y);
            model = Some(step(before, &mut optimizer, 1e-3, &loss));
            last = Some(loss);
        }
        last.map(|loss| loss.into_scalar::<f32>());
    }))
}

struct Options {
    workloads: Vec<String>,
    device: String,
    seconds: f64,
    data: String,
    once: bool,
}

fn options() -> Fallible<Options> {
    let data = "/usr/share/datasets/fashion-mnist".to_owned();
    let device = "cpu".to_owned();
    let mut options = Options { workloads: Vec::new(), device, seconds: 2.0, data, once: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word}: a value is missing"));
        match word.as_str() {
            "--device" => options.device = value()?,
            // SAFETY: no other thread runs yet; rayon reads it when it starts its threads.
            "--threads" => unsafe { std::env::set_var("RAYON_NUM_THREADS", value()?) },
            "--seconds" => options.seconds = value()?.parse()?,
            "--data" => options.data = value()?,
            "--once" => options.once = true,
            _ if word.starts_with('-') => return Err(format!("{word}: no such option").into()),
            _ => options.workloads.push(word),
        }
    }
    if options.workloads.is_empty() {
        options.workloads = ALL.iter().map(|&name| name.to_owned()).collect();
    }
    Ok(options)
}

fn device(name: &str) -> Fallible<Device> {
    match name {
        "cpu" => Ok(Device::flex()),
        #[cfg(feature = "wgpu")]
        "gpu" => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
        _ => Err(format!("{name}: no such device in this build").into()),
    }
}

fn main() -> Fallible<()> {
    let options = options()?;
    let device = device(&options.device)?;
    for name in &options.workloads {
        let Some(mut run) = prepare(name, &device, &options)? else { continue };
        if options.once {
            run();
            continue;
        }
        let (least, most) = match name.as_str() {
            "cold_start" => (1, 1),
            "fashion_epoch" => (5, 5),
            _ => (5, 2000),
        };
        for _ in 0..3.min(most - 1) {
            run();
        }
        let (start, mut times) = (Instant::now(), Vec::new());
        let budget = options.seconds;
        while times.len() < least || (start.elapsed().as_secs_f64() < budget && times.len() < most)
        {
            let begin = Instant::now();
            run();
            times.push(begin.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        println!(
            "{{\"workload\": \"{name}\", \"device\": \"{}\", \"peer\": \"burn 0.22\", \
             \"ms_median\": {:.4}, \"ms_min\": {:.4}, \"ms_max\": {:.4}, \"runs\": {}}}",
            options.device,
            times[times.len() / 2],
            times[0],
            times[times.len() - 1],
            times.len()
        );
    }
    Ok(())
}
