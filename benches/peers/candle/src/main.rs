//! The same workloads in candle on the CPU, one JSON line each.
//!
//! usage: candle-bench [--threads N] [--seconds S] [--data FOLDER] [WORKLOAD ...]
//! For fashion_epoch the IDX files of Fashion-MNIST in `--data`, and `gzip`.

use std::process::Command;
use std::time::Instant;

use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::ops::{sigmoid, softmax_last_dim};
use candle_nn::{
    Activation, AdamW, Conv2dConfig, Module, Optimizer, ParamsAdamW, Sequential, VarBuilder,
    VarMap, conv2d, linear, loss, seq,
};

const CPU: &Device = &Device::Cpu;
const LARGE: usize = 1 << 24;

type Run = Box<dyn FnMut() -> Result<()>>;
type Loss = fn(&Tensor, &Tensor) -> Result<Tensor>;

/// A workload by name; `None` for one that is not known.
fn prepare(name: &str, data: &str) -> Result<Option<Run>> {
    // Ours captures the step there; candle's has no counterpart.
    Ok(Some(match name.strip_suffix("_captured").unwrap_or(name) {
        "mlp_small" => mlp_step(&[784, 100, 30, 10])?,
        "mlp_wide" => mlp_step(&[784, 512, 512, 10])?,
        "matmul1024" => matmul(1024)?,
        "matmul2048" => matmul(2048)?,
        "pointwise" => pointwise()?,
        "softmax" => softmax()?,
        "max_pool" => pooled(|x| x.max_pool2d(2))?,
        "avg_pool" => pooled(|x| x.avg_pool2d(2))?,
        "sum" => sum()?,
        "conv_fwd" => conv(false)?,
        "conv_fwdbwd" => conv(true)?,
        "cnn" => cnn()?,
        "dqn_tiny" => dqn_tiny()?,
        "fashion_epoch" => fashion_epoch(data)?,
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
    "fashion_epoch",
];

fn uniform(shape: &[usize]) -> Result<Tensor> {
    Tensor::rand(0f32, 1f32, shape, CPU)
}

fn labels() -> Result<Tensor> {
    Tensor::from_iter((0..64u32).map(|i| i % 10), CPU)
}

fn mlp(vars: &VarBuilder, sizes: &[usize]) -> Result<Sequential> {
    let mut model = seq();
    for (i, pair) in sizes.windows(2).enumerate() {
        if i > 0 {
            model = model.add(Activation::Relu);
        }
        model = model.add(linear(pair[0], pair[1], vars.pp(i))?);
    }
    Ok(model)
}

/// Adam is AdamW without decay.
fn adam(vars: &VarMap, lr: f64) -> Result<AdamW> {
    AdamW::new(vars.all_vars(), ParamsAdamW { lr, weight_decay: 0.0, ..Default::default() })
}

/// Training steps on one batch; candle's gradients are a value of `backward`, so there is nothing
/// to zero.
fn steps(
    build: impl FnOnce(&VarBuilder) -> Result<Sequential>,
    batch: [Tensor; 2],
    lr: f64,
    loss: Loss,
) -> Result<Run> {
    let vars = VarMap::new();
    let model = build(&VarBuilder::from_varmap(&vars, DType::F32, CPU))?;
    let mut optimizer = adam(&vars, lr)?;
    Ok(Box::new(move || {
        let loss = loss(&model.forward(&batch[0])?, &batch[1])?;
        optimizer.backward_step(&loss)?;
        loss.to_scalar::<f32>().map(drop)
    }))
}

fn mlp_step(sizes: &'static [usize]) -> Result<Run> {
    let batch = [uniform(&[64, sizes[0]])?, labels()?];
    steps(|vars| mlp(vars, sizes), batch, 1e-3, loss::cross_entropy)
}

fn dqn_tiny() -> Result<Run> {
    let mut state = [0f32; 16];
    state[3] = 1.0;
    let batch = [Tensor::new(&[state], CPU)?, uniform(&[1, 4])?];
    steps(|vars| mlp(vars, &[16, 64, 64, 96, 96, 64, 64, 4]), batch, 1e-2, loss::mse)
}

fn cnn() -> Result<Run> {
    let build = |vars: &VarBuilder| {
        let same = Conv2dConfig { padding: 1, ..Default::default() };
        Ok(seq()
            .add(conv2d(1, 32, 3, same, vars.pp(0))?)
            .add(Activation::Relu)
            .add_fn(|x| x.max_pool2d(2))
            .add(conv2d(32, 64, 3, same, vars.pp(1))?)
            .add(Activation::Relu)
            .add_fn(|x| x.max_pool2d(2))
            .add_fn(|x| x.flatten_from(1))
            .add(linear(3136, 128, vars.pp(2))?)
            .add(Activation::Relu)
            .add(linear(128, 10, vars.pp(3))?))
    };
    steps(build, [uniform(&[64, 1, 28, 28])?, labels()?], 1e-3, loss::cross_entropy)
}

fn matmul(n: usize) -> Result<Run> {
    let (a, b) = (uniform(&[n, n])?, uniform(&[n, n])?);
    Ok(Box::new(move || a.matmul(&b).map(drop)))
}

fn conv(backward: bool) -> Result<Run> {
    let (x, w) = (uniform(&[16, 64, 56, 56])?, uniform(&[64, 64, 3, 3])?);
    if !backward {
        return Ok(Box::new(move || x.conv2d(&w, 1, 1, 1, 1).map(drop)));
    }
    let (x, w) = (Var::from_tensor(&x)?, Var::from_tensor(&w)?);
    Ok(Box::new(move || {
        let gradients = x.conv2d(&w, 1, 1, 1, 1)?.sum_all()?.backward()?;
        assert!(gradients.get(&x).is_some() && gradients.get(&w).is_some(), "both have a gradient");
        Ok(())
    }))
}

/// `gelu(2x + 1) · sigmoid(x)`.
fn pointwise() -> Result<Run> {
    let x = uniform(&[LARGE])?;
    Ok(Box::new(move || x.affine(2.0, 1.0)?.gelu_erf()?.mul(&sigmoid(&x)?).map(drop)))
}

fn softmax() -> Result<Run> {
    let x = uniform(&[4096, 1024])?;
    Ok(Box::new(move || softmax_last_dim(&x).map(drop)))
}

fn pooled(pool: fn(&Tensor) -> Result<Tensor>) -> Result<Run> {
    let x = Var::from_tensor(&uniform(&[64, 32, 28, 28])?)?;
    let g = uniform(&[64, 32, 14, 14])?;
    Ok(Box::new(move || {
        let gradients = pool(&x)?.mul(&g)?.sum_all()?.backward()?;
        assert!(gradients.get(&x).is_some(), "the images have a gradient");
        Ok(())
    }))
}

fn sum() -> Result<Run> {
    let x = uniform(&[LARGE])?;
    Ok(Box::new(move || x.sum_all()?.to_scalar::<f32>().map(drop)))
}

/// The bytes of an IDX file behind its header.
fn idx(folder: &str, name: &str, header: usize) -> Result<Vec<u8>> {
    let file = format!("{folder}/{name}.gz");
    let output = Command::new("gzip").args(["-dc", &file]).output()?;
    if !output.status.success() {
        candle_core::bail!("{file}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.stdout[header..].to_vec())
}

/// One epoch of Fashion-MNIST, batches of 64 in another order each epoch, 784-100-30-10, Adam.
fn fashion_epoch(folder: &str) -> Result<Run> {
    let (images, labels) =
        (idx(folder, "train-images-idx3-ubyte", 16)?, idx(folder, "train-labels-idx1-ubyte", 8)?);
    let x = Tensor::from_vec(images, (labels.len(), 784), CPU)?;
    let y = Tensor::from_vec(labels, x.dim(0)?, CPU)?;
    let vars = VarMap::new();
    let model = mlp(&VarBuilder::from_varmap(&vars, DType::F32, CPU), &[784, 100, 30, 10])?;
    let mut optimizer = adam(&vars, 1e-3)?;
    Ok(Box::new(move || {
        let order = Tensor::rand(0f32, 1f32, x.dim(0)?, CPU)?.arg_sort_last_dim(true)?;
        let mut last = None;
        for at in (0..order.dim(D::Minus1)?).step_by(64) {
            let index = order.narrow(0, at, 64.min(order.dim(0)? - at))?;
            let batch =
                x.index_select(&index, 0)?.to_dtype(DType::F32)?.affine(1.0 / 255.0, 0.0)?;
            let target = y.index_select(&index, 0)?.to_dtype(DType::U32)?;
            let loss = loss::cross_entropy(&model.forward(&batch)?, &target)?;
            optimizer.backward_step(&loss)?;
            last = Some(loss);
        }
        last.map_or(Ok(0.0), |loss| loss.to_scalar::<f32>()).map(drop)
    }))
}

struct Options {
    workloads: Vec<String>,
    seconds: f64,
    data: String,
}

fn options() -> std::result::Result<Options, Box<dyn std::error::Error>> {
    let data = "/usr/share/datasets/fashion-mnist".to_owned();
    let mut options = Options { workloads: Vec::new(), seconds: 2.0, data };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word}: a value is missing"));
        match word.as_str() {
            // SAFETY: no other thread runs yet; candle and rayon read it when they start theirs.
            "--threads" => unsafe { std::env::set_var("RAYON_NUM_THREADS", value()?) },
            "--seconds" => options.seconds = value()?.parse()?,
            "--data" => options.data = value()?,
            _ if word.starts_with('-') => return Err(format!("{word}: no such option").into()),
            _ => options.workloads.push(word),
        }
    }
    if options.workloads.is_empty() {
        options.workloads = ALL.iter().map(|&name| name.to_owned()).collect();
    }
    Ok(options)
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let options = options()?;
    for name in &options.workloads {
        let Some(mut run) = prepare(name, &options.data)? else { continue };
        let most = if name == "fashion_epoch" { 5 } else { 2000 };
        for _ in 0..3 {
            run()?;
        }
        let (start, mut times) = (Instant::now(), Vec::new());
        while times.len() < 5
            || start.elapsed().as_secs_f64() < options.seconds && times.len() < most
        {
            let begin = Instant::now();
            run()?;
            times.push(begin.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        println!(
            "{{\"workload\": \"{name}\", \"device\": \"cpu\", \"peer\": \"candle 0.11\", \
             \"ms_median\": {:.4}, \"ms_min\": {:.4}, \"ms_max\": {:.4}, \"runs\": {}}}",
            times[times.len() / 2],
            times[0],
            times[times.len() - 1],
            times.len()
        );
    }
    Ok(())
}
